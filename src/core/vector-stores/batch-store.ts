import type { Db } from '../../drivers/records/port.ts'
import type { FileBatch } from './batches.ts'
import type { DocumentRow } from './file-store.ts'

interface Row {
  id: string
  store_id: string
  created_at: number
  cancelled_at: number | null
  in_progress: number
  completed: number
  failed: number
  cancelled: number
}

function fromRow(r: Row): FileBatch {
  const { in_progress: inProgress, completed, failed, cancelled } = r
  const total = inProgress + completed + failed + cancelled
  return {
    id: r.id,
    storeId: r.store_id,
    status: statusOf(r, total),
    counts: { inProgress, completed, failed, cancelled, total },
    createdAt: r.created_at,
  }
}

function statusOf({ cancelled_at, in_progress, failed }: Row, total: number): FileBatch['status'] {
  if (cancelled_at !== null) return 'cancelled'
  if (in_progress > 0) return 'in_progress'
  return failed === total ? 'failed' : 'completed'
}

export interface BatchKey {
  tenantId: string
  storeId: string
  id: string
}

const ONE = 'b.id = $1 and b.store_id = $2 and b.tenant_id is not distinct from $3::uuid'

export async function insertBatchRow(
  db: Db,
  { id, storeId, tenantId }: BatchKey,
  { at, files }: { at: number; files: readonly { documentId: string; fileId: string }[] },
): Promise<void> {
  const rows = files.map(({ documentId, fileId }) => ({ document_id: documentId, file_id: fileId }))
  await db.hot(
    `insert into file_batch (id, tenant_id, store_id, created_at) values ($1, $2::uuid, $3::uuid, to_timestamp($4::float8 / 1000.0))`,
    [id, tenantId, storeId, at],
  )
  await db.hot(
    `insert into file_batch_file (batch_id, tenant_id, document_id, file_id)
    select $2::uuid, $3::uuid, document_id, file_id from json_to_recordset($1::text::json) as x(document_id uuid, file_id uuid)`,
    [JSON.stringify(rows), id, tenantId],
  )
}

/** A document whose row is gone was taken out of the store or replaced: nothing waits for it. */
export async function readBatchRow(db: Db, { id, storeId, tenantId }: BatchKey): Promise<FileBatch | undefined> {
  const rows = await db.hot<Row>(
    `select b.id, b.store_id, b.created_at, b.cancelled_at, c.in_progress, c.completed, c.failed, c.cancelled
    from file_batch b cross join lateral (select count(*) filter (where f.status = 'in_progress')::int as in_progress,
      count(*) filter (where f.status = 'completed')::int as completed, count(*) filter (where f.status = 'failed')::int as failed,
      count(*) filter (where coalesce(f.status, 'cancelled') = 'cancelled')::int as cancelled
      from file_batch_file x left join vector_store_file f on f.document_id = x.document_id where x.batch_id = b.id) c
    where ${ONE}`,
    [id, storeId, tenantId],
  )
  return rows[0] && fromRow(rows[0])
}

export async function batchExists(db: Db, { id, storeId, tenantId }: BatchKey): Promise<boolean> {
  const rows = await db.hot(`select 1 from file_batch b where ${ONE}`, [id, storeId, tenantId])
  return rows.length > 0
}

/** Under the lock of the store. Answers the documents whose ingestion it ended. */
export function cancelBatchRows(db: Db, { id, at }: { id: string; at: number }): Promise<DocumentRow[]> {
  return db.hot<DocumentRow>(
    `with d as materialized (select f.document_id from file_batch_file x join vector_store_file f on f.document_id = x.document_id
        where x.batch_id = $1 and f.status || '' = 'in_progress' order by f.document_id for update of f),
      f as (update vector_store_file f set status = 'cancelled', ended_at = to_timestamp($2::float8 / 1000.0) from d
        where f.document_id = d.document_id returning f.store_id, f.document_id),
      b as (update file_batch set cancelled_at = to_timestamp($2::float8 / 1000.0) where id = $1 and exists (select 1 from d))
    select store_id, document_id, 'in_progress' as status from f`,
    [id, at],
  )
}
