import type { Db, Param } from '../../drivers/records/port.ts'
import type { JsonObject } from '../json.ts'
import type { Schedule, ScheduledRun, ScheduleFilter, ScheduleOrder, ScheduleSearch } from './schedules.ts'

interface Row {
  id: string
  tenant_id: string
  assistant_id: string
  thread_id: string | null
  user_id: string | null
  cron: string
  timezone: string | null
  run: string
  metadata: JsonObject
  enabled: boolean
  on_completion: Schedule['onCompletion']
  next_at: number | null
  end_at: number | null
  error: string | null
  created_at: number
  updated_at: number
}

const COLUMNS = `id, tenant_id, assistant_id, thread_id, user_id, cron, timezone, run, metadata, enabled, on_completion, next_at, end_at, error, created_at, updated_at`

const fromRow = (r: Row): Schedule => ({
  ...{ id: r.id, tenantId: r.tenant_id, assistantId: r.assistant_id, threadId: r.thread_id, userId: r.user_id },
  ...{ cron: r.cron, timezone: r.timezone, run: JSON.parse(r.run) as ScheduledRun, metadata: r.metadata, enabled: r.enabled },
  ...{
    onCompletion: r.on_completion,
    nextAt: r.next_at,
    endAt: r.end_at,
    error: r.error,
    createdAt: r.created_at,
    updatedAt: r.updated_at,
  },
})

const time = (n: number): string => `to_timestamp($${n}::float8 / 1000.0)`

const changeable = (s: Schedule): Param[] => [
  ...[s.cron, s.timezone, JSON.stringify(s.run), JSON.stringify(s.metadata), s.enabled, s.onCompletion, s.nextAt, s.endAt, s.error],
  s.updatedAt,
]

/** False: its thread is gone. The thread is locked against that, before the schedule, as its removal does. */
export async function insertRow(db: Db, s: Schedule): Promise<boolean> {
  const rows = await db.hot(
    `with t as materialized (select id from thread where id = $12::uuid and tenant_id is not distinct from $2::uuid for key share)
    insert into schedule (id, tenant_id, cron, timezone, run, metadata, enabled, on_completion, next_at, end_at, error, thread_id, assistant_id, user_id, created_at, updated_at)
    select $1::uuid, $2::uuid, $3, $4, $5, $6::text::jsonb, $7::boolean, $8, ${time(9)}, ${time(10)}, $11, $12::uuid, $13::uuid, $14::uuid, ${time(15)}, ${time(15)}
    where $12::uuid is null or exists (select 1 from t) returning id`,
    [s.id, s.tenantId, ...changeable(s).slice(0, -1), s.threadId, s.assistantId, s.userId, s.createdAt],
  )
  return rows.length === 1
}

const MINE = 'id = $1 and tenant_id is not distinct from $2::uuid'

export async function readRow(db: Db, tenantId: string, id: string): Promise<Schedule | undefined> {
  const rows = await db.hot<Row>(`select ${COLUMNS} from schedule where ${MINE}`, [id, tenantId])
  return rows[0] && fromRow(rows[0])
}

/** Until the end of the transaction. */
export async function lockRow(db: Db, tenantId: string, id: string): Promise<Schedule | undefined> {
  const rows = await db.hot<Row>(`select ${COLUMNS} from schedule where ${MINE} for no key update`, [id, tenantId])
  return rows[0] && fromRow(rows[0])
}

/** Of a row that the transaction has locked. */
export async function writeRow(db: Db, s: Schedule): Promise<void> {
  await db.hot(
    `update schedule set cron = $3, timezone = $4, run = $5, metadata = $6::text::jsonb, enabled = $7::boolean, on_completion = $8,
      next_at = ${time(9)}, end_at = ${time(10)}, error = $11, updated_at = ${time(12)} where ${MINE}`,
    [s.id, s.tenantId, ...changeable(s)],
  )
}

export async function deleteRow(db: Db, tenantId: string, id: string): Promise<boolean> {
  return (await db.hot(`delete from schedule where ${MINE} returning id`, [id, tenantId])).length === 1
}

function matching(tenantId: string, filter: ScheduleFilter): { where: string; params: Param[] } {
  const params: Param[] = [tenantId]
  const where = ['tenant_id = $1']
  const add = (condition: string, value: Param | undefined): void => {
    if (value !== undefined) where.push(condition.replace('?', `$${params.push(value)}`))
  }
  add('assistant_id::text = ?', filter.assistantId)
  add('thread_id = ?', filter.threadId)
  add('enabled = ?::boolean', filter.enabled)
  add('metadata @> ?::text::jsonb', filter.metadata && JSON.stringify(filter.metadata))
  return { where: where.join(' and '), params }
}

const ORDER: Record<ScheduleOrder, string> = {
  id: 'id',
  assistantId: 'assistant_id',
  threadId: 'thread_id',
  createdAt: 'created_at',
  updatedAt: 'updated_at',
  nextAt: 'next_at',
}

export async function searchRows(db: Db, tenantId: string, search: ScheduleSearch): Promise<Schedule[]> {
  const { where, params } = matching(tenantId, search.filter)
  const direction = search.descending ? 'desc' : 'asc'
  const rows = await db.query<Row>(
    `select ${COLUMNS} from schedule where ${where} order by ${ORDER[search.sortBy]} ${direction} nulls last, id ${direction}
    limit $${params.push(search.limit)}::int offset $${params.push(search.offset)}::int`,
    params,
  )
  return rows.map(fromRow)
}

export async function countRows(db: Db, tenantId: string, filter: ScheduleFilter): Promise<number> {
  const { where, params } = matching(tenantId, filter)
  return (await db.query<{ n: number }>(`select count(*)::int as n from schedule where ${where}`, params))[0]?.n ?? 0
}

/** Ids of those whose time has come, the longest due first. */
export async function dueRows(db: Db, now: number, limit: number): Promise<string[]> {
  const rows = await db.hot<{ id: string }>(
    `select id from schedule where enabled and next_at is not null and next_at <= ${time(1)} order by next_at limit $2::int`,
    [now, limit],
  )
  return rows.map((r) => r.id)
}

/**
 * A due schedule that nobody else is at; the others are passed by, not waited for. The row itself is not locked: whoever
 * removes a thread locks that first and its schedules then, and a run is created the other way round.
 */
export async function takeDueRow(db: Db, id: string, now: number): Promise<Schedule | undefined> {
  const [lock] = await db.hot<{ free: boolean }>(`select pg_try_advisory_xact_lock(hashtextextended('schedule ' || $1, 0)) as free`, [id])
  if (!lock?.free) return undefined
  const rows = await db.hot<Row>(
    `select ${COLUMNS} from schedule where id = $1::uuid and enabled and next_at is not null and (next_at <= ${time(2)} or id is null)`,
    [id, now],
  )
  return rows[0] && fromRow(rows[0])
}

/** What came of a time that was due. False: the schedule was changed or removed meanwhile, roll back. */
export async function advanceRow(
  db: Db,
  schedule: Pick<Schedule, 'id' | 'nextAt'>,
  next: Pick<Schedule, 'nextAt' | 'enabled' | 'error'>,
): Promise<boolean> {
  const rows = await db.hot(
    `update schedule set next_at = ${time(3)}, enabled = $4::boolean, error = $5
    where id = $1 and enabled and next_at is not distinct from ${time(2)} returning id`,
    [schedule.id, schedule.nextAt, next.nextAt, next.enabled, next.error],
  )
  return rows.length === 1
}
