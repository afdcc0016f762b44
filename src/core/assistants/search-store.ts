import type { Db } from '../../drivers/records/port.ts'
import { type Assistant, UNNAMED } from './assistants.ts'
import type { AssistantFilter, AssistantSearch, SortKey } from './search.ts'
import { type AssistantRow, assistantFromRow, COLUMNS, FROM } from './store.ts'

const NAME = `coalesce(v.name, '${UNNAMED}')`

/** Text in an order that is the same on every Postgres, whatever its collation. */
const SORTED: Record<SortKey, string> = {
  id: 'a.id',
  createdAt: 'a.created_at',
  updatedAt: 'a.updated_at',
  name: `lower(${NAME}) collate "C"`,
  graph: 'v.graph collate "C"',
}

function conditions(tenantId: string, filter: AssistantFilter): { where: string; params: string[] } {
  const params = [tenantId]
  const parts = ['a.tenant_id = $1', 'a.deleted_at is null']
  const add = (value: string, part: (param: string) => string) => {
    params.push(value)
    parts.push(part(`$${params.length}`))
  }
  if (filter.graph !== undefined) add(filter.graph, (p) => `v.graph = ${p}`)
  if (filter.name !== undefined) add(`%${filter.name.replace(/[\\%_]/g, '\\$&')}%`, (p) => `${NAME} ilike ${p}`)
  if (filter.metadata !== undefined) add(JSON.stringify(filter.metadata), (p) => `v.metadata @> ${p}::text::jsonb`)
  return { where: parts.join(' and '), params }
}

export async function searchRows(db: Db, tenantId: string, search: AssistantSearch): Promise<{ items: Assistant[]; total: number }> {
  const { where, params } = conditions(tenantId, search)
  const order = search.order === 'asc' ? 'asc' : 'desc'
  const rows = await db.query<AssistantRow & { total: number }>(
    `select ${COLUMNS}, count(*) over () as total ${FROM} where ${where}
    order by ${SORTED[search.sortBy]} ${order}, a.id ${order} limit $${params.length + 1} offset $${params.length + 2}`,
    [...params, search.limit, search.offset],
  )
  // A page behind the last one says nothing of how many there are.
  const total = rows[0]?.total ?? (search.offset === 0 ? 0 : await countRows(db, tenantId, search))
  return { items: rows.map(assistantFromRow), total }
}

export async function countRows(db: Db, tenantId: string, filter: AssistantFilter): Promise<number> {
  const { where, params } = conditions(tenantId, filter)
  const rows = await db.query<{ total: number }>(`select count(*) as total ${FROM} where ${where}`, params)
  return rows[0]?.total ?? 0
}
