/** The part of JSON Schema that the wire files use. Free JSON is a node without `type`, or an object without `properties`. */
export interface SchemaNode {
  /** The schema itself, where it is written down as a reference. */
  target?: () => unknown
  type?: string
  const?: unknown
  enum?: readonly unknown[]
  anyOf?: readonly SchemaNode[]
  properties?: Readonly<Record<string, SchemaNode>>
  required?: readonly string[]
  additionalProperties?: boolean | SchemaNode
  propertyNames?: { maxLength?: number }
  maxProperties?: number
  items?: SchemaNode
  minItems?: number
  maxItems?: number
  minLength?: number
  maxLength?: number
  minimum?: number
  maximum?: number
  format?: string
}

/** What kind of rule a value breaks, with all that a sentence about it needs. */
export type Mistake =
  | { kind: 'unknown' }
  | { kind: 'missing' }
  | { kind: 'type'; expected: readonly string[]; got: string }
  | { kind: 'value'; allowed: readonly unknown[]; got: unknown }
  | { kind: 'format'; format: string; got: string }
  | { kind: 'size'; of: Sized; bound: 'min' | 'max'; limit: number; got: number }

export type Sized = 'array' | 'string' | 'integer' | 'decimal' | 'object' | 'key'

/** The path leads from the root to what is wrong: names of fields and places in arrays. */
export interface Flaw {
  path: readonly (string | number)[]
  mistake: Mistake
}

/** The first thing wrong with `value`, or undefined. Each dialect has its own words for it. */
export const findFlaw = (schema: object, value: unknown): Flaw | undefined => walk(schema as SchemaNode, value)

const flawed = (mistake: Mistake): Flaw => ({ path: [], mistake })

/** The flaw, seen from the parent of where it was found. */
const under = (step: string | number, { path, mistake }: Flaw): Flaw => ({ path: [step, ...path], mistake })

function walk(node: SchemaNode, value: unknown): Flaw | undefined {
  if (node.target) return walk(node.target() as SchemaNode, value)
  if (node.anyOf) return walkUnion(node.anyOf, value)
  if (node.const !== undefined) return value === node.const ? undefined : mismatch([node], value)
  if (node.enum) return node.enum.includes(value) ? undefined : mismatch([node], value)
  if (node.type === undefined) return undefined
  if (!isOf(node.type, value)) return wrongType([node], value)
  switch (node.type) {
    case 'object':
      return walkObject(node, value as Record<string, unknown>)
    case 'array':
      return walkArray(node, value as unknown[])
    case 'string':
      return walkString(node, value as string)
    case 'integer':
    case 'number':
      return walkNumber(node, value as number)
    default:
      return undefined
  }
}

function walkUnion(anyOf: readonly SchemaNode[], value: unknown): Flaw | undefined {
  const [one, other] = anyOf
  // By far the most frequent union: something or null.
  if (one && anyOf.length === 2 && other?.type === 'null') return value === null ? undefined : walk(one, value)
  return walkBranches(flatten(anyOf), value)
}

const flatten = (branches: readonly SchemaNode[]): SchemaNode[] => branches.flatMap((b) => (b.anyOf ? flatten(b.anyOf) : [b]))

function walkBranches(branches: readonly SchemaNode[], value: unknown): Flaw | undefined {
  const open = branches.filter((b) => accepts(b, value))
  const only = open[0]
  if (!only) return wrongType(branches, value)
  if (open.length === 1) return walk(only, value)
  if (isOf('object', value)) {
    const tag = tagOf(open)
    if (tag !== undefined) return walkTagged(open, tag, value as Record<string, unknown>)
  }
  const flaws = open.map((b) => walk(b, value))
  if (flaws.includes(undefined)) return undefined
  return open.every((b) => valuesOf(b)) ? mismatch(open, value) : flaws[0]
}

/** The property by whose fixed value the branches tell themselves apart. */
const tagOf = (branches: readonly SchemaNode[]): string | undefined =>
  Object.keys(branches[0]?.properties ?? {}).find((key) => branches.every((b) => fixedAt(b, key) !== undefined))

const fixedAt = ({ properties }: SchemaNode, key: string): readonly unknown[] | undefined => {
  const node = properties && Object.hasOwn(properties, key) ? properties[key] : undefined
  return node && valuesOf(node)
}

function walkTagged(branches: readonly SchemaNode[], tag: string, record: Record<string, unknown>): Flaw | undefined {
  if (!Object.hasOwn(record, tag)) return under(tag, MISSING)
  const value = record[tag]
  const branch = branches.find((b) => fixedAt(b, tag)?.includes(value))
  if (branch) return walk(branch, record)
  const values = branches.flatMap((b) => fixedAt(b, tag) ?? [])
  return under(tag, mismatch([{ enum: values }], value))
}

function walkObject(node: SchemaNode, value: Record<string, unknown>): Flaw | undefined {
  const { properties = NO_PROPERTIES, additionalProperties: rest, maxProperties } = node
  const keys = Object.keys(value)
  if (rest === false) for (const key of keys) if (!Object.hasOwn(properties, key)) return under(key, UNKNOWN)
  if (node.required) for (const key of node.required) if (!Object.hasOwn(value, key)) return under(key, MISSING)
  if (maxProperties !== undefined && keys.length > maxProperties) return tooMuch('object', maxProperties, keys.length)
  for (const key of keys) {
    const child = Object.hasOwn(properties, key) ? properties[key] : rest
    const found = typeof child === 'object' ? walk(child, value[key]) : undefined
    if (found) return under(key, found)
    const nameMax = node.propertyNames?.maxLength
    if (nameMax !== undefined && key.length > nameMax) return tooMuch('key', nameMax, key.length)
  }
  return undefined
}

const NO_PROPERTIES: Readonly<Record<string, SchemaNode>> = {}

function walkArray({ minItems: min, maxItems: max, items }: SchemaNode, value: unknown[]): Flaw | undefined {
  const outside = sizeFlaw('array', value.length, { min, max })
  if (outside || !items) return outside
  for (let i = 0; i < value.length; i++) {
    const found = walk(items, value[i])
    if (found) return under(i, found)
  }
  return undefined
}

const walkString = ({ minLength: min, maxLength: max, format }: SchemaNode, value: string): Flaw | undefined =>
  sizeFlaw('string', value.length, { min, max }) ??
  (format !== undefined && FORMATS[format]?.test(value) === false ? flawed({ kind: 'format', format, got: value }) : undefined)

/** The formats that are looked at; any other one is a remark. */
const FORMATS: Readonly<Record<string, RegExp>> = {
  // Nor what nobody sees, and what turns the text around it: people decide by the addresses that they read.
  email: /^[^\s@\p{Cc}\p{Cf}]+@[^\s@.\p{Cc}\p{Cf}]+(?:\.[^\s@.\p{Cc}\p{Cf}]+)+$/u,
  uuid: /^[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/i,
  'date-time':
    /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[T ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?$/i,
}

const walkNumber = ({ type, minimum: min, maximum: max }: SchemaNode, value: number): Flaw | undefined =>
  sizeFlaw(type === 'integer' ? 'integer' : 'decimal', value, { min, max })

interface Bounds {
  min: number | undefined
  max: number | undefined
}

function sizeFlaw(of: Sized, got: number, { min, max }: Bounds): Flaw | undefined {
  if (max !== undefined && got > max) return tooMuch(of, max, got)
  if (min !== undefined && got < min) return flawed({ kind: 'size', of, bound: 'min', limit: min, got })
  return undefined
}

const tooMuch = (of: Sized, limit: number, got: number): Flaw => flawed({ kind: 'size', of, bound: 'max', limit, got })

const valuesOf = (node: SchemaNode): readonly unknown[] | undefined => (node.const !== undefined ? [node.const] : node.enum)

function isOf(type: string, value: unknown): boolean {
  switch (type) {
    case 'null':
      return value === null
    case 'array':
      return Array.isArray(value)
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
    case 'integer':
      return Number.isInteger(value)
    default:
      return typeof value === type
  }
}

function accepts(node: SchemaNode, value: unknown): boolean {
  const values = valuesOf(node)
  if (values) return values.some((v) => nameOf(v) === nameOf(value))
  return node.type === undefined || isOf(node.type, value)
}

const UNKNOWN: Flaw = flawed({ kind: 'unknown' })
const MISSING: Flaw = flawed({ kind: 'missing' })

function mismatch(branches: readonly SchemaNode[], value: unknown): Flaw {
  const allowed = branches.flatMap((b) => valuesOf(b) ?? [])
  if (!allowed.some((v) => nameOf(v) === nameOf(value))) return wrongType(branches, value)
  return flawed({ kind: 'value', allowed, got: value })
}

/** That null would do too is not worth a word beside anything else. */
function wrongType(branches: readonly SchemaNode[], value: unknown): Flaw {
  const names = [...new Set(branches.map(expectedName))]
  return flawed({ kind: 'type', expected: names.length > 1 ? names.filter((n) => n !== 'null') : names, got: nameOf(value) })
}

const TYPE_NAMES: Record<string, string> = {
  string: 'a string',
  integer: 'an integer',
  number: 'a decimal',
  boolean: 'a boolean',
  object: 'an object',
  array: 'an array',
  null: 'null',
}

function expectedName(node: SchemaNode): string {
  const values = valuesOf(node)
  return values ? nameOf(values[0]) : (TYPE_NAMES[node.type ?? ''] ?? 'a value')
}

function nameOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer' : 'a decimal'
  return TYPE_NAMES[typeof value] ?? 'a value'
}

/** `a`, `a or b`, `a, b, or c`. */
export function enumerate(words: readonly string[], last: 'and' | 'or'): string {
  if (words.length <= 2) return words.join(` ${last} `)
  return `${words.slice(0, -1).join(', ')}, ${last} ${words.at(-1)}`
}

/** A body may hold megabytes where a word was expected. */
const SHOWN_CHARS_MAX = 100

export const shorten = (text: string): string => (text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}...` : text)
