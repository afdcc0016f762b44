import type { Json } from '../json.ts'
import type { Citation } from '../threads/citation.ts'
import type { RunStatus } from './status.ts'

export interface Usage {
  promptTokens: number
  completionTokens: number
  totalTokens: number
  cachedTokens?: number
}

export type RunErrorCode = 'server_error' | 'rate_limit_exceeded' | 'invalid_prompt'
export interface RunError {
  code: RunErrorCode
  message: string
  /** Of the class of what a graph threw. */
  name?: string
}

export type IncompleteReason = 'max_completion_tokens' | 'max_prompt_tokens'
/** Why a message ended before its text was whole. */
export type MessageCut = 'content_filter' | 'max_tokens' | 'run_cancelled' | 'run_expired' | 'run_failed'

/** A function call as a client must answer it. */
export interface FunctionCall {
  id: string
  name: string
  arguments: string
}

/** A call inside a tool step, in its final form; `output` is null until somebody answered. */
export interface StepCall {
  id: string
  type: string
  name: string
  arguments: string
  output: string | null
  /** What a hosted tool found, in the tool's own shape. */
  detail?: Json
}

/** `detail` of a call of type `file_search`. */
export interface SearchDetail {
  rankingOptions: { ranker: 'auto' | 'default_2024_08_21'; scoreThreshold: number }
  results: { fileId: string; fileName: string; score: number; text: string }[]
}

export type StepStatus = 'in_progress' | 'completed' | 'failed' | 'cancelled' | 'expired'

/**
 * The journal's words. `at` is milliseconds since the epoch. Order within a run is total; at most one step and one
 * message are open at a time, and both are closed before the run's status leaves `running` for an end.
 */
export type RunEvent =
  | {
      type: 'status'
      status: RunStatus
      at: number
      newThread?: true
      calls?: FunctionCall[]
      usage?: Usage
      error?: RunError
      incomplete?: IncompleteReason
    }
  /** `again`: its calls are those of a turn of an earlier run. */
  | { type: 'step'; id: string; kind: 'message' | 'tool_calls'; messageId?: string; again?: true; at: number }
  | { type: 'text'; text: string; annotations?: Citation[] }
  | { type: 'refusal'; text: string }
  | { type: 'reasoning'; text: string }
  /** `spoken`: the text before it says the call. */
  | { type: 'call'; index: number; id: string; tool: string; name: string; spoken?: true }
  | { type: 'arguments'; index: number; text: string }
  | { type: 'message_end'; id: string; cut?: MessageCut; at: number }
  | {
      type: 'step_end'
      id: string
      status: Exclude<StepStatus, 'in_progress'>
      at: number
      usage: Usage | null
      calls?: StepCall[]
      error?: RunError
    }
  | { type: 'restart'; attempt: number; at: number }
  /** What the run's stream modes tell: name of the event, path of the subgraph or '', JSON text. See StreamMode. */
  | { type: 'mode'; mode: string; ns: string; data: string }

/** Consecutive events `seq`, `seq + 1`, ... of one run: what one journal row holds. `seq` counts from 1. */
export interface Segment {
  seq: number
  events: RunEvent[]
}
