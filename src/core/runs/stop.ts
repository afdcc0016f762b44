import { type Caller, requireScope } from '../caller.ts'
import { Fault } from '../fault.ts'
import type { Needs } from '../needs.ts'
import { transactAgain } from './deadlock.ts'
import { expiredIdleRuns, lockIdleRun } from './end-store.ts'
import { endLocked } from './ending.ts'
import { promoteThread } from './promotion.ts'
import { removeIdleRun } from './removal.ts'
import { getRun, type Run } from './runs.ts'
import { isEnd } from './status.ts'
import { markCancelling } from './store.ts'

/**
 * Asks a run to stop. A run that nobody executes is cancelled at once; a running one becomes `cancelling` and its
 * executor ends it. With `rollback` nothing remains of it: it is removed, with its checkpoints, when it has stopped.
 * Throws not_found, or wrong_state (action 'cancel') for a run that has ended.
 */
export async function cancelRun(
  app: Needs<'db' | 'clock' | 'signals'>,
  caller: Caller,
  input: { threadId: string; id: string; rollback?: boolean },
): Promise<Run> {
  requireScope(caller, 'write')
  const { rollback = false } = input
  // The run may change hands between the look and the update: look again, a few times at most, as each turn is a real change.
  for (;;) {
    const run = await getRun(app, caller, input)
    if (isEnd(run.status)) throw new Fault('wrong_state', 'The run has ended.', { kind: 'run', status: run.status, action: 'cancel' })
    if (run.status === 'cancelling' && !rollback) return run
    if (run.status === 'running' || run.status === 'cancelling') {
      if (!(await markCancelling(app.db, run.id, rollback))) continue
      app.signals.cancel(run.id)
      return { ...run, status: 'cancelling' }
    }
    if (rollback) {
      if (await removeIdleRun(app, caller.tenantId, input)) return { ...run, status: 'cancelled' }
    } else if (await endIdle(app, run.id, 'cancelled')) return getRun(app, caller, input)
  }
}

/** Ends a run that no worker holds, with its open step and its closing events. False: a worker holds it, or it has ended. */
async function endIdle(app: Needs<'db' | 'clock' | 'signals'>, runId: string, status: 'cancelled' | 'expired'): Promise<boolean> {
  const done = await transactAgain(app.db, async (db) => {
    const run = await lockIdleRun(db, runId)
    return run && { run, segment: await endLocked({ ...app, db }, run, status) }
  })
  if (!done) return false
  app.signals.publish(runId, done.segment)
  await promoteThread(app, { id: done.run.thread_id, tenantId: done.run.tenant_id })
  return true
}

/** Ends queued and waiting runs whose time is over, at most `limit` at once. A running one is ended by its executor. */
export async function expireRuns(app: Needs<'db' | 'clock' | 'signals'>, limit: number): Promise<number> {
  const ids = await expiredIdleRuns(app.db, app.clock.now(), limit)
  let ended = 0
  for (const id of ids) if (await endIdle(app, id, 'expired')) ended++
  return ended
}
