import type { Caller } from '../caller.ts'
import type { Keep } from '../idempotency/idempotency.ts'
import type { Json, JsonObject } from '../json.ts'
import type { CheckpointRef, GraphCommand, GraphConfig } from '../runs/call.ts'
import type { Thread } from '../threads/threads.ts'

/** The graph that every server has: a model that may call tools. */
export const BUILT_IN_GRAPH = 'assistant'

export interface GraphInfo {
  id: string
  description: string | null
}

/** A graph as one assistant or thread sees it: graphs that are made by functions depend on the config. */
export interface GraphUse {
  graph: string
  config: GraphConfig
}

/** JSON Schemas; absent where the graph does not say. */
export interface GraphSchemas {
  input?: JsonObject
  output?: JsonObject
  state?: JsonObject
  config?: JsonObject
  context?: JsonObject
}

export interface Drawing {
  nodes: JsonObject[]
  edges: JsonObject[]
}

export interface StateInterrupt {
  id: string
  value: Json
}

export interface StateTask {
  id: string
  name: string
  path: Json
  error: string | null
  interrupts: StateInterrupt[]
  /** Of the subgraph that the task runs, where its state is not shown itself. */
  checkpoint: { ns: string; id?: string } | null
  state: StateSnapshot | null
  result: Json
}

/** One checkpoint of a thread; messages in `values` are plain objects as LangGraph's clients read them. */
export interface StateSnapshot {
  values: Json
  next: string[]
  tasks: StateTask[]
  metadata: JsonObject | null
  /** Milliseconds since the epoch; null for a thread without checkpoints. */
  createdAt: number | null
  checkpoint: { id: string; ns: string } | null
  parent: { id: string; ns: string } | null
}

/** `values` null: nothing to write, the node counts as done. Exactly one of values and command is meant. */
export interface StateUpdate {
  values?: Json
  command?: GraphCommand
  asNode?: string
}

export interface StateFilter {
  limit: number
  ns?: string
  /** Exclusive. */
  before?: string
  id?: string
  /** Containment. */
  metadata?: JsonObject
}

/**
 * Graphs as core and the dialects see them; the engine knows what they are. Nothing here checks that a thread is the
 * caller's: a `Thread` in hand says so.
 */
export interface Graphs {
  /** The built-in one first, then as they were configured. */
  list(): readonly GraphInfo[]
  has(graph: string): boolean
  /** Throws invalid where the graph cannot be made with this config. */
  drawing(caller: Caller, input: GraphUse & { xray: boolean | number }): Promise<Drawing>
  schemas(caller: Caller, input: GraphUse): Promise<GraphSchemas>
  /** By namespace, nested ones as `parent|child`. Throws not_found for a namespace that is not there. */
  subgraphs(caller: Caller, input: GraphUse & { namespace?: string; recurse: boolean }): Promise<Record<string, GraphSchemas>>
  /** Throws not_found (kind checkpoint) for an id that is not there. */
  state(caller: Caller, input: { thread: Thread; at: CheckpointRef; subgraphs: boolean }): Promise<StateSnapshot>
  /** Newest first. */
  history(caller: Caller, input: { thread: Thread; filter: StateFilter }): Promise<StateSnapshot[]>
  /**
   * A new checkpoint. Throws busy while a run holds the thread, invalid for an unknown or ambiguous node, and for a thread
   * without a graph (param: thread_id). `keep` is called in the transaction that writes it.
   */
  update(
    caller: Caller,
    input: { thread: Thread; at: CheckpointRef; update: StateUpdate; keep?: Keep<{ id: string; ns: string }> },
  ): Promise<{ id: string; ns: string }>
  /** Several at once, step by step. As `update`. */
  replay(caller: Caller, input: { thread: Thread; steps: StateUpdate[][] }): Promise<{ id: string; ns: string } | null>
  /** The values and open interrupts of each thread's head, by thread id; null values: it has no checkpoint. */
  heads(caller: Caller, threads: readonly Thread[]): Promise<Map<string, HeadState>>
}

export interface HeadState {
  values: Json
  /** By task id. */
  interrupts: Record<string, StateInterrupt[]>
}
