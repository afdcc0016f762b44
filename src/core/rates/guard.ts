import { normalAddress } from '../credentials/address.ts'
import { Fault } from '../fault.ts'
import type { Needs } from '../needs.ts'
import { networkOf } from './ip.ts'
import { bucketOf, tooMany, waitMs } from './rates.ts'
import { type Counted, clearFailures, countFailures, deleteWindow, type Lock, readLocks } from './store.ts'

/**
 * The guard of signing in. Attempts that come together are all compared, but their results are taken one by one: once there
 * were as many failures as are allowed, every later result is `locked`, the right password too. So nobody learns more about
 * a password by asking in parallel, and nobody who is right is refused because others of his devices ask at the same time.
 * An e-mail address is counted whether anybody has it or not.
 */
type GuardNeeds = Needs<'db' | 'clock' | 'identity'>

/** Who tries: `ip` null is not counted. */
export interface Attempt {
  email: string
  ip: string | null
}

/** From the first failure on; a window that moved with each of them could be kept from ending. */
const EMAIL_WINDOW_MS = 60 * 60_000
const SOURCE_FAILURES_MAX = 50
const SOURCE_WINDOW_MS = 10 * 60_000

const emailBucket = (email: string): string => bucketOf('sign_in_email', normalAddress(email))

function locksOf({ identity }: GuardNeeds, { email, ip }: Attempt): { own: string; locks: Lock[] } {
  const own = emailBucket(email)
  const source = { max: SOURCE_FAILURES_MAX, windowMs: SOURCE_WINDOW_MS, lockMs: SOURCE_WINDOW_MS }
  const locks: Lock[] = [{ bucket: own, max: identity.failuresMax, windowMs: EMAIL_WINDOW_MS, lockMs: identity.lockMs }]
  if (ip !== null) locks.push({ bucket: bucketOf('sign_in_ip', ip), ...source })
  const network = ip === null ? null : networkOf(ip)
  if (network !== null) locks.push({ bucket: bucketOf('sign_in_network', network), ...source })
  return { own, locks }
}

/** The address' lock says less, so it is told where both are. */
function refuseClosed(closed: readonly Counted[], own: string, now: number): void {
  const source = closed.filter(({ bucket }) => bucket !== own).map(({ expiresAt }) => expiresAt)
  if (source.length > 0) throw tooMany(waitMs(Math.max(...source), now))
  const [email] = closed
  if (email) throw locked(waitMs(email.expiresAt, now))
}

const locked = (retryAfterMs: number): Fault =>
  new Fault('forbidden', `Too many wrong passwords: this address is locked for ${spell(retryAfterMs)}.`, { why: 'locked', retryAfterMs })

const spell = (ms: number): string => (ms > 120_000 ? `${Math.ceil(ms / 60_000)} minutes` : `${Math.ceil(ms / 1000)} s`)

/** Before anything is compared. Throws rate_limited where too many failed from there, forbidden/locked for the e-mail address. */
export async function requireOpen(app: GuardNeeds, attempt: Attempt): Promise<void> {
  const { own, locks } = locksOf(app, attempt)
  const now = app.clock.now()
  refuseClosed(await readLocks(app.db, locks, now), own, now)
}

/** Counts a wrong password. Throws as `requireOpen` does when this one locks, or came when it was locked. */
export async function noteFailure(app: GuardNeeds, attempt: Attempt): Promise<void> {
  const { own, locks } = locksOf(app, attempt)
  const now = app.clock.now()
  const counted = await countFailures(app.db, locks, now)
  const most = new Map(locks.map(({ bucket, max }) => [bucket, max]))
  // Only what came too late is the address' lock: the failure that reaches its limit is answered as the others.
  const closed = counted.filter(({ bucket, count }) => count >= (most.get(bucket) ?? 0) + (bucket === own ? 0 : 1))
  refuseClosed(closed, own, now)
}

/** Takes a right password, and forgets the failures. Throws as `requireOpen` does when it was locked in the meantime: then it was not right in time. */
export async function noteSuccess(app: GuardNeeds, attempt: { email: string; ip?: string | null }): Promise<void> {
  const { own, locks } = locksOf(app, { email: attempt.email, ip: attempt.ip ?? null })
  const now = app.clock.now()
  refuseClosed(await clearFailures(app.db, locks, { cleared: own, now }), own, now)
}

/** For whoever has shown in another way whose address it is, by a mail or the password. May be part of a transaction. */
export const clearLock = (app: Needs<'db'>, email: string): Promise<void> => deleteWindow(app.db, emailBucket(email))
