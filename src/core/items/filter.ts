import { findUnstorable, type Json } from '../json.ts'
import { invalid } from './namespace.ts'

export type Comparison = '$gt' | '$gte' | '$lt' | '$lte'

/**
 * What an item's value must be like, at a path of keys; all conditions of a filter must hold.
 * - `is` and `isnt` compare whole values, by content; a missing key is no value, so only `isnt` holds.
 * - `in` is any `is`, `nin` its opposite.
 * - A comparison turns both sides into numbers like `Number()` does, and never holds where that fails; lists and objects are
 *   no numbers.
 */
export type Condition = { path: string[] } & (
  | { test: 'is' | 'isnt'; value: Json }
  | { test: 'in' | 'nin'; values: Json[] }
  | { test: Comparison; bound: number }
  | { test: 'missing' | 'never' }
)

const CONDITIONS_MAX = 100
const VALUES_MAX = 1_000
/** Keys inside each other. */
const DEPTH_MAX = 8
const OPERATORS = new Set(['$eq', '$ne', '$gt', '$gte', '$lt', '$lte', '$in', '$nin'])

/**
 * The filter of LangGraph's stores, with the meaning that its InMemoryStore gives it: a plain value must be equal, an
 * object of operators is tested. Where that store compares objects and lists by identity, which never holds for what was
 * stored, this one compares lists by content and looks into objects. Throws invalid for what is no filter, an unknown operator too.
 */
export function readFilter(filter: Record<string, unknown>, param = 'filter'): Condition[] {
  const conditions: Condition[] = []
  readKeys(filter, { param, path: [], conditions })
  return conditions
}

interface Place {
  param: string
  path: string[]
  conditions: Condition[]
}

function readKeys(filter: Record<string, unknown>, { param, path, conditions }: Place): void {
  if (path.length >= DEPTH_MAX) throw invalid(param, 'value', `is nested more than ${DEPTH_MAX} levels deep`)
  for (const [key, wanted] of Object.entries(filter)) {
    const place = { param: `${param}.${key}`, path: [...path, key], conditions }
    if (findUnstorable(key) !== undefined) throw unstorable(param)
    readWanted(wanted, place)
    if (conditions.length > CONDITIONS_MAX) throw invalid('filter', 'too_many_items', `has at most ${CONDITIONS_MAX} conditions`)
  }
}

function readWanted(wanted: unknown, place: Place): void {
  const { path, conditions } = place
  const value = hasJson(wanted) ? wanted.toJSON() : wanted
  if (value === undefined) conditions.push({ path, test: 'missing' })
  else if (!isObject(value)) conditions.push({ path, test: 'is', value: asJson(value, place) })
  else if (Object.keys(value).some((key) => key.startsWith('$'))) readOperators(value, place)
  // An object without keys is an empty list of operators, which always holds.
  else readKeys(value, place)
}

function readOperators(operators: Record<string, unknown>, place: Place): void {
  for (const [operator, value] of Object.entries(operators)) {
    const at = { ...place, param: `${place.param}.${operator}` }
    if (!OPERATORS.has(operator)) throw invalid(at.param, 'unknown_field', `is no operator; there are ${[...OPERATORS].join(', ')}`)
    place.conditions.push({ path: place.path, ...readOperator(operator, value, at) })
  }
}

type Test = Condition extends infer C ? (C extends Condition ? Omit<C, 'path'> : never) : never

function readOperator(operator: string, value: unknown, place: Place): Test {
  switch (operator) {
    case '$eq':
      return value === undefined ? { test: 'missing' } : { test: 'is', value: asJson(value, place) }
    case '$ne':
      return { test: 'isnt', value: asJson(value, place) }
    case '$in':
    case '$nin':
      return { test: operator === '$in' ? 'in' : 'nin', values: asList(value, place) }
    default: {
      const bound = isObject(value) || Array.isArray(value) ? Number.NaN : Number(value)
      return Number.isNaN(bound) ? { test: 'never' } : { test: operator as Comparison, bound }
    }
  }
}

function asList(value: unknown, place: Place): Json[] {
  if (!Array.isArray(value)) throw invalid(place.param, 'type', 'must be a list')
  if (value.length > VALUES_MAX) throw invalid(place.param, 'too_many_items', `has at most ${VALUES_MAX} values`)
  return asJson(value, place) as Json[]
}

/** What the value is once it is stored. */
function asJson(value: unknown, { param }: Place): Json {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch {
    // BigInt, or a circle.
  }
  if (text === undefined) throw invalid(param, 'type', 'must be a JSON value')
  if (findUnstorable(value) !== undefined) throw unstorable(param)
  return JSON.parse(text) as Json
}

const unstorable = (param: string) => invalid(param, 'value', 'contains a character that cannot be stored: NUL or half of a surrogate pair')

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

const hasJson = (value: unknown): value is { toJSON(): unknown } =>
  isObject(value) && typeof (value as { toJSON?: unknown }).toJSON === 'function'
