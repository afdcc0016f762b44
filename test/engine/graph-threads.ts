import type { Caller } from '../../src/core/caller.ts'
import type { StateSnapshot, StateUpdate } from '../../src/core/graphs/graphs.ts'
import type { Json } from '../../src/core/json.ts'
import type { CheckpointRef, GraphConfig } from '../../src/core/runs/call.ts'
import { createThread, getThread, type Thread } from '../../src/core/threads/threads.ts'
import { Checkpointer } from '../../src/engine/checkpointer.ts'
import type { TestApp } from '../support/app.ts'

/** As a run stores it. */
class Saver extends Checkpointer {
  protected override readonly inlineAll = true
}

export const newThread = async (app: TestApp, graph: string, caller: Caller = app.one): Promise<string> =>
  (await createThread(app, caller, { graph })).id

export interface Call {
  graph: string
  threadId: string
  /** An object, null or a Command. */
  input: unknown
  config?: GraphConfig
  runId?: string
  caller?: Caller
}

/** Calls a graph on a thread and keeps what it does there, as a run would, to its end or where it stops to ask. */
export async function callGraph(app: TestApp, { graph, threadId, input, config = {}, runId, caller = app.one }: Call): Promise<unknown> {
  const saver = new Saver(app, { tenantId: caller.tenantId, runId: runId ?? null, assistantId: null })
  const loaded = await app.registry.open({ graph, config })
  return loaded.with({ checkpointer: saver }).invoke(
    input as never,
    {
      configurable: { ...config.configurable, thread_id: threadId },
      metadata: { graph_id: graph, ...(runId ? { run_id: runId } : {}) },
    } as never,
  )
}

/** The state API on one thread. */
export const on = (app: TestApp, threadId: string, caller: Caller = app.one) => {
  const thread = (): Promise<Thread> => getThread(app, caller, threadId)
  return {
    thread,
    state: async (at: CheckpointRef = {}, subgraphs = false) => app.graphs.state(caller, { thread: await thread(), at, subgraphs }),
    update: async (update: StateUpdate, at: CheckpointRef = {}) => app.graphs.update(caller, { thread: await thread(), at, update }),
    replay: async (...steps: StateUpdate[][]) => app.graphs.replay(caller, { thread: await thread(), steps }),
    history: async (filter: Partial<Parameters<TestApp['graphs']['history']>[1]['filter']> = {}) =>
      app.graphs.history(caller, { thread: await thread(), filter: { limit: 1000, ...filter } }),
    head: async () => (await app.graphs.heads(caller, [await thread()])).get(threadId),
  }
}

export const texts = (state: Pick<StateSnapshot, 'values'> | undefined): Json[] =>
  ((state?.values as { messages?: { content: Json }[] } | undefined)?.messages ?? []).map((m) => m.content)
