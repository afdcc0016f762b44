import type { Db, Param } from '../../drivers/records/port.ts'
import { deleteOldRows } from '../sweeps/old-rows.ts'

export interface EventRow {
  id: string
  tenantId: string | null
  userId: string | null
  event: string
  result: string
  reason: string | null
  ipHash: string | null
  userAgent: string | null
  /** JSON. */
  details: string | null
  at: number
}

export async function insertEvent(db: Db, e: EventRow): Promise<void> {
  await db.hot(
    `insert into audit_event (id, tenant_id, user_id, event, result, reason, ip_hash, user_agent, details, created_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, to_timestamp($10::float8 / 1000.0))`,
    [e.id, e.tenantId, e.userId, e.event, e.result, e.reason, e.ipHash, e.userAgent, e.details, e.at],
  )
}

export const deleteEvents = (db: Db, before: number, limit: number): Promise<number> =>
  deleteOldRows(db, { table: 'audit_event', time: 'created_at' }, { before, limit })

export interface EventPlace {
  id: string
  at: number
}

export async function findEvent(db: Db, id: string): Promise<EventPlace | undefined> {
  return (await db.hot<EventPlace>('select id, created_at as at from audit_event where id = $1', [id]))[0]
}

export interface ListedRow extends EventRow {
  tenantSlug: string | null
  email: string | null
}

export interface EventSearch {
  tenantId: string | undefined
  events: readonly string[]
  since: number | undefined
  after: EventPlace | undefined
  limit: number
}

/** Newest first. A filter that was not asked for is not in the statement: then the index that fits the others is used. */
export function listEventRows(db: Db, { tenantId, events, since, after, limit }: EventSearch): Promise<ListedRow[]> {
  const params: Param[] = []
  const param = (value: Param): string => `$${params.push(value)}`
  const filters = [
    ...(tenantId === undefined ? [] : [`e.tenant_id = ${param(tenantId)}::uuid`]),
    ...(events.length === 0 ? [] : [`e.event = any(${param(`{${events.join(',')}}`)}::text::text[])`]),
    ...(since === undefined ? [] : [`e.created_at >= to_timestamp(${param(since)}::float8 / 1000.0)`]),
    ...(after === undefined
      ? []
      : [`(e.created_at, e.id) < (to_timestamp(${param(after.at)}::float8 / 1000.0)::timestamptz(3), ${param(after.id)}::uuid)`]),
  ]
  return db.query(
    `select e.id, e.tenant_id as "tenantId", t.name as "tenantSlug", e.user_id as "userId", coalesce(c.email, u.email) as email,
      e.event, e.result, e.reason, e.ip_hash as "ipHash", e.user_agent as "userAgent", e.details, e.created_at as at
    from (select * from audit_event e ${filters.length === 0 ? '' : `where ${filters.join(' and ')}`}
      order by e.created_at desc, e.id desc limit ${param(limit)}::int) e
    left join tenant t on t.id = e.tenant_id left join app_user u on u.id = e.user_id left join credential c on c.id = u.credential_id
    order by e.created_at desc, e.id desc`,
    params,
  )
}
