import type { Db } from '../../drivers/records/port.ts'

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

export async function deleteEvents(db: Db, before: number, limit: number): Promise<number> {
  const rows = await db.query(
    `delete from audit_event where id in (
      select id from audit_event where created_at < to_timestamp($1::float8 / 1000.0) order by created_at limit $2::int for update skip locked
    ) returning id`,
    [before, limit],
  )
  return rows.length
}
