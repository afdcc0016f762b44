import { type Filter, filterSql } from '../../core/attributes.ts'
import type { Db } from '../records/port.ts'
import type { DocumentKey, Point } from './port.ts'
import type { DocumentChange } from './scan-space.ts'
import { type StoreKey, uuids } from './space-store.ts'
import { fromBytes, toBytes, toCoarse } from './unit-vector.ts'

const hex = (parts: Uint8Array[]): string => `\\x${Buffer.concat(parts).toString('hex')}`

/** All vectors go as one value, of which each row takes its piece. */
export async function putPoints(tx: Db, key: DocumentKey, { points, revision }: { points: Point[]; revision: number }): Promise<void> {
  const dimensions = points[0]?.vector.length ?? 0
  await tx.hot(
    `insert into vector_point as p (id, tenant_id, store_id, document_id, revision, data, coarse)
     select new.id, $2::uuid, $3::uuid, $4::uuid, $5::bigint,
       substr($6::bytea, (1 + (new.n - 1) * $8::int)::int, $8::int), substr($7::bytea, (1 + (new.n - 1) * $9::int)::int, $9::int)
     from unnest($1::text::uuid[]) with ordinality as new(id, n)
     on conflict (id) do update set revision = excluded.revision, data = excluded.data, coarse = excluded.coarse
       where p.tenant_id = excluded.tenant_id and p.store_id = excluded.store_id and p.document_id = excluded.document_id`,
    [
      ...[uuids(points.map((point) => point.id)), key.tenantId, key.storeId, key.documentId, revision],
      hex(points.map((point) => toBytes(point.vector))),
      hex(points.map((point) => toCoarse(point.vector))),
      ...[dimensions * 4, dimensions + 4],
    ],
  )
}

/** Deletes at most `limit` points of a document, and says how many there were. */
export async function deleteSome(db: Db, key: DocumentKey, limit: number): Promise<number> {
  const rows = await db.hot(
    `delete from vector_point where id = any(array(
       select id from vector_point
       where document_id = $1::uuid and store_id::text = $2::text and tenant_id is not distinct from $3::uuid limit $4::int
     )) returning 1`,
    [key.documentId, key.storeId, key.tenantId, limit],
  )
  return rows.length
}

export async function deleteRange(db: Db, { tenantId, storeId }: StoreKey, { after, until }: Range): Promise<void> {
  await db.hot(`delete from vector_point where ${IN_RANGE}`, [storeId, tenantId, after, until])
}

/** Revisions from beyond `after` up to `until`. */
export interface Range {
  after: number
  until: number
}

const IN_RANGE = 'store_id = $1::uuid and tenant_id is not distinct from $2::uuid and revision > $3::bigint and revision <= $4::bigint'

/**
 * Cuts the rows after a revision into ranges of about `rows` rows, more by as many as one revision has. Whatever plan then
 * reads a range, it looks at no row beyond it; with `order by` and `limit` it may sort the whole store for each page.
 * Only the index is read here: whoever reads the rows compares the tenant.
 */
export async function readRanges(
  db: Db,
  { storeId }: StoreKey,
  { table, after, rows }: { table: 'vector_point' | 'vector_document'; after: number; rows: number },
): Promise<(Range & { count: number })[]> {
  const ends = await db.hot<{ until: number; count: number }>(
    `select max(revision) as until, sum(count)::int as count from (
       select revision, count, (sum(count) over (order by revision) - 1)::bigint / $3::int as page from (
         select revision, count(*) as count from ${table}
         where store_id = $1::uuid and revision > $2::bigint group by revision
       ) as revisions
     ) as pages group by page order by 1`,
    [storeId, after, rows],
  )
  return ends.map(({ until, count }, i) => ({ after: ends[i - 1]?.until ?? after, until, count }))
}

/** Documents that changed, marks of removed ones too. */
export function readDocuments(db: Db, { tenantId, storeId }: StoreKey, { after, until }: Range): Promise<DocumentChange[]> {
  return db.hot<DocumentChange>(`select document_id as id, attributes, born, removed from vector_document where ${IN_RANGE}`, [
    ...[storeId, tenantId, after, until],
  ])
}

export interface ReadPoints {
  count: number
  /** Rows as the scanner takes them. */
  bytes: Uint8Array
}

/** Compact points as one value: a thousand rows cost the driver more than a megabyte. */
export async function readPoints(db: Db, { tenantId, storeId }: StoreKey, { after, until }: Range): Promise<ReadPoints> {
  const [read] = await db.hot<{ count: number; bytes: Uint8Array | null }>(
    `select count(*)::int as count, string_agg(uuid_send(id) || uuid_send(document_id) || coarse, ''::bytea) as bytes
     from vector_point where ${IN_RANGE}`,
    [storeId, tenantId, after, until],
  )
  return { count: read?.count ?? 0, bytes: read?.bytes ?? new Uint8Array() }
}

export interface ExactPoint {
  id: string
  storeId: string
  documentId: string
  vector: Float32Array
}

interface PointRow {
  id: string
  store_id: string
  document_id: string
  data: Uint8Array
}

const toPoint = ({ id, store_id, document_id, data }: PointRow): ExactPoint => ({
  ...{ id, storeId: store_id, documentId: document_id },
  vector: fromBytes(data),
})

/** Those of `ids` that are still there. */
export async function readExact(
  db: Db,
  { tenantId, storeIds }: { tenantId: string; storeIds: string[] },
  ids: string[],
): Promise<ExactPoint[]> {
  const rows = await db.hot<PointRow>(
    `select id, store_id, document_id, data from vector_point
     where id = any($1::text::uuid[]) and tenant_id is not distinct from $2::uuid and store_id::text = any($3::text::text[])`,
    [uuids(ids), tenantId, uuids(storeIds)],
  )
  return rows.map(toPoint)
}

/** Points of documents that match. */
export async function readVectors(
  db: Db,
  { tenantId, storeId }: StoreKey,
  { after, until, filter }: Range & { filter: Filter | null },
): Promise<ExactPoint[]> {
  const condition = filterSql(filter ?? { type: 'and', filters: [] }, 'd.attributes', 5)
  const rows = await db.hot<PointRow>(
    `select p.id, p.store_id, p.document_id, p.data
     from (select * from vector_point where ${IN_RANGE}) p join vector_document d on d.document_id = p.document_id
     where not d.removed and ${condition.sql}`,
    [storeId, tenantId, after, until, ...condition.params],
  )
  return rows.map(toPoint)
}

export async function selectPointIds(db: Db, key: DocumentKey, limit: number): Promise<string[]> {
  const rows = await db.hot<{ id: string }>(
    `select id from vector_point
     where document_id = $1::uuid and store_id::text = $2::text and tenant_id is not distinct from $3::uuid order by id limit $4::int`,
    [key.documentId, key.storeId, key.tenantId, limit],
  )
  return rows.map((row) => row.id)
}
