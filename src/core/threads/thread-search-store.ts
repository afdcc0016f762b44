import type { Db, Param } from '../../drivers/records/port.ts'
import { THREAD_COLUMNS, type ThreadRow, threadFromRow } from './store.ts'
import type { ThreadFilter, ThreadOrder, ThreadSort } from './thread-search.ts'
import type { Thread } from './threads.ts'

/** A thread whose runs only wait for their time, or for each other, is busy too. */
const STATUS = `case when t.next_at is not null then 'busy' else t.status end`

const SORTED_BY: Record<ThreadSort, string> = {
  id: '',
  createdAt: 't.created_at',
  updatedAt: 't.updated_at',
  stateAt: 'coalesce(t.state_at, t.created_at)',
  status: STATUS,
}

interface Where {
  text: string
  params: Param[]
}

function where(tenantId: string, filter: ThreadFilter): Where {
  const params: Param[] = [tenantId]
  const conditions = ['t.tenant_id = $1', 'not t.temporary']
  const add = (condition: string, value: Param) => {
    params.push(value)
    conditions.push(condition.replace('?', `$${params.length}`))
  }
  if (filter.ids) add('t.id = any(?::text::uuid[])', `{${filter.ids.join(',')}}`)
  if (filter.status) add(`(${STATUS}) = ?`, filter.status)
  if (filter.metadata && Object.keys(filter.metadata).length > 0) add('t.metadata @> ?::text::jsonb', JSON.stringify(filter.metadata))
  return { text: conditions.join(' and '), params }
}

const orderBy = ({ sortBy, order }: ThreadOrder): string =>
  [SORTED_BY[sortBy], 't.id']
    .filter((column) => column !== '')
    .map((column) => `${column} ${order === 'asc' ? 'asc' : 'desc'}`)
    .join(', ')

export async function searchThreadRows(
  db: Db,
  tenantId: string,
  input: ThreadOrder & { filter: ThreadFilter; limit: number; offset: number },
): Promise<Thread[]> {
  const { text, params } = where(tenantId, input.filter)
  const rows = await db.query<ThreadRow>(
    `select ${THREAD_COLUMNS} from thread t where ${text} order by ${orderBy(input)} limit $${params.length + 1}::int offset $${params.length + 2}::bigint`,
    [...params, input.limit, input.offset],
  )
  return rows.map(threadFromRow)
}

/** The ids of the first `limit` threads. */
export async function searchThreadIds(
  db: Db,
  tenantId: string,
  input: ThreadOrder & { filter: ThreadFilter; limit: number },
): Promise<string[]> {
  const { text, params } = where(tenantId, input.filter)
  const rows = await db.query<{ id: string }>(
    `select t.id from thread t where ${text} order by ${orderBy(input)} limit $${params.length + 1}::int`,
    [...params, input.limit],
  )
  return rows.map((r) => r.id)
}

/** @param most no more are counted than these */
export async function countThreadRows(db: Db, tenantId: string, { most, ...filter }: ThreadFilter & { most?: number }): Promise<number> {
  const { text, params } = where(tenantId, filter)
  const counted =
    most === undefined ? `from thread t where ${text}` : `from (select 1 from thread t where ${text} limit ${Math.floor(most)}) x`
  const rows = await db.query<{ n: number }>(`select count(*)::int as n ${counted}`, params)
  return rows[0]?.n ?? 0
}
