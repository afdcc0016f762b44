import { type Caller, serverOf } from '../caller.ts'
import { Fault, type FaultCode } from '../fault.ts'
import { makeStorable } from '../json.ts'
import type { Needs } from '../needs.ts'
import { createGraphRun } from '../runs/graph-runs.ts'
import { HeldSignals } from '../runs/held-signals.ts'
import { nextOf, type Schedule } from './schedules.ts'
import { advanceRow, dueRows, takeDueRow } from './store.ts'

type TickNeeds = Needs<'db' | 'clock' | 'signals' | 'graphs' | 'limits' | 'log'>

/** Where nothing but another try helps: the time stays due. */
const PASSING: readonly FaultCode[] = ['unavailable', 'internal', 'rate_limited']

/**
 * Begins the runs whose time has come; at most `limit`. Safe at any time, in any replica. A run and the step to the next
 * time are one transaction: each time has at most one run, and one that was missed for long has one, not many. Answers how
 * many schedules were seen to.
 */
export async function runDueSchedules(app: TickNeeds, limit: number): Promise<number> {
  const due = await dueRows(app.db, app.clock.now(), limit)
  for (const id of due) {
    try {
      await tick(app, id)
    } catch (cause) {
      // The others would not fare better.
      if (cause instanceof Fault && cause.code === 'unavailable') throw cause
      app.log.error('schedule.failed', { schedule: id, cause })
    }
  }
  return due.length
}

class Overtaken extends Error {}

async function tick(app: TickNeeds, id: string): Promise<void> {
  const signals = new HeldSignals(app.signals)
  let committed = false
  try {
    await app.db.transaction(async (db) => {
      const now = app.clock.now()
      const schedule = await takeDueRow(db, id, now)
      if (!schedule) return
      const outcome = isOver(schedule, now) ? OVER : await begin({ ...app, db, signals }, schedule)
      const enabled = schedule.enabled && !outcome.stop
      // Another replica's clock may be ahead of ours.
      const nextAt = isOver(schedule, now) ? null : nextOf({ ...schedule, enabled }, Math.max(now, schedule.nextAt ?? 0))
      if (!(await advanceRow(db, schedule, { enabled, nextAt, error: outcome.error }))) throw new Overtaken()
    })
    committed = true
  } catch (error) {
    if (!(error instanceof Overtaken)) throw error
  } finally {
    signals.settle(committed)
  }
}

interface Outcome {
  error: string | null
  /** There is no use in a next time. */
  stop: boolean
}

const OVER: Outcome = { error: null, stop: false }

/** A time that was missed while no server ran is not made up for after the end. */
const isOver = ({ endAt }: Schedule, now: number): boolean => endAt !== null && now > endAt

async function begin(app: TickNeeds, schedule: Schedule): Promise<Outcome> {
  const { assistantId, threadId, run, metadata, onCompletion } = schedule
  const caller: Caller = { ...serverOf(schedule.tenantId), userId: schedule.userId }
  const thread = threadId === null ? { temporary: onCompletion === 'delete' } : { id: threadId, create: false }
  try {
    await app.db.transaction((db) => createGraphRun({ ...app, db }, caller, { thread, run: { ...run, assistantId, metadata } }))
    return { error: null, stop: false }
  } catch (error) {
    if (!(error instanceof Fault) || PASSING.includes(error.code)) throw error
    app.log.warn('schedule.skipped', { schedule: schedule.id, code: error.code, cause: error.message })
    return { error: makeStorable(error.message), stop: error.code === 'not_found' }
  }
}
