import { expireActions } from '../core/actions/actions.ts'
import { dropAuditEvents } from '../core/audit/audit.ts'
import { sweepObjects } from '../core/files/objects.ts'
import { expireFiles } from '../core/files/removal.ts'
import { expireUploads } from '../core/files/uploads.ts'
import { purgeAnswers } from '../core/idempotency/idempotency.ts'
import { deleteExpiredItems } from '../core/items/items.ts'
import { dropMails } from '../core/mail/mail.ts'
import type { Needs } from '../core/needs.ts'
import { dropRateWindows } from '../core/rates/rates.ts'
import { purgeJournal, purgeTimedJournals } from '../core/runs/claims.ts'
import { promoteRuns } from '../core/runs/promotion.ts'
import { dropClientKeys } from '../core/runs/secrets.ts'
import { expireRuns } from '../core/runs/stop.ts'
import { runDueSchedules } from '../core/schedules/ticks.ts'
import { dropNonces } from '../core/service-accounts/nonces.ts'
import { dropEndedTokens } from '../core/service-accounts/tokens.ts'
import { dropEmailTokens } from '../core/sessions/email-tokens.ts'
import { dropSessions } from '../core/sessions/sessions.ts'
import { dropInvites } from '../core/sign-up/invites.ts'
import { dropSignupRequests } from '../core/sign-up/requests.ts'
import { dropDrafts } from '../core/threads/message-drafts.ts'
import { deleteExpiredThreads } from '../core/threads/removal.ts'
import { dropRetiredKeys } from '../core/tokens/key-ring.ts'
import { emptyExpiredStores } from '../core/vector-stores/removal.ts'

const AT_ONCE = 200

/**
 * Housekeeping that every replica may do at any time: each part is bounded, repeats safely, and leaves the rest for the
 * next turn. Runs whose worker died are not here: claiming finds them by their lease.
 */
export async function expire(app: Needs<'db' | 'clock' | 'signals' | 'graphs' | 'limits' | 'log'>): Promise<void> {
  await expireRuns(app, AT_ONCE)
  await promoteRuns(app, AT_ONCE)
  await beginDue(app)
}

/** Where a look is still at it: the next poll leaves the work to it. */
const beginning = new WeakSet<object>()
const DUE_ROUNDS_MAX = 5

async function beginDue(app: Parameters<typeof runDueSchedules>[0]): Promise<void> {
  if (beginning.has(app.db)) return
  beginning.add(app.db)
  try {
    for (let round = 0; round < DUE_ROUNDS_MAX; round++) if ((await runDueSchedules(app, AT_ONCE)) < AT_ONCE) break
  } finally {
    beginning.delete(app.db)
  }
}

/** @param keep.journalKeepMs 0 keeps every journal as long as its thread */
export async function purge(app: Needs<'db' | 'clock' | 'limits'>, keep: { journalKeepMs: number }): Promise<void> {
  await purgeAnswers(app, AT_ONCE)
  if (keep.journalKeepMs > 0) await purgeJournal(app, app.clock.now() - keep.journalKeepMs, AT_ONCE)
}

type SweepNeeds = Needs<'db' | 'clock' | 'log' | 'signals' | 'files' | 'identity'>

const SWEEPS: Record<string, (app: SweepNeeds, limit: number) => Promise<number>> = {
  expireFiles,
  expireUploads,
  emptyExpiredStores,
  deleteExpiredThreads,
  deleteExpiredItems,
  expireActions,
  purgeTimedJournals,
  dropClientKeys,
  dropDrafts,
  dropRetiredKeys,
  dropMails,
  dropNonces,
  dropEndedTokens,
  dropSessions,
  dropEmailTokens,
  dropAuditEvents,
  dropInvites,
  dropSignupRequests,
  dropRateWindows,
  // Last, for what the others gave up.
  sweepObjects,
}
const ROUNDS_MAX = 50

/** Also safe at any time in any replica; each part goes on while there is more, whatever becomes of the others. */
export async function sweep(app: SweepNeeds, stopping: () => boolean): Promise<void> {
  for (const [part, work] of Object.entries(SWEEPS)) {
    try {
      for (let round = 0; round < ROUNDS_MAX && !stopping(); round++) {
        const began = app.clock.now()
        if ((await work(app, AT_ONCE)) < AT_ONCE) break
        // Half of the time is for those who wait for an answer.
        await Bun.sleep(app.clock.now() - began)
      }
    } catch (cause) {
      app.log.warn('sweep.failed', { part, cause: String(cause) })
    }
  }
}
