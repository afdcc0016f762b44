import type { Needs } from '../needs.ts'
import { transactAgain } from './deadlock.ts'
import { lockIdleRun } from './end-store.ts'
import { endLocked } from './ending.ts'
import type { Segment } from './events.ts'
import { holdNext, lockThread, nextIsCall, peekThread, type ThreadKey, threadsWithDueRuns } from './promotion-store.ts'

/** Gives a thread that is free to the first run that waits for it. */
export async function promoteThread(app: Needs<'db' | 'clock' | 'signals'>, thread: ThreadKey): Promise<void> {
  const told: { runId: string; segment: Segment }[] = []
  let locked = false
  const promoted = await transactAgain(app.db, async (db) => {
    told.length = 0
    const seen = await peekThread(db, thread)
    if (!seen || seen.next_at === null) return undefined
    // A run that waits for an answer makes way. The run before the thread: so do commits.
    const holder = seen.run_id === null ? undefined : await lockIdleRun(db, seen.run_id)
    const now = await lockThread(db, thread)
    locked = holder?.status === 'queued'
    if (!now || now.run_id !== seen.run_id || (now.run_id !== null && holder?.status !== 'waiting')) return undefined
    const end = holder && ((await nextIsCall(db, thread)) ? 'completed' : 'cancelled')
    if (holder && end) told.push({ runId: holder.id, segment: await endLocked({ ...app, db }, holder, end) })
    return holdNext(db, thread, app.clock.now())
  })
  for (const { runId, segment } of told) app.signals.publish(runId, segment)
  // A worker passes over a run whose row is locked, as the holder's was.
  if (promoted !== undefined || locked) app.signals.wake()
}

/** The same for all threads; at most `limit` at once. Safe at any time, in any replica. */
export async function promoteRuns(app: Needs<'db' | 'clock' | 'signals'>, limit: number): Promise<number> {
  const threads = await threadsWithDueRuns(app.db, app.clock.now(), limit)
  for (const thread of threads) await promoteThread(app, thread)
  return threads.length
}
