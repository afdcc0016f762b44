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

interface Conditions {
  where: string
  params: string[]
  /** Whether one of them is about the version. */
  ofVersion: boolean
}

function conditions(tenantId: string, filter: AssistantFilter): Conditions {
  const params = [tenantId]
  const parts = ['a.tenant_id = $1', 'a.deleted_at is null']
  const add = (value: string, part: (param: string) => string) => {
    params.push(value)
    parts.push(part(`$${params.length}`))
  }
  if (filter.graph !== undefined) add(filter.graph, (p) => `v.graph = ${p}`)
  if (filter.name !== undefined) add(`%${filter.name.replace(/[\\%_]/g, '\\$&')}%`, (p) => `${NAME} ilike ${p}`)
  if (filter.metadata !== undefined) add(JSON.stringify(filter.metadata), (p) => `v.metadata @> ${p}::text::jsonb`)
  return { where: parts.join(' and '), params, ofVersion: params.length > 1 }
}

export async function searchRows(db: Db, tenantId: string, search: AssistantSearch): Promise<{ items: Assistant[]; total: number }> {
  const { where, params } = conditions(tenantId, search)
  const order = search.order === 'asc' ? 'asc' : 'desc'
  const rows = await db.query<AssistantRow>(
    `select ${COLUMNS} ${FROM} where ${where}
    order by ${SORTED[search.sortBy]} ${order}, a.id ${order} limit $${params.length + 1} offset $${params.length + 2}`,
    [...params, search.limit, search.offset],
  )
  // A page that is not full is the last one, unless it lies behind it.
  const isLast = rows.length < search.limit && (rows.length > 0 || search.offset === 0)
  const total = isLast ? search.offset + rows.length : await countRows(db, tenantId, search)
  return { items: rows.map(assistantFromRow), total }
}

export async function countRows(db: Db, tenantId: string, filter: AssistantFilter): Promise<number> {
  const { where, params, ofVersion } = conditions(tenantId, filter)
  const rows = await db.query<{ total: number }>(`select count(*) as total ${ofVersion ? FROM : 'from assistant a'} where ${where}`, params)
  return rows[0]?.total ?? 0
}
