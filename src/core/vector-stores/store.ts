import type { Db } from '../../drivers/records/port.ts'
import { keyset, type Page, type PageRequest, toPage, unknownCursor } from '../page.ts'
import type { StoreHead, VectorStore } from './stores.ts'

interface HeadRow {
  id: string
  no: number
  name: string | null
  description: string | null
  metadata: Record<string, string>
  embedding_model: string
  expires_days: number | null
  last_active_at: number
  created_at: number
  emptied_at: number | null
}

interface Row extends HeadRow {
  in_progress: number
  completed: number
  failed: number
  cancelled: number
  usage_bytes: number
}

const HEAD = `s.id, s.no, s.name, s.description, s.metadata, s.embedding_model, s.expires_days, s.last_active_at, s.created_at, s.emptied_at`

const countOf = (status: string): string => `count(*) filter (where f.status = '${status}')::int as ${status}`

/** Counted, never kept: a count that is kept is wrong after the first forgotten case. */
const COUNTS = `c.in_progress, c.completed, c.failed, c.cancelled, case when s.emptied_at is null then c.usage_bytes else 0 end as usage_bytes`
const COUNTED = `cross join lateral (select ${['in_progress', 'completed', 'failed', 'cancelled'].map(countOf).join(', ')},
  coalesce(sum(f.usage_bytes), 0)::int8 as usage_bytes from vector_store_file f where f.store_id = s.id) c`

const DAY_MS = 86_400_000

function toHead(r: HeadRow, now: number): StoreHead {
  const expiresAt = r.expires_days === null ? null : r.last_active_at + r.expires_days * DAY_MS
  return {
    id: r.id,
    no: r.no,
    name: r.name,
    description: r.description,
    metadata: r.metadata,
    embeddingModel: r.embedding_model,
    expiresDays: r.expires_days,
    lastActiveAt: r.last_active_at,
    createdAt: r.created_at,
    expiresAt,
    // What was emptied stays expired: nothing brings its chunks back.
    expired: r.emptied_at !== null || (expiresAt !== null && expiresAt <= now),
  }
}

function toStore(r: Row, now: number): VectorStore {
  const { in_progress: inProgress, completed, failed, cancelled } = r
  const counts = { inProgress, completed, failed, cancelled, total: inProgress + completed + failed + cancelled }
  return { ...toHead(r, now), usageBytes: r.usage_bytes, counts }
}

export interface NewStoreRow {
  id: string
  tenantId: string
  name: string | null
  description: string | null
  metadata: Record<string, string>
  embeddingModel: string
  expiresDays: number | null
  at: number
}

export async function insertStoreRow(db: Db, row: NewStoreRow): Promise<void> {
  await db.hot(
    `insert into vector_store (id, tenant_id, name, description, metadata, embedding_model, expires_days, last_active_at, created_at)
    values ($1, $2::uuid, $3, $4, $5::text::jsonb, $6, $7::int, to_timestamp($8::float8 / 1000.0), to_timestamp($8::float8 / 1000.0))`,
    [row.id, row.tenantId, row.name, row.description, JSON.stringify(row.metadata), row.embeddingModel, row.expiresDays, row.at],
  )
}

export async function readStoreRow(db: Db, tenantId: string, input: { id: string; now: number }): Promise<VectorStore | undefined> {
  const rows = await db.hot<Row>(
    `select ${HEAD}, ${COUNTS} from vector_store s ${COUNTED} where s.id = $1 and s.tenant_id is not distinct from $2::uuid`,
    [input.id, tenantId],
  )
  return rows[0] && toStore(rows[0], input.now)
}

/** Those that are there, by id. */
export async function readStoreHeads(db: Db, tenantId: string, input: { ids: string[]; now: number }): Promise<Map<string, StoreHead>> {
  const rows = await db.hot<HeadRow>(
    `select ${HEAD} from vector_store s where s.id = any($1::text::uuid[]) and s.tenant_id is not distinct from $2::uuid`,
    [`{${input.ids.join(',')}}`, tenantId],
  )
  return new Map(rows.map((r) => [r.id, toHead(r, input.now)]))
}

/**
 * Whoever changes which files a store has holds its row until the end of the transaction: two that bring the same file
 * come one after the other, and a deletion comes before or after, never in between.
 */
export async function lockStoreRow(db: Db, tenantId: string, input: { id: string; now: number }): Promise<StoreHead | undefined> {
  const rows = await db.hot<HeadRow>(
    `select ${HEAD} from vector_store s where s.id = $1 and s.tenant_id is not distinct from $2::uuid for no key update`,
    [input.id, tenantId],
  )
  return rows[0] && toHead(rows[0], input.now)
}

export async function touchStoreRow(db: Db, id: string, at: number): Promise<void> {
  await db.hot(`update vector_store set last_active_at = greatest(last_active_at, to_timestamp($2::float8 / 1000.0)) where id = $1`, [
    id,
    at,
  ])
}

export interface StoreRowChange {
  name: string | null
  metadata: Record<string, string>
  expiresDays: number | null
}

export async function changeStoreRow(db: Db, id: string, { name, metadata, expiresDays }: StoreRowChange): Promise<void> {
  await db.hot(`update vector_store set name = $2, metadata = $3::text::jsonb, expires_days = $4::int where id = $1`, [
    id,
    name,
    JSON.stringify(metadata),
    expiresDays,
  ])
}

export async function listStoreRows(db: Db, tenantId: string, input: { page: PageRequest; now: number }): Promise<Page<VectorStore>> {
  const { page, now } = input
  for (const side of ['after', 'before'] as const) {
    const id = page[side]
    if (id !== undefined && !(await readStoreHeads(db, tenantId, { ids: [id], now })).has(id)) throw unknownCursor(side, id)
  }
  const keys = keyset(page, 's.created_at, s.id', (p) => `(select created_at, id from vector_store where id = ${p})`, 2)
  // The page comes first: files are counted for its stores only.
  const rows = await db.query<Row>(
    `select ${HEAD}, ${COUNTS} from (select s.* from vector_store s where ${['s.tenant_id = $1', ...keys.where].join(' and ')}
      order by ${keys.orderBy} limit ${keys.limit}) s ${COUNTED} order by ${keys.orderBy}`,
    [tenantId, ...keys.params],
  )
  return toPage(
    rows.map((r) => toStore(r, now)),
    page,
    keys,
  )
}

/** Call it under the lock of the row. Files and batches of the store go with it, chunks and vectors do not. */
export async function deleteStoreRow(db: Db, id: string): Promise<void> {
  await db.hot('delete from vector_store where id = $1', [id])
}
