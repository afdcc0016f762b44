import type { BaseStore } from '@langchain/langgraph-checkpoint'
import type { ClaimedRun } from '../core/runs/runs.ts'
import { callInput, MESSAGES } from './call-input.ts'
import { HOST, type Host } from './graphs/assistant.ts'
import type { LoadedGraph } from './graphs/registry.ts'
import { libraryModes, ModeTeller } from './modes.ts'
import type { RunCheckpointer } from './run-checkpointer.ts'
import type { RunStream } from './run-stream.ts'

/** What one call of a graph is given. */
export interface GraphCallParts {
  claimed: ClaimedRun
  loaded: LoadedGraph
  saver: RunCheckpointer
  store: BaseStore
  /** Of the built-in graph. */
  host: Host | undefined
  /** Of the built-in graph, where the call does not say. */
  stepsMax: number | undefined
  stream: RunStream
  signal: AbortSignal
  /** Ids of the messages that the thread's head holds. */
  known: Iterable<string>
}

/** Turns of the event loop that the answer to a request takes from its handler to its socket, measured. */
const TURNS_FOR_OTHERS = 3

const HIDDEN = 'langsmith:hidden'

/** Calls a graph as a client asked for it, and tells what its stream modes say. Ends with the graph, also where it stops to ask. */
export async function callGraph(parts: GraphCallParts): Promise<void> {
  const { claimed, loaded, saver, store, stream } = parts
  const call = claimed.run.call
  if (!call) throw new Error('the run says nothing of how its graph is called')
  const modes = libraryModes(call.modes)
  const teller = new ModeTeller(call, (event) => stream.emit(event), parts.known)
  const graph = loaded.with({ checkpointer: saver, store })
  const input = callInput(claimed, MESSAGES in graph.channels) as never
  const options = { ...optionsOf(parts), streamMode: modes, subgraphs: call.subgraphs } as Record<string, unknown>
  // A graph may keep the process busy: who asked for the run gets its first bytes before.
  if (!parts.host) for (let turn = 0; turn < TURNS_FOR_OTHERS; turn++) await new Promise(setImmediate)
  if (!call.modes.includes('events')) {
    const chunks = (await graph.stream(input, options as never)) as unknown as AsyncIterable<unknown>
    for await (const chunk of chunks) {
      teller.chunk(chunk)
      if (stream.crowded) await stream.room()
    }
    return finish(stream, teller)
  }
  const runId = claimed.run.id
  const events = graph.streamEvents(input, { ...options, runId, version: 'v2' } as never) as unknown as AsyncIterable<unknown>
  for await (const event of events) {
    const { event: name, run_id, data, tags } = event as { event: string; run_id: string; data: { chunk?: unknown }; tags?: string[] }
    if (tags?.includes(HIDDEN)) continue
    if (name === 'on_chain_stream' && run_id === runId) teller.chunk(data.chunk)
    else teller.event(event)
    if (stream.crowded) await stream.room()
  }
  finish(stream, teller)
}

/** What is told last goes with the commit of the end. */
function finish(stream: RunStream, teller: ModeTeller): void {
  stream.hold()
  teller.end()
}

/** The values that a turn begins with are told before it says a word: they are on their way when its node is called. */
const afterValues = (host: Host): Host => ({
  async turn(messages) {
    await new Promise(setImmediate)
    return host.turn(messages)
  },
  serve: (calls, messages) => host.serve(calls, messages),
})

/** Keys are there only where they have a value: an undefined one would wipe what the graph itself is bound to. */
function optionsOf({ claimed, host, stepsMax, signal }: GraphCallParts): Record<string, unknown> {
  const { run, attempt, started } = claimed
  const call = run.call
  const { configurable, tags, recursion_limit: limit = stepsMax } = call?.config ?? {}
  // Where it began is history once the run has a checkpoint of its own.
  const from = started ? null : (call?.checkpoint ?? null)
  return {
    configurable: {
      ...configurable,
      ...{ thread_id: run.threadId, run_id: run.id, assistant_id: run.assistantId, graph_id: call?.graph },
      ...(from?.id === undefined ? {} : { checkpoint_id: from.id, checkpoint_ns: from.ns ?? '' }),
      ...(host === undefined ? {} : { [HOST]: afterValues(host) }),
    },
    metadata: {
      ...run.metadata,
      ...{ run_id: run.id, thread_id: run.threadId, assistant_id: run.assistantId, graph_id: call?.graph, run_attempt: attempt },
    },
    durability: call?.durability ?? 'sync',
    signal,
    ...(tags === undefined ? {} : { tags }),
    ...(limit === undefined ? {} : { recursionLimit: limit }),
    ...(call?.context && Object.keys(call.context).length > 0 ? { context: call.context } : {}),
    ...(call?.interruptBefore == null ? {} : { interruptBefore: call.interruptBefore }),
    ...(call?.interruptAfter == null ? {} : { interruptAfter: call.interruptAfter }),
  }
}
