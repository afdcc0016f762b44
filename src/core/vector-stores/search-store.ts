import type { Db, Param } from '../../drivers/records/port.ts'
import { type Attributes, type Filter, filterSql } from '../attributes.ts'

/** Which documents of which stores count: those that are ready, and hold `filter`. */
export interface Scope {
  tenantId: string
  storeIds: readonly string[]
  filter: Filter | null
}

/** A word as a look-up: `query` is the text of a tsquery over the stores searched, `weight` what a hit is worth. */
export interface Lookup {
  query: string
  weight: number
}

export interface WordHits {
  /** Chunks with the word of each look-up; COUNTED_MAX stands for that many or more. */
  counts: number[]
  /** Chunks that hold the rarest words, best first. */
  ids: string[]
}

/** How many chunks with a word are looked at: a word of more is no help in finding any. */
export const COUNTED_MAX = 1_000
/** Chunks that are joined to their documents. */
const JOINED_MAX = 4_000

const uuids = (ids: readonly string[]): string => `{${ids.join(',')}}`
const lookups = (asked: readonly Lookup[]): string => JSON.stringify(asked.map(({ query, weight }, n) => ({ n, query, weight })))
const LOOKUPS = `t as materialized (select x.n, x.query::tsquery as query, x.weight
  from json_to_recordset($1::text::json) as x(n int, query text, weight float8))`

/**
 * Joins the row `f` of a document where that is in scope. `offset 0` keeps the planner to one look-up by key for each
 * document, whatever it thinks of the table. Its parameters are `params`, from $2 on.
 */
function readyFile({ tenantId, storeIds, filter }: Scope, documentId: string): { join: string; params: Param[] } {
  const condition = filter === null ? { sql: 'true', params: [] } : filterSql(filter, 'v.attributes', 4)
  return {
    join: `cross join lateral (select v.attributes from vector_store_file v where v.document_id = ${documentId}
      and v.tenant_id is not distinct from $2::uuid and array_position($3::text::uuid[], v.store_id) is not null
      and v.status || '' = 'completed' and ${condition.sql} offset 0) f`,
    params: [tenantId, uuids(storeIds), ...condition.params],
  }
}

/** The pieces of text in all of the stores, ready or not. */
export async function countChunks(db: Db, storeIds: readonly string[]): Promise<number> {
  const rows = await db.hot<{ n: number }>(
    `select coalesce(sum(f.chunks), 0)::int8 as n from vector_store_file f where f.store_id = any($1::text::uuid[])`,
    [uuids(storeIds)],
  )
  return rows[0]?.n ?? 0
}

/**
 * One index scan for each word, of which at most COUNTED_MAX chunks are looked at. Words of more chunks choose no candidates.
 * @param chunks how many there are in all
 */
export async function findByWords(
  db: Db,
  scope: Scope,
  { asked, chunks, limit }: { asked: readonly Lookup[]; chunks: number; limit: number },
): Promise<WordHits> {
  if (asked.length === 0) return { counts: [], ids: [] }
  const { join, params } = readyFile(scope, 's.document_id')
  const size = `$${params.length + 2}::float8`
  const rows = await db.hot<{ counts: number[]; ids: string[] | null }>(
    `with ${LOOKUPS},
    hit as materialized (select t.n, t.weight, l.ids, l.documents, coalesce(cardinality(l.ids), 0) as found
      from t cross join lateral (select array_agg(c.id) as ids, array_agg(c.document_id) as documents from
        (select id, document_id from chunk where lexemes @@ t.query limit ${COUNTED_MAX}) c) l),
    scored as (select u.id, u.document_id, sum(h.weight * ln(1 + greatest(0, ${size} - h.found + 0.5) / (h.found + 0.5))) as score
      from hit h cross join lateral unnest(h.ids, h.documents) as u(id, document_id) where h.found < ${COUNTED_MAX}
      group by u.id, u.document_id order by score desc limit ${JOINED_MAX}),
    best as (select s.id, s.score from scored s ${join} order by s.score desc, s.id limit ${limit})
    select (select array_agg(found order by n) from hit) as counts, (select array_agg(id order by score desc, id) from best) as ids`,
    [lookups(asked), ...params, chunks],
  )
  return { counts: rows[0]?.counts ?? [], ids: rows[0]?.ids ?? [] }
}

export interface Candidate {
  id: string
  storeId: string
  fileId: string
  filename: string
  attributes: Attributes
  idx: number
  /** For each look-up 0, or how much its word is there: 0.61 for once, towards 1 for often. */
  presence: number[]
}

/** Those of the chunks that are in scope, in no order. */
export async function readCandidates(
  db: Db,
  scope: Scope,
  { asked, ids }: { asked: readonly Lookup[]; ids: readonly string[] },
): Promise<Candidate[]> {
  const { join, params } = readyFile(scope, 'c.document_id')
  const rows = await db.hot<Omit<Candidate, 'presence'> & { presence: number[] | null }>(
    `with ${LOOKUPS}
    select c.id, c.store_id as "storeId", c.file_id as "fileId", coalesce(o.filename, '') as filename, f.attributes, c.idx,
      (select array_agg(ts_rank('{1,1,1,1}', c.lexemes, t.query) order by t.n) from t) as presence
    from unnest($${params.length + 2}::text::uuid[]) as x(id)
      cross join lateral (select id, store_id, document_id, file_id, idx, lexemes || ''::tsvector as lexemes from chunk
        where id = x.id offset 0) c
      ${join} left join lateral (select filename from file where id = c.file_id offset 0) o on true`,
    [lookups(asked), ...params, uuids(ids)],
  )
  return rows.map((row) => ({ ...row, presence: row.presence ?? [] }))
}

/** Texts by the ids of their chunks. */
export async function readTexts(db: Db, ids: readonly string[]): Promise<Map<string, string>> {
  const rows = await db.hot<{ id: string; text: string }>(`select id, text from chunk where id = any($1::text::uuid[])`, [uuids(ids)])
  return new Map(rows.map(({ id, text }) => [id, text]))
}

/** Bumps the time of last use of those that were not used since `before`. */
export async function touchStores(db: Db, storeIds: readonly string[], { at, before }: { at: number; before: number }): Promise<void> {
  await db.hot(
    `update vector_store set last_active_at = to_timestamp($2::float8 / 1000.0)
    where id = any($1::text::uuid[]) and last_active_at < to_timestamp($3::float8 / 1000.0)`,
    [uuids(storeIds), at, before],
  )
}

export async function countInProgress(db: Db, tenantId: string, storeIds: readonly string[]): Promise<number> {
  const rows = await db.query<{ n: number }>(
    `select count(*)::int as n from vector_store_file f
    where f.store_id = any($1::text::uuid[]) and f.status = 'in_progress' and f.tenant_id = $2`,
    [uuids(storeIds), tenantId],
  )
  return rows[0]?.n ?? 0
}
