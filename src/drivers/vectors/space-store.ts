import type { Attributes } from '../../core/attributes.ts'
import { Fault } from '../../core/fault.ts'
import type { Db } from '../records/port.ts'
import type { DocumentKey, Upsert } from './port.ts'
import { otherDimensions } from './requirements.ts'

export interface StoreKey {
  tenantId: string
  storeId: string
}

export interface Space extends StoreKey {
  dimensions: number
  revision: number
  floor: number
}

/** A parameter for `$n::text::uuid[]`. */
export const uuids = (ids: readonly string[]): string => `{${ids.join(',')}}`

/** Of the stores that have vectors and are the tenant's. */
export async function readSpaces(db: Db, tenantId: string, storeIds: readonly string[]): Promise<Space[]> {
  const rows = await db.hot<{ store_id: string; dimensions: number; revision: number; floor: number }>(
    `select store_id, dimensions, revision, floor from vector_space
     where store_id = any($1::text::uuid[]) and tenant_id is not distinct from $2::uuid`,
    [uuids(storeIds), tenantId],
  )
  return rows.map(({ store_id, ...row }) => ({ tenantId, storeId: store_id, ...row }))
}

/** The next revision of a store that may be new. Until its end no other transaction changes the store. */
export async function openSpace(tx: Db, { tenantId, storeId }: StoreKey, dimensions: number): Promise<number> {
  const [space] = await tx.hot<{ revision: number }>(
    `insert into vector_space (store_id, tenant_id, dimensions, revision, floor)
     select $1::uuid, $2::uuid, $3::int, now.us, now.us from (select (extract(epoch from clock_timestamp()) * 1000000)::bigint as us) now
     on conflict (store_id) do update set revision = vector_space.revision + 1
       where vector_space.tenant_id = excluded.tenant_id and vector_space.dimensions = excluded.dimensions
     returning revision`,
    [storeId, tenantId, dimensions],
  )
  if (space) return space.revision
  const [other] = await readSpaces(tx, tenantId, [storeId])
  if (other) throw otherDimensions(other.dimensions, dimensions)
  throw new Fault('not_found', 'No vector_store with this id.', { kind: 'vector_store', id: storeId })
}

/** The same of a store that has vectors; undefined where it has none. */
export async function changeSpace(tx: Db, { tenantId, storeId }: StoreKey): Promise<number | undefined> {
  const [space] = await tx.hot<{ revision: number }>(
    `update vector_space set revision = revision + 1
     where store_id = $1::uuid and tenant_id is not distinct from $2::uuid returning revision`,
    [storeId, tenantId],
  )
  return space?.revision
}

export async function deleteSpace(tx: Db, { tenantId, storeId }: StoreKey): Promise<void> {
  await tx.hot('delete from vector_document where store_id = $1::uuid and tenant_id is not distinct from $2::uuid', [storeId, tenantId])
  await tx.hot('delete from vector_space where store_id = $1::uuid and tenant_id is not distinct from $2::uuid', [storeId, tenantId])
}

/** Makes the document, changes it, or brings it back after its removal. */
export async function putDocument(tx: Db, document: Upsert, revision: number): Promise<void> {
  const { tenantId, storeId, documentId, fileId, attributes } = document
  const put = await tx.hot(
    `insert into vector_document as d (document_id, tenant_id, store_id, file_id, attributes, revision, born, removed)
     values ($1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::text::jsonb, $6::bigint, $6::bigint, false)
     on conflict (document_id) do update set attributes = excluded.attributes, revision = excluded.revision,
       born = case when d.removed then excluded.born else d.born end, removed = false
       where d.tenant_id = excluded.tenant_id and d.store_id = excluded.store_id
     returning 1`,
    [documentId, tenantId, storeId, fileId, JSON.stringify(attributes), revision],
  )
  if (put.length === 0) throw new Fault('invalid', 'This document belongs to another vector store.', { reason: 'value' })
}

export async function updateAttributes(tx: Db, key: DocumentKey, change: { attributes: Attributes; revision: number }): Promise<void> {
  await tx.hot(
    `update vector_document set attributes = $4::text::jsonb, revision = $5::bigint
     where document_id = $1::uuid and store_id = $2::uuid and tenant_id is not distinct from $3::uuid and not removed`,
    [key.documentId, key.storeId, key.tenantId, JSON.stringify(change.attributes), change.revision],
  )
}

/** Leaves a mark, so that copies of the space learn of the removal. */
export async function markRemoved(tx: Db, key: DocumentKey, revision: number): Promise<void> {
  await tx.hot(
    `update vector_document set attributes = '{}', removed = true, revision = $4::bigint
     where document_id = $1::uuid and store_id = $2::uuid and tenant_id is not distinct from $3::uuid and not removed`,
    [key.documentId, key.storeId, key.tenantId, revision],
  )
}

/** Forgets the marks before `floor`. */
export async function forgetRemoved(tx: Db, { tenantId, storeId }: StoreKey, floor: number): Promise<void> {
  await tx.hot(
    `with forgotten as (
       delete from vector_document where store_id = $1::uuid and tenant_id is not distinct from $2::uuid and removed and revision < $3::bigint
     )
     update vector_space set floor = greatest(floor, $3::bigint) where store_id = $1::uuid and tenant_id is not distinct from $2::uuid`,
    [storeId, tenantId, floor],
  )
}
