import { type Caller, requireScope } from '../caller.ts'
import { Fault } from '../fault.ts'
import type { HeadState } from '../graphs/graphs.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import { contains } from './containment.ts'
import { countThreadRows, searchThreadIds, searchThreadRows } from './thread-search-store.ts'
import type { Thread } from './threads.ts'

export type ThreadSort = 'id' | 'createdAt' | 'updatedAt' | 'stateAt' | 'status'

export interface ThreadOrder {
  sortBy: ThreadSort
  order: 'asc' | 'desc'
}

export interface ThreadFilter {
  ids?: string[]
  /** `busy` also for threads whose runs wait for their time. */
  status?: Thread['status']
  /** Containment, as for `values`. */
  metadata?: JsonObject
  values?: JsonObject
}

export interface ThreadSearch extends ThreadOrder {
  filter: ThreadFilter
  /** 1 to 1000. */
  limit: number
  offset: number
  /** Whether the state of what is found is wanted too. */
  heads: boolean
}

export interface FoundThreads {
  threads: Thread[]
  /** By thread id; empty where it was not asked for. */
  heads: Map<string, HeadState>
  hasMore: boolean
  /** How many there are without limit and offset. Null: more than TOTAL_MAX, or a search by values ended before. */
  total: number | null
}

type SearchNeeds = Needs<'db' | 'graphs'>

/**
 * Threads that last, one page of them. Values are not in a form that SQL can search: they are compared here, for the first
 * VALUES_SCAN_MAX threads that fit the rest. Throws invalid (param: values) when those do not fill the page.
 */
export async function searchThreads(app: SearchNeeds, caller: Caller, input: ThreadSearch): Promise<FoundThreads> {
  requireScope(caller, 'read')
  if (input.filter.values) return searchByValues(app, caller, { ...input, values: input.filter.values })
  const { limit, offset } = input
  const found = await searchThreadRows(app.db, caller.tenantId, { ...input, limit: limit + 1 })
  const threads = found.slice(0, limit)
  const hasMore = found.length > limit
  const whole = !hasMore && (found.length > 0 || offset === 0)
  const [heads, total] = await Promise.all([
    input.heads ? app.graphs.heads(caller, threads) : new Map<string, HeadState>(),
    whole ? offset + found.length : countThreadRows(app.db, caller.tenantId, { ...input.filter, most: TOTAL_MAX + 1 }),
  ])
  return { threads, heads, hasMore, total: total > TOTAL_MAX && !whole ? null : total }
}

/** A page must not cost more the more threads there are. Who wants the number of a larger multitude counts. */
export const TOTAL_MAX = 10_000

/** As searchThreads; throws invalid (param: values) where there are too many to look at. */
export async function countThreads(app: SearchNeeds, caller: Caller, filter: ThreadFilter): Promise<number> {
  requireScope(caller, 'read')
  if (!filter.values) return countThreadRows(app.db, caller.tenantId, filter)
  let count = 0
  for await (const found of fitting(app, caller, { filter, values: filter.values, sortBy: 'id', order: 'asc' })) {
    if (found === 'unseen') throw tooMany()
    count++
  }
  return count
}

export const VALUES_SCAN_MAX = 2_000
/** Threads whose state is in memory at once. */
const SCAN_PAGE = 50

async function searchByValues(app: SearchNeeds, caller: Caller, input: ThreadSearch & { values: JsonObject }): Promise<FoundThreads> {
  const { limit, offset } = input
  const result: FoundThreads = { threads: [], heads: new Map(), hasMore: false, total: null }
  let seen = 0
  for await (const found of fitting(app, caller, input)) {
    if (seen === offset + limit) return { ...result, hasMore: true }
    if (found === 'unseen') throw tooMany()
    if (seen++ < offset) continue
    result.threads.push(found.thread)
    if (input.heads) result.heads.set(found.thread.id, found.head)
  }
  return { ...result, total: seen }
}

const tooMany = (): Fault =>
  new Fault('invalid', `More than ${VALUES_SCAN_MAX} threads would have to be searched for 'values': narrow the search.`, {
    param: 'values',
    reason: 'too_big',
  })

/**
 * The ids are read once, so that threads which change meanwhile are neither skipped nor told twice. `unseen`, at the end:
 * there are more than may be looked at.
 */
async function* fitting(
  app: SearchNeeds,
  caller: Caller,
  { filter, values, sortBy, order }: ThreadOrder & { filter: ThreadFilter; values: JsonObject },
): AsyncGenerator<{ thread: Thread; head: HeadState } | 'unseen'> {
  const ids = await searchThreadIds(app.db, caller.tenantId, { filter, sortBy, order, limit: VALUES_SCAN_MAX + 1 })
  for (let start = 0; start < Math.min(ids.length, VALUES_SCAN_MAX); start += SCAN_PAGE) {
    const page = ids.slice(start, Math.min(start + SCAN_PAGE, VALUES_SCAN_MAX))
    const rows = await searchThreadRows(app.db, caller.tenantId, { filter: { ids: page }, sortBy, order, limit: page.length, offset: 0 })
    const threads = new Map(rows.map((thread) => [thread.id, thread]))
    const heads = await app.graphs.heads(caller, rows)
    for (const id of page) {
      const [thread, head] = [threads.get(id), heads.get(id)]
      if (thread && head && contains(head.values, values)) yield { thread, head }
    }
  }
  if (ids.length > VALUES_SCAN_MAX) yield 'unseen'
}
