import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import type { Caller } from '../../core/caller.ts'
import { Fault, type Kind } from '../../core/fault.ts'
import type { Parts } from '../../core/needs.ts'
import { requireAssistant, requireFile, requireStore, requireUser } from '../../core/ownership/access.ts'
import { isManager } from '../../core/ownership/ownership.ts'
import { addEntry, changeEntry, type Entry, listEntries, type NewEntry, removeEntry } from '../../core/vector-stores/entries.ts'
import {
  attachedStores,
  attachStore,
  createOwnedStore,
  deleteOwnedStore,
  detachStore,
  getOwnedStore,
  listOwnedStores,
  type NewOwnedStore,
  type OwnedStore,
} from '../../core/vector-stores/owned-stores.ts'
import { entitiesCaller } from './caller.ts'
import { PathId } from './fields.wire.ts'
import { decodeId, nameOf, requireId } from './ids.ts'
import { Refusal } from './refusal.ts'
import { answers, answersNothing, asks, paths, takes } from './route.ts'
import {
  CollectionQuery,
  FilePathQuery,
  fromVectorStoreCreate,
  fromVectorStoreFile,
  RemovalQuery,
  SuccessFlag,
  toVectorStore,
  toVectorStoreFile,
  VectorStoreCreate,
  VectorStoreFileChange,
  VectorStoreFileCreate,
  VectorStoreFileList,
  VectorStoreFileRead,
  VectorStoreList,
  VectorStoreRead,
} from './vector-stores.wire.ts'

/** The store behind a text that clients use: its core id. Throws not_found. */
const storeOf = async (app: Parts, caller: Caller, text: string): Promise<string> =>
  (await requireStore(app, caller, nameOf('vector_store', text))).store.id

const assistantOf = async (app: Parts, caller: Caller, { text, to }: { text: string; to: 'use' | 'change' }): Promise<string> =>
  (await requireAssistant(app, caller, { ...nameOf('assistant', text), to })).assistant.id

const isMissing = (error: unknown, kind: Kind): boolean => error instanceof Fault && error.code === 'not_found' && error.facts.kind === kind

/** The contract has a sentence of its own for what is missing here. */
async function orSay<T>(work: Promise<T>, kind: Kind, sentence: string): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw isMissing(error, kind) ? new Refusal(404, sentence) : error
  }
}

/** Of something that is missing there is an empty list. */
async function orNone<T>(work: Promise<T[]>, kind: Kind): Promise<T[]> {
  try {
    return await work
  } catch (error) {
    if (isMissing(error, kind)) return []
    throw error
  }
}

async function orTaken<T>(work: Promise<T>, sentence: string): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw error instanceof Fault && error.code === 'exists' ? new Refusal(409, sentence) : error
  }
}

/** Whom a new store is to belong to. Who may not say so is told nothing of users. */
async function ownerFrom(app: Parts, caller: Caller, text: string): Promise<string> {
  const sentence = 'Not authorized to create vector stores for this user.'
  const id = decodeId('user', text)
  if (id === undefined && !isManager(caller)) throw new Refusal(403, sentence)
  return (await requireUser(app, caller, { id: id ?? requireId('user', text), how: 'self_or_manager', sentence })).id
}

async function create(
  app: Parts,
  caller: Caller,
  { user, store }: { user: string; store: Omit<NewOwnedStore, 'userId'> },
): Promise<OwnedStore> {
  const userId = await ownerFrom(app, caller, user)
  return orTaken(createOwnedStore(app, caller, { ...store, userId }), `Store ID '${store.alias}' exists.`)
}

async function addFile(app: Parts, caller: Caller, { store, entry }: { store: string; entry: NewEntry }): Promise<Entry> {
  const gone = `Vector store '${store}' not found or is deleted.`
  const storeId = await orSay(storeOf(app, caller, store), 'vector_store', gone)
  if (entry.fileId !== null) await requireFile(app, caller, entry.fileId)
  return orTaken(orSay(addEntry(app, caller, { storeId, entry }), 'vector_store', gone), `File ID '${entry.alias}' exists.`)
}

interface Pair {
  assistant_id: string
  vector_store_id: string
}

async function attach(app: Parts, caller: Caller, { assistant_id: text, vector_store_id: store }: Pair): Promise<void> {
  const gone = `Store '${store}' not found/deleted.`
  const storeId = await orSay(storeOf(app, caller, store), 'vector_store', gone)
  const assistantId = await orSay(assistantOf(app, caller, { text, to: 'change' }), 'assistant', `Assistant '${text}' not found.`)
  await orSay(attachStore(app, caller, { assistantId, storeId }), 'vector_store', gone)
}

/** A store that the caller cannot see is nothing to him, also where a manager attached it to his assistant. */
async function detach(app: Parts, caller: Caller, { assistant_id: text, vector_store_id: store }: Pair): Promise<void> {
  const assistantId = await orSay(assistantOf(app, caller, { text, to: 'change' }), 'assistant', `Assistant '${text}' not found.`)
  const [storeId] = await orNone(
    storeOf(app, caller, store).then((id) => [id]),
    'vector_store',
  )
  if (storeId !== undefined) await detachStore(app, caller, { assistantId, storeId })
}

const storePath = paths({ vector_store_id: PathId })
const pairPath = paths({ assistant_id: PathId, vector_store_id: PathId })

/** What clients know of their own indexes, and files that this server searches itself. */
export const vectorStores = (app: App) => new Elysia({ tags: ['Vector Stores'] }).use(stores(app)).use(files(app)).use(lists(app))

const stores = (app: App) =>
  new Elysia({ prefix: '/vector-stores' })
    .use(entitiesCaller(app))
    .post(
      '',
      async ({ caller, once, body }) => {
        const input = { user: body.user_id, store: fromVectorStoreCreate(body) }
        return toVectorStore(await once((parts) => create(parts, caller, input)))
      },
      {
        ...takes(VectorStoreCreate),
        ...answers({ id: 'create_vector_store_endpoint', summary: 'Create a vector store' }, VectorStoreRead, 201),
      },
    )
    .get(
      '/lookup/collection',
      async ({ caller, query: { name } }) => {
        const id = await orSay(storeOf(app, caller, name), 'vector_store', `Vector store with collection name '${name}' not found.`)
        return toVectorStore(await getOwnedStore(app, caller, id))
      },
      {
        ...asks(CollectionQuery),
        ...answers(
          { id: 'retrieve_vector_store_by_collection_endpoint', summary: 'Find a vector store by its collection' },
          VectorStoreRead,
        ),
      },
    )
    .get(
      '/:vector_store_id',
      async ({ caller, params }) => toVectorStore(await getOwnedStore(app, caller, await storeOf(app, caller, params.vector_store_id))),
      { ...storePath, ...answers({ id: 'get_vector_store_endpoint', summary: 'Get a vector store' }, VectorStoreRead) },
    )
    .delete(
      '/:vector_store_id',
      async ({ caller, params, query: { permanent = false } }) => {
        await deleteOwnedStore(app, caller, { id: await storeOf(app, caller, params.vector_store_id), forGood: permanent })
      },
      {
        ...storePath,
        ...asks(RemovalQuery),
        ...answersNothing({
          id: 'delete_vector_store_endpoint',
          summary: 'Delete a vector store',
          description: 'It can still be read after that, unless `permanent` is true.',
        }),
      },
    )

const files = (app: App) =>
  new Elysia({ prefix: '/vector-stores/:vector_store_id/files' })
    .use(entitiesCaller(app))
    .post(
      '',
      async ({ caller, once, params, body }) => {
        const input = { store: params.vector_store_id, entry: fromVectorStoreFile(body) }
        return toVectorStoreFile(await once((parts) => addFile(parts, caller, input)), input.store)
      },
      {
        ...storePath,
        ...takes(VectorStoreFileCreate),
        ...answers({ id: 'add_file_to_vector_store_endpoint', summary: 'Add a file to a vector store' }, VectorStoreFileRead, 201),
      },
    )
    .get(
      '',
      async ({ caller, params: { vector_store_id: store } }) => {
        const entries = storeOf(app, caller, store).then((id) => listEntries(app, caller, id))
        return (await orNone(entries, 'vector_store')).map((entry) => toVectorStoreFile(entry, store))
      },
      {
        ...storePath,
        ...answers({ id: 'list_files_in_vector_store_endpoint', summary: 'List the files of a vector store' }, VectorStoreFileList),
      },
    )
    .delete(
      '',
      async ({ caller, params: { vector_store_id: store }, query: { file_path: filePath } }) => {
        const removal = removeEntry(app, caller, { storeId: await storeOf(app, caller, store), filePath })
        await orSay(removal, 'entry', `File with path '${filePath}' not found in store '${store}'.`)
      },
      {
        ...storePath,
        ...asks(FilePathQuery),
        ...answersNothing({ id: 'delete_file_from_vector_store_endpoint', summary: 'Remove a file from a vector store' }),
      },
    )
    .patch(
      '/:file_id',
      async ({ caller, params: { vector_store_id: store, file_id: alias }, body: { status, error_message } }) => {
        const storeId = await storeOf(app, caller, store)
        const changed = changeEntry(app, caller, { storeId, alias, status, error: error_message ?? null })
        return toVectorStoreFile(await orSay(changed, 'entry', `File '${alias}' not found in store '${store}'.`), store)
      },
      {
        ...paths({ vector_store_id: PathId, file_id: PathId }),
        ...takes(VectorStoreFileChange),
        ...answers({ id: 'update_vector_store_file_status_endpoint', summary: 'Set the status of a file' }, VectorStoreFileRead),
      },
    )

const lists = (app: App) =>
  new Elysia()
    .use(entitiesCaller(app))
    .get(
      '/users/:user_id/vector-stores',
      async ({ caller, params }) => {
        const userId = decodeId('user', params.user_id)
        return userId === undefined ? [] : (await listOwnedStores(app, caller, userId)).map(toVectorStore)
      },
      {
        ...paths({ user_id: PathId }),
        ...answers({ id: 'get_stores_by_user_endpoint', summary: "List a user's vector stores" }, VectorStoreList),
      },
    )
    .get(
      '/assistants/:assistant_id/vector-stores',
      async ({ caller, params: { assistant_id: text } }) => {
        const attached = assistantOf(app, caller, { text, to: 'use' }).then((id) => attachedStores(app, caller, id))
        return (await orNone(attached, 'assistant')).map(toVectorStore)
      },
      {
        ...paths({ assistant_id: PathId }),
        ...answers({ id: 'get_vector_stores_for_assistant_endpoint', summary: "List an assistant's vector stores" }, VectorStoreList),
      },
    )
    .post(
      '/assistants/:assistant_id/vector-stores/:vector_store_id/attach',
      async ({ caller, params, once }) => {
        await once((parts) => attach(parts, caller, params).then(() => null))
        return { success: true as const }
      },
      {
        ...pairPath,
        ...answers({ id: 'attach_vector_store_to_assistant_endpoint', summary: 'Attach a vector store to an assistant' }, SuccessFlag),
      },
    )
    .delete(
      '/assistants/:assistant_id/vector-stores/:vector_store_id/detach',
      async ({ caller, params }) => {
        await detach(app, caller, params)
        return { success: true as const }
      },
      {
        ...pairPath,
        ...answers({ id: 'detach_vector_store_from_assistant_endpoint', summary: 'Detach a vector store from an assistant' }, SuccessFlag),
      },
    )
