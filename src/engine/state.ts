import type { RunnableConfig } from '@langchain/core/runnables'
import type { BaseCheckpointSaver } from '@langchain/langgraph-checkpoint'
import { Fault, notFound } from '../core/fault.ts'
import type { StateFilter, StateSnapshot, StateUpdate } from '../core/graphs/graphs.ts'
import type { Keep } from '../core/idempotency/idempotency.ts'
import type { Json, JsonObject } from '../core/json.ts'
import type { Needs } from '../core/needs.ts'
import type { CheckpointRef } from '../core/runs/call.ts'
import type { LogRow } from '../core/threads/checkpoints.ts'
import type { Thread } from '../core/threads/threads.ts'
import { commandOf, MESSAGES } from './call-input.ts'
import type { AnyGraph, GraphRegistry } from './graphs/registry.ts'
import { MessageCache } from './message-cache.ts'
import { messageFrom } from './messages.ts'
import { toPlain } from './plain.ts'
import { snapshotFrom } from './snapshots.ts'
import { StateReader } from './state-reader.ts'
import { UpdateCheckpointer } from './state-update.ts'

export type StateParts = Needs<'db' | 'clock'>
export type Served = Pick<GraphRegistry, 'has' | 'open'>

/** Updates of other processes came between so many times: there is no end to them. A try takes a few milliseconds. */
const TRIES = 100

/** What threads stand at, read and changed through the graphs themselves. */
export class GraphStates {
  private readonly cache = new MessageCache()
  /** The last update under way of each thread: the next one waits for it, instead of finding out that the head has moved. */
  private readonly turns = new Map<string, Promise<unknown>>()

  constructor(
    private readonly app: StateParts,
    private readonly graphs: Served,
  ) {}

  reader(tenantId: string): StateReader {
    return new StateReader(this.app, tenantId, this.cache)
  }

  /** Undefined for a thread without a graph, or of one that is not served here: its values can be read nevertheless. */
  private async graphOf(thread: Thread, checkpointer: BaseCheckpointSaver): Promise<AnyGraph | undefined> {
    const { graph, config } = thread
    if (graph === null || !this.graphs.has(graph)) return undefined
    return (await this.graphs.open({ graph, config })).with({ checkpointer })
  }

  async state({ thread, at, subgraphs }: { thread: Thread; at: CheckpointRef; subgraphs: boolean }): Promise<StateSnapshot> {
    const saver = this.reader(thread.tenantId)
    const graph = await this.graphOf(thread, saver)
    const state = graph
      ? snapshotFrom(await graph.getState(configOf(thread, at), { subgraphs }))
      : await bareState(saver, configOf(thread, at))
    if (at.id && !state.checkpoint) throw notFound('checkpoint', at.id)
    const { pending } = saver
    if (at.id || at.ns || pending.length === 0 || (graph && !(MESSAGES in graph.channels))) return state
    return { ...state, values: withPending(state.values, pending) }
  }

  async history({ thread, filter }: { thread: Thread; filter: StateFilter }): Promise<StateSnapshot[]> {
    const saver = this.reader(thread.tenantId)
    const graph = await this.graphOf(thread, saver)
    const { limit, before, id, ns, metadata } = filter
    const config = configOf(thread, { ...(id ? { id } : {}), ...(ns ? { ns } : {}) })
    const options = {
      limit,
      ...(before ? { before: { configurable: { checkpoint_id: before } } } : {}),
      ...(metadata ? { filter: metadata } : {}),
    }
    const found: StateSnapshot[] = []
    if (graph) for await (const state of graph.getStateHistory(config, options)) found.push(snapshotFrom(state))
    else for await (const tuple of saver.list(config, options)) found.push(bareSnapshot(tuple, thread.id))
    return found
  }

  /** All steps, or none of them. */
  async update(input: Change): Promise<{ id: string; ns: string }> {
    const key = input.thread.id + input.thread.tenantId
    const before = this.turns.get(key)
    const turn = (async () => {
      await before?.catch(() => undefined)
      return this.change(input)
    })()
    this.turns.set(key, turn)
    try {
      return await turn
    } finally {
      if (this.turns.get(key) === turn) this.turns.delete(key)
    }
  }

  private async change({ thread, at, steps, keep }: Change): Promise<{ id: string; ns: string }> {
    if (thread.graph === null)
      throw new Fault('invalid', 'The thread has no graph: nothing has run in it yet.', {
        ...{ kind: 'graph', param: 'thread_id', reason: 'value', threadId: thread.id },
      })
    const busy = () => new Fault('busy', 'A run is at work on the thread, or waits for it.', { threadId: thread.id })
    if (thread.status === 'busy' || thread.behind) throw busy()
    const loaded = await this.graphs.open({ graph: thread.graph, config: thread.config })
    for (let i = 0; i < TRIES; i++) {
      const saver = new UpdateCheckpointer(this.app, thread, MESSAGES in loaded.compiled.channels)
      const made = await apply(loaded.with({ checkpointer: saver }), saver, { config: updateConfig(thread, at), steps, at })
      const written = await saver.commit((db) => keep?.(db, made))
      if (written === 'written') return made
      if (written === 'missing') throw notFound('thread', thread.id)
      if (written === 'busy') throw busy()
    }
    throw busy()
  }
}

interface Change {
  thread: Thread
  at: CheckpointRef
  steps: StateUpdate[][]
  keep?: Keep<{ id: string; ns: string }>
}

const configOf = (thread: Thread, at: CheckpointRef): RunnableConfig => ({
  configurable: { thread_id: thread.id, checkpoint_ns: at.ns ?? '', ...(at.id ? { checkpoint_id: at.id } : {}) },
})

/** Edges of the graph are asked where to go next, and may read what the graph is configured with. */
function updateConfig(thread: Thread, at: CheckpointRef): RunnableConfig {
  const { checkpoint_id: _id, checkpoint_ns: _ns, checkpoint_map: _map, run_id: _run, ...configurable } = thread.config.configurable ?? {}
  return { configurable: { ...configurable, ...configOf(thread, at).configurable }, metadata: { graph_id: thread.graph } }
}

async function apply(
  graph: AnyGraph,
  saver: UpdateCheckpointer,
  { config, steps, at }: { config: RunnableConfig; steps: StateUpdate[][]; at: CheckpointRef },
): Promise<{ id: string; ns: string }> {
  // In a thread without a checkpoint, what clients appended is the input that everything else comes after.
  const appended = at.id || at.ns ? [] : await saver.pending()
  const asNode = '__start__' in graph.nodes ? '__start__' : '__input__'
  const first = appended.length > 0 && !saver.hasHead ? [{ updates: [{ values: { [MESSAGES]: appended }, asNode }] }] : []
  const given = steps.map((updates) => ({
    updates: updates.map(({ values, command, asNode }) => ({
      values: command ? commandOf(command) : (values ?? null),
      ...(asNode === undefined ? {} : { asNode }),
    })),
  }))
  try {
    const made = await graph.bulkUpdateState(config, [...first, ...given] as Parameters<AnyGraph['bulkUpdateState']>[1])
    return { id: String(made.configurable?.checkpoint_id), ns: String(made.configurable?.checkpoint_ns ?? '') }
  } catch (error) {
    throw saver.failure ?? refusal(error)
  }
}

/** The graph's own code, its reducers and edges, says what it takes: whatever it throws is about the update. */
function refusal(cause: unknown): unknown {
  if (cause instanceof Fault) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  if (/^Subgraph ".*" not found/.test(message)) return new Fault('invalid', message, { param: 'checkpoint_ns', reason: 'value', cause })
  if (/^Node ".*" does not exist|^No writers found/.test(message))
    return new Fault('invalid', message, { param: 'as_node', reason: 'value', cause })
  if (/^Ambiguous update|"asNode" is required/.test(message))
    return new Fault('invalid', `${message.replace('asNode', 'as_node')}.`, { param: 'as_node', reason: 'missing_field', cause })
  return new Fault('invalid', `The graph does not take this update: ${message}`, { param: 'values', reason: 'value', cause })
}

/** Behind the messages of the state; nothing else is known of what is to come. */
export function withPending(values: Json, pending: readonly LogRow[]): Json {
  if (pending.length === 0 || typeof values !== 'object' || values === null || Array.isArray(values)) return values
  const list = values[MESSAGES] ?? []
  return Array.isArray(list) ? { ...values, [MESSAGES]: [...list, ...pending.map((row) => toPlain(messageFrom(row, false)))] } : values
}

type Tuple = NonNullable<Awaited<ReturnType<StateReader['getTuple']>>>

/** What is known of a state without its graph: what it holds, but not what comes next. */
async function bareState(saver: StateReader, config: RunnableConfig): Promise<StateSnapshot> {
  const tuple = await saver.getTuple(config)
  if (tuple) return bareSnapshot(tuple, String(config.configurable?.thread_id))
  return { values: {}, next: [], tasks: [], metadata: null, createdAt: null, checkpoint: null, parent: null }
}

function bareSnapshot(tuple: Tuple, threadId: string): StateSnapshot {
  const place = ({ configurable }: RunnableConfig) => ({
    id: String(configurable?.checkpoint_id),
    ns: String(configurable?.checkpoint_ns ?? ''),
  })
  return {
    ...{ values: toPlain(bareValues(tuple.checkpoint.channel_values)), next: [], tasks: [] },
    metadata: { ...(toPlain(tuple.metadata) as JsonObject), thread_id: threadId },
    createdAt: Date.parse(tuple.checkpoint.ts),
    ...{ checkpoint: place(tuple.config), parent: tuple.parentConfig ? place(tuple.parentConfig) : null },
  }
}

/** Channels that LangGraph keeps for itself. */
const INNER = /^(__|branch:|start:|join:)/
export const bareValues = (values: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).filter(([name]) => !INNER.test(name)))
