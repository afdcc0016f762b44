import type { Db } from '../../drivers/records/port.ts'
import type { Attributes } from '../attributes.ts'

export interface IngestionRow {
  store_id: string
  store_no: number
  file_id: string
  chunk_tokens: number
  overlap_tokens: number
  attributes: Attributes
  embedding_model: string
  /** Null: the file is gone. */
  object_id: string | null
  filename: string | null
  media_type: string | null
}

export async function readIngestion(db: Db, documentId: string, tenantId: string): Promise<IngestionRow | undefined> {
  const rows = await db.hot<IngestionRow>(
    `select f.store_id, s.no as store_no, f.file_id, f.chunk_tokens, f.overlap_tokens, f.attributes, s.embedding_model,
      o.object_id, o.filename, o.media_type
    from vector_store_file f join vector_store s on s.id = f.store_id left join file o on o.id = f.file_id
    where f.document_id = $1 and f.tenant_id is not distinct from $2::uuid and f.status || '' = 'in_progress'`,
    [documentId, tenantId],
  )
  return rows[0]
}

export interface ChunkRow {
  id: string
  idx: number
  text: string
  tokens: number
  lexemes: string
}

export interface ChunksOf {
  job: { id: string; fence: number }
  tenantId: string
  storeId: string
  documentId: string
  fileId: string
}

/**
 * Writes chunks, or nothing at all: the document must be in progress and the job ours until this is committed. Whoever
 * takes the document away waits for it, and so finds every chunk there is.
 */
export async function putChunkRows(db: Db, of: ChunksOf, rows: ChunkRow[]): Promise<boolean> {
  const written = await db.hot<{ n: number }>(
    `with g as materialized (select f.document_id from vector_store_file f join job j on j.id = $2::uuid
      where f.document_id = $1::uuid and f.status || '' = 'in_progress' and j.fence = $3 for share of f, j),
    c as (insert into chunk (id, tenant_id, store_id, document_id, file_id, idx, text, tokens, lexemes)
      select x.id, $4::uuid, $5::uuid, g.document_id, $6::uuid, x.idx, x.text, x.tokens, x.lexemes::tsvector
      from g, json_to_recordset($7::text::json) as x(id uuid, idx int, text text, tokens int, lexemes text)
      on conflict (id) do update set text = excluded.text, tokens = excluded.tokens, lexemes = excluded.lexemes returning 1)
    select count(*)::int as n from c`,
    [of.documentId, of.job.id, of.job.fence, of.tenantId, of.storeId, of.fileId, JSON.stringify(rows)],
  )
  return written[0]?.n === rows.length
}

/** MD5 of each chunk's text, in order. */
export async function readChunkHashes(db: Db, documentId: string): Promise<string[]> {
  const rows = await db.hot<{ idx: number; hash: string }>(
    'select idx, md5(text) as hash from chunk where document_id = $1 order by document_id, idx',
    [documentId],
  )
  const gap = rows.findIndex((row, index) => row.idx !== index)
  return (gap < 0 ? rows : rows.slice(0, gap)).map((row) => row.hash)
}

export async function hasChunks(db: Db, documentId: string): Promise<boolean> {
  const rows = await db.hot('select 1 from chunk where document_id = $1 limit 1', [documentId])
  return rows.length > 0
}

export interface IngestionEnd {
  documentId: string
  at: number
  status: 'completed' | 'failed'
  error: { code: string; message: string } | null
  usageBytes: number
  chunks: number
}

/** Answers the attributes that the document has now, or undefined when it is not in progress any more. */
export async function endIngestion(db: Db, end: IngestionEnd): Promise<Attributes | undefined> {
  const rows = await db.hot<{ attributes: Attributes }>(
    `update vector_store_file set status = $2, error_code = $3, error_message = $4, usage_bytes = $5, chunks = $6,
      ended_at = to_timestamp($7::float8 / 1000.0) where document_id = $1 and status || '' = 'in_progress' returning attributes`,
    [end.documentId, end.status, end.error?.code ?? null, end.error?.message ?? null, end.usageBytes, end.chunks, end.at],
  )
  return rows[0]?.attributes
}

export async function readDocument(db: Db, documentId: string): Promise<{ status: string; attributes: Attributes } | undefined> {
  const rows = await db.hot<{ status: string; attributes: Attributes }>(
    'select status, attributes from vector_store_file where document_id = $1',
    [documentId],
  )
  return rows[0]
}
