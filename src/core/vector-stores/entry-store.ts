import type { Db } from '../../drivers/records/port.ts'
import type { JsonObject } from '../json.ts'
import type { Entry, NewEntry } from './entries.ts'
import type { FileStatus } from './store-files.ts'

interface Row {
  id: string
  store_id: string
  alias: string
  file_name: string
  file_path: string
  status: string
  error_message: string | null
  metadata: JsonObject
  file_id: string | null
  processed_at: number | null
  created_at: number
  f_status: FileStatus | null
  f_error: string | null
  f_ended_at: number | null
}

const COLUMNS = `e.id, e.store_id, e.alias, e.file_name, e.file_path, e.status, e.error_message, e.metadata, e.file_id, e.processed_at,
  e.created_at, f.status as f_status, f.error_message as f_error, f.ended_at as f_ended_at`

/** What the store has of the file now, if the entry stands for one of this server. */
const WITH_FILE = 'left join vector_store_file f on f.store_id = e.store_id and f.file_id = e.file_id'

const fromRow = (r: Row): Entry => ({
  ...{ id: r.id, storeId: r.store_id, alias: r.alias, fileName: r.file_name, filePath: r.file_path, status: r.status },
  ...{ error: r.error_message, metadata: r.metadata, fileId: r.file_id, processedAt: r.processed_at, createdAt: r.created_at },
  ingestion: r.file_id === null ? null : { status: r.f_status ?? 'gone', problem: r.f_error, endedAt: r.f_ended_at },
})

export interface NewEntryRow extends Required<Omit<NewEntry, 'status'>> {
  id: string
  storeId: string
  status: string
  processedAt: number | null
  createdAt: number
}

/** False: the alias is taken. */
export async function insertEntry(db: Db, tenantId: string, row: NewEntryRow): Promise<boolean> {
  const rows = await db.hot(
    `insert into store_entry (id, tenant_id, store_id, alias, file_name, file_path, status, metadata, file_id, processed_at, created_at)
    values ($1, $2::uuid, $3, $4, $5, $6, $7, $8::text::jsonb, $9::uuid, to_timestamp($10::float8 / 1000.0), to_timestamp($11::float8 / 1000.0))
    on conflict do nothing returning id`,
    [
      ...[row.id, tenantId, row.storeId, row.alias, row.fileName, row.filePath, row.status],
      ...[JSON.stringify(row.metadata), row.fileId, row.processedAt, row.createdAt],
    ],
  )
  return rows.length === 1
}

export async function readEntry(db: Db, tenantId: string, key: { storeId: string; alias: string }): Promise<Entry | undefined> {
  const rows = await db.hot<Row>(
    `select ${COLUMNS} from store_entry e ${WITH_FILE} where e.tenant_id = $1 and e.alias = $2 and e.store_id is not distinct from $3::uuid`,
    [tenantId, key.alias, key.storeId],
  )
  return rows[0] && fromRow(rows[0])
}

/** In the order in which they came. */
export async function listEntryRows(db: Db, tenantId: string, { storeId, limit }: { storeId: string; limit: number }): Promise<Entry[]> {
  const rows = await db.query<Row>(
    `select ${COLUMNS} from store_entry e ${WITH_FILE} where e.store_id = $1 and e.tenant_id = $2 order by e.created_at, e.id limit $3::int`,
    [storeId, tenantId, limit],
  )
  return rows.map(fromRow)
}

/** By store; one without entries is not in it. */
export async function countEntries(db: Db, tenantId: string, storeIds: readonly string[]): Promise<Map<string, number>> {
  if (storeIds.length === 0) return new Map()
  const rows = await db.hot<{ store_id: string; n: number }>(
    `select e.store_id, count(*)::int as n from store_entry e where e.store_id = any($1::text::uuid[])
      and e.tenant_id is not distinct from $2::uuid group by e.store_id`,
    [`{${storeIds.join(',')}}`, tenantId],
  )
  return new Map(rows.map((row) => [row.store_id, row.n]))
}

export interface EntryChange {
  id: string
  status: string
  error: string | null
  processedAt: number | null
}

export async function changeEntryRow(db: Db, { id, status, error, processedAt }: EntryChange): Promise<void> {
  await db.hot(
    `update store_entry as e set status = $2, error_message = $3, processed_at = to_timestamp($4::float8 / 1000.0) where e.id = $1`,
    [id, status, error, processedAt],
  )
}

/** The oldest with this path. Undefined: there is none. */
export async function deleteEntryRow(
  db: Db,
  tenantId: string,
  { storeId, filePath }: { storeId: string; filePath: string },
): Promise<{ fileId: string | null } | undefined> {
  const rows = await db.hot<{ file_id: string | null }>(
    `delete from store_entry as e where e.id = (select id from store_entry o where o.store_id = $1 and o.tenant_id is not distinct from $2::uuid
      and o.file_path || '' = $3 order by o.created_at, o.id limit 1) returning e.file_id`,
    [storeId, tenantId, filePath],
  )
  return rows[0] && { fileId: rows[0].file_id }
}

/** Whether an entry of the store stands for this file of the server. */
export async function hasEntryOf(db: Db, { storeId, fileId }: { storeId: string; fileId: string }): Promise<boolean> {
  const rows = await db.hot(`select 1 from store_entry e where e.store_id = $1 and e.file_id is not distinct from $2::uuid limit 1`, [
    ...[storeId, fileId],
  ])
  return rows.length === 1
}

/** Those of the stores in which something can be found, in no order. */
export async function readFilledStores(db: Db, tenantId: string, storeIds: readonly string[]): Promise<Set<string>> {
  if (storeIds.length === 0) return new Set()
  const rows = await db.hot<{ id: string }>(
    `select i.id from unnest($1::text::uuid[]) as i(id) where exists (select 1 from vector_store_file f where f.store_id = i.id
      and f.status || '' = 'completed' and f.tenant_id is not distinct from $2::uuid)`,
    [`{${storeIds.join(',')}}`, tenantId],
  )
  return new Set(rows.map((row) => row.id))
}
