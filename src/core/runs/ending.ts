import type { Db } from '../../drivers/records/port.ts'
import { insertJobs } from '../jobs/jobs.ts'
import type { Needs } from '../needs.ts'
import type { GraphCall } from './call.ts'
import { endIdleRun, type LockedRun } from './end-store.ts'
import type { RunEvent, Segment, StepCall, Usage } from './events.ts'
import { callFromRow } from './rows.ts'
import { requireTransition } from './status.ts'

const NO_USAGE: Usage = { promptTokens: 0, completionTokens: 0, totalTokens: 0 }

/** Ends a run that the transaction `app.db` has locked. The segment is to be published after the commit. */
export async function endLocked(
  app: Needs<'db' | 'clock'>,
  run: LockedRun,
  status: 'cancelled' | 'expired' | 'completed',
): Promise<Segment> {
  const at = app.clock.now()
  requireTransition(run.status, status)
  const events: RunEvent[] = []
  if (status === 'cancelled') events.push({ type: 'status', status: 'cancelling', at })
  if (run.open_step) events.push({ type: 'step_end', id: run.open_step.id, status, at, ...openStepFacts(run) })
  const usage = run.usage === null ? NO_USAGE : (JSON.parse(run.usage) as Usage)
  events.push({ type: 'status', status, at, usage })
  const step = run.open_step && { id: run.open_step.id, status }
  await endIdleRun(app.db, { runId: run.id, status, at, seq: run.next_event, events, step, usage: JSON.stringify(usage) })
  if (run.status === 'queued') await tellEnd(app.db, run, at)
  return { seq: run.next_event, events }
}

/** Not of one that waited: when it stopped, its webhook was told that it had done what it was called for. */
async function tellEnd(db: Db, run: LockedRun, at: number): Promise<void> {
  const url = run.call === null ? null : (JSON.parse(run.call) as GraphCall).webhook
  if (url) await insertJobs(db, at, [{ kind: 'webhook', tenantId: run.tenant_id, subject: run.id, payload: { url } }])
}

export function openStepFacts(run: LockedRun): { usage: Usage | null; calls?: StepCall[] } {
  const step = run.open_step
  if (!step) return { usage: null }
  const usage = step.usage === null ? null : (JSON.parse(step.usage) as Usage)
  return step.calls ? { usage, calls: step.calls.map(callFromRow) } : { usage }
}
