import type { Db } from '../../drivers/records/port.ts'
import type { Attributes } from '../attributes.ts'
import { keyset, type Page, type PageRequest, toPage, unknownCursor } from '../page.ts'
import type { Chunking, FileProblem, FileStatus, StoreFile } from './store-files.ts'

const COLUMNS = `f.store_id, f.file_id, f.document_id, f.status, f.error_code, f.error_message, f.chunk_tokens, f.overlap_tokens,
  f.attributes, f.usage_bytes, f.created_at`

interface Row {
  store_id: string
  file_id: string
  document_id: string
  status: FileStatus
  error_code: FileProblem['code'] | null
  error_message: string | null
  chunk_tokens: number
  overlap_tokens: number
  attributes: Attributes
  usage_bytes: number
  created_at: number
}

const fromRow = (r: Row): StoreFile => ({
  storeId: r.store_id,
  fileId: r.file_id,
  documentId: r.document_id,
  status: r.status,
  error: r.error_code === null ? null : { code: r.error_code, message: r.error_message ?? '' },
  chunking: { tokensMax: r.chunk_tokens, overlapTokens: r.overlap_tokens },
  attributes: r.attributes,
  usageBytes: r.usage_bytes,
  createdAt: r.created_at,
})

const list = (ids: readonly string[]): string => `{${ids.join(',')}}`

/** The ids of those that are there. Until the end of the transaction none of them can be deleted. */
export async function holdFiles(db: Db, tenantId: string, { ids, now }: { ids: readonly string[]; now: number }): Promise<Set<string>> {
  const rows = await db.hot<{ id: string }>(
    `select id from file where id = any($1::text::uuid[]) and tenant_id is not distinct from $2::uuid
      and (expires_at is null or expires_at > to_timestamp($3::float8 / 1000.0)) order by id for key share`,
    [list(ids), tenantId, now],
  )
  return new Set(rows.map((r) => r.id))
}

export interface DocumentRow {
  store_id: string
  document_id: string
  status: FileStatus
}

/** What the store has of these files now, locked. */
export function lockDocuments(db: Db, storeId: string, fileIds: readonly string[]): Promise<DocumentRow[]> {
  return db.hot<DocumentRow>(
    `select store_id, document_id, status from vector_store_file where store_id = $1 and file_id = any($2::text::uuid[]) order by file_id for update`,
    [storeId, list(fileIds)],
  )
}

export interface NewFileRow {
  fileId: string
  documentId: string
  attributes: Attributes
  chunking: Chunking
}

/** A file that is there already begins anew, as another document. Lists show files of one call in the order in which they were made. */
export async function putFileRows(
  db: Db,
  of: { tenantId: string; storeId: string; batchId: string | null; at: number },
  files: readonly NewFileRow[],
): Promise<void> {
  const rows = files.map(({ fileId, documentId, attributes, chunking }) => ({
    ...{ file_id: fileId, document_id: documentId, attributes },
    ...{ chunk_tokens: chunking.tokensMax, overlap_tokens: chunking.overlapTokens },
  }))
  await db.hot(
    `insert into vector_store_file as f (store_id, file_id, tenant_id, document_id, batch_id, status, chunk_tokens, overlap_tokens, attributes, created_at)
    select $2::uuid, x.file_id, $3::uuid, x.document_id, $4::uuid, 'in_progress', x.chunk_tokens, x.overlap_tokens, x.attributes,
      to_timestamp($5::float8 / 1000.0)
    from json_to_recordset($1::text::json)
      as x(file_id uuid, document_id uuid, attributes jsonb, chunk_tokens int, overlap_tokens int) order by x.file_id
    on conflict (store_id, file_id) do update set document_id = excluded.document_id, batch_id = excluded.batch_id, status = excluded.status,
      error_code = null, error_message = null, chunk_tokens = excluded.chunk_tokens, overlap_tokens = excluded.overlap_tokens,
      attributes = excluded.attributes, usage_bytes = 0, chunks = 0, created_at = excluded.created_at, ended_at = null`,
    [JSON.stringify(rows), of.storeId, of.tenantId, of.batchId, of.at],
  )
}

export interface FileKey {
  tenantId: string
  storeId: string
  fileId: string
}

const ONE = 'f.store_id = $1 and f.file_id = $2 and f.tenant_id is not distinct from $3::uuid'

export async function readFileRow(db: Db, { storeId, fileId, tenantId }: FileKey): Promise<StoreFile | undefined> {
  const rows = await db.hot<Row>(`select ${COLUMNS} from vector_store_file f where ${ONE}`, [storeId, fileId, tenantId])
  return rows[0] && fromRow(rows[0])
}

export async function deleteFileRow(db: Db, { storeId, fileId, tenantId }: FileKey): Promise<DocumentRow[]> {
  return db.hot<DocumentRow>(`delete from vector_store_file f where ${ONE} returning f.store_id, f.document_id, f.status`, [
    storeId,
    fileId,
    tenantId,
  ])
}

/** Takes the file out of every store. */
export async function deleteFileRows(db: Db, tenantId: string, fileId: string): Promise<DocumentRow[]> {
  return db.hot<DocumentRow>(
    `delete from vector_store_file where file_id = $1 and tenant_id is not distinct from $2::uuid returning store_id, document_id, status`,
    [fileId, tenantId],
  )
}

export async function changeFileAttributes(db: Db, key: FileKey, attributes: Attributes): Promise<StoreFile | undefined> {
  const rows = await db.hot<Row>(`update vector_store_file f set attributes = $4::text::jsonb where ${ONE} returning ${COLUMNS}`, [
    key.storeId,
    key.fileId,
    key.tenantId,
    JSON.stringify(attributes),
  ])
  return rows[0] && fromRow(rows[0])
}

/** Of a document, while a store has it. */
export async function readDocumentRow(db: Db, tenantId: string, documentId: string): Promise<StoreFile | undefined> {
  const rows = await db.hot<Row>(
    `select ${COLUMNS} from vector_store_file f where f.document_id = $1 and f.tenant_id is not distinct from $2::uuid`,
    [documentId, tenantId],
  )
  return rows[0] && fromRow(rows[0])
}

/** Documents of the store that are being ingested or wait for it, at most `limit`. */
export async function readPendingDocuments(db: Db, storeId: string, limit: number): Promise<string[]> {
  const rows = await db.hot<{ document_id: string }>(
    `select document_id from vector_store_file where store_id = $1 and status = 'in_progress' limit $2`,
    [storeId, limit],
  )
  return rows.map((r) => r.document_id)
}

export interface FileQuery {
  tenantId: string
  storeId: string
  page: PageRequest
  status?: FileStatus | undefined
  batchId?: string | undefined
}

export async function listFileRows(db: Db, { tenantId, storeId, page, status, batchId }: FileQuery): Promise<Page<StoreFile>> {
  for (const side of ['after', 'before'] as const) {
    const fileId = page[side]
    if (fileId !== undefined && !(await readFileRow(db, { tenantId, storeId, fileId }))) throw unknownCursor(side, fileId)
  }
  const where = ['f.tenant_id = $1', 'f.store_id = $2']
  const params: (string | number)[] = [tenantId, storeId]
  const add = (condition: (param: string) => string, value: string | undefined): void => {
    if (value !== undefined) where.push(condition(`$${params.push(value)}`))
  }
  add((p) => `f.status = ${p}`, status)
  add((p) => `f.document_id in (select document_id from file_batch_file where batch_id = ${p})`, batchId)
  const cursor = (p: string) => `(select created_at, file_id from vector_store_file where store_id = $2 and file_id = ${p})`
  const keys = keyset(page, 'f.created_at, f.file_id', cursor, params.length + 1)
  const rows = await db.query<Row>(
    `select ${COLUMNS} from vector_store_file f where ${[...where, ...keys.where].join(' and ')} order by ${keys.orderBy} limit ${keys.limit}`,
    [...params, ...keys.params],
  )
  return toPage(rows.map(fromRow), page, keys)
}

export interface ChunkSize {
  idx: number
  bytes: number
}

/** How large the chunks of a document are from `from` on, in order. */
export function readChunkSizes(
  db: Db,
  { tenantId, documentId }: { tenantId: string; documentId: string },
  { from, limit }: { from: number; limit: number },
): Promise<ChunkSize[]> {
  return db.hot<ChunkSize>(
    `select idx, octet_length(text) as bytes from chunk
    where document_id = $1 and tenant_id is not distinct from $2::uuid and idx >= $3::int order by idx limit $4::int`,
    [documentId, tenantId, from, limit],
  )
}

/** Both ends included. */
export async function readChunkTexts(
  db: Db,
  { tenantId, documentId }: { tenantId: string; documentId: string },
  { from, to }: { from: number; to: number },
): Promise<string[]> {
  const rows = await db.hot<{ text: string }>(
    `select text from chunk where document_id = $1 and tenant_id is not distinct from $2::uuid and idx between $3::int and $4::int order by idx`,
    [documentId, tenantId, from, to],
  )
  return rows.map((r) => r.text)
}
