import { type Caller, requireScope } from '../caller.ts'
import { Fault } from '../fault.ts'
import type { Needs } from '../needs.ts'
import { endIdleRun, expiredIdleRuns, type LockedRun, lockIdleRun } from './end-store.ts'
import type { RunEvent, StepCall, Usage } from './events.ts'
import { callFromRow } from './rows.ts'
import { getRun, type Run } from './runs.ts'
import { isEnd, requireTransition } from './status.ts'
import { markCancelling } from './store.ts'

const NO_USAGE: Usage = { promptTokens: 0, completionTokens: 0, totalTokens: 0 }

/**
 * Asks a run to stop. A run that nobody executes is cancelled at once; a running one becomes `cancelling` and its
 * executor ends it. Throws not_found, or wrong_state (action 'cancel') for a run that has ended.
 */
export async function cancelRun(
  app: Needs<'db' | 'clock' | 'signals'>,
  caller: Caller,
  input: { threadId: string; id: string },
): Promise<Run> {
  requireScope(caller, 'write')
  // The run may change hands between the look and the update: look again, a few times at most, as each turn is a real change.
  for (;;) {
    const run = await getRun(app, caller, input)
    if (isEnd(run.status)) throw new Fault('wrong_state', 'The run has ended.', { kind: 'run', status: run.status, action: 'cancel' })
    if (run.status === 'cancelling') return run
    if (run.status === 'running') {
      if (!(await markCancelling(app.db, run.id))) continue
      app.signals.cancel(run.id)
      return { ...run, status: 'cancelling' }
    }
    if (await endIdle(app, run.id, 'cancelled')) return getRun(app, caller, input)
  }
}

/** Ends a run that no worker holds, with its open step and its closing events. False: a worker holds it, or it has ended. */
async function endIdle(app: Needs<'db' | 'clock' | 'signals'>, runId: string, status: 'cancelled' | 'expired'): Promise<boolean> {
  const at = app.clock.now()
  const written = await app.db.transaction(async (db) => {
    const locked = await lockIdleRun(db, runId)
    if (!locked) return undefined
    requireTransition(locked.status, status)
    const events: RunEvent[] = []
    if (status === 'cancelled') events.push({ type: 'status', status: 'cancelling', at })
    if (locked.open_step) events.push({ type: 'step_end', id: locked.open_step.id, status, at, ...openStepFacts(locked) })
    const usage = locked.usage === null ? NO_USAGE : (JSON.parse(locked.usage) as Usage)
    events.push({ type: 'status', status, at, usage })
    const step = locked.open_step && { id: locked.open_step.id, status }
    await endIdleRun(db, { runId, status, at, seq: locked.next_event, events, step, usage: JSON.stringify(usage) })
    return { seq: locked.next_event, events }
  })
  if (written) app.signals.publish(runId, written)
  return written !== undefined
}

export function openStepFacts(run: LockedRun): { usage: Usage | null; calls?: StepCall[] } {
  const step = run.open_step
  if (!step) return { usage: null }
  const usage = step.usage === null ? null : (JSON.parse(step.usage) as Usage)
  return step.calls ? { usage, calls: step.calls.map(callFromRow) } : { usage }
}

/** Ends queued and waiting runs whose time is over, at most `limit` at once. A running one is ended by its executor. */
export async function expireRuns(app: Needs<'db' | 'clock' | 'signals'>, limit: number): Promise<number> {
  const ids = await expiredIdleRuns(app.db, app.clock.now(), limit)
  let ended = 0
  for (const id of ids) if (await endIdle(app, id, 'expired')) ended++
  return ended
}
