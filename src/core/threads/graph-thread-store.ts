import type { Db } from '../../drivers/records/port.ts'
import type { JsonObject } from '../json.ts'
import { THREAD_COLUMNS, type ThreadRow, threadFromRow } from './store.ts'
import type { Thread } from './threads.ts'

/** A temporary thread is there while its run is. */
const SHOWN = `(not t.temporary or t.run_id is not null or t.next_at is not null)`

export interface ThreadPatchRow {
  id: string
  /** Merged into what is there. */
  metadata: JsonObject | null
  graph: string | null
  /** Absent: stays; minutes null: kept for ever. */
  ttl?: { minutes: number | null; expiresAt: number | null }
  at: number
}

export async function patchThreadRow(db: Db, tenantId: string, patch: ThreadPatchRow): Promise<Thread | undefined> {
  const rows = await db.hot<ThreadRow>(
    `update thread t set metadata = t.metadata || coalesce($3::text::jsonb, '{}'), graph = coalesce($4, t.graph),
      ttl_minutes = case when $5::boolean then $6::float8 else t.ttl_minutes end,
      expires_at = case when $5::boolean then to_timestamp($7::float8 / 1000.0) else t.expires_at end, updated_at = to_timestamp($8::float8 / 1000.0)
    where id = $1 and tenant_id is not distinct from $2::uuid and ${SHOWN} returning ${THREAD_COLUMNS}`,
    [
      ...[patch.id, tenantId, patch.metadata && JSON.stringify(patch.metadata), patch.graph],
      ...[patch.ttl !== undefined, patch.ttl?.minutes ?? null, patch.ttl?.expiresAt ?? null, patch.at],
    ],
  )
  return rows[0] && threadFromRow(rows[0])
}

/** A thread that was made out of sight is there from now on. */
export async function showThreadRow(
  db: Db,
  tenantId: string,
  input: { id: string; expiresAt: number | null },
): Promise<Thread | undefined> {
  const rows = await db.hot<ThreadRow>(
    `update thread t set temporary = false, expires_at = to_timestamp($3::float8 / 1000.0)
    where id = $1 and tenant_id is not distinct from $2::uuid returning ${THREAD_COLUMNS}`,
    [input.id, tenantId, input.expiresAt],
  )
  return rows[0] && threadFromRow(rows[0])
}
