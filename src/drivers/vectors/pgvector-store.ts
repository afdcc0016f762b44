import { type Filter, filterSql } from '../../core/attributes.ts'
import { Fault } from '../../core/fault.ts'
import type { Db } from '../records/port.ts'
import type { DocumentKey, Hit, Point } from './port.ts'
import { type StoreKey, uuids } from './space-store.ts'

/** What an HNSW index of pgvector can hold as float32, and as float16. */
const FULL_MAX = 2_000
const HALF_MAX = 4_000
const VERSION_MIN = [0, 8]
const EF_MAX = 1_000

const tableOf = (dimensions: number): string => `vector_point_${Math.trunc(dimensions)}`

export const hasIndex = (dimensions: number): boolean => dimensions <= HALF_MAX

/** Inner product of unit vectors is their cosine, and is defined for zero vectors too. */
const indexed = (dimensions: number): { expression: string; operators: string } =>
  dimensions <= FULL_MAX
    ? { expression: `embedding`, operators: 'vector_ip_ops' }
    : { expression: `(embedding::halfvec(${dimensions}))`, operators: 'halfvec_ip_ops' }

const literal = (vector: Float32Array): string => `[${vector.join(',')}]`

/** Makes sure of the extension; Fault('unavailable') where the server does not have it. */
export async function ensureExtension(db: Db): Promise<void> {
  const read = () => db.query<{ version: string }>(`select extversion as version from pg_extension where extname = 'vector'`)
  let [extension] = await read()
  if (!extension) {
    try {
      await db.transaction(async (tx) => {
        await lock(tx)
        await tx.query('create extension if not exists vector')
      })
    } catch (cause) {
      const said = cause instanceof Error ? cause.message : String(cause)
      const text = `The database has no extension "vector" (pgvector), and it could not be created: ${said}.`
      throw new Fault('unavailable', text, { cause })
    }
    ;[extension] = await read()
  }
  const [major = 0, minor = 0] = (extension?.version ?? '').split('.').map(Number)
  if (major > 0 || minor >= (VERSION_MIN[1] ?? 0)) return
  throw new Fault('unavailable', `The database has pgvector ${extension?.version}, and ${VERSION_MIN.join('.')} or later is needed.`)
}

/** Statements that make tables would fail each other otherwise, "if not exists" or not. */
const lock = (tx: Db): Promise<unknown> => tx.query(`select pg_advisory_xact_lock(hashtext('tetraport vector tables'))`)

export async function ensureTable(db: Db, dimensions: number): Promise<void> {
  const table = tableOf(dimensions)
  await db.transaction(async (tx) => {
    await lock(tx)
    await tx.query(
      `create table if not exists ${table} (
         id uuid primary key, tenant_id uuid not null, store_id uuid not null, document_id uuid not null,
         embedding vector(${dimensions}) not null
       )`,
    )
    await tx.query(`create index if not exists ${table}_document on ${table} (document_id, id)`)
    await tx.query(`create index if not exists ${table}_store on ${table} (store_id)`)
    if (!hasIndex(dimensions)) return
    const { expression, operators } = indexed(dimensions)
    await tx.query(`create index if not exists ${table}_hnsw on ${table} using hnsw (${expression} ${operators})`)
  })
}

export async function putEmbeddings(
  tx: Db,
  key: DocumentKey,
  { dimensions, points }: { dimensions: number; points: Point[] },
): Promise<void> {
  const vectors = points.map((point) => `"${literal(point.vector)}"`)
  await tx.query(
    `insert into ${tableOf(dimensions)} as p (id, tenant_id, store_id, document_id, embedding)
     select new.id, $3::uuid, $4::uuid, $5::uuid, new.embedding
     from unnest($1::text::uuid[], $2::text::vector[]) as new(id, embedding)
     on conflict (id) do update set embedding = excluded.embedding
       where p.tenant_id = excluded.tenant_id and p.store_id = excluded.store_id and p.document_id = excluded.document_id`,
    [uuids(points.map((point) => point.id)), `{${vectors.join(',')}}`, key.tenantId, key.storeId, key.documentId],
  )
}

/** Deletes at most `limit` points of a document, or of a whole store, and says how many there were. */
export async function deleteEmbeddings(
  db: Db,
  key: StoreKey & { documentId?: string },
  { dimensions, limit }: { dimensions: number; limit: number },
): Promise<number> {
  const table = tableOf(dimensions)
  const which = key.documentId === undefined ? '$3::uuid is null' : 'document_id = $3::uuid'
  const rows = await db.query(
    `delete from ${table} where id = any(array(
       select id from ${table} where store_id = $1::uuid and tenant_id = $2::uuid and ${which} limit $4::int
     )) returning 1`,
    [key.storeId, key.tenantId, key.documentId ?? null, limit],
  )
  return rows.length
}

export async function selectEmbeddingIds(db: Db, key: DocumentKey, { dimensions, limit }: { dimensions: number; limit: number }) {
  const rows = await db.query<{ id: string }>(
    `select id from ${tableOf(dimensions)}
     where document_id = $1::uuid and store_id = $2::uuid and tenant_id = $3::uuid order by id limit $4::int`,
    [key.documentId, key.storeId, key.tenantId, limit],
  )
  return rows.map((row) => row.id)
}

/** How many points a search could find, counted up to `max`. */
export async function countEmbeddings(db: Db, search: EmbeddingSearch, max: number): Promise<number> {
  const { from, params } = matching(search.vector.length, search.filter, 4)
  const [read] = await db.query<{ count: number }>(
    `select count(*)::int as count from
       (select 1 ${from} and p.store_id = any($1::text::uuid[]) and p.tenant_id = $2::uuid limit $3::int) as counted`,
    [uuids(search.storeIds), search.tenantId, max, ...params],
  )
  return read?.count ?? 0
}

/** The points of documents that match. */
function matching(dimensions: number, filter: Filter | null, firstParam: number): { from: string; params: string[] } {
  if (filter === null) return { from: `from ${tableOf(dimensions)} p where true`, params: [] }
  const { sql, params } = filterSql(filter, 'd.attributes', firstParam)
  const documents = 'join vector_document d on d.document_id = p.document_id'
  return { from: `from ${tableOf(dimensions)} p ${documents} where not d.removed and ${sql}`, params }
}

export interface EmbeddingSearch {
  tenantId: string
  storeIds: string[]
  vector: Float32Array
  limit: number
  filter: Filter | null
}

interface HitRow {
  id: string
  store_id: string
  document_id: string
  score: number
}

const toHits = (rows: HitRow[]): Hit[] =>
  rows.map(({ id, store_id, document_id, score }) => ({
    ...{ id, storeId: store_id, documentId: document_id },
    score: Math.max(-1, Math.min(1, score)),
  }))

/** Nearest by `distance`, an expression over `p.embedding` and $1. */
function searchText(dimensions: number, distance: string, filter: Filter | null): { text: string; params: string[] } {
  const { from, params } = matching(dimensions, filter, 5)
  return {
    text: `select p.id, p.store_id, p.document_id, p.embedding ${from}
      and p.store_id = any($2::text::uuid[]) and p.tenant_id = $3::uuid order by ${distance} limit $4::int`,
    params,
  }
}

const scored = (inner: string, dimensions: number): string =>
  `select id, store_id, document_id, -(embedding <#> $1::text::vector(${dimensions})) as score from (${inner}) as p order by score desc, id`

/** Compares all points of the stores: adding zero keeps the index away. */
export async function searchExact(db: Db, search: EmbeddingSearch): Promise<Hit[]> {
  const dimensions = search.vector.length
  const { text, params } = searchText(dimensions, `(p.embedding <#> $1::text::vector(${dimensions})) + 0`, search.filter)
  return toHits(await db.query<HitRow>(scored(text, dimensions), [...leading(search, search.limit), ...params]))
}

/**
 * By the index, which goes on until it has found enough that match, or has seen `scanMax` points. The planner must be led
 * to it: it does not know what comparing long vectors costs, which lie beside the table.
 */
export async function searchIndexed(db: Db, search: EmbeddingSearch, scanMax: number): Promise<Hit[]> {
  const dimensions = search.vector.length
  const half = dimensions > FULL_MAX
  const type = half ? `halfvec(${dimensions})` : `vector(${dimensions})`
  // Half floats are only near the truth: some more are taken, and put in order by the full ones.
  const fetched = half ? search.limit * 4 : search.limit
  const { text, params } = searchText(dimensions, `p.embedding${half ? `::${type}` : ''} <#> $1::text::${type}`, search.filter)
  return await db.transaction(async (tx) => {
    await tx.query(
      `select set_config('plan_cache_mode', 'force_custom_plan', true), set_config('enable_sort', 'off', true),
         set_config('hnsw.iterative_scan', 'strict_order', true), set_config('hnsw.ef_search', $1::text, true),
         set_config('hnsw.max_scan_tuples', $2::text, true)`,
      [String(Math.min(EF_MAX, Math.max(100, fetched * 2))), String(scanMax)],
    )
    const rows = await tx.query<HitRow>(scored(text, dimensions), [...leading(search, fetched), ...params])
    return toHits(rows).slice(0, search.limit)
  })
}

const leading = (search: EmbeddingSearch, limit: number): (string | number)[] => [
  literal(search.vector),
  uuids(search.storeIds),
  search.tenantId,
  limit,
]
