import type { Db } from '../../drivers/records/port.ts'
import { readyFile, type Scope, uuids } from './search-store.ts'

/** A word as a look-up: `query` is the text of a tsquery over the stores searched, `weight` what a hit is worth. */
export interface Lookup {
  query: string
  weight: number
}

const lookups = (asked: readonly Lookup[]): string => JSON.stringify(asked.map(({ query, weight }, n) => ({ n, query, weight })))
/** The look-ups as a table `t`, of parameter $1. */
const LOOKUPS = `t as materialized (select x.n, x.query::tsquery as query, x.weight
  from json_to_recordset($1::text::json) as x(n int, query text, weight float8))`

/** The pieces of text in all of the stores. */
export async function countChunks(db: Db, storeIds: readonly string[]): Promise<number> {
  const rows = await db.hot<{ n: number }>(
    `select coalesce(sum(f.chunks), 0)::int8 as n from vector_store_file f where f.store_id = any($1::text::uuid[])`,
    [uuids(storeIds)],
  )
  return rows[0]?.n ?? 0
}

/** Places to take a piece from: the first document from `fileId` on, and how far into it, 0 to 1. */
export interface Probe {
  storeId: string
  fileId: string
  part: number
}

/** The first and last file of each store that has any. */
export const readEnds = (db: Db, storeIds: readonly string[]): Promise<{ storeId: string; first: string; last: string }[]> =>
  db.query(
    `select s.id as "storeId", a.file_id as first, b.file_id as last from unnest($1::text::uuid[]) as s(id)
      cross join lateral (select file_id from vector_store_file where store_id = s.id order by file_id limit 1) a
      cross join lateral (select file_id from vector_store_file where store_id = s.id order by file_id desc limit 1) b`,
    [uuids(storeIds)],
  )

/** How many of the pieces at `probes` there are, and how many of them have each word. */
export async function sampleWords(
  db: Db,
  { asked, probes }: { asked: readonly Lookup[]; probes: readonly Probe[] },
): Promise<{ pieces: number; counts: number[] }> {
  const rows = await db.query<{ pieces: number; counts: number[] | null }>(
    `with ${LOOKUPS},
    piece as materialized (select c.lexemes from json_to_recordset($2::text::json) as p("storeId" uuid, "fileId" uuid, part float8)
      cross join lateral (select v.document_id, v.chunks from vector_store_file v where v.store_id = p."storeId"
        and v.file_id >= p."fileId" order by v.file_id limit 1) v
      cross join lateral (select lexemes || ''::tsvector as lexemes from chunk
        where document_id = v.document_id and idx = floor(p.part * v.chunks)::int offset 0) c)
    select (select count(*)::int from piece) as pieces,
      (select array_agg((select count(*)::int from piece where piece.lexemes @@ t.query) order by t.n) from t) as counts`,
    [lookups(asked), JSON.stringify(probes)],
  )
  return { pieces: rows[0]?.pieces ?? 0, counts: rows[0]?.counts ?? [] }
}

export interface WordHits {
  /** Chunks with the word of each look-up; `countedMax` stands for that many or more. */
  counts: number[]
  /** Chunks that hold the rarest words, best first. */
  ids: string[]
}

/** Chunks that are joined to their documents. */
const JOINED_MAX = 4_000

export interface WordSearch {
  asked: readonly Lookup[]
  /** How many chunks there are in all. */
  chunks: number
  /** How many chunks with one word are looked at: a word of more is no help in finding any. */
  countedMax: number
  limit: number
}

/** One index scan for each word; words of too many chunks choose none. */
export async function findByWords(db: Db, scope: Scope, { asked, chunks, countedMax, limit }: WordSearch): Promise<WordHits> {
  if (asked.length === 0) return { counts: [], ids: [] }
  const { join, params } = readyFile(scope, 's.document_id')
  const [counted, size] = [`$${params.length + 2}::int`, `$${params.length + 3}::float8`]
  const rows = await db.hot<{ counts: number[]; ids: string[] | null }>(
    `with ${LOOKUPS},
    hit as materialized (select t.n, t.weight, l.ids, l.documents, coalesce(cardinality(l.ids), 0) as found
      from t cross join lateral (select array_agg(c.id) as ids, array_agg(c.document_id) as documents from
        (select id, document_id from chunk where lexemes @@ t.query limit ${counted}) c) l),
    scored as (select u.id, u.document_id, sum(h.weight * ln(1 + greatest(0, ${size} - h.found + 0.5) / (h.found + 0.5))) as score
      from hit h cross join lateral unnest(h.ids, h.documents) as u(id, document_id) where h.found < ${counted}
      group by u.id, u.document_id order by score desc limit ${JOINED_MAX}),
    best as (select s.id, s.score from scored s ${join} order by s.score desc, s.id limit ${limit})
    select (select array_agg(found order by n) from hit) as counts, (select array_agg(id order by score desc, id) from best) as ids`,
    [lookups(asked), ...params, countedMax, chunks],
  )
  return { counts: rows[0]?.counts ?? [], ids: rows[0]?.ids ?? [] }
}

/** Some of the chunks in scope that one tsquery finds, in no order. */
export async function findTogether(db: Db, scope: Scope, { query, limit }: { query: string; limit: number }): Promise<string[]> {
  const { join, params } = readyFile(scope, 's.document_id')
  const rows = await db.hot<{ id: string }>(
    `select s.id from (select id, document_id from chunk where lexemes @@ $1::text::tsquery limit ${JOINED_MAX}) s ${join} limit ${limit}`,
    [query, ...params],
  )
  return rows.map(({ id }) => id)
}
