import { type Caller, requireScope } from '../caller.ts'
import { newId } from '../id.ts'
import { cancelJobs, insertJobs } from '../jobs/jobs.ts'
import type { Needs } from '../needs.ts'
import { dissociateAll } from '../ownership/associations.ts'
import { disown } from '../ownership/ownership.ts'
import type { Page, PageRequest } from '../page.ts'
import { readPendingDocuments } from './file-store.ts'
import {
  changeStoreRow,
  deleteStoreRow,
  insertStoreRow,
  listStoreRows,
  lockStoreRow,
  readStoreHeads,
  readStoreRow,
  touchStoreRow,
} from './store.ts'
import { attachFilesIn, type Chunking, expiredStore, LATE_WRITES_MS, missingStore } from './store-files.ts'

export interface FileCounts {
  inProgress: number
  completed: number
  failed: number
  cancelled: number
  total: number
}

/** A store without what has to be counted. */
export interface StoreHead {
  id: string
  /** Short name of the store inside lexemes. */
  no: number
  name: string | null
  description: string | null
  metadata: Record<string, string>
  /** Of all its vectors; a store keeps the model it was made with. */
  embeddingModel: string
  /** Days without use after which it expires; null: never. */
  expiresDays: number | null
  /** Made, changed, searched or given files. */
  lastActiveAt: number
  createdAt: number
  expiresAt: number | null
  /** It can be read, changed and deleted, but not searched or given files, and never comes back. */
  expired: boolean
}

export interface VectorStore extends StoreHead {
  /** Of texts and vectors. */
  usageBytes: number
  counts: FileCounts
}

export interface NewVectorStore {
  name?: string | null
  description?: string | null
  metadata?: Record<string, string>
  expiresDays?: number | null
  fileIds?: string[]
  chunking?: Chunking
}

/** Absent fields stay as they are; null clears. `metadata` is replaced as a whole. */
export interface VectorStoreChange {
  name?: string | null
  metadata?: Record<string, string>
  expiresDays?: number | null
}

/**
 * As createStore, inside a transaction of somebody else, who wakes the jobs after the commit. `app.db` is the transaction.
 * Answers the id.
 */
export async function createStoreIn(app: Needs<'db' | 'clock' | 'limits'>, caller: Caller, input: NewVectorStore): Promise<string> {
  requireScope(caller, 'write')
  const { name = null, description = null, metadata = {}, expiresDays = null, fileIds = [], chunking } = input
  const id = newId()
  const { embeddingModel } = app.limits
  await insertStoreRow(app.db, {
    ...{ id, tenantId: caller.tenantId, name, description, metadata, embeddingModel, expiresDays },
    at: app.clock.now(),
  })
  if (fileIds.length > 0) {
    const files = fileIds.map((fileId) => (chunking ? { fileId, chunking } : { fileId }))
    await attachFilesIn(app, caller, { storeId: id, files })
  }
  return id
}

/** Throws not_found for the first missing file: then there is no store either. */
export async function createStore(
  app: Needs<'db' | 'clock' | 'limits' | 'signals'>,
  caller: Caller,
  input: NewVectorStore,
): Promise<VectorStore> {
  const { clock, limits } = app
  const created = await app.db.transaction(async (db) =>
    getStore({ db, clock }, caller, await createStoreIn({ db, clock, limits }, caller, input)),
  )
  if (created.counts.total > 0) app.signals.wakeJobs()
  return created
}

/** Throws not_found. */
export async function getStore(app: Needs<'db' | 'clock'>, caller: Caller, id: string): Promise<VectorStore> {
  requireScope(caller, 'read')
  const row = await readStoreRow(app.db, caller.tenantId, { id, now: app.clock.now() })
  if (!row) throw missingStore(id)
  return row
}

/** In the order given. Throws not_found for the first one that is missing. */
export async function requireStores(app: Needs<'db' | 'clock'>, caller: Caller, ids: readonly string[]): Promise<StoreHead[]> {
  requireScope(caller, 'read')
  const found = ids.length === 0 ? undefined : await readStoreHeads(app.db, caller.tenantId, { ids: [...ids], now: app.clock.now() })
  return ids.map((id) => {
    const head = found?.get(id)
    if (!head) throw missingStore(id)
    return head
  })
}

export async function listStores(app: Needs<'db' | 'clock'>, caller: Caller, page: PageRequest): Promise<Page<VectorStore>> {
  requireScope(caller, 'read')
  return listStoreRows(app.db, caller.tenantId, { page, now: app.clock.now() })
}

/** A new expiry counts from now on, as the change is a use of the store. Throws not_found, and wrong_state for a new expiry of an expired store. */
export async function changeStore(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  { id, change }: { id: string; change: VectorStoreChange },
): Promise<VectorStore> {
  requireScope(caller, 'write')
  const now = app.clock.now()
  return app.db.transaction(async (db) => {
    const store = await lockStoreRow(db, caller.tenantId, { id, now })
    if (!store) throw missingStore(id)
    if (store.expired && change.expiresDays !== undefined) throw expiredStore(id, 'change')
    await changeStoreRow(db, id, { ...store, ...change })
    if (!store.expired) await touchStoreRow(db, id, now)
    return getStore({ db, clock: app.clock }, caller, id)
  })
}

/** More jobs than this find out by themselves that their store is gone. */
const CANCELLED_AT_ONCE_MAX = 10_000

/** The store is gone at once; a job removes its chunks and vectors. Files stay. Throws not_found. */
export async function deleteStore(app: Needs<'db' | 'clock' | 'signals'>, caller: Caller, id: string): Promise<void> {
  requireScope(caller, 'write')
  const { tenantId } = caller
  const at = app.clock.now()
  await app.db.transaction(async (db) => {
    if (!(await lockStoreRow(db, tenantId, { id, now: at }))) throw missingStore(id)
    const pending = await readPendingDocuments(db, id, CANCELLED_AT_ONCE_MAX)
    await deleteStoreRow(db, id)
    await disown(db, caller, { kind: 'vector_store', id })
    await dissociateAll({ db }, caller, { kind: 'assistant_store', to: id })
    const begun = await cancelJobs(db, 'ingest_document', pending)
    const runAt = begun.length > 0 || pending.length === CANCELLED_AT_ONCE_MAX ? at + LATE_WRITES_MS : at
    await insertJobs(db, at, [{ kind: 'remove_store', tenantId, subject: id, payload: { storeId: id }, runAt }])
  })
  app.signals.wakeJobs()
}
