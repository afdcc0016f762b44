import type { Db } from '../../drivers/records/port.ts'
import type { Assistant } from '../assistants/assistants.ts'
import { resolveAssistant } from '../assistants/graph-assistants.ts'
import { type Caller, requireScope } from '../caller.ts'
import { Fault } from '../fault.ts'
import { BUILT_IN_GRAPH } from '../graphs/graphs.ts'
import { newId } from '../id.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import { requireCheckpoint } from '../threads/checkpoints.ts'
import { threadRecord } from '../threads/thread-rows.ts'
import { draftThread, getThread, type Thread } from '../threads/threads.ts'
import { requireResources } from '../tool-resources/tool-resources.ts'
import type { CheckpointRef, GraphCall, GraphConfig, Strategy } from './call.ts'
import { optionsOf } from './config.ts'
import { type CreatedRow, createRunStatement, type NewRunItem } from './create-store.ts'
import { type CreatedRun, draftRun, type Inserted, type RunDraft, start } from './draft.ts'
import { mergeGraphConfig } from './graph-config.ts'
import { createTaken } from './strategies.ts'

/** What a caller says of a call; the rest comes from assistant and thread. */
export type NewGraphCall = Omit<GraphCall, 'graph' | 'config' | 'context' | 'temporary'> & { config?: GraphConfig; context?: JsonObject }

export interface NewGraphRun {
  /** An assistant's id, or the id of a graph. */
  assistantId: string
  call: NewGraphCall
  metadata?: JsonObject
  /** Absent: as the server is configured. */
  strategy?: Strategy
  /** Begins so much later. */
  delayMs?: number
}

/** A thread by its id, made where it is missing and `create` says so; or a new one, which `temporary` deletes after the run. */
export type RunThread = { id: string; create: boolean } | { temporary: boolean }

type CreateNeeds = Needs<'db' | 'clock' | 'signals' | 'graphs' | 'limits'>

/**
 * A run of any graph. Where the thread is taken, its strategy decides. With a transaction as `app.db` the signals must be
 * silent ones: nobody may begin what is not committed.
 * Throws not_found (thread, assistant, checkpoint), invalid (kind graph: it is not served here), or busy (action 'create_run').
 */
export async function createGraphRun(
  app: CreateNeeds,
  caller: Caller,
  input: { thread: RunThread; run: NewGraphRun },
): Promise<CreatedRun> {
  requireScope(caller, 'write')
  const { thread, draft } = await prepare(app, caller, input)
  const delayed = draft.delayMs > 0
  const slot = delayed ? undefined : app.signals.reserve()
  try {
    const created = delayed ? undefined : await insert(app, caller, { thread, draft: { ...draft, slot } })
    if (created) {
      start(app, slot, created)
      return created
    }
    return await createTaken(app, caller, { draft, slot, ...(delayed && thread.isNew ? { newThread: thread.row } : {}) })
  } catch (error) {
    if (slot) app.signals.release(slot)
    throw error
  }
}

interface Prepared {
  thread: { row: Thread; isNew: boolean }
  draft: RunDraft
}

async function prepare(app: CreateNeeds, caller: Caller, input: { thread: RunThread; run: NewGraphRun }): Promise<Prepared> {
  const { run } = input
  const [assistant, thread] = await Promise.all([assistantFor(app, caller, run.assistantId), threadFor(app, caller, input.thread)])
  if (!app.graphs.has(assistant.graph))
    throw new Fault('invalid', `The graph '${assistant.graph}' is not served here.`, {
      kind: 'graph',
      id: assistant.graph,
      param: 'assistant_id',
    })
  await requirePlace(app, thread.row, run.call.checkpoint)
  const metadata = { ...assistant.metadata, ...thread.row.metadata, ...run.metadata }
  const call = callOf(run.call, assistant, thread.row)
  const options = assistant.graph === BUILT_IN_GRAPH ? optionsOf({ ...call.config.configurable, ...call.context }) : {}
  await requireResources(app, caller, options.toolResources ?? null)
  return {
    thread,
    draft: {
      ...{
        threadId: thread.row.id,
        assistantId: assistant.id,
        options,
        metadata,
      },
      ...{ call, strategy: run.strategy ?? app.limits.strategy, messages: [], slot: undefined, newThread: thread.isNew, expiryMs: null },
      ...{ delayMs: run.delayMs ?? 0, threadMetadata: { graph_id: assistant.graph, assistant_id: assistant.id } },
    },
  }
}

async function assistantFor(app: CreateNeeds, caller: Caller, ref: string): Promise<Assistant> {
  try {
    return await resolveAssistant(app, caller, ref)
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'not_found') throw error
    throw new Fault('not_found', error.message, { ...error.facts, action: 'create_run' })
  }
}

async function threadFor(app: CreateNeeds, caller: Caller, wanted: RunThread): Promise<Prepared['thread']> {
  if ('temporary' in wanted) return { row: draftThread(app, caller, { id: newId(), temporary: wanted.temporary }), isNew: true }
  try {
    return { row: await getThread(app, caller, wanted.id), isNew: false }
  } catch (error) {
    if (!wanted.create || !(error instanceof Fault) || error.code !== 'not_found') throw error
    return { row: draftThread(app, caller, { id: wanted.id }), isNew: true }
  }
}

/** A graph would begin with nothing at a checkpoint that is not there. */
async function requirePlace(app: Needs<'db'>, { id: threadId, tenantId, headId }: Thread, place: CheckpointRef | null): Promise<void> {
  const { id, ns = '' } = place ?? {}
  if (id !== undefined && (ns !== '' || id !== headId)) await requireCheckpoint(app, tenantId, { threadId, ns, id })
}

const callOf = ({ config, context, ...call }: NewGraphCall, assistant: Assistant, thread: Thread): GraphCall => ({
  ...call,
  graph: assistant.graph,
  config: mergeGraphConfig(assistant.settings, thread.config, config ?? {}),
  context: { ...assistant.context, ...context },
  temporary: thread.temporary,
})

/** Undefined: the thread is taken, or somebody made it in this very moment. */
async function insert(app: CreateNeeds, caller: Caller, { thread, draft }: Prepared): Promise<Inserted | undefined> {
  const { item, inserted } = draftRun(app, caller, draft)
  if (thread.isNew) item.thread = threadRecord(thread.row, 0)
  const row = await (app.db.inTransaction && !thread.isNew ? insertOrForget(app.db, item) : app.db.batch(createRunStatement, item))
  return row && inserted(row)
}

class ThreadTaken extends Error {}

/**
 * A thread that was waited for in vain would stay locked until the end of the transaction, while others lock its run first
 * and then the thread: each would wait for the other. Rolled back, nothing stays.
 */
async function insertOrForget(db: Db, item: NewRunItem): Promise<CreatedRow | undefined> {
  try {
    return await db.transaction(async (inner) => {
      const row = await inner.batch(createRunStatement, item)
      if (!row) throw new ThreadTaken()
      return row
    })
  } catch (error) {
    if (error instanceof ThreadTaken) return undefined
    throw error
  }
}
