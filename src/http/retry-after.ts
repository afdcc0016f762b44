import type { Fault } from '../core/fault.ts'

/** How long somebody waits whom a limit stopped that names no time. */
const LIMITED_MS = 1000

/** After how many milliseconds the request may be sent again; undefined where nobody knows. */
export const retryAfterMs = ({ code, facts }: Fault): number | undefined =>
  facts.retryAfterMs ?? (code === 'rate_limited' ? LIMITED_MS : undefined)

/** Whole seconds, as the header has them: rounded up, at least one. */
export const toRetrySeconds = (ms: number): string => String(Math.max(1, Math.ceil(ms / 1000)))

/** The header where there is something to say. */
export function retryHeaders(fault: Fault): Record<string, string> {
  const ms = retryAfterMs(fault)
  return ms === undefined ? {} : { 'retry-after': toRetrySeconds(ms) }
}
