import type { ErrorBody } from './refusal.ts'

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
}

export type Problem = Pick<ErrorBody, 'message' | 'param' | 'code'>

/** What is wrong, while the way back to the root is still being gone: paths are spelled for wrong values only. */
interface Flaw {
  code: string
  /** Dotted, from the node that is being looked at; empty for the node itself. */
  path: string
  say(path: string): string
}

/** The first thing wrong with `value`, in the words of this dialect, or undefined. */
export function findProblem(schema: SchemaNode, value: unknown): Problem | undefined {
  const flaw = walk(schema, value)
  return flaw && { code: flaw.code, param: flaw.path || null, message: flaw.say(flaw.path || 'body') }
}

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
  if (maxProperties !== undefined && keys.length > maxProperties) return tooManyProperties(maxProperties, keys.length)
  for (const key of keys) {
    const child = Object.hasOwn(properties, key) ? properties[key] : rest
    const found = typeof child === 'object' ? walk(child, value[key]) : undefined
    if (found) return under(key, found)
    if (node.propertyNames?.maxLength !== undefined && key.length > node.propertyNames.maxLength) {
      return longName(node.propertyNames.maxLength, key.length)
    }
  }
  return undefined
}

const NO_PROPERTIES: Readonly<Record<string, SchemaNode>> = {}

function walkArray({ minItems: min, maxItems: max, items }: SchemaNode, value: unknown[]): Flaw | undefined {
  const got = value.length
  if (max !== undefined && got > max) {
    return limit(
      'array_above_max_length',
      `array too long. Expected an array with maximum length ${max}, but got an array with length ${got} instead.`,
    )
  }
  if (min !== undefined && got < min) {
    const [what, shown] = got === 0 ? ['empty array', 'an empty array'] : ['array too short', `an array with length ${got}`]
    return limit('array_below_min_length', `${what}. Expected an array with minimum length ${min}, but got ${shown} instead.`)
  }
  if (!items) return undefined
  for (let i = 0; i < got; i++) {
    const found = walk(items, value[i])
    if (found) return under(`[${i}]`, found)
  }
  return undefined
}

function walkString({ minLength: min, maxLength: max }: SchemaNode, value: string): Flaw | undefined {
  const got = value.length
  if (max !== undefined && got > max) {
    return limit(
      'string_above_max_length',
      `string too long. Expected a string with maximum length ${max}, but got a string with length ${got} instead.`,
    )
  }
  if (min !== undefined && got < min) {
    const [what, shown] = got === 0 ? ['empty string', 'an empty string'] : ['string too short', `a string with length ${got}`]
    return limit('string_below_min_length', `${what}. Expected a string with minimum length ${min}, but got ${shown} instead.`)
  }
  return undefined
}

function walkNumber({ type, minimum: min, maximum: max }: SchemaNode, value: number): Flaw | undefined {
  const kind = type === 'integer' ? 'integer' : 'decimal'
  if (max !== undefined && value > max) {
    return limit(`${kind}_above_max_value`, `${kind} above maximum value. Expected a value <= ${max}, but got ${value} instead.`)
  }
  if (min !== undefined && value < min) {
    return limit(`${kind}_below_min_value`, `${kind} below minimum value. Expected a value >= ${min}, but got ${value} instead.`)
  }
  return undefined
}

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

/** The flaw, seen from the parent of where it was found. */
function under(step: string, flaw: Flaw): Flaw {
  const path = flaw.path === '' || flaw.path.startsWith('[') ? step + flaw.path : `${step}.${flaw.path}`
  return { ...flaw, path }
}

const UNKNOWN: Flaw = { code: 'unknown_parameter', path: '', say: (path) => `Unknown parameter: '${path}'.` }
const MISSING: Flaw = { code: 'missing_required_parameter', path: '', say: (path) => `Missing required parameter: '${path}'.` }

const limit = (code: string, rest: string): Flaw => ({ code, path: '', say: (path) => `Invalid '${path}': ${rest}` })

const tooManyProperties = (max: number, got: number): Flaw =>
  limit(
    'object_above_max_properties',
    `object with too many properties. Expected an object with at most ${max} properties, but got an object with ${got} properties instead.`,
  )

const longName = (max: number, got: number): Flaw =>
  limit('string_above_max_length', `key too long. Expected a key with maximum length ${max}, but got a key with length ${got} instead.`)

function mismatch(branches: readonly SchemaNode[], value: unknown): Flaw {
  const values = branches.flatMap((b) => valuesOf(b) ?? [])
  if (!values.some((v) => nameOf(v) === nameOf(value))) return wrongType(branches, value)
  const words = values.map((v) => `'${String(v)}'`)
  const allowed = words.length === 1 ? `Value must be ${words[0]}.` : `Supported values are: ${enumerate(words, 'and')}.`
  const sent = String(value)
  const shown = sent.length > SHOWN_CHARS_MAX ? `${sent.slice(0, SHOWN_CHARS_MAX)}...` : sent
  return { code: 'invalid_value', path: '', say: () => `Invalid value: '${shown}'. ${allowed}` }
}

/** A body may hold megabytes where a word was expected. */
const SHOWN_CHARS_MAX = 100

function wrongType(branches: readonly SchemaNode[], value: unknown): Flaw {
  const names = [...new Set(branches.map(expectedName))]
  const shown = names.length > 1 ? names.filter((n) => n !== 'null') : names
  const expected = shown.length > 1 ? `one of ${enumerate(shown, 'or')}` : shown[0]
  const got = nameOf(value)
  return { code: 'invalid_type', path: '', say: (path) => `Invalid type for '${path}': expected ${expected}, but got ${got} instead.` }
}

function enumerate(words: readonly string[], last: 'and' | 'or'): string {
  if (words.length <= 2) return words.join(` ${last} `)
  return `${words.slice(0, -1).join(', ')}, ${last} ${words.at(-1)}`
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
