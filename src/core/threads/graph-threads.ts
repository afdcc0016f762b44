import { type Caller, requireScope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import type { StateUpdate } from '../graphs/graphs.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import { patchThreadRow, showThreadRow } from './graph-thread-store.ts'
import { deleteThreadRow } from './store.ts'
import { createThread, draftThread, getThread, insertNewThread, type NewThread, type Thread } from './threads.ts'

export interface NewGraphThread extends Pick<NewThread, 'id' | 'metadata' | 'ttlMinutes'> {
  /** What becomes of an id that is taken: a fault, or the thread that has it. */
  ifExists: 'raise' | 'do_nothing'
  /** The state that it begins with: updates, step by step. */
  steps?: StateUpdate[][]
}

/** Which graph a thread is meant for, before any run says so. */
const graphOf = (metadata: JsonObject | undefined): { graph?: string } =>
  typeof metadata?.graph_id === 'string' && metadata.graph_id !== '' ? { graph: metadata.graph_id } : {}

type CreateNeeds = Needs<'db' | 'clock' | 'limits' | 'signals' | 'graphs'>

/** Throws exists (kind thread), or what is wrong with `steps`; then there is no thread. */
export async function createGraphThread(app: CreateNeeds, caller: Caller, input: NewGraphThread): Promise<Thread> {
  requireScope(caller, 'write')
  const { ifExists, steps, ...given } = input
  const thread = { ...given, ...graphOf(given.metadata) }
  try {
    return steps?.length ? await createWithState(app, caller, { thread, steps }) : await createThread(app, caller, thread)
  } catch (error) {
    if (ifExists === 'raise' || input.id === undefined || !(error instanceof Fault) || error.code !== 'exists') throw error
    return getThread(app, caller, input.id)
  }
}

/** How long a thread may take to get its first state before it counts as left behind by a process that died. */
const BUILD_MS = 5 * 60_000

/** Nobody sees the thread before its state is there; one that is left behind expires. */
async function createWithState(app: CreateNeeds, caller: Caller, input: { thread: NewThread; steps: StateUpdate[][] }): Promise<Thread> {
  const wanted = draftThread(app, caller, input.thread)
  const hidden: Thread = { ...wanted, temporary: true, expiresAt: app.clock.now() + BUILD_MS }
  await insertNewThread(app, hidden)
  try {
    await app.graphs.replay(caller, { thread: hidden, steps: input.steps })
    const shown = await showThreadRow(app.db, caller.tenantId, { id: wanted.id, expiresAt: wanted.expiresAt })
    if (!shown) throw notFound('thread', wanted.id)
    return shown
  } catch (error) {
    // Where that fails too, it expires.
    await deleteThreadRow(app.db, caller.tenantId, wanted.id).catch(() => undefined)
    throw error
  }
}

/** Absent fields stay as they are. */
export interface ThreadPatch {
  /** Merged into what is there. */
  metadata?: JsonObject
  /** Counted from now and from every later use; null: the thread is kept for ever. */
  ttlMinutes?: number | null
}

const MINUTE_MS = 60_000

/** Throws not_found. */
export async function patchThread(app: Needs<'db' | 'clock'>, caller: Caller, input: { id: string; patch: ThreadPatch }): Promise<Thread> {
  requireScope(caller, 'write')
  const { metadata, ttlMinutes: minutes } = input.patch
  const at = app.clock.now()
  const row = await patchThreadRow(app.db, caller.tenantId, {
    id: input.id,
    metadata: metadata ?? null,
    graph: graphOf(metadata).graph ?? null,
    at,
    ...(minutes === undefined ? {} : { ttl: { minutes, expiresAt: minutes === null ? null : at + minutes * MINUTE_MS } }),
  })
  if (!row) throw notFound('thread', input.id)
  return row
}
