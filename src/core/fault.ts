import type { RunStatus } from './runs/status.ts'

/** The kinds of record a fault can be about. */
export type Kind =
  | 'assistant'
  | 'thread'
  | 'message'
  | 'run'
  | 'step'
  | 'file'
  | 'upload'
  | 'upload_part'
  | 'vector_store'
  | 'file_batch'
  | 'completion'
  | 'checkpoint'
  | 'graph'
  | 'schedule'
  | 'item'
  | 'model'
  | 'key'
  | 'user'
  | 'tool'
  | 'action'
  | 'entry'
  | 'session'
  | 'invite'
  | 'signup_request'

/**
 * Everything that can go wrong on purpose. Each surface maps every code to a status and a body; a new code does not
 * compile until all of them answer it.
 */
export type FaultCode =
  | 'invalid' // the input breaks a rule of its schema; `reason` says which kind of rule
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'exists' // the id that was chosen is taken
  | 'busy' // the thread has an active run
  | 'wrong_state' // the record's status does not allow this
  | 'too_large'
  | 'rate_limited'
  | 'key_reused' // an idempotency key came back with another body
  | 'unsupported' // known, named, and not built yet
  | 'model_not_found'
  | 'upstream' // the model provider failed
  | 'unavailable' // this process cannot serve now
  | 'internal'

/** Why an input is invalid, so that a dialect can spell its own code for it. */
export type InvalidReason =
  | 'unknown_field'
  | 'missing_field'
  | 'type'
  | 'value'
  | 'too_long'
  | 'too_short'
  | 'too_many_items'
  | 'too_few_items'
  | 'too_big'
  | 'too_small'
  | 'syntax'

/** Why a credential or an account is not enough. */
export type Why =
  | 'invalid_token'
  | 'email_unverified'
  | 'insufficient_scope'
  | 'insufficient_role'
  | 'tenant_required'
  | 'tenant_mismatch'
  | 'locked'
  | 'disabled'

/** Structured facts about a fault: ids are core ids (UUIDs) or, where they did not decode, the text that was sent. */
export interface FaultFacts {
  kind?: Kind
  id?: string
  /** Dotted path of the offending field, e.g. `messages[0].content`. */
  param?: string
  reason?: InvalidReason
  threadId?: string
  /** Where a file was looked for in a vector store. */
  storeId?: string
  runId?: string
  status?: RunStatus
  /** What was being tried, where one code covers several sentences. */
  action?: 'append' | 'create_run' | 'submit' | 'cancel' | 'delete' | 'search' | 'attach' | 'change'
  expected?: readonly string[]
  got?: readonly string[]
  retryAfterMs?: number
  /** Why somebody may not, for a dialect that says so. */
  why?: Why
  /** Of a key: it was right once. A dialect that does not say so to its callers says nothing of it. */
  expired?: true
  /** True once a side effect is committed: clients must not repeat the request. */
  committed?: boolean
  cause?: unknown
}

/** `message` is for the caller; `facts.cause` is for the log only. */
export class Fault extends Error {
  override readonly name = 'Fault'
  constructor(
    readonly code: FaultCode,
    message: string,
    readonly facts: FaultFacts = {},
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
  }
}

export const notFound = (kind: Kind, id: string): Fault => new Fault('not_found', `No ${kind} with this id.`, { kind, id })

/** Undefined for what is not there, instead of not_found. */
export async function unlessMissing<T>(lookup: Promise<T>): Promise<T | undefined> {
  try {
    return await lookup
  } catch (error) {
    if (error instanceof Fault && error.code === 'not_found') return undefined
    throw error
  }
}
