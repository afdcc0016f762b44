import { Fault, type FaultFacts } from '../../core/fault.ts'
import { ProviderFailure } from './failure.ts'

/** Who answered, and how its words are made fit to be shown. */
export interface Source {
  readonly name: string
  /** Asked with a key that a client lent, not with the server's own. */
  readonly lent?: boolean
  scrub(text: string): string
}

/** What a provider said when it refused: an HTTP status, or the nearest one for an error inside a stream. */
export interface Refusal {
  provider: string
  status: number
  message: string
  code?: string
  param?: string
  retryAfterMs?: number
  lent?: true
}

const MESSAGE_CHARS_MAX = 2_000
const NO_MODEL = /\bmodel\b.*\b(not found|not exist)|(unknown|no such) model/is
/** Asking again cannot help these, whatever their status. */
const FINAL_CODES = new Set(['insufficient_quota', 'billing_hard_limit_reached', 'context_length_exceeded'])
const RATE_WORDS = /rate_?limit|quota|too_many/i
const INVALID_WORDS = /invalid_request|context_length|bad_?request/i

export function refused(refusal: Refusal): ProviderFailure {
  const { status, code } = refusal
  const transient = status === 408 || status === 409 || status === 429 || status >= 500
  return new ProviderFailure(refusalFault(refusal), transient && !FINAL_CODES.has(code ?? ''), status)
}

/** The fault for a refusal; also what a scripted failure with that status gives. */
export function refusalFault(refusal: Refusal): Fault {
  const { provider, status } = refusal
  const message = refusal.message.slice(0, MESSAGE_CHARS_MAX) || `HTTP ${status}`
  if (status === 401 || status === 403) return refusal.lent ? lentKeyFault(provider, status) : credentialsFault(provider, status)
  if (status === 429) return new Fault('rate_limited', `Model provider '${provider}' limits requests: ${message}`, waitFacts(refusal))
  if (status === 404 && saysNoModel(refusal)) return new Fault('model_not_found', message, { kind: 'model', param: 'model' })
  if (status === 400 || status === 404 || status === 413 || status === 422) return new Fault('invalid', message, invalidFacts(refusal))
  return new Fault('upstream', `Model provider '${provider}' failed: ${message}`, waitFacts(refusal))
}

/** Says nothing of what the provider said: such messages quote the key. */
function credentialsFault(provider: string, status: number): Fault {
  const place =
    provider === 'openai' ? "OPENAI_API_KEY, or the provider's api_key in models.providers" : "the provider's api_key in models.providers"
  return new Fault('upstream', `Model provider '${provider}' refused its credentials (HTTP ${status}): check ${place}.`)
}

const lentKeyFault = (provider: string, status: number): Fault =>
  new Fault('upstream', `Model provider '${provider}' refused the API key that came with the request (HTTP ${status}).`)

const waitFacts = (refusal: Refusal): FaultFacts => (refusal.retryAfterMs === undefined ? {} : { retryAfterMs: refusal.retryAfterMs })

const invalidFacts = (refusal: Refusal): FaultFacts => ({
  reason: refusal.code === 'context_length_exceeded' ? 'too_long' : 'value',
  ...(refusal.param === undefined ? {} : { param: refusal.param }),
})

const saysNoModel = (refusal: Refusal): boolean => refusal.code === 'model_not_found' || NO_MODEL.test(refusal.message)

/** The failure that a chunk or an answer reports, if it does: `{"error": ...}`, or an object of type error (older vLLM). */
export function reportedFailure(source: Source, answer: { error?: unknown; object?: unknown }): ProviderFailure | undefined {
  if (answer.error) return refused(readRefusal(source, answer.error))
  if (answer.object === 'error') return refused(readRefusal(source, answer))
  return undefined
}

/** What an answer with a bad status says: an error object or a text in one of its usual places. */
export function readStatusRefusal(source: Source, status: number, body: unknown): Refusal {
  const { error, message, detail } = Object(body) as Record<string, unknown>
  // A page comes from some server in between and says nothing to a caller.
  const said =
    typeof body === 'string' && body.trimStart().startsWith('<') ? '' : (error ?? (message === undefined ? detail : undefined) ?? body)
  return { ...readRefusal(source, said), status }
}

/** Nobody listens at this path, or somebody else does: an API says 404 with an error object. */
export const isWrongAddress = (status: number, body: unknown): boolean =>
  (status === 404 || status === 405) && (typeof body !== 'object' || body === null)

/** Reads an error object or a bare text; the status is the one nearest to its own words. */
function readRefusal(source: Source, error: unknown): Refusal {
  const { message, code, type, param } = Object(error) as Record<string, unknown>
  const text = typeof error === 'string' ? error : typeof message === 'string' ? message : JSON.stringify(message ?? error ?? '')
  return {
    provider: source.name,
    status: nearestStatus(code, `${code} ${type}`),
    message: source.scrub(text),
    ...(source.lent ? { lent: true } : {}),
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof param === 'string' ? { param } : {}),
  }
}

function nearestStatus(code: unknown, words: string): number {
  const own = Number(code)
  if (own >= 400 && own < 600) return own
  if (RATE_WORDS.test(words)) return 429
  return INVALID_WORDS.test(words) ? 400 : 500
}
