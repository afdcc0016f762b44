import {
  BaseStore,
  type GetOperation,
  InvalidNamespaceError,
  type Item as LibraryItem,
  type ListNamespacesOperation,
  type Operation,
  type OperationResults,
  type PutOperation,
  type SearchItem,
  type SearchOperation,
} from '@langchain/langgraph-checkpoint'
import { type Caller, serverOf } from '../core/caller.ts'
import { Fault } from '../core/fault.ts'
import { getItems, ITEMS_MAX, type Item, listNamespaces, searchItems, writeItems } from '../core/items/items.ts'
import type { JsonObject } from '../core/json.ts'
import type { Needs } from '../core/needs.ts'

/** Searches of one batch that run at once. */
const AT_ONCE = 4
/** Of a value; far below what Postgres takes. A circle ends here too. */
const DEPTH_MAX = 256

/**
 * What graphs know as their store: the items of one tenant. It behaves as the library's InMemoryStore, except that
 * values are JSON once they are stored, and that a search answers the latest change first, as the library's Postgres
 * store does. `query` and `index` are for stores with an index of meanings; like the library's stores that have none,
 * this one leaves them unused, so that a graph works on both.
 */
export class GraphStore extends BaseStore {
  constructor(
    private readonly app: Needs<'db' | 'clock'>,
    private readonly caller: Caller,
  ) {
    super()
  }

  /** First everything is read, then everything written, whatever the order: as the library does it. */
  override async batch<Op extends Operation[]>(operations: Op): Promise<OperationResults<Op>> {
    if (operations.length > ITEMS_MAX) throw new Fault('invalid', `A batch has at most ${ITEMS_MAX} operations.`, { kind: 'item' })
    const results: unknown[] = operations.map(() => null)
    const put = (i: number, value: unknown) => {
      results[i] = value
    }
    const plan = planOf(operations)
    const writes = plan.writes.map(toWrite)
    await this.readAll(plan, put)
    await writeItems(this.app, this.caller, writes)
    return results as OperationResults<Op>
  }

  private async readAll({ gets, searches }: Plan, put: (i: number, value: unknown) => void): Promise<void> {
    const paths = gets.map(({ op }) => ({ namespace: op.namespace, key: op.key }))
    const found = await getItems(this.app, this.caller, { paths })
    for (const [n, { i }] of gets.entries()) put(i, toLibrary(found[n] ?? null))
    for (let start = 0; start < searches.length; start += AT_ONCE) {
      const wave = searches.slice(start, start + AT_ONCE)
      const answers = await Promise.all(wave.map(({ op }) => ('namespacePrefix' in op ? this.find(op) : this.list(op))))
      for (const [n, { i }] of wave.entries()) put(i, answers[n])
    }
  }

  private async find({ namespacePrefix, filter, limit = 10, offset = 0 }: SearchOperation): Promise<SearchItem[]> {
    const items = await searchItems(this.app, this.caller, { prefix: namespacePrefix, filter: filter ?? {}, limit, offset })
    return items.map((item) => ({ ...toLibraryItem(item), score: undefined }) as LibraryItem)
  }

  private list({ matchConditions = [], maxDepth, limit = ITEMS_MAX, offset = 0 }: ListNamespacesOperation): Promise<string[][]> {
    const matches = matchConditions.map(({ matchType: side, path: labels }) => ({ side, labels }))
    return listNamespaces(this.app, this.caller, { matches, limit, offset, ...(maxDepth === undefined ? {} : { maxDepth }) })
  }
}

export const openGraphStore = (app: Needs<'db' | 'clock'>, tenantId: string): BaseStore => new GraphStore(app, serverOf(tenantId))

interface At<Op> {
  i: number
  op: Op
}

interface Plan {
  gets: At<GetOperation>[]
  searches: At<SearchOperation | ListNamespacesOperation>[]
  writes: PutOperation[]
}

function planOf(operations: readonly Operation[]): Plan {
  const plan: Plan = { gets: [], searches: [], writes: [] }
  for (const [i, op] of operations.entries()) {
    if ('value' in op) plan.writes.push(requirePath(op))
    else if ('key' in op) plan.gets.push({ i, op: requirePath(op) })
    else plan.searches.push({ i, op })
  }
  return plan
}

/** The library's own words for what its methods let through and its stores refuse. */
function requirePath<Op extends GetOperation>(op: Op): Op {
  if (op.namespace.length === 0) throw new InvalidNamespaceError('Namespace cannot be empty.')
  return op
}

function toWrite({ namespace, key, value }: PutOperation): { namespace: string[]; key: string; value: JsonObject | null } {
  requirePlain(value, 'value', 0)
  return { namespace, key, value: value as JsonObject | null }
}

/**
 * Refuses what JSON would lose without a word. What it writes in its own way, such as a Date or a message, is let through.
 * Throws invalid with the path.
 */
function requirePlain(value: unknown, path: string, depth: number): void {
  if (typeof value === 'bigint') throw unfit(path, 'a BigInt')
  if (typeof value !== 'object' || value === null) return
  if (depth > DEPTH_MAX) throw unfit(path, `nested more than ${DEPTH_MAX} levels deep, or inside itself`)
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function' && !ArrayBuffer.isView(value)) return
  if (value instanceof Map || value instanceof Set || value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    throw unfit(path, `a ${value.constructor.name}`)
  }
  for (const [key, inner] of Object.entries(value))
    requirePlain(inner, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`, depth + 1)
}

const unfit = (path: string, what: string): Fault =>
  new Fault('invalid', `Invalid '${path}': it is ${what}, which cannot be stored as JSON.`, { kind: 'item', param: path, reason: 'type' })

const toLibraryItem = ({ namespace, key, value, createdAt, updatedAt }: Item): LibraryItem => ({
  value,
  key,
  namespace,
  createdAt: new Date(createdAt),
  updatedAt: new Date(updatedAt),
})

const toLibrary = (item: Item | null): LibraryItem | null => (item === null ? null : toLibraryItem(item))
