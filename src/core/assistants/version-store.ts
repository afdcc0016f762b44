import type { Db } from '../../drivers/records/port.ts'
import type { JsonObject } from '../json.ts'
import type { AssistantVersion } from './assistants.ts'
import { type AssistantRow, assistantFromRow, COLUMNS } from './store.ts'

/** All versions of one assistant, newest first; empty for one that is not there. */
export async function listVersionRows(
  db: Db,
  tenantId: string,
  input: { id: string; metadata: JsonObject; limit: number; offset: number },
): Promise<AssistantVersion[]> {
  const rows = await db.query<AssistantRow & { version_at: number }>(
    `select ${COLUMNS}, v.created_at as version_at from assistant a join assistant_version v on v.assistant_id = a.id and v.tenant_id = a.tenant_id and v.version >= a.first
    where a.id = $1 and a.tenant_id = $2 and a.deleted_at is null and v.metadata @> $3::text::jsonb order by v.version desc limit $4 offset $5`,
    [input.id, tenantId, JSON.stringify(input.metadata), input.limit, input.offset],
  )
  return rows.map((row) => {
    const { updatedAt: _, ...version } = assistantFromRow(row)
    return { ...version, createdAt: row.version_at }
  })
}

/** False: there is no such assistant, or no such version of it. */
export async function setVersionRow(db: Db, tenantId: string, input: { id: string; version: number; at: number }): Promise<boolean> {
  const rows = await db.hot(
    `update assistant a set version = v.version, updated_at = to_timestamp($4::float8 / 1000.0) from assistant_version v
    where a.id = $1 and a.tenant_id is not distinct from $2::uuid and a.deleted_at is null
      and v.assistant_id = a.id and v.tenant_id = a.tenant_id and v.version = a.first - 1 + $3::int8 and v.version >= a.first returning a.id`,
    [input.id, tenantId, input.version, input.at],
  )
  return rows.length === 1
}
