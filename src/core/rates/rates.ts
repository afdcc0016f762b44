import { Fault } from '../fault.ts'
import { hashSecret } from '../identity/secrets.ts'
import type { Needs } from '../needs.ts'
import { countWindows, deleteExpiredWindows } from './store.ts'

/** How often something may happen in a fixed window of time, over all servers on the database. */
export interface Limit {
  name: string
  /** Whom or what it is about; only its hash is stored. */
  key: string
  /** 0 or less: no limit. */
  max: number
  windowMs: number
}

const RETRY_MIN_MS = 1000

/** Addresses of people are not to be read in the table, and have no length that it must bear. */
export const bucketOf = (name: string, key: string): string => `${name}:${hashSecret(key)}`

export const waitMs = (until: number, now: number): number => Math.max(RETRY_MIN_MS, Math.ceil(until - now))

/**
 * Counts one more for each limit; what is refused counts for none. Throws rate_limited with the time after which it is let
 * through. To be called outside of transactions: a rollback would forget the count. Who cannot count does not let pass.
 */
export async function takeLimit(app: Needs<'db' | 'clock'>, limits: readonly Limit[]): Promise<void> {
  // A statement cannot count twice in one row.
  const windows = new Map(
    limits.filter(({ max }) => max > 0).map(({ name, key, ...limit }) => [bucketOf(name, key), { bucket: bucketOf(name, key), ...limit }]),
  )
  if (windows.size === 0) return
  const now = app.clock.now()
  const counted = await countWindows(app.db, [...windows.values()], now)
  const over = counted.filter(({ bucket, count }) => count > (windows.get(bucket)?.max ?? 0))
  if (over.length > 0) throw tooMany(waitMs(Math.max(...over.map(({ expiresAt }) => expiresAt)), now))
}

export const tooMany = (retryAfterMs: number): Fault =>
  new Fault('rate_limited', `Too many requests of this kind. Try again in ${Math.ceil(retryAfterMs / 1000)} s.`, { retryAfterMs })

/** For the sweep: windows that are over. Answers how many were dropped. */
export const dropRateWindows = (app: Needs<'db' | 'clock'>, limit: number): Promise<number> =>
  deleteExpiredWindows(app.db, app.clock.now(), limit)
