import type { Fault, FaultCode, Why } from '../../core/fault.ts'
import type { Log } from '../../core/needs.ts'
import { type Asked, askedOf, faultOf } from '../../http/asked.ts'
import { retryHeaders } from '../../http/retry-after.ts'
import { type Detail, Refusal, toDetail } from './refusal.ts'

export interface Reply {
  status: number
  /** The stable word. */
  error: string
  detail: string | Detail[]
  headers: Record<string, string>
}

export interface Tone {
  /** Status of requests without credentials; servers of 2025 answered 403. */
  missingCredentials: '401' | '403'
}

type Row = Pick<Reply, 'status' | 'error'> & Partial<Reply>

/** One line per fault; a new fault code does not compile until it has its line. */
const ROWS: Record<FaultCode, (fault: Fault) => Row> = {
  invalid: (fault) =>
    fault.facts.reason === 'syntax'
      ? { status: 422, error: 'validation_error', detail: [toDetail(fault)] }
      : { status: 400, error: 'validation_error' },
  unauthenticated: ({ facts }) => ({ status: 401, error: facts.why ?? 'unauthenticated' }),
  forbidden: ({ facts }) => (facts.why === undefined ? { status: 403, error: 'insufficient_scope' } : WHYS[facts.why]),
  not_found: () => ({ status: 404, error: 'not_found' }),
  exists: () => ({ status: 409, error: 'conflict' }),
  busy: () => ({ status: 409, error: 'conflict' }),
  wrong_state: () => ({ status: 409, error: 'conflict' }),
  too_large: () => ({ status: 413, error: 'too_large' }),
  rate_limited: () => ({ status: 429, error: 'rate_limited' }),
  key_reused: () => ({ status: 409, error: 'conflict' }),
  unsupported: () => ({ status: 400, error: 'unsupported' }),
  model_not_found: () => ({ status: 404, error: 'not_found' }),
  upstream: () => ({ status: 502, error: 'upstream_failed' }),
  unavailable: () => ({ status: 503, error: 'unavailable' }),
  internal: () => ({ status: 500, error: 'internal', detail: SORRY }),
}

const WHYS: Record<Why, Row> = {
  // Of a token in the body: the caller himself is known.
  invalid_token: { status: 403, error: 'invalid_token' },
  email_unverified: { status: 403, error: 'email_unverified' },
  insufficient_scope: { status: 403, error: 'insufficient_scope' },
  insufficient_role: { status: 403, error: 'insufficient_role' },
  tenant_required: { status: 401, error: 'tenant_required' },
  tenant_mismatch: { status: 403, error: 'tenant_mismatch' },
  locked: { status: 423, error: 'locked' },
  disabled: { status: 403, error: 'disabled' },
}

const SORRY = 'The server failed to answer.'

/** Any thrown value as this dialect answers it. What is our own mistake is logged and told without details. */
export function toReply(error: unknown, { asked, log, tone }: { asked: Asked; log: Log; tone: Tone }): Reply {
  const reply = error instanceof Refusal ? refusalReply(error) : faultReply(error, asked, log)
  const isMissing = error instanceof Refusal && error.code === 'unauthenticated'
  const status = isMissing && tone.missingCredentials === '403' ? 403 : reply.status
  return status === 401 ? { ...reply, headers: { 'www-authenticate': 'Bearer', ...reply.headers } } : { ...reply, status }
}

const refusalReply = ({ status, code, detail, headers }: Refusal): Reply => ({ status, error: code, detail, headers })

function faultReply(error: unknown, asked: Asked, log: Log): Reply {
  const fault = faultOf(error, { asked, log, sorry: SORRY })
  return { detail: fault.message, headers: retryHeaders(fault), ...ROWS[fault.code](fault) }
}

const spelled = (name: string): string => name.replaceAll(/(?:^|-)[a-z]/g, (start) => start.toUpperCase()).replace('Www', 'WWW')

/** Error bodies of the original: the sentence three times, and the headers that it came with. */
export function envelope({ status, error, detail, headers }: Reply): Record<string, unknown> {
  if (typeof detail !== 'string') {
    const message = detail.map(({ loc, msg }) => `${loc.join('.')}: ${msg}`).join('; ')
    return { success: false, error: status === 422 ? 'ValidationError' : error, message, details: detail, detail }
  }
  const named = Object.entries(headers).map(([name, value]) => [spelled(name), value] as const)
  return { success: false, error, message: detail, details: named.length === 0 ? null : Object.fromEntries(named), detail }
}

interface Failed {
  error: unknown
  request: Request
  set: { headers: object }
}

/** The handler of errors for all routes of this dialect. */
export const onError =
  (log: Log, tone: Tone = { missingCredentials: '401' }) =>
  ({ error, request, set }: Failed): Response => {
    set.headers = {}
    const reply = toReply(error, { asked: askedOf(request), log, tone })
    return Response.json(envelope(reply), { status: reply.status, headers: reply.headers })
  }
