const POLL_MS_MIN = 50
const POLL_MS_MAX = 1000
/** What is young is asked for often; what takes long, rarely. */
const POLLS_PER_AGE = 5

/** Tells a polling client how long to wait before it asks again for what began at `since`. */
export function askAgain(set: { headers: object }, now: number, since: number): void {
  const wait = Math.floor((now - since) / POLLS_PER_AGE)
  Object.assign(set.headers, { 'openai-poll-after-ms': String(Math.min(POLL_MS_MAX, Math.max(POLL_MS_MIN, wait))) })
}
