import type { Db, Param } from '../../drivers/records/port.ts'
import { type Attributes, type Filter, filterSql } from '../attributes.ts'

/** Which documents of which stores count: those that are ready, and hold `filter`. */
export interface Scope {
  tenantId: string
  storeIds: readonly string[]
  filter: Filter | null
}

export const uuids = (ids: readonly string[]): string => `{${ids.join(',')}}`

/**
 * Joins the row `f` of a document where that is in scope. `offset 0` keeps the planner to one look-up by key for each
 * document, whatever it thinks of the table. Its parameters are `params`, from $2 on.
 */
export function readyFile({ tenantId, storeIds, filter }: Scope, documentId: string): { join: string; params: Param[] } {
  const condition = filter === null ? { sql: 'true', params: [] } : filterSql(filter, 'v.attributes', 4)
  return {
    join: `cross join lateral (select v.attributes from vector_store_file v where v.document_id = ${documentId}
      and v.tenant_id is not distinct from $2::uuid and array_position($3::text::uuid[], v.store_id) is not null
      and v.status || '' = 'completed' and ${condition.sql} offset 0) f`,
    params: [tenantId, uuids(storeIds), ...condition.params],
  }
}

export interface Candidate {
  id: string
  storeId: string
  fileId: string
  filename: string
  attributes: Attributes
  idx: number
  /** For each query 0, or how much its word is there: 0.61 for once, towards 1 for often. */
  presence: number[]
}

/** Those of the chunks that are in scope, in no order. */
export async function readCandidates(
  db: Db,
  scope: Scope,
  { queries, ids }: { queries: readonly string[]; ids: readonly string[] },
): Promise<Candidate[]> {
  const { join, params } = readyFile(scope, 'c.document_id')
  const rows = await db.hot<Omit<Candidate, 'presence'> & { presence: number[] | null }>(
    `with t as materialized (select x.n, x.query::tsquery as query
      from json_array_elements_text($1::text::json) with ordinality as x(query, n))
    select c.id, c.store_id as "storeId", c.file_id as "fileId", coalesce(o.filename, '') as filename, f.attributes, c.idx,
      (select array_agg(ts_rank('{1,1,1,1}', c.lexemes, t.query) order by t.n) from t) as presence
    from unnest($${params.length + 2}::text::uuid[]) as x(id)
      cross join lateral (select id, store_id, document_id, file_id, idx, lexemes || ''::tsvector as lexemes from chunk
        where id = x.id offset 0) c
      ${join} left join lateral (select filename from file where id = c.file_id offset 0) o on true`,
    [JSON.stringify(queries), ...params, uuids(ids)],
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
