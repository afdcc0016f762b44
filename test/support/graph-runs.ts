import { join } from 'node:path'
import { resolveAssistant } from '../../src/core/assistants/graph-assistants.ts'
import type { Caller } from '../../src/core/caller.ts'
import type { Json } from '../../src/core/json.ts'
import type { StreamMode } from '../../src/core/runs/call.ts'
import { createGraphRun, type NewGraphCall, type NewGraphRun, type RunThread } from '../../src/core/runs/graph-runs.ts'
import { createThread } from '../../src/core/threads/threads.ts'
import type { TestApp } from './app.ts'
import { type Started, storyOf } from './runs.ts'

/** The project whose graphs the tests run. */
export const GRAPHS = join(import.meta.dir, 'graphs/langgraph.json')

export interface GraphStart {
  caller?: Caller
  graph: string
  input?: Json
  modes?: StreamMode[]
  call?: Partial<NewGraphCall>
  run?: Partial<Omit<NewGraphRun, 'call' | 'assistantId'>>
  /** Absent: a new one. */
  thread?: RunThread
}

export type StartedGraph = Omit<Started, 'assistant' | 'model'>

export async function startGraph(app: TestApp, start: GraphStart): Promise<StartedGraph> {
  const { caller = app.one, graph, input = null, modes = [] } = start
  const assistant = await resolveAssistant(app, caller, graph)
  const thread = start.thread ?? { id: (await createThread(app, caller, {})).id, create: false }
  const call: NewGraphCall = {
    ...{ input, command: null, modes, waited: false, subgraphs: false, resumable: false, interruptBefore: null, interruptAfter: null },
    ...{ checkpoint: null, durability: 'sync', webhook: null },
    ...start.call,
  }
  const created = await createGraphRun(app, caller, { thread, run: { assistantId: assistant.id, call, ...start.run } })
  return { ...created, caller, threadId: created.run.threadId }
}

/** Its whole story, by mode events and statuses: `values {"n":1}`. */
export async function toldBy(app: TestApp, started: Pick<Started, 'caller' | 'run'>): Promise<string[]> {
  const events = await storyOf(app, started)
  return events.flatMap((event) => {
    if (event.type === 'mode') return [`${[event.mode, ...(event.ns ? [event.ns] : [])].join('|')} ${event.data}`]
    return event.type === 'status' ? [event.status] : []
  })
}
