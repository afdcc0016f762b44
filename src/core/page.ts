import { Fault } from './fault.ts'

/** A keyset page: `after` and `before` are core ids, exclusive, relative to the requested order. `limit` is at least 1. */
export interface PageRequest {
  limit: number
  order: 'asc' | 'desc'
  after?: string
  before?: string
}

export interface Page<T> {
  items: T[]
  hasMore: boolean
}

/** Text of the keyset part of a query over rows `alias`, sorted by (created_at, id) or another unique tuple. */
export interface Keyset {
  /** Conditions, each to be joined by AND. */
  where: string[]
  orderBy: string
  /** One more than the page, so that `hasMore` costs no second query. */
  limit: number
  params: (string | number)[]
  /** True when rows come nearest-to-cursor first and must be turned round. */
  reversed: boolean
}

/**
 * @param cursor reads the sort tuple of the row a cursor names, as `(select created_at, id from t where id = $n and …)`
 * @param columns the sort tuple, e.g. `m.created_at, m.id`
 * @param first number of the first free parameter
 */
export function keyset(page: PageRequest, columns: string, cursor: (param: string) => string, first: number): Keyset {
  const params: (string | number)[] = []
  const where: string[] = []
  const add = (id: string, operator: '<' | '>') => {
    params.push(id)
    where.push(`(${columns}) ${operator} ${cursor(`$${first + params.length - 1}`)}`)
  }
  const ascending = page.order === 'asc'
  if (page.after !== undefined) add(page.after, ascending ? '>' : '<')
  if (page.before !== undefined) add(page.before, ascending ? '<' : '>')
  // With only `before`, the page is the one that ends at the cursor: read towards it, then turn round.
  const reversed = page.before !== undefined && page.after === undefined
  const direction = ascending !== reversed ? 'asc' : 'desc'
  const orderBy = columns
    .split(',')
    .map((column) => `${column.trim()} ${direction}`)
    .join(', ')
  return { where, orderBy, limit: page.limit + 1, params, reversed }
}

export function toPage<T>(rows: T[], page: PageRequest, keys: Keyset): Page<T> {
  const hasMore = rows.length > page.limit
  const items = hasMore ? rows.slice(0, page.limit) : rows
  return { items: keys.reversed ? items.reverse() : items, hasMore }
}

export const unknownCursor = (param: 'after' | 'before', id: string): Fault =>
  new Fault('invalid', `Invalid '${param}': no object with this id.`, { param, reason: 'value', id })
