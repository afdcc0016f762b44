import { purgeAnswers } from '../core/idempotency/idempotency.ts'
import type { Needs } from '../core/needs.ts'
import { purgeJournal } from '../core/runs/claims.ts'
import { expireRuns } from '../core/runs/stop.ts'

const AT_ONCE = 200

/**
 * Housekeeping that every replica may do at any time: each part is bounded, repeats safely, and leaves the rest for the
 * next turn. Runs whose worker died are not here: claiming finds them by their lease.
 */
export async function expire(app: Needs<'db' | 'clock' | 'signals'>): Promise<void> {
  await expireRuns(app, AT_ONCE)
}

/** @param keep.journalKeepMs 0 keeps every journal as long as its thread */
export async function purge(app: Needs<'db' | 'clock' | 'limits'>, keep: { journalKeepMs: number }): Promise<void> {
  await purgeAnswers(app, AT_ONCE)
  if (keep.journalKeepMs > 0) await purgeJournal(app, app.clock.now() - keep.journalKeepMs, AT_ONCE)
}
