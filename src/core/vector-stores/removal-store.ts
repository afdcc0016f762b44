import type { Db } from '../../drivers/records/port.ts'

export async function deleteDocumentChunks(db: Db, documentId: string, limit: number): Promise<number> {
  const rows = await db.hot<{ n: number }>(
    `with d as (delete from chunk where id = any(array(select id from chunk where document_id = $1 order by document_id, idx limit $2)) returning 1)
    select count(*)::int as n from d`,
    [documentId, limit],
  )
  return rows[0]?.n ?? 0
}

export async function deleteStoreChunks(db: Db, storeId: string, limit: number): Promise<number> {
  const rows = await db.hot<{ n: number }>(
    `with d as (delete from chunk where id = any(array(select id from chunk where store_id = $1 limit $2)) returning 1)
    select count(*)::int as n from d`,
    [storeId, limit],
  )
  return rows[0]?.n ?? 0
}

/** Stores whose time is over and that still hold something. */
export async function expiredStores(db: Db, now: number, limit: number): Promise<string[]> {
  const rows = await db.hot<{ id: string }>(
    `select id from vector_store where expires_days is not null and emptied_at is null
      and last_active_at < to_timestamp($1::float8 / 1000.0) - interval '1 day'
      and last_active_at + expires_days * interval '1 day' <= to_timestamp($1::float8 / 1000.0) order by last_active_at limit $2`,
    [now, limit],
  )
  return rows.map((r) => r.id)
}

/** Undefined: it was used, changed or emptied meanwhile. */
export async function markEmptied(db: Db, storeId: string, now: number): Promise<{ tenantId: string } | undefined> {
  const rows = await db.hot<{ tenant_id: string }>(
    `update vector_store set emptied_at = to_timestamp($2::float8 / 1000.0) where id = $1 and emptied_at is null
      and last_active_at + expires_days * interval '1 day' <= to_timestamp($2::float8 / 1000.0) returning tenant_id`,
    [storeId, now],
  )
  return rows[0] && { tenantId: rows[0].tenant_id }
}

/** Files of the store take no room any more; those that are not ready yet fail. Answers the documents of the latter. */
export async function emptyFiles(db: Db, input: { storeId: string; at: number; message: string }): Promise<string[]> {
  const rows = await db.hot<{ document_id: string }>(
    `with u as (update vector_store_file set usage_bytes = 0 where store_id = $1 and status || '' <> 'in_progress' and usage_bytes > 0)
    update vector_store_file set status = 'failed', error_code = 'server_error', error_message = $3,
      ended_at = to_timestamp($2::float8 / 1000.0) where store_id = $1 and status || '' = 'in_progress' returning document_id`,
    [input.storeId, input.at, input.message],
  )
  return rows.map((r) => r.document_id)
}
