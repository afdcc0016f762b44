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

const DELETE_SOME = {
  document: 'document_id = $1::uuid and store_id::text = $2::text',
  store: 'store_id = $1::uuid and store_id::text = $2::text',
}

/** Deletes at most `limit` points of a document, or of a whole store, and says how many there were. */
export async function deletePoints(db: Db, key: StoreKey & { documentId?: string }, limit: number): Promise<number> {
  const rows = await db.hot(
    `delete from vector_point where id = any(array(
       select id from vector_point
       where ${key.documentId === undefined ? DELETE_SOME.store : DELETE_SOME.document} and tenant_id is not distinct from $3::uuid limit $4::int
     )) returning 1`,
    [key.documentId ?? key.storeId, key.storeId, key.tenantId, limit],
  )
  return rows.length
}

/** Reading goes on after this place. */
export interface Cursor {
  revision: number
  id: string
}

export interface ReadDocument extends DocumentChange {
  revision: number
}

/** Documents by revision, marks of removed ones too. */
export function readDocuments(db: Db, { tenantId, storeId }: StoreKey, page: { after: Cursor; limit: number }): Promise<ReadDocument[]> {
  return db.hot<ReadDocument>(
    `select document_id as id, attributes, born, removed, revision from vector_document
     where store_id = $1::uuid and tenant_id is not distinct from $2::uuid and (revision, document_id) > ($3::bigint, $4::uuid)
     order by revision, document_id limit $5::int`,
    [storeId, tenantId, page.after.revision, page.after.id, page.limit],
  )
}

export interface ReadPoints {
  count: number
  /** Of the last point. */
  revision: number
  /** Rows as the scanner takes them; the first 16 bytes of each are its id. */
  bytes: Uint8Array
}

/** Compact points by revision, as one value: a thousand rows cost the driver more than a megabyte. */
export async function readPoints(db: Db, { tenantId, storeId }: StoreKey, page: { after: Cursor; limit: number }): Promise<ReadPoints> {
  const [read] = await db.hot<{ count: number; revision: number | null; bytes: Uint8Array | null }>(
    `with page as (
       select id, document_id, revision, coarse from vector_point
       where store_id = $1::uuid and tenant_id is not distinct from $2::uuid and (revision, id) > ($3::bigint, $4::uuid)
       order by revision, id limit $5::int
     )
     select count(*)::int as count, max(revision) as revision,
       string_agg(uuid_send(id) || uuid_send(document_id) || coarse, ''::bytea order by revision, id) as bytes
     from page`,
    [storeId, tenantId, page.after.revision, page.after.id, page.limit],
  )
  return { count: read?.count ?? 0, revision: read?.revision ?? 0, bytes: read?.bytes ?? new Uint8Array() }
}

export async function countPoints(db: Db, { tenantId, storeId }: StoreKey): Promise<number> {
  const [read] = await db.hot<{ count: number }>(
    'select count(*)::int as count from vector_point where store_id = $1::uuid and tenant_id is not distinct from $2::uuid',
    [storeId, tenantId],
  )
  return read?.count ?? 0
}

export interface ExactPoint {
  id: string
  storeId: string
  documentId: string
  revision: number
  vector: Float32Array
}

interface PointRow {
  id: string
  store_id: string
  document_id: string
  revision: number
  data: Uint8Array
}

const toPoint = ({ id, store_id, document_id, revision, data }: PointRow): ExactPoint => ({
  ...{ id, storeId: store_id, documentId: document_id, revision },
  vector: fromBytes(data),
})

/** Those of `ids` that are still there. */
export async function readExact(
  db: Db,
  { tenantId, storeIds }: { tenantId: string; storeIds: string[] },
  ids: string[],
): Promise<ExactPoint[]> {
  const rows = await db.hot<PointRow>(
    `select id, store_id, document_id, revision, data from vector_point
     where id = any($1::text::uuid[]) and tenant_id is not distinct from $2::uuid and store_id::text = any($3::text::text[])`,
    [uuids(ids), tenantId, uuids(storeIds)],
  )
  return rows.map(toPoint)
}

/** Points of documents that match, by revision. */
export async function readVectors(
  db: Db,
  { tenantId, storeId }: StoreKey,
  page: { after: Cursor; limit: number; filter: Filter | null },
): Promise<ExactPoint[]> {
  const condition = filterSql(page.filter ?? { type: 'and', filters: [] }, 'd.attributes', 6)
  const rows = await db.hot<PointRow>(
    `select p.id, p.store_id, p.document_id, p.revision, p.data
     from vector_point p join vector_document d on d.document_id = p.document_id
     where p.store_id = $1::uuid and p.tenant_id is not distinct from $2::uuid and (p.revision, p.id) > ($3::bigint, $4::uuid)
       and not d.removed and ${condition.sql}
     order by p.revision, p.id limit $5::int`,
    [storeId, tenantId, page.after.revision, page.after.id, page.limit, ...condition.params],
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
