import { type Assistant, getBuiltInAssistant } from '../assistants/assistants.ts'
import { type Caller, requireScope } from '../caller.ts'
import { Fault, notFound, unlessMissing } from '../fault.ts'
import { getFile, type StoredFile } from '../files/files.ts'
import type { Needs } from '../needs.ts'
import { findRun, type Run } from '../runs/runs.ts'
import { getThread, type Thread } from '../threads/threads.ts'
import { getStore, type VectorStore } from '../vector-stores/stores.ts'
import { isAssociated } from './associations.ts'
import { findAlias, isManager, mayActFor, type Owned, ownerOf, requireOwned } from './ownership.ts'
import { type Owner, readMessageThread, readUser } from './store.ts'

/** How a client names what may have an id of its own choosing: `alias` is the text, `id` the core id where it spells one. */
export interface Name {
  alias?: string
  id?: string
}

/** The owner, who takes part in it, and managers. Throws not_found. */
export async function requireThread(app: Needs<'db'>, caller: Caller, id: string): Promise<{ thread: Thread; owned: Owned | undefined }> {
  const [thread, owned] = await Promise.all([getThread(app, caller, id), ownerOf(app, caller, { kind: 'thread', id })])
  if (mayActFor(caller, owned?.userId ?? null) || (await takesPart(app, caller, id))) return { thread, owned }
  throw notFound('thread', id)
}

const takesPart = async (app: Needs<'db'>, caller: Caller, threadId: string): Promise<boolean> =>
  caller.userId !== null && isAssociated(app, caller, { kind: 'thread_user', from: threadId, to: caller.userId })

/**
 * Of the built-in graph. To change it: the owner and managers. To use it: also whoever it was given to, and everybody
 * where it belongs to the tenant or to an admin. Throws not_found, or forbidden to who may use it and wants to change it.
 */
export async function requireAssistant(
  app: Needs<'db'>,
  caller: Caller,
  { to, ...name }: Name & { to: 'use' | 'change' },
): Promise<{ assistant: Assistant; owned: Owned | undefined }> {
  requireScope(caller, to === 'use' ? 'read' : 'write')
  const { id, owned } = await resolve(app, caller, { kind: 'assistant', name, may: mayUse })
  const assistant = await getBuiltInAssistant(app, caller, id)
  if (to === 'change' && !mayActFor(caller, owned?.userId ?? null))
    throw new Fault('forbidden', 'Only its owner may change this assistant.', { kind: 'assistant', id })
  return { assistant, owned }
}

type May = (app: Needs<'db'>, caller: Caller, object: { id: string; userId: string | null }) => Promise<boolean>

const mayChange: May = async (_app, caller, { userId }) => mayActFor(caller, userId)

const mayUse: May = async (app, caller, { id, userId }) => {
  if (mayActFor(caller, userId) || (await isShared(app, caller, userId))) return true
  return caller.userId !== null && isAssociated(app, caller, { kind: 'assistant_user', from: id, to: caller.userId })
}

/** An id that somebody else chose hides nothing from the caller: what it names is looked for by our id then. */
async function resolve(
  app: Needs<'db'>,
  caller: Caller,
  { kind, name, may }: { kind: 'assistant' | 'vector_store'; name: Name; may: May },
): Promise<{ id: string; owned: Owned | undefined }> {
  const { alias, id } = name
  const named = alias === undefined ? undefined : await findAlias(app, caller, { kind, alias })
  if (named && (await may(app, caller, named))) return { id: named.id, owned: named }
  if (id !== undefined) {
    const owned = await ownerOf(app, caller, { kind, id })
    if (await may(app, caller, { id, userId: owned?.userId ?? null })) return { id, owned }
  }
  throw notFound(kind, alias ?? id ?? '')
}

/** The owner and managers. Throws not_found. */
export async function requireStore(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  name: Name,
): Promise<{ store: VectorStore; owned: Owned | undefined }> {
  const { id, owned } = await resolve(app, caller, { kind: 'vector_store', name, may: mayChange })
  return { store: await getStore(app, caller, id), owned }
}

/** The owner and managers. Throws not_found. */
export async function requireFile(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  id: string,
): Promise<{ file: StoredFile; owned: Owned | undefined }> {
  const owned = await requireOwned(app, caller, { kind: 'file', id })
  return { file: await getFile(app, caller, id), owned }
}

/** Of a thread that the caller may use. `run` is undefined while it has not begun. Throws not_found. */
export async function requireRun(
  app: Needs<'db'>,
  caller: Caller,
  id: string,
): Promise<{ run: Run | undefined; owned: Owned | undefined; thread: Thread }> {
  const [run, owned] = await Promise.all([unlessMissing(findRun(app, caller, id)), ownerOf(app, caller, { kind: 'run', id })])
  const { thread } = await throughThread(app, caller, { kind: 'run', id, threadId: run?.threadId ?? owned?.threadId })
  return { run, owned, thread }
}

/**
 * Of a thread that the caller may use. One that is announced, by an owner's row, and not yet written counts as well.
 * Throws not_found.
 */
export async function requireMessage(
  app: Needs<'db'>,
  caller: Caller,
  id: string,
): Promise<{ threadId: string; owned: Owned | undefined; thread: Thread }> {
  requireScope(caller, 'read')
  const [written, owned] = await Promise.all([
    readMessageThread(app.db, caller.tenantId, id),
    ownerOf(app, caller, { kind: 'message', id }),
  ])
  const { thread } = await throughThread(app, caller, { kind: 'message', id, threadId: written ?? owned?.threadId })
  return { threadId: thread.id, owned, thread }
}

/** What is missing is what was asked for, not its thread. */
async function throughThread(
  app: Needs<'db'>,
  caller: Caller,
  { kind, id, threadId }: { kind: 'run' | 'message'; id: string; threadId: string | null | undefined },
): Promise<{ thread: Thread }> {
  const found = threadId ? await unlessMissing(requireThread(app, caller, threadId)) : undefined
  if (!found) throw notFound(kind, id)
  return found
}

/**
 * Whether the caller may act on a user. Who may not is told so, whether there is such a user or not; with `hide`, that
 * there is none. Throws forbidden, or not_found.
 */
export async function requireUser(
  app: Needs<'db'>,
  caller: Caller,
  { id, how, sentence, hide = false }: { id: string; how: 'self' | 'self_or_manager' | 'manager'; sentence?: string; hide?: boolean },
): Promise<Owner> {
  const isAllowed = (caller.userId === id && how !== 'manager') || (isManager(caller) && how !== 'self')
  if (!isAllowed && !hide) throw new Fault('forbidden', sentence ?? 'This key may not act for that user.')
  const user = isAllowed ? await readUser(app.db, caller.tenantId, id) : undefined
  if (!user) throw notFound('user', id)
  return user
}

/** What belongs to the tenant or to an admin is there for everybody. */
export async function isShared(app: Needs<'db'>, caller: Caller, userId: string | null): Promise<boolean> {
  return userId === null || (await readUser(app.db, caller.tenantId, userId))?.isAdmin === true
}
