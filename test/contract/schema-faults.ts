import type { Json } from '../../src/core/json.ts'
import type { Schema } from './operations.ts'

/** The bounds that the document also states. */
interface Bounds {
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  minItems?: number
  maxItems?: number
  maxProperties?: number
  propertyNames?: { maxLength?: number }
  format?: string
}
type Node = Schema & Bounds

/** One wrong body: what is wrong with it, and where. */
export interface Fault {
  path: string
  why: string
  body: Json
}

const typesOf = ({ type }: Schema): string[] => (type === undefined ? [] : [type].flat())
const typeOf = (value: Json): string => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value)
const isRecord = (value: Json): value is Record<string, Json> => typeOf(value) === 'object'

function hasType(schema: Schema, value: Json): boolean {
  const types = typesOf(schema)
  if (types.length === 0) return true
  const type = typeOf(value)
  return types.includes(type) || (type === 'number' && types.includes('integer') && Number.isInteger(value))
}

/** Whether the document allows the value. */
export function isValid(schema: Node, value: Json): boolean {
  if (schema.anyOf) return schema.anyOf.some((branch) => isValid(branch, value))
  if (schema.const !== undefined) return value === schema.const
  if (value === null && typesOf(schema).includes('null')) return true
  if (schema.enum) return schema.enum.includes(value)
  if (!hasType(schema, value)) return false
  if (typeof value === 'number') return value >= (schema.minimum ?? -Infinity) && value <= (schema.maximum ?? Infinity)
  if (typeof value === 'string') return isValidText(schema, value)
  if (Array.isArray(value)) return isValidList(schema, value)
  return isRecord(value) ? isValidRecord(schema, value) : true
}

const FORMS: Record<string, RegExp> = { email: /^[^\s@]+@[^\s@.]+(?:\.[^\s@.]+)+$/, uuid: /^[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/i }

const isValidText = ({ minLength = 0, maxLength = Infinity, format = '' }: Node, value: string): boolean =>
  value.length >= minLength && value.length <= maxLength && FORMS[format]?.test(value) !== false

function isValidList({ items, minItems = 0, maxItems = Infinity }: Node, value: Json[]): boolean {
  return value.length >= minItems && value.length <= maxItems && (!items || value.every((item) => isValid(items, item)))
}

function isValidRecord(schema: Node, value: Record<string, Json>): boolean {
  const { properties = {}, required = [], additionalProperties: rest = true } = schema
  const keys = Object.keys(value)
  if (required.some((key) => !Object.hasOwn(value, key)) || keys.length > (schema.maxProperties ?? Infinity)) return false
  return keys.every((key) => {
    const child = Object.hasOwn(properties, key) ? properties[key] : rest
    if (key.length > (schema.propertyNames?.maxLength ?? Infinity)) return false
    return typeof child === 'object' ? isValid(child, value[key] as Json) : child === true
  })
}

/** A value with every optional field in it. */
export function sampleOf(schema: Node, name = ''): Json {
  const [branch] = schema.anyOf ?? []
  if (branch) return sampleOf(branch, name)
  if (schema.const !== undefined) return schema.const as Json
  if (schema.enum) return schema.enum[0] as Json
  switch (typesOf(schema).find((type) => type !== 'null')) {
    case 'string':
      return TEXTS[name] ?? FORMATTED[schema.format ?? ''] ?? 'text'.padEnd(schema.minLength ?? 0, ' and more')
    case 'integer':
    case 'number':
      return schema.minimum ?? Math.min(1, schema.maximum ?? 1)
    case 'boolean':
      return false
    case 'array':
      return [sampleOf(schema.items ?? {})]
    case 'object':
      return sampleRecord(schema)
    default:
      return typesOf(schema).length > 0 ? null : 'anything'
  }
}

const FORMATTED: Record<string, string> = {
  uri: 'https://example.com/a.png',
  email: 'somebody@example.com',
  uuid: '00000000-0000-4000-8000-000000000000',
}

const TEXTS: Record<string, string> = { assistant_id: `asst_${'0'.repeat(31)}1`, model: 'echo' }

function sampleRecord({ properties = {}, additionalProperties: rest }: Node): Json {
  const record: Record<string, Json> = {}
  for (const [key, child] of Object.entries(properties)) record[key] = sampleOf(child, key)
  if (typeof rest === 'object') record.key = sampleOf(rest)
  return record
}

const PROBES: Json[] = [null, true, 7, 1.5, -1, 'text', '', [], [null], ['text'], {}, { a: 1 }, [[]]]

/** Each wrong value for one place, with the rest of the body as it should be. */
export function* faultsOf(root: Node): Generator<Fault> {
  for (const fault of walk(root, '')) if (!isValid(root, fault.body)) yield fault
}

function* walk(schema: Node, path: string): Generator<Fault> {
  for (const body of PROBES) yield { path, why: `${JSON.stringify(body)} instead`, body }
  for (const branch of schema.anyOf ?? []) yield* walk(branch, path)
  if (schema.anyOf) return
  yield* beyondBounds(schema, path)
  if (typesOf(schema).includes('object')) yield* walkRecord(schema, path)
  if (!typesOf(schema).includes('array') || !schema.items) return
  for (const fault of walk(schema.items, `${path}[0]`)) yield { ...fault, body: [fault.body] }
  for (const fault of walk(schema.items, `${path}[1]`)) yield { ...fault, body: [sampleOf(schema.items), fault.body] }
}

function* walkRecord(schema: Node, path: string): Generator<Fault> {
  const sample = sampleOf(schema) as Record<string, Json>
  const at = (key: string): string => (path === '' ? key : `${path}.${key}`)
  for (const key of ['unknown_field', '__proto__', 'constructor', 'toString', '']) {
    yield { path: at(key), why: 'an unknown field', body: withField(sample, key, 1) }
  }
  for (const key of schema.required ?? []) {
    const { [key]: _, ...rest } = sample
    yield { path: at(key), why: 'a missing field', body: rest }
  }
  for (const [key, child] of Object.entries(schema.properties ?? {})) {
    for (const fault of walk(child, at(key))) yield { ...fault, body: { ...sample, [key]: fault.body } }
  }
  const { additionalProperties: rest, maxProperties, propertyNames } = schema
  if (typeof rest === 'object') for (const fault of walk(rest, at('key'))) yield { ...fault, body: { ...sample, key: fault.body } }
  if (maxProperties !== undefined) {
    const many = Object.fromEntries(Array.from({ length: maxProperties + 1 }, (_, i) => [`k${i}`, 'v']))
    yield { path, why: 'too many fields', body: many }
  }
  if (propertyNames?.maxLength !== undefined) {
    yield { path, why: 'a long name', body: withField({}, 'k'.repeat(propertyNames.maxLength + 1), 'v') }
  }
}

/** `__proto__` too becomes a field of its own, as it does in JSON. */
const withField = (record: Record<string, Json>, key: string, value: Json): Json =>
  JSON.parse(
    `{${[...Object.entries(record), [key, value] as const].map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`).join(',')}}`,
  )

const ITEMS_MAX = 3000

function* beyondBounds(schema: Node, path: string): Generator<Fault> {
  const { minimum, maximum, minLength, maxLength, minItems, maxItems } = schema
  if (minimum !== undefined) yield { path, why: 'too small', body: minimum - 1 }
  if (maximum !== undefined) yield { path, why: 'too big', body: maximum + 1 }
  if (minLength) yield { path, why: 'too short', body: '' }
  if (maxLength !== undefined) yield { path, why: 'too long', body: 'x'.repeat(maxLength + 1) }
  if (minItems) yield { path, why: 'too few', body: [] }
  if (maxItems !== undefined && maxItems <= ITEMS_MAX) {
    yield { path, why: 'too many', body: Array.from({ length: maxItems + 1 }, () => sampleOf(schema.items ?? {})) }
  }
  if (schema.enum || schema.const !== undefined) yield { path, why: 'no such value', body: 'nonsense' }
}

/** The body with each of its texts and keys changed by `change`, one at a time. */
export function* eachText(value: Json, change: (text: string) => string, path = ''): Generator<Fault> {
  if (typeof value === 'string') yield { path, why: 'a text', body: change(value) }
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) {
      for (const fault of eachText(item, change, `${path}[${i}]`)) yield { ...fault, body: value.with(i, fault.body) }
    }
  } else if (isRecord(value)) {
    for (const [key, item] of Object.entries(value)) {
      const at = path === '' ? key : `${path}.${key}`
      const { [key]: _, ...rest } = value
      yield { path: at, why: 'a key', body: withField(rest, change(key), item) }
      for (const fault of eachText(item, change, at)) yield { ...fault, body: { ...value, [key]: fault.body } }
    }
  }
}

/** Chance that is the same every time. */
export function dice(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % sides
  }
}

const SCRAPS: Json[] = [
  ...PROBES,
  ...[
    0,
    -0,
    1e21,
    1e300,
    2 ** 31,
    2 ** 53,
    -(2 ** 63),
    0.1,
    'x'.repeat(5000),
    '\u202e',
    '💥',
    '%00',
    '$1',
    "'; drop table run; --",
    '../..',
  ],
]

/** The value with some of its places replaced, dropped or doubled by chance. */
export function garbled(value: Json, roll: (sides: number) => number): Json {
  const fate = roll(12)
  if (fate === 0) return SCRAPS[roll(SCRAPS.length)] ?? null
  if (Array.isArray(value))
    return value.flatMap((item) => (fate === 1 ? [] : fate === 2 ? [item, garbled(item, roll)] : [garbled(item, roll)]))
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(() => roll(3) > 0)
      .map(([key, item]) => [roll(20) === 0 ? String(SCRAPS[roll(SCRAPS.length)]) : key, garbled(item, roll)]),
  )
}
