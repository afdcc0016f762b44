import type { Db } from '../../drivers/records/port.ts'
import { type Caller, requireScope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import { newId } from '../id.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import type { GraphConfig } from '../runs/call.ts'
import type { RunError } from '../runs/events.ts'
import { type NewToolResources, requireResources, resolveIn, type ToolResources, withResources } from '../tool-resources/tool-resources.ts'
import { giveFilesIn, hasFiles, requireFiles, THREAD_STORE_DAYS } from './attachments.ts'
import type { NewMessage } from './messages.ts'
import { changeThreadRow, deleteThreadRow, insertThread, readHiddenThreadRow, readThreadRow } from './store.ts'

export interface Thread {
  id: string
  tenantId: string
  metadata: JsonObject
  toolResources: ToolResources | null
  status: 'idle' | 'busy' | 'interrupted' | 'error'
  /** The run that holds the thread, or null. */
  runId: string | null
  /** Whether runs wait behind that one, or for their time. */
  behind: boolean
  /** The newest checkpoint. */
  headId: string | null
  /** Whether there may be messages that no checkpoint names. */
  pending: boolean
  /** Lists show what the head holds, and no longer the whole log. */
  byHead: boolean
  /** The graph that ran last, or that the thread was made for. */
  graph: string | null
  /** Of the last run of a graph, merged. */
  config: GraphConfig
  /** Why the last run failed. */
  error: RunError | null
  temporary: boolean
  ttlMinutes: number | null
  /** Milliseconds since the epoch, as all times here. */
  expiresAt: number | null
  createdAt: number
  updatedAt: number
  /** When the head changed last. */
  stateAt: number | null
}

export interface NewThread {
  /** A UUID; absent: a new one. */
  id?: string
  graph?: string
  ttlMinutes?: number
  metadata?: JsonObject
  toolResources?: NewToolResources | null
  messages?: NewMessage[]
}

/**
 * Files that its messages attach become its resources: all of it is written in one transaction. Throws not_found for a
 * missing file or store, or exists (kind thread) for an id that is taken.
 */
export async function createThread(app: Needs<'db' | 'clock' | 'limits' | 'signals'>, caller: Caller, input: NewThread): Promise<Thread> {
  requireScope(caller, 'write')
  if (input.messages?.some(hasFiles)) {
    const thread = await app.db.transaction((db) => createThreadIn({ ...app, db }, caller, input))
    app.signals.wakeJobs()
    return thread
  }
  const write = (db: Db, resources: ToolResources | null) => insert({ ...app, db }, caller, { ...input, resources })
  return withResources(app, caller, { wanted: input.toolResources ?? null, expiresDays: THREAD_STORE_DAYS, write })
}

/** As createThread, inside a transaction of somebody else, who wakes the jobs after the commit. `app.db` is the transaction. */
export async function createThreadIn(app: Needs<'db' | 'clock' | 'limits'>, caller: Caller, input: NewThread): Promise<Thread> {
  requireScope(caller, 'write')
  const { messages = [], toolResources: wanted = null } = input
  const resolved = await resolveIn(app, caller, { wanted, expiresDays: THREAD_STORE_DAYS })
  if (!messages.some(hasFiles)) return insert(app, caller, { ...input, resources: resolved })
  await requireFiles(app, caller, messages)
  return insert(app, caller, { ...input, resources: await giveFilesIn(app, caller, { resources: resolved, messages }) })
}

/** The thread as it will be once inserted. */
export function draftThread(
  app: Needs<'clock'>,
  caller: Caller,
  input: Omit<NewThread, 'toolResources' | 'messages'> & { resources?: ToolResources | null; temporary?: boolean },
): Thread {
  const at = app.clock.now()
  const ttlMinutes = input.ttlMinutes ?? null
  return {
    ...{ id: input.id ?? newId(), tenantId: caller.tenantId, metadata: input.metadata ?? {}, toolResources: input.resources ?? null },
    ...{
      status: 'idle',
      runId: null,
      behind: false,
      headId: null,
      pending: false,
      byHead: false,
      error: null,
      temporary: input.temporary ?? false,
    },
    ...{ graph: input.graph ?? null, config: {}, ttlMinutes, expiresAt: expiryOf(ttlMinutes, input.temporary ?? false, at) },
    ...{ createdAt: at, updatedAt: at, stateAt: null },
  }
}
const MINUTE_MS = 60_000

/**
 * When a temporary thread is looked at even if nothing announced the end of its run: the run may have been cancelled or
 * removed before it began. Its end brings a time of its own.
 */
export const TEMPORARY_LOOK_MS = 10 * MINUTE_MS

function expiryOf(ttlMinutes: number | null, temporary: boolean, at: number): number | null {
  if (temporary) return at + TEMPORARY_LOOK_MS
  return ttlMinutes === null ? null : at + ttlMinutes * MINUTE_MS
}

/** Of a drafted thread, which has no messages. Throws exists. */
export async function insertNewThread(app: Needs<'db'>, thread: Thread): Promise<void> {
  if (!(await insertThread(app.db, { thread, messages: [] })))
    throw new Fault('exists', 'A thread with this id is there already.', { kind: 'thread', id: thread.id })
}

async function insert(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  input: Omit<NewThread, 'toolResources'> & { resources: ToolResources | null },
): Promise<Thread> {
  const created = { ...draftThread(app, caller, input), pending: (input.messages ?? []).length > 0 }
  if (!(await insertThread(app.db, { thread: created, messages: input.messages ?? [] })))
    throw new Fault('exists', 'A thread with this id is there already.', { kind: 'thread', id: created.id })
  return created
}

/** Throws not_found. */
export async function getThread(app: Needs<'db'>, caller: Caller, id: string): Promise<Thread> {
  requireScope(caller, 'read')
  const row = await readThreadRow(app.db, caller.tenantId, id)
  if (!row) throw notFound('thread', id)
  return row
}

/** Also a temporary one whose run is over, for what the server still has to tell of it. Undefined: it is gone. */
export function findHiddenThread(app: Needs<'db'>, caller: Caller, id: string): Promise<Thread | undefined> {
  requireScope(caller, 'read')
  return readHiddenThreadRow(app.db, caller.tenantId, id)
}

export interface ThreadChange {
  metadata?: JsonObject
  toolResources?: ToolResources | null
}

/** Absent fields stay as they are; `metadata` and `toolResources` are replaced as a whole. Throws not_found, also for a file or store. */
export async function changeThread(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  input: { id: string; change: ThreadChange },
): Promise<Thread> {
  requireScope(caller, 'write')
  await requireResources(app, caller, input.change.toolResources ?? null)
  const row = await changeThreadRow(app.db, caller.tenantId, input)
  if (!row) throw notFound('thread', input.id)
  return row
}

/** Removes the thread with everything in it; a run at work on it loses its lease and writes nothing more. Throws not_found. */
export async function deleteThread(app: Needs<'db' | 'signals'>, caller: Caller, id: string): Promise<void> {
  requireScope(caller, 'write')
  const gone = await deleteThreadRow(app.db, caller.tenantId, id)
  if (!gone) throw notFound('thread', id)
  if (gone.runId) app.signals.cancel(gone.runId)
}
