import type { CheckpointTuple } from '@langchain/langgraph-checkpoint'
import type { HeadState, StateInterrupt } from '../core/graphs/graphs.ts'
import type { Json } from '../core/json.ts'
import type { Needs } from '../core/needs.ts'
import { readHeads } from '../core/threads/checkpoints.ts'
import type { Thread } from '../core/threads/threads.ts'
import type { AnyGraph, GraphRegistry } from './graphs/registry.ts'
import { toPlain } from './plain.ts'
import { interruptsFrom } from './snapshots.ts'
import { bareValues, type GraphStates, withPending } from './state.ts'

type Channel = AnyGraph['channels'][string]

/**
 * What lists of threads show: two queries for all of them. Nobody's code runs for it: what a graph's channels hold is read
 * through them where the graph is one shared object; of graphs that are made for each use only what is stored is shown.
 */
export async function readHeadStates(
  app: Needs<'db'>,
  states: GraphStates,
  { graphs, threads }: { graphs: Pick<GraphRegistry, 'has' | 'open' | 'isShared'>; threads: readonly Thread[] },
): Promise<Map<string, HeadState>> {
  const tenantId = threads[0]?.tenantId
  if (tenantId === undefined) return new Map()
  const page = await readHeads(
    app,
    tenantId,
    threads.map(({ id }) => id),
  )
  const tuples = new Map((await states.reader(tenantId).tuples(page)).map((tuple) => [String(tuple.config.configurable?.thread_id), tuple]))
  const pending = new Map(page.threads.map((thread) => [thread.id, thread.pending ?? []]))
  const found = new Map<string, HeadState>()
  for (const thread of threads) {
    const tuple = tuples.get(thread.id)
    const appended = pending.get(thread.id) ?? []
    const graph =
      thread.graph !== null && graphs.isShared(thread.graph) ? (await graphs.open({ graph: thread.graph, config: {} })).compiled : undefined
    const values = tuple ? valuesOf(tuple, graph) : appended.length > 0 ? {} : null
    found.set(thread.id, { values: withPending(values, appended), interrupts: tuple ? openInterrupts(tuple) : {} })
  }
  return found
}

function valuesOf({ checkpoint }: CheckpointTuple, graph: AnyGraph | undefined): Json {
  const stored = checkpoint.channel_values
  const names = graph?.streamChannelsAsIs
  if (!graph || names === undefined) return toPlain(bareValues(stored))
  const read = (name: string): unknown => valueIn(graph.channels[name] as Channel | undefined, stored[name])
  if (typeof names === 'string') return toPlain(read(names))
  const values: Record<string, unknown> = {}
  for (const name of names as string[]) {
    const value = read(name)
    if (value !== undefined) values[name] = value
  }
  return toPlain(values)
}

/** A channel that nobody wrote to may have a value of its own, or none. */
function valueIn(channel: Channel | undefined, stored: unknown): unknown {
  if (!channel || !('fromCheckpoint' in channel)) return stored
  try {
    return channel.fromCheckpoint(stored).get()
  } catch {
    return undefined
  }
}

/** What says that a task is not done. */
const OPEN = new Set(['__error__', '__interrupt__', '__resume__', '__scheduled__'])

/** Of tasks that wait for an answer: by task id. */
export function openInterrupts({ pendingWrites = [] }: Pick<CheckpointTuple, 'pendingWrites'>): Record<string, StateInterrupt[]> {
  const done = new Set(pendingWrites.filter(([, channel]) => !OPEN.has(channel)).map(([task]) => task))
  const open: Record<string, StateInterrupt[]> = {}
  for (const [task, channel, value] of pendingWrites)
    if (channel === '__interrupt__' && !done.has(task)) open[task] = [...(open[task] ?? []), ...interruptsFrom(value)]
  return open
}
