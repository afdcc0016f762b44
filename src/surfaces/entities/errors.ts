import type { Fault, FaultCode, FaultFacts } from '../../core/fault.ts'
import type { Log } from '../../core/needs.ts'
import { type Asked, faultOf } from '../../http/asked.ts'
import { detailOf, valueError } from '../../http/pydantic.ts'
import { retryHeaders } from '../../http/retry-after.ts'
import { isSpelled, spell } from './ids.ts'
import { type Detail, Refusal } from './refusal.ts'

export interface Reply {
  status: number
  detail: string | Detail[]
  headers: Record<string, string>
}

type Row = Pick<Reply, 'status'> & Partial<Reply>

/** One line per fault; a new fault code does not compile until it has its line. */
const ROWS: Record<FaultCode, (fault: Fault) => Row> = {
  invalid: (fault) => ({ status: 422, detail: [detailOf(fault)] }),
  unauthenticated: () => ({ status: 401, detail: 'Invalid or inactive API Key.', headers: { 'www-authenticate': 'APIKey' } }),
  forbidden: () => ({ status: 403 }),
  not_found: ({ facts, message }) => ({ status: 404, detail: missingSentence(facts) ?? message }),
  exists: () => ({ status: 409 }),
  busy: () => ({ status: 409, detail: 'Thread has a run at work; try again when it has ended' }),
  wrong_state: () => ({ status: 400 }),
  too_large: () => ({ status: 413 }),
  rate_limited: () => ({ status: 429 }),
  key_reused: () => ({ status: 422, detail: 'This Idempotency-Key was used with another request.' }),
  unsupported: () => ({ status: 400 }),
  model_not_found: () => ({ status: 422 }),
  upstream: () => ({ status: 502 }),
  unavailable: () => ({ status: 503 }),
  internal: () => ({ status: 500, detail: SORRY }),
}

const SORRY = 'Internal Server Error'

const NAMES: Partial<Record<NonNullable<FaultFacts['kind']>, string>> = {
  assistant: 'Assistant',
  thread: 'Thread',
  message: 'Message',
  run: 'Run',
  user: 'User',
  tool: 'Tool',
}

function missingSentence({ kind, id = '' }: FaultFacts): string | undefined {
  if (kind === undefined) return undefined
  const shown = isSpelled(kind) ? spell(kind, id) : id
  if (kind === 'action') return `Action with ID ${shown} not found`
  if (kind === 'file') return `File with ID ${shown} not found`
  if (kind === 'entry') return `File record '${shown}' not found.`
  if (kind === 'vector_store') return `Vector store '${shown}' not found.`
  if (kind === 'key') return `API Key with prefix '${shown}' not found for this user.`
  const name = NAMES[kind]
  return name === undefined ? undefined : `${name} not found`
}

/** The contract knows one shape of a 422. */
const asList = (detail: Reply['detail']): Detail[] => (typeof detail === 'string' ? [valueError(['body'], detail)] : detail)

/** Any thrown value as this dialect answers it. What is our own mistake is logged and told without details. */
export function toReply(error: unknown, asked: Asked, log: Log): Reply {
  if (error instanceof Refusal)
    return { status: error.status, detail: error.status === 422 ? asList(error.detail) : error.detail, headers: error.headers }
  const fault = faultOf(error, { asked, log, sorry: SORRY })
  const { headers = {}, ...row } = ROWS[fault.code](fault)
  const reply: Reply = { detail: fault.message, ...row, headers: { ...headers, ...retryHeaders(fault) } }
  // Clients repeat a 500 and a 503: what is committed must not be done once more.
  if (fault.facts.committed && reply.status >= 500) return { ...reply, status: 409 }
  return reply.status === 422 ? { ...reply, detail: asList(reply.detail) } : reply
}

/** JSON, except what failed here, which this dialect tells as plain text. A redirect has no words. */
export function replyResponse({ status, detail, headers }: Reply): Response {
  if (status === 500) return new Response(SORRY, { status, headers: { ...headers, 'content-type': 'text/plain; charset=utf-8' } })
  if (status < 400) return new Response(null, { status, headers })
  return Response.json({ detail }, { status, headers })
}
