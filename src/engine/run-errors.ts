import { GraphRecursionError } from '@langchain/langgraph'
import { Fault } from '../core/fault.ts'
import type { RunError } from '../core/runs/events.ts'
import { Filtered } from './turn.ts'

/** Errors of the built-in graph are told in our words; undefined: it is our own mistake. */
export function assistantError(cause: unknown, stepsMax: number): RunError | undefined {
  if (cause instanceof Fault) {
    if (cause.code === 'rate_limited') return { code: 'rate_limit_exceeded', message: cause.message }
    if (cause.code === 'invalid' || cause.code === 'model_not_found') return { code: 'invalid_prompt', message: cause.message }
    return { code: 'server_error', message: cause.message }
  }
  if (cause instanceof Filtered) return { code: 'server_error', message: cause.message }
  if (cause instanceof GraphRecursionError)
    return { code: 'server_error', message: `The run took more than ${stepsMax} steps.`, name: 'GraphRecursionError' }
  return undefined
}

/** What a graph of the user threw is the user's to read, as it is. */
export function graphError(cause: unknown): RunError {
  if (!(cause instanceof Error)) return { code: 'server_error', message: String(cause), name: 'Error' }
  return { code: 'server_error', message: cause.message, name: cause.name || 'Error' }
}
