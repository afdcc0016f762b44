import { Fault, type InvalidReason } from './fault.ts'
import { isStorable } from './json.ts'

/** What a client says about a file in a store, to filter by. At most 16 keys. */
export type Attribute = string | number | boolean
export type Attributes = Record<string, Attribute>

/**
 * A condition on attributes. It means the same wherever it is evaluated:
 * - `eq` holds when the key is there with that very value and type; `ne` is its opposite and holds where the key is missing.
 * - `gt`, `gte`, `lt`, `lte` compare numbers with numbers and strings with strings (by code point); any other pair, and a
 *   missing key, does not hold.
 * - `in` is any `eq`, `nin` its opposite. An empty list is in nothing.
 * - An empty `and` holds, an empty `or` does not.
 */
export type Filter =
  | { type: 'eq' | 'ne'; key: string; value: Attribute }
  | { type: 'gt' | 'gte' | 'lt' | 'lte'; key: string; value: string | number }
  | { type: 'in' | 'nin'; key: string; value: (string | number | boolean)[] }
  | { type: 'and' | 'or'; filters: Filter[] }

export type Comparison = 'gt' | 'gte' | 'lt' | 'lte'

/** `and` and `or` inside each other; a comparison alone has depth 1. */
const FILTER_DEPTH_MAX = 8
/** Comparisons, each value of a list, and empty groups. */
const FILTER_CONDITIONS_MAX = 100
const KEY_CHARS_MAX = 64
const VALUE_CHARS_MAX = 512

/** Below zero when `a` comes before `b` by code point, which `<` on strings does not say: it compares UTF-16 units. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)]
    // Surrogates stand for code points above all others.
    if (x !== y) return isSurrogate(x) === isSurrogate(y) ? x - y : isSurrogate(x) ? 1 : -1
  }
  return a.length - b.length
}

const isSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdfff

const HOLDS: Record<Comparison, (order: number) => boolean> = {
  gt: (order) => order > 0,
  gte: (order) => order >= 0,
  lt: (order) => order < 0,
  lte: (order) => order <= 0,
}

export function matches(attributes: Attributes, filter: Filter): boolean {
  switch (filter.type) {
    case 'and':
      return filter.filters.every((part) => matches(attributes, part))
    case 'or':
      return filter.filters.some((part) => matches(attributes, part))
    case 'eq':
      return attributeAt(attributes, filter.key) === filter.value
    case 'ne':
      return attributeAt(attributes, filter.key) !== filter.value
    case 'in':
      return isIn(attributeAt(attributes, filter.key), filter.value)
    case 'nin':
      return !isIn(attributeAt(attributes, filter.key), filter.value)
    default:
      return compares(attributeAt(attributes, filter.key), filter.value, HOLDS[filter.type])
  }
}

/** Not what objects inherit: `constructor` is a key like any other. */
const attributeAt = (attributes: Attributes, key: string): Attribute | undefined =>
  Object.hasOwn(attributes, key) ? attributes[key] : undefined

const isIn = (value: Attribute | undefined, list: Attribute[]): boolean => value !== undefined && list.includes(value)

function compares(value: Attribute | undefined, bound: string | number, holds: (order: number) => boolean): boolean {
  if (typeof value === 'number' && typeof bound === 'number') return holds(value - bound)
  return typeof value === 'string' && typeof bound === 'string' && holds(compareText(value, bound))
}

const OPERATORS: Record<Comparison, string> = { gt: '>', gte: '>=', lt: '<', lte: '<=' }

/**
 * The same as a condition of a statement, never null, over a jsonb column that holds an object.
 * @param firstParam number of the first parameter that is free
 */
export function filterSql(filter: Filter, column: string, firstParam: number): { sql: string; params: string[] } {
  const params: string[] = []
  const add = (value: string): string => `$${firstParam + params.push(value) - 1}::text`
  const render = (part: Filter): string => {
    switch (part.type) {
      case 'and':
        return part.filters.length === 0 ? 'true' : `(${part.filters.map(render).join(' and ')})`
      case 'or':
        return part.filters.length === 0 ? 'false' : `(${part.filters.map(render).join(' or ')})`
      case 'eq':
      case 'ne':
        return `(${part.type === 'ne' ? 'not ' : ''}${column} @> ${add(JSON.stringify({ [part.key]: part.value }))}::jsonb)`
      case 'in':
      case 'nin':
        // An array contains each of its scalars.
        return `(${part.type === 'nin' ? 'not ' : ''}coalesce(${add(JSON.stringify(part.value))}::jsonb @> (${column} -> ${add(part.key)}), false))`
      default:
        return comparisonSql(part, column, add)
    }
  }
  return { sql: render(filter), params }
}

/** `case` keeps the cast away from values of the other type. */
function comparisonSql(part: Extract<Filter, { type: Comparison }>, column: string, add: (value: string) => string): string {
  const [key, bound] = [add(part.key), add(String(part.value))]
  const order =
    typeof part.value === 'number'
      ? `(${column} ->> ${key})::numeric ${OPERATORS[part.type]} ${bound}::numeric`
      : `(${column} ->> ${key}) collate "C" ${OPERATORS[part.type]} ${bound} collate "C"`
  return `(case when jsonb_typeof(${column} -> ${key}) = '${typeof part.value}' then ${order} else false end)`
}

/** A filter as a client sent it, or Fault('invalid') that names the offending place below `param`. */
export function requireFilter(input: unknown, param = 'filters'): Filter {
  const budget = { conditions: FILTER_CONDITIONS_MAX, param }
  return readFilter(input, { param, depth: 1, budget })
}

interface Place {
  param: string
  depth: number
  budget: { conditions: number; param: string }
}

const COMPARISONS = new Set<unknown>(['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'nin'])

function readFilter(input: unknown, place: Place): Filter {
  const { param } = place
  if (typeof input !== 'object' || input === null || Array.isArray(input)) throw invalid(param, 'type', 'must be an object')
  const { type } = input as { type?: unknown }
  if (type === 'and' || type === 'or') return readCompound(type, input as Record<string, unknown>, place)
  if (type === undefined) throw invalid(`${param}.type`, 'missing_field', 'is missing')
  if (!COMPARISONS.has(type)) throw invalid(`${param}.type`, 'value', `must be one of ${[...COMPARISONS].join(', ')}, and, or`)
  return readComparison(input as Record<string, unknown> & { type: Exclude<Filter['type'], 'and' | 'or'> }, place)
}

function readCompound(type: 'and' | 'or', input: Record<string, unknown>, { param, depth, budget }: Place): Filter {
  refuseOthers(input, ['type', 'filters'], param)
  const parts = input.filters
  if (parts === undefined) throw invalid(`${param}.filters`, 'missing_field', 'is missing')
  if (!Array.isArray(parts)) throw invalid(`${param}.filters`, 'type', 'must be an array of filters')
  if (depth >= FILTER_DEPTH_MAX && parts.length > 0) {
    throw invalid(budget.param, 'value', `may be nested at most ${FILTER_DEPTH_MAX} levels deep`)
  }
  if (parts.length === 0) spend(budget, 1)
  return { type, filters: parts.map((part, i) => readFilter(part, { param: `${param}.filters[${i}]`, depth: depth + 1, budget })) }
}

function readComparison(input: Record<string, unknown> & { type: Exclude<Filter['type'], 'and' | 'or'> }, place: Place): Filter {
  const { param, budget } = place
  const { type, key, value } = input
  refuseOthers(input, ['type', 'key', 'value'], param)
  if (key === undefined) throw invalid(`${param}.key`, 'missing_field', 'is missing')
  if (typeof key !== 'string') throw invalid(`${param}.key`, 'type', 'must be a string')
  requireText(key, `${param}.key`, KEY_CHARS_MAX)
  if (value === undefined) throw invalid(`${param}.value`, 'missing_field', 'is missing')
  const at = `${param}.value`
  switch (type) {
    case 'in':
    case 'nin':
      if (!Array.isArray(value)) throw invalid(at, 'type', `must be an array for '${type}'`)
      spend(budget, Math.max(1, value.length))
      return { type, key, value: value.map((item, i) => requireAttribute(item, `${at}[${i}]`)) }
    case 'eq':
    case 'ne':
      spend(budget, 1)
      return { type, key, value: requireAttribute(value, at) }
    default: {
      spend(budget, 1)
      const bound = requireAttribute(value, at)
      if (typeof bound === 'boolean') throw invalid(at, 'type', `must be a string or a number for '${type}'`)
      return { type, key, value: bound }
    }
  }
}

function requireAttribute(value: unknown, param: string): Attribute {
  if (typeof value === 'string') requireText(value, param, VALUE_CHARS_MAX)
  else if (typeof value === 'number' ? !Number.isFinite(value) : typeof value !== 'boolean') {
    throw invalid(param, 'type', 'must be a string, a number or a boolean')
  }
  return value as Attribute
}

function requireText(text: string, param: string, charsMax: number): void {
  if (text.length > charsMax && [...text].length > charsMax) throw invalid(param, 'too_long', `has at most ${charsMax} characters`)
  if (!isStorable(text)) throw invalid(param, 'value', 'contains a character that cannot be stored: NUL or half of a surrogate pair')
}

function refuseOthers(input: Record<string, unknown>, known: readonly string[], param: string): void {
  const other = Object.keys(input).find((key) => !known.includes(key))
  if (other !== undefined) throw invalid(`${param}.${other}`, 'unknown_field', 'is not known')
}

function spend(budget: Place['budget'], conditions: number): void {
  budget.conditions -= conditions
  if (budget.conditions < 0) throw invalid(budget.param, 'too_many_items', `has at most ${FILTER_CONDITIONS_MAX} conditions`)
}

const invalid = (param: string, reason: InvalidReason, rule: string): Fault =>
  new Fault('invalid', `Invalid '${param}': it ${rule}.`, { param, reason })
