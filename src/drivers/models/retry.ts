import { newId } from '../../core/id.ts'
import type { Log } from '../../core/needs.ts'
import { pause, throwIfAborted } from './abort.ts'
import { ProviderFailure } from './failure.ts'

export interface RetryPolicy {
  provider: string
  retriesMax: number
  log: Log
}

const FIRST_WAIT_MS = 500
const WAIT_MAX_MS = 8_000
/** A provider that asks for a longer wait than this gets none: the caller learns the time and may come back. */
const ASKED_WAIT_MAX_MS = 30_000

/** Runs `attempt` until it answers, fails for good, or has been repeated `retriesMax` times. */
export async function withRetries<T>(policy: RetryPolicy, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  for (let tried = 0; ; tried++) {
    throwIfAborted(signal)
    try {
      return await attempt()
    } catch (error) {
      throwIfAborted(signal)
      if (!(error instanceof ProviderFailure)) throw error
      const waitMs = error.retryable && tried < policy.retriesMax ? waitBefore(tried, error) : null
      if (waitMs === null) {
        policy.log.warn('models.failed', { provider: policy.provider, tried: tried + 1, status: error.status, code: error.fault.code })
        throw error.fault
      }
      policy.log.warn('models.retry', { provider: policy.provider, retry: tried + 1, status: error.status, waitMs: Math.round(waitMs) })
      await pause(waitMs, signal)
    }
  }
}

function waitBefore(tried: number, failure: ProviderFailure): number | null {
  const asked = failure.fault.facts.retryAfterMs
  if (asked !== undefined) return asked <= ASKED_WAIT_MAX_MS ? asked : null
  const full = Math.min(FIRST_WAIT_MS * 2 ** tried, WAIT_MAX_MS)
  return full * (0.75 + 0.25 * spread())
}

/** 0 to 1, from the random tail of a fresh id: the one source of randomness there is. */
const spread = (): number => Number.parseInt(newId().slice(-8), 16) / 0xffffffff
