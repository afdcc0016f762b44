import { Fault, type FaultCode, type FaultFacts, type InvalidReason, type Kind } from '../../core/fault.ts'
import type { Log } from '../../core/needs.ts'
import type { RunStatus } from '../../core/runs/status.ts'
import { retryAfterMs, toRetrySeconds } from '../../http/retry-after.ts'
import { PREFIXES, type SpelledKind, spell } from './ids.ts'
import { type ErrorBody, Refusal } from './refusal.ts'
import { RUN_STATUS } from './status.wire.ts'

export interface Reply {
  status: number
  body: ErrorBody
  headers: Record<string, string>
}

/** What of the request an error may need to be told. */
export interface Asked {
  method: string
  path: string
  /** The API key as sent. */
  key: string | undefined
  requestId: string | null
}

type Row = { status: number } & Partial<ErrorBody>

/** One line per fault; a new fault code does not compile until it has its line. */
const ROWS: Record<FaultCode, (fault: Fault, asked: Asked) => Row> = {
  invalid: (fault) => ({ status: 400, code: invalidCode(fault.facts), param: fault.facts.param ?? null, message: invalidSentence(fault) }),
  unauthenticated: (_, asked) => ({ status: 401, ...keySentence(asked.key) }),
  forbidden: () => ({ status: 403, code: 'insufficient_permissions' }),
  not_found: (fault) => ({ status: 404, ...missingSentence(fault.facts) }),
  exists: () => ({ status: 400 }),
  // Never 409: clients repeat it silently.
  busy: (fault) => ({ status: 400, message: busySentence(fault.facts) }),
  wrong_state: (fault) => ({ status: 400, message: stateSentence(fault) }),
  too_large: () => ({ status: 413, code: 'request_too_large' }),
  rate_limited: () => ({ status: 429, code: 'rate_limit_exceeded' }),
  key_reused: () => ({
    status: 400,
    code: 'idempotency_key_reused',
    param: 'Idempotency-Key',
    message: 'Keys for idempotent requests can only be used with the request they were first used with. Try another Idempotency-Key.',
  }),
  unsupported: (fault) => ({ status: 501, code: 'unsupported', param: fault.facts.param ?? null }),
  model_not_found: (fault) => ({ status: 404, code: 'model_not_found', param: fault.facts.param ?? null }),
  upstream: () => ({ status: 502, type: 'server_error', code: 'upstream_error' }),
  unavailable: () => ({ status: 503, type: 'server_error', code: 'unavailable' }),
  internal: () => ({ status: 500, type: 'server_error', message: SORRY }),
}

const SORRY = 'The server had an error while processing your request. Sorry about that!'

/** Any thrown value as this dialect answers it. What is our own mistake is logged and told without details. */
export function toReply(error: unknown, asked: Asked, log: Log): Reply {
  if (error instanceof Refusal) return { status: error.status, body: error.body, headers: {} }
  const fault = error instanceof Fault ? error : new Fault('internal', SORRY, { cause: error })
  if (fault.code === 'internal') {
    const { method, path, requestId } = asked
    log.error('request.failed', { method, path, requestId, cause: fault.facts.cause ?? fault })
  }
  const { status, ...row } = ROWS[fault.code](fault, asked)
  const body: ErrorBody = { message: fault.message, type: 'invalid_request_error', param: null, code: null, ...row }
  return { status, body, headers: retryHeaders(fault, asked) }
}

/**
 * Clients repeat any 5xx. That would do a committed half again, and nobody knows which half of a crashed write was; what
 * is not built would fail again.
 */
const mayRepeat = ({ code, facts }: Fault, { method }: Asked): boolean =>
  !facts.committed && code !== 'unsupported' && (code !== 'internal' || method === 'GET')

const REPEATED: readonly FaultCode[] = ['unsupported', 'upstream', 'unavailable', 'internal']

function retryHeaders(fault: Fault, asked: Asked): Record<string, string> {
  const headers: Record<string, string> = {}
  if (REPEATED.includes(fault.code) && !mayRepeat(fault, asked)) headers['x-should-retry'] = 'false'
  const waitMs = retryAfterMs(fault)
  if (waitMs === undefined) return headers
  headers['retry-after'] = toRetrySeconds(waitMs)
  headers['retry-after-ms'] = String(waitMs)
  return headers
}

const INVALID_CODES: Record<InvalidReason, string | null> = {
  unknown_field: 'unknown_parameter',
  missing_field: 'missing_required_parameter',
  type: 'invalid_type',
  value: 'invalid_value',
  too_long: 'string_above_max_length',
  too_short: 'string_below_min_length',
  too_many_items: 'array_above_max_length',
  too_few_items: 'array_below_min_length',
  too_big: 'integer_above_max_value',
  too_small: 'integer_below_min_value',
  syntax: null,
}

const invalidCode = ({ reason }: FaultFacts): string | null => (reason === undefined ? null : INVALID_CODES[reason])

const quoted = (ids: readonly string[]): string => `[${ids.map((id) => `'${id}'`).join(', ')}]`

function invalidSentence({ message, facts }: Fault): string {
  if (facts.action !== 'submit') return message
  return `Expected tool outputs for call_ids ${quoted(facts.expected ?? [])}, got ${quoted(facts.got ?? [])}`
}

function busySentence({ threadId = '', runId = '', action }: FaultFacts): string {
  const thread = spell('thread', threadId)
  const run = spell('run', runId)
  return action === 'append'
    ? `Can't add messages to ${thread} while a run ${run} is active.`
    : `Thread ${thread} already has an active run ${run}.`
}

const statusWord = (status: RunStatus | undefined): string => (status === undefined ? 'unknown' : RUN_STATUS[status])

function stateSentence({ message, facts }: Fault): string {
  if (facts.action === 'submit') return `Runs in status "${statusWord(facts.status)}" do not accept tool outputs.`
  if (facts.kind === 'vector_store') return `Vector store '${spell('vector_store', facts.id ?? '')}' has expired.`
  if (facts.action === 'cancel') return `Cannot cancel run with status '${statusWord(facts.status)}'.`
  return message
}

const isSpelled = (kind: Kind): kind is SpelledKind => Object.hasOwn(PREFIXES, kind)

function missingSentence({ kind, id = '', storeId }: FaultFacts): Partial<ErrorBody> {
  if (kind === undefined) return {}
  if (kind === 'model') return { message: `The model '${id}' does not exist`, param: 'model', code: 'model_not_found' }
  const shown = isSpelled(kind) ? spell(kind, id) : id
  if (kind === 'file' && storeId !== undefined)
    return { message: `No file found with id '${shown}' in vector store '${spell('vector_store', storeId)}'.` }
  if (kind === 'file') return { message: `No such File object: ${shown}`, param: 'id' }
  return { message: `No ${kind.replace('_', ' ')} found with id '${shown}'.` }
}

const WHERE = 'You need to provide an API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).'

function keySentence(key: string | undefined): Partial<ErrorBody> {
  if (key === undefined) return { message: `Incorrect API key provided: none. ${WHERE}`, code: null }
  return { message: `Incorrect API key provided: ${maskKey(key)}. ${WHERE}`, code: 'invalid_api_key' }
}

const SHOWN_CHARS = 4

/** Enough to recognise which key was sent; a short one is not shown at all. */
function maskKey(key: string): string {
  if (key.length < 5 * SHOWN_CHARS || !/^[\x20-\x7e]+$/.test(key)) return '********'
  return `${key.slice(0, SHOWN_CHARS)}********${key.slice(-SHOWN_CHARS)}`
}
