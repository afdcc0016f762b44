import type { Fault, FaultCode, FaultFacts } from '../../core/fault.ts'
import type { Log } from '../../core/needs.ts'
import { type Asked, faultOf } from '../../http/asked.ts'
import { REASONS, stepsOf } from '../../http/pydantic.ts'
import { retryHeaders } from '../../http/retry-after.ts'
import { type Detail, Refusal } from './refusal.ts'

export interface Reply {
  status: number
  detail: string | Detail[]
  headers: Record<string, string>
}

type Row = Pick<Reply, 'status'> & Partial<Reply>

/**
 * One line per fault; a new fault code does not compile until it has its line. SDKs repeat, POSTs too, whatever is not
 * 400 to 409 or 422: only what may go well the next time has another status.
 */
const ROWS: Record<FaultCode, (fault: Fault) => Row> = {
  invalid: (fault) => invalidRow(fault),
  unauthenticated: () => ({
    status: 401,
    detail: 'An API key is needed, as x-api-key or as Authorization: Bearer; this one is not valid.',
  }),
  forbidden: () => ({ status: 403 }),
  not_found: ({ facts, message }) => ({ status: 404, detail: missingSentence(facts) ?? message }),
  exists: ({ facts, message }) => ({ status: 409, detail: facts.kind === undefined ? message : `${NAMES[facts.kind]} already exists` }),
  busy: ({ facts }) => ({ status: 409, detail: facts.action === 'create_run' ? REJECTED : 'Thread is busy' }),
  wrong_state: () => ({ status: 409 }),
  too_large: () => ({ status: 413 }),
  rate_limited: () => ({ status: 429 }),
  key_reused: () => ({ status: 422, detail: 'This Idempotency-Key was used with another request. Try another Idempotency-Key.' }),
  unsupported: () => ({ status: 422 }),
  model_not_found: () => ({ status: 422 }),
  upstream: () => ({ status: 502 }),
  unavailable: () => ({ status: 503 }),
  internal: () => ({ status: 500, detail: SORRY }),
}

const SORRY = 'Internal server error'
const REJECTED = 'Thread is already running a task. Wait for it to finish or choose a different multitask strategy.'

const NAMES: Record<NonNullable<FaultFacts['kind']>, string> = {
  assistant: 'Assistant',
  thread: 'Thread',
  message: 'Message',
  run: 'Run',
  step: 'Step',
  file: 'File',
  upload: 'Upload',
  upload_part: 'Upload part',
  vector_store: 'Vector store',
  file_batch: 'File batch',
  completion: 'Completion',
  checkpoint: 'Checkpoint',
  graph: 'Graph',
  schedule: 'Cron',
  item: 'Item',
  model: 'Model',
  key: 'Key',
  user: 'User',
  tool: 'Tool',
  action: 'Action',
  entry: 'Entry',
  session: 'Session',
  invite: 'Invite',
  signup_request: 'Sign-up request',
}

function missingSentence({ kind, id = '', action }: FaultFacts): string | undefined {
  if (kind === undefined) return undefined
  if (kind === 'thread') return `Thread with ID ${id} not found`
  if (kind === 'assistant' && action === 'create_run') return `No assistant found for "${id}". Use the id of an assistant or of a graph.`
  if (kind === 'graph' || kind === 'model') return `${NAMES[kind]} '${id}' not found`
  return `${NAMES[kind]} not found`
}

/** A mistake whose field is known is told like those of the schema. */
function invalidRow({ message, facts }: Fault): Row {
  const { kind, param, reason, threadId, id } = facts
  if (kind === 'graph' && param === 'thread_id') return { status: 400, detail: `Thread ${threadId ?? id ?? ''} has no graph ID` }
  if (param !== undefined)
    return { status: 422, detail: [{ loc: [placeOf(param), ...stepsOf(param)], msg: message, type: TYPES[reason ?? 'value'] }] }
  if (reason === 'syntax') return { status: 422, detail: [{ loc: ['body'], msg: message, type: 'json_invalid' }] }
  return { status: 422 }
}

/** As the other dialects of this family say it, but for one word. */
const TYPES = { ...REASONS, type: 'type_error' }

const placeOf = (param: string): 'body' | 'header' => (param === 'Idempotency-Key' ? 'header' : 'body')

/** Any thrown value as this dialect answers it. What is our own mistake is logged and told without details. */
export function toReply(error: unknown, asked: Asked, log: Log): Reply {
  if (error instanceof Refusal)
    return { status: error.status, detail: error.status === 422 ? asList(error.detail) : error.detail, headers: error.headers }
  const fault = faultOf(error, { asked, log, sorry: SORRY })
  const reply: Reply = { detail: fault.message, headers: retryHeaders(fault), ...ROWS[fault.code](fault) }
  // A run that has begun must not begin once more.
  if (fault.facts.committed && reply.status >= 500) return { ...reply, status: 409 }
  return reply.status === 422 ? { ...reply, detail: asList(reply.detail) } : reply
}

/** The contract knows one shape of a 422. */
const asList = (detail: Reply['detail']): Detail[] =>
  typeof detail === 'string' ? [{ loc: ['body'], msg: detail, type: 'value_error' }] : detail

/** JSON, or the bare text that the JavaScript server answers. */
export function replyResponse({ status, detail, headers }: Reply, bodies: 'json' | 'text'): Response {
  if (bodies === 'json') return Response.json({ detail }, { status, headers })
  const text = typeof detail === 'string' ? detail : detail.map(({ msg }) => msg).join('\n')
  return new Response(text, { status, headers: { ...headers, 'content-type': 'text/plain; charset=utf-8' } })
}
