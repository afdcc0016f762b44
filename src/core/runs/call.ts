import type { Json, JsonObject } from '../json.ts'

/** What a graph is configured with, as LangGraph spells it. `configurable` is what the graph itself reads. */
export interface GraphConfig {
  tags?: string[]
  recursion_limit?: number
  configurable?: JsonObject
}

/** What can be told of a run while it goes, beside the run's own events. `messages` are tokens with their metadata. */
export const STREAM_MODES = [
  'values',
  'updates',
  'messages',
  'messages-tuple',
  'events',
  'debug',
  'tasks',
  'checkpoints',
  'custom',
  'tools',
] as const
export type StreamMode = (typeof STREAM_MODES)[number]

/** What becomes of a run that finds its thread taken. */
export type Strategy = 'reject' | 'enqueue' | 'interrupt' | 'rollback'

/** Where in a thread's history a run or an update begins. Absent: at its head, in the root graph. */
export interface CheckpointRef {
  id?: string
  ns?: string
}

export interface GraphCommand {
  resume?: Json
  update?: Json
  goto?: Json
}

/** How a run calls its graph. Stored with the run, so that another attempt, or another process, calls it alike. */
export interface GraphCall {
  graph: string
  /** Null: none, the graph goes on where it stands. */
  input: Json
  command: GraphCommand | null
  /** The assistant's, the thread's and the run's own, merged. */
  config: GraphConfig
  context: JsonObject | null
  modes: StreamMode[]
  /** Nobody follows it: only its last values are told, with its end. */
  waited?: boolean
  /** Whether what subgraphs do is told too. */
  subgraphs: boolean
  resumable: boolean
  interruptBefore: '*' | string[] | null
  interruptAfter: '*' | string[] | null
  checkpoint: CheckpointRef | null
  durability: 'sync' | 'async' | 'exit'
  /** Its thread is deleted after it. */
  temporary: boolean
  /** Told when the run has ended, whatever its end. An absolute URL, or a path on this server. */
  webhook: string | null
}
