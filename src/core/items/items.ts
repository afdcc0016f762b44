import { type Caller, requireScope } from '../caller.ts'
import { Fault } from '../fault.ts'
import { findUnstorable, type JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import { readFilter } from './filter.ts'
import { invalid, LABELS_MAX, type Namespace, requireKey, requireNamespace, spellNamespace } from './namespace.ts'
import { walkNamespaces } from './namespace-store.ts'
import { deleteExpiredRows, readRows, searchRows, type WriteRow, writeRows } from './store.ts'

/** What graphs remember beyond a thread: a JSON object under a key of a namespace. */
export interface Item {
  namespace: string[]
  key: string
  value: JsonObject
  /** Milliseconds since the epoch. */
  createdAt: number
  updatedAt: number
}

export interface ItemPath {
  namespace: Namespace
  key: string
}

/** `value` null removes the item. */
export interface ItemWrite extends ItemPath {
  value: JsonObject | null
  /** From the last use; null or absent: it is kept for ever. */
  ttlMinutes?: number | null
}

/** `*` stands for any label. */
export interface NamespaceMatch {
  side: 'prefix' | 'suffix'
  labels: Namespace
}

/** Of one value, as JSON text. */
const VALUE_BYTES_MAX = 8 * 1024 * 1024
/** Of what is written or found at once. */
const TOGETHER_BYTES_MAX = 64 * 1024 * 1024
/** Operations of one batch, and items or namespaces of one page. */
export const ITEMS_MAX = 10_000
const OFFSET_MAX = 2_147_483_647
/** A hundred years. */
const TTL_MINUTES_MAX = 52_560_000
/** What the library keeps for itself. */
const RESERVED_ROOT = 'langgraph'

type Stored = Needs<'db' | 'clock'>

/** Written over what was there, time to live included. Throws invalid and too_large. */
export async function putItem(app: Stored, caller: Caller, input: ItemWrite & { value: JsonObject }): Promise<void> {
  if (input.namespace[0] === RESERVED_ROOT) throw invalid('namespace[0]', 'value', `must not be "${RESERVED_ROOT}"`)
  await writeItems(app, caller, [input])
}

/** Nothing happens when there is none. */
export const deleteItem = (app: Stored, caller: Caller, path: ItemPath): Promise<void> =>
  writeItems(app, caller, [{ ...path, value: null }])

/** All or none. Of several with the same path the last counts. */
export async function writeItems(app: Stored, caller: Caller, writes: readonly ItemWrite[]): Promise<void> {
  requireScope(caller, 'write')
  requireCount(writes)
  const rows = writes.map(rowOf)
  const length = rows.reduce((sum, row) => sum + (row.value?.length ?? 0), 0)
  if (length > TOGETHER_BYTES_MAX) throw tooLarge(`The values of one batch have at most ${TOGETHER_BYTES_MAX} bytes.`)
  if (rows.length > 0) await writeRows(app.db, { tenantId: caller.tenantId, rows, at: app.clock.now() })
}

function rowOf({ namespace, key, value, ttlMinutes = null }: ItemWrite): WriteRow {
  requireNamespace(namespace, 'namespace')
  requireKey(key)
  if (ttlMinutes !== null && !(ttlMinutes > 0 && ttlMinutes <= TTL_MINUTES_MAX)) {
    throw invalid('ttl', 'value', `must be more than 0 and at most ${TTL_MINUTES_MAX} minutes`)
  }
  return { namespace: spellNamespace(namespace), key, value: value === null ? null : textOf(value), ttl: ttlMinutes }
}

/** Only these escapes can stand for what jsonb cannot hold. */
const MAYBE_UNSTORABLE = /\\u(?:0000|d[89a-f])/

function textOf(value: JsonObject): string {
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid('value', 'type', 'must be an object')
  const text = JSON.stringify(value)
  if (text.length > VALUE_BYTES_MAX || Buffer.byteLength(text) > VALUE_BYTES_MAX) {
    throw tooLarge(`A value has at most ${VALUE_BYTES_MAX} bytes.`)
  }
  const found = MAYBE_UNSTORABLE.test(text) ? findUnstorable(value, 'value') : undefined
  if (found !== undefined) throw invalid(found, 'value', 'contains a character that cannot be stored: NUL or half of a surrogate pair')
  return text
}

/** Null where there is none. Reading counts as a use unless `refresh` is false. */
export async function getItem(app: Stored, caller: Caller, input: ItemPath & { refresh?: boolean }): Promise<Item | null> {
  const [item = null] = await getItems(app, caller, { paths: [input], refresh: input.refresh ?? true })
  return item
}

/** Answers in the order of `paths`. */
export async function getItems(
  app: Stored,
  caller: Caller,
  input: { paths: readonly ItemPath[]; refresh?: boolean },
): Promise<(Item | null)[]> {
  requireScope(caller, 'read')
  requireCount(input.paths)
  for (const { namespace, key } of input.paths) {
    requireNamespace(namespace, 'namespace')
    requireKey(key)
  }
  if (input.paths.length === 0) return []
  return readRows(app.db, caller.tenantId, { paths: input.paths, at: app.clock.now(), refresh: input.refresh ?? true })
}

export interface ItemSearch {
  /** Of the namespace; nothing finds the items of all. */
  prefix: Namespace
  /** See filter.ts. */
  filter?: Record<string, unknown>
  limit?: number
  offset?: number
  refresh?: boolean
}

/** Latest change first. Throws invalid, and too_large when the page is. */
export async function searchItems(app: Stored, caller: Caller, input: ItemSearch): Promise<Item[]> {
  requireScope(caller, 'read')
  const { prefix, filter = {}, limit = 10, offset = 0, refresh = true } = input
  requireNamespace(prefix, 'namespace_prefix', { empty: true })
  requirePage({ limit, offset })
  const conditions = readFilter(filter)
  if (limit === 0 || conditions.some((condition) => condition.test === 'never')) return []
  const search = { prefix, conditions, limit, offset, refresh, at: app.clock.now(), bytesMax: TOGETHER_BYTES_MAX }
  const items = await searchRows(app.db, caller.tenantId, search)
  if (!items) throw tooLarge(`The items of this page have more than ${TOGETHER_BYTES_MAX} bytes: ask for fewer.`)
  return items
}

export interface NamespaceList {
  /** All must hold. */
  matches?: readonly NamespaceMatch[]
  /** Deeper namespaces are cut to so many labels, and answered once. */
  maxDepth?: number
  limit?: number
  offset?: number
}

/** Namespaces that hold items, in the order of their text. */
export async function listNamespaces(app: Stored, caller: Caller, input: NamespaceList): Promise<string[][]> {
  requireScope(caller, 'read')
  const { matches = [], maxDepth, limit = 100, offset = 0 } = input
  requireCount(matches)
  for (const { side, labels } of matches) requireNamespace(labels, side, { empty: true })
  requirePage({ limit, offset })
  if (maxDepth !== undefined && !(Number.isSafeInteger(maxDepth) && maxDepth >= 1)) throw invalid('max_depth', 'too_small', 'is at least 1')
  // No namespace is deeper.
  const depth = maxDepth === undefined || maxDepth >= LABELS_MAX ? null : maxDepth
  const search = { matches, depth, limit, offset, at: app.clock.now() }
  return walkNamespaces(app.db, caller.tenantId, search)
}

/** Housekeeping: items are gone for their readers as soon as they expire. Answers how many were removed. */
export const deleteExpiredItems = (app: Stored, limit: number): Promise<number> => deleteExpiredRows(app.db, { at: app.clock.now(), limit })

function requirePage(page: { limit: number; offset: number }): void {
  requireWhole('limit', page.limit, ITEMS_MAX)
  requireWhole('offset', page.offset, OFFSET_MAX)
}

function requireWhole(param: 'limit' | 'offset', value: number, max: number): void {
  if (!Number.isSafeInteger(value)) throw invalid(param, 'type', 'must be a whole number')
  if (value < 0) throw invalid(param, 'too_small', 'is at least 0')
  if (value > max) throw invalid(param, 'too_big', `is at most ${max}`)
}

function requireCount(list: readonly unknown[]): void {
  if (list.length > ITEMS_MAX)
    throw new Fault('invalid', `A batch has at most ${ITEMS_MAX} operations.`, { kind: 'item', reason: 'too_many_items' })
}

const tooLarge = (message: string): Fault => new Fault('too_large', message, { kind: 'item' })
