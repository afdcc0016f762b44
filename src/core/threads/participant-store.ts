import type { Db } from '../../drivers/records/port.ts'
import type { JsonObject } from '../json.ts'
import { THREAD_COLUMNS, type ThreadRow, threadFromRow } from './store.ts'
import type { Thread } from './threads.ts'

interface Side {
  threadId: string
  tenantId: string
}

/** Users that are gone by now are passed over. Those who take part already stay where they are in the order. */
export async function addParticipantRows(db: Db, side: Side, { userIds, at }: { userIds: readonly string[]; at: number }): Promise<void> {
  if (userIds.length === 0) return
  await db.hot(
    `insert into association (tenant_id, kind, from_id, to_id, created_at)
    select u.tenant_id, 'thread_user', $2, u.id, to_timestamp(($4::float8 + x.n) / 1000.0)
      from unnest($3::text::uuid[]) with ordinality as x(id, n)
      cross join lateral (select u.id, u.tenant_id from app_user u where u.id = x.id and u.tenant_id is not distinct from $1::uuid for key share offset 0) u
    on conflict do nothing`,
    [side.tenantId, side.threadId, `{${userIds.join(',')}}`, at],
  )
}

export async function keepParticipantRows(db: Db, side: Side, userIds: readonly string[]): Promise<void> {
  await db.hot(
    `delete from association a where a.from_id = $2 and a.kind || '' = 'thread_user' and a.tenant_id is not distinct from $1::uuid
      and not (a.to_id = any($3::text::uuid[]))`,
    [side.tenantId, side.threadId, `{${userIds.join(',')}}`],
  )
}

/** Oldest first: those the user takes part in, and those that are his. */
export async function threadsOfRow(db: Db, tenantId: string, { userId, limit }: { userId: string; limit: number }): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    `select t.id from (
        select a.from_id as id from association a where a.to_id = $2 and a.kind = 'thread_user' and a.tenant_id = $1
        union select o.object_id from ownership o where o.tenant_id = $1 and o.kind = 'thread' and o.user_id = $2) x
      join thread t on t.id = x.id and t.tenant_id = $1 order by t.created_at, t.id limit $3::int`,
    [tenantId, userId, limit],
  )
  return rows.map((row) => row.id)
}

/** Undefined: no such thread. */
export async function mergeThreadMetadata(
  db: Db,
  tenantId: string,
  { id, metadata, at }: { id: string; metadata: JsonObject; at: number },
): Promise<Thread | undefined> {
  const rows = await db.hot<ThreadRow>(
    `update thread t set metadata = t.metadata || $3::text::jsonb, updated_at = to_timestamp($4::float8 / 1000.0)
    where id = $1 and tenant_id is not distinct from $2::uuid returning ${THREAD_COLUMNS}`,
    [id, tenantId, JSON.stringify(metadata), at],
  )
  return rows[0] && threadFromRow(rows[0])
}
