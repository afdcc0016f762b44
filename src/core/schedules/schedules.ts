import { getAssistant } from '../assistants/assistants.ts'
import { type Caller, requireScope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import { newId } from '../id.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import type { Strategy } from '../runs/call.ts'
import type { NewGraphRun } from '../runs/graph-runs.ts'
import { createThread, getThread } from '../threads/threads.ts'
import { countRows, deleteRow, insertRow, lockRow, readRow, searchRows, writeRow } from './store.ts'
import { nextTime, requireTimes, type Times } from './times.ts'

/** The run that a schedule begins each time; its assistant, thread and metadata are the schedule's. */
export type ScheduledRun = Pick<NewGraphRun, 'call' | 'strategy'>

/** What begins a run again and again. */
export interface Schedule extends Times {
  id: string
  tenantId: string
  assistantId: string
  /** Null: every run gets a thread of its own. */
  threadId: string | null
  userId: string | null
  run: ScheduledRun
  /** Also of its runs. */
  metadata: JsonObject
  enabled: boolean
  /** What becomes of a thread of its own after the run. */
  onCompletion: 'delete' | 'keep'
  /** Null: there is no next time. Milliseconds since the epoch, as all times here. */
  nextAt: number | null
  /** No run begins after it. */
  endAt: number | null
  /** Why the last time created no run. */
  error: string | null
  createdAt: number
  updatedAt: number
}

export type NewSchedule = Pick<Schedule, 'assistantId' | 'cron' | 'run'> &
  Partial<Pick<Schedule, 'threadId' | 'timezone' | 'metadata' | 'enabled' | 'onCompletion' | 'endAt'>> & {
    /** Make the thread where it is missing. */
    createThread?: boolean
  }

/** Absent fields stay as they are. */
export interface ScheduleChange extends Partial<Pick<Schedule, 'cron' | 'timezone' | 'metadata' | 'enabled' | 'onCompletion' | 'endAt'>> {
  call?: Partial<ScheduledRun['call']>
  strategy?: Strategy
}

export interface ScheduleFilter {
  assistantId?: string
  threadId?: string
  enabled?: boolean
  /** Containment. */
  metadata?: JsonObject
}

export type ScheduleOrder = 'id' | 'assistantId' | 'threadId' | 'createdAt' | 'updatedAt' | 'nextAt'

export interface ScheduleSearch {
  filter: ScheduleFilter
  sortBy: ScheduleOrder
  descending: boolean
  limit: number
  offset: number
}

type CreateNeeds = Needs<'db' | 'clock' | 'limits' | 'signals' | 'webhooks'>

/** Throws not_found (assistant, thread) or invalid (param schedule, timezone, webhook, on_run_completed). */
export async function createSchedule(app: CreateNeeds, caller: Caller, { createThread: makes, ...input }: NewSchedule): Promise<Schedule> {
  requireScope(caller, 'write')
  requireTimes({ cron: input.cron, timezone: input.timezone ?? null })
  requireOwnThread(input.threadId ?? null, input.onCompletion)
  if (input.run.call.webhook !== null) app.webhooks.require(input.run.call.webhook)
  await getAssistant(app, caller, input.assistantId)
  if (input.threadId) await requireThread(app, caller, { id: input.threadId, makes: makes ?? false })
  const at = app.clock.now()
  const created: Schedule = {
    ...{ id: newId(), tenantId: caller.tenantId, userId: caller.userId, threadId: null, timezone: null, metadata: {}, enabled: true },
    ...{ onCompletion: 'delete', endAt: null, error: null, createdAt: at, updatedAt: at, nextAt: null },
    ...input,
  }
  const schedule = { ...created, nextAt: nextOf(created, at) }
  if (!(await insertRow(app.db, schedule))) throw notFound('thread', schedule.threadId ?? '')
  return schedule
}

async function requireThread(app: CreateNeeds, caller: Caller, { id, makes }: { id: string; makes: boolean }): Promise<void> {
  try {
    await getThread(app, caller, id)
  } catch (error) {
    if (!makes || !(error instanceof Fault) || error.code !== 'not_found') throw error
    await createThread(app, caller, { id }).catch(unlessThere)
  }
}

/** Somebody else was faster. */
function unlessThere(error: unknown): void {
  if (!(error instanceof Fault) || error.code !== 'exists') throw error
}

function requireOwnThread(threadId: string | null, onCompletion: Schedule['onCompletion'] | undefined): void {
  if (threadId === null || onCompletion !== 'delete') return
  throw new Fault('invalid', 'Only a thread that a run was given of its own is deleted after it.', {
    param: 'on_run_completed',
    reason: 'value',
  })
}

/** When it is due next, after `after`. */
export function nextOf(schedule: Times & Pick<Schedule, 'enabled' | 'endAt'>, after: number): number | null {
  if (!schedule.enabled) return null
  const next = nextTime(schedule, after)
  return next !== null && schedule.endAt !== null && next > schedule.endAt ? null : next
}

/** Throws not_found. */
export async function getSchedule(app: Needs<'db'>, caller: Caller, id: string): Promise<Schedule> {
  requireScope(caller, 'read')
  const row = await readRow(app.db, caller.tenantId, id)
  if (!row) throw notFound('schedule', id)
  return row
}

export async function searchSchedules(app: Needs<'db'>, caller: Caller, search: ScheduleSearch): Promise<Schedule[]> {
  requireScope(caller, 'read')
  return searchRows(app.db, caller.tenantId, search)
}

export async function countSchedules(app: Needs<'db'>, caller: Caller, filter: ScheduleFilter): Promise<number> {
  requireScope(caller, 'read')
  return countRows(app.db, caller.tenantId, filter)
}

/** What it is due at next is reckoned from now, where the change says when. Throws not_found or invalid. */
export async function changeSchedule(
  app: Needs<'db' | 'clock' | 'webhooks'>,
  caller: Caller,
  { id, change: { call, strategy, ...change } }: { id: string; change: ScheduleChange },
): Promise<Schedule> {
  requireScope(caller, 'write')
  if (call?.webhook) app.webhooks.require(call.webhook)
  const at = app.clock.now()
  const again = (['cron', 'timezone', 'enabled', 'endAt'] as const).some((field) => change[field] !== undefined)
  return app.db.transaction(async (db) => {
    const current = await lockRow(db, caller.tenantId, id)
    if (!current) throw notFound('schedule', id)
    requireOwnThread(current.threadId, change.onCompletion)
    const run = { ...current.run, ...(strategy ? { strategy } : {}), call: { ...current.run.call, ...call } }
    const changed: Schedule = { ...current, ...change, run, updatedAt: at }
    requireTimes(changed)
    const next = again ? { ...changed, nextAt: nextOf(changed, at), error: null } : changed
    await writeRow(db, next)
    return next
  })
}

/** Runs that it has begun go on. Throws not_found. */
export async function deleteSchedule(app: Needs<'db'>, caller: Caller, id: string): Promise<void> {
  requireScope(caller, 'write')
  if (!(await deleteRow(app.db, caller.tenantId, id))) throw notFound('schedule', id)
}
