import type { Db } from '../../drivers/records/port.ts'
import type { StoredSettings, TenantSettings } from './tenant-settings.ts'

interface Row {
  document: string
  version: number
  updated_at: number
}

const COLUMNS = 'document, version, updated_at'

const fromRow = (r: Row): StoredSettings => ({
  document: JSON.parse(r.document) as TenantSettings,
  version: r.version,
  updatedAt: r.updated_at,
})

export async function readSettingsRow(db: Db, tenantId: string): Promise<StoredSettings | undefined> {
  const rows = await db.hot<Row>(`select ${COLUMNS} from tenant_settings where tenant_id = $1::uuid`, [tenantId])
  return rows[0] && fromRow(rows[0])
}

/** Undefined: the row has another version. Rows are never removed, so that one that is there stays there. */
export async function writeSettingsRow(
  db: Db,
  tenantId: string,
  input: { document: TenantSettings; at: number; ifVersion: number | null },
): Promise<StoredSettings | undefined> {
  const rows = await db.hot<Row>(
    `insert into tenant_settings as s (tenant_id, document, version, updated_at)
    select $1::uuid, $2, 1, to_timestamp($3::float8 / 1000.0)
    where $4::int is null or $4::int = 0 or exists (select 1 from tenant_settings t where t.tenant_id = $1::uuid)
    on conflict (tenant_id) do update set document = excluded.document, version = s.version + 1, updated_at = excluded.updated_at
    where $4::int is null or s.version = $4::int
    returning ${COLUMNS}`,
    [tenantId, JSON.stringify(input.document), input.at, input.ifVersion],
  )
  return rows[0] && fromRow(rows[0])
}
