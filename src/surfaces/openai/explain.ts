import type { ErrorBody } from './refusal.ts'

/** The part of JSON Schema that the wire files use. Free JSON is a node without `type`, or an object without `properties`. */
export interface SchemaNode {
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

interface Spot {
  value: unknown
  /** Dotted path; empty for the whole body. */
  path: string
}

/** The first thing wrong with `value`, in the words of this dialect, or undefined. */
export const findProblem = (schema: SchemaNode, value: unknown): Problem | undefined => walk(schema, { value, path: '' })

function walk(node: SchemaNode, spot: Spot): Problem | undefined {
  if (node.anyOf) return walkUnion(flatten(node.anyOf), spot)
  if (node.const !== undefined) return spot.value === node.const ? undefined : mismatch([node], spot)
  if (node.enum) return node.enum.includes(spot.value) ? undefined : mismatch([node], spot)
  if (node.type === undefined) return undefined
  if (!isOf(node.type, spot.value)) return wrongType([node], spot)
  switch (node.type) {
    case 'object':
      return walkObject(node, spot.value as Record<string, unknown>, spot.path)
    case 'array':
      return walkArray(node, spot.value as unknown[], spot.path)
    case 'string':
      return walkString(node, spot.value as string, spot.path)
    case 'integer':
    case 'number':
      return walkNumber(node, spot.value as number, spot.path)
    default:
      return undefined
  }
}

const flatten = (branches: readonly SchemaNode[]): SchemaNode[] => branches.flatMap((b) => (b.anyOf ? flatten(b.anyOf) : [b]))

function walkUnion(branches: SchemaNode[], spot: Spot): Problem | undefined {
  const open = branches.filter((b) => accepts(b, spot.value))
  const only = open[0]
  if (!only) return wrongType(branches, spot)
  if (open.length === 1) return walk(only, spot)
  if (isOf('object', spot.value)) {
    const tag = tagOf(open)
    if (tag !== undefined) return walkTagged(open, tag, spot)
  }
  const problems = open.map((b) => walk(b, spot))
  if (problems.includes(undefined)) return undefined
  return open.every((b) => valuesOf(b)) ? mismatch(open, spot) : problems[0]
}

/** The property by whose fixed value the branches tell themselves apart. */
const tagOf = (branches: SchemaNode[]): string | undefined =>
  Object.keys(branches[0]?.properties ?? {}).find((key) =>
    branches.every((b) => own(b.properties, key) && valuesOf(b.properties?.[key] ?? {})),
  )

function walkTagged(branches: SchemaNode[], tag: string, spot: Spot): Problem | undefined {
  const record = spot.value as Record<string, unknown>
  const path = join(spot.path, tag)
  if (!own(record, tag)) return missing(path)
  const value = record[tag]
  const branch = branches.find((b) => valuesOf(b.properties?.[tag] ?? {})?.includes(value))
  return branch
    ? walk(branch, spot)
    : mismatch(
        branches.map((b) => b.properties?.[tag] ?? {}),
        { value, path },
      )
}

function walkObject(node: SchemaNode, value: Record<string, unknown>, path: string): Problem | undefined {
  const keys = Object.keys(value)
  const { properties = {}, required = [], additionalProperties: rest, maxProperties } = node
  if (rest === false) for (const key of keys) if (!own(properties, key)) return unknownParameter(join(path, key))
  for (const key of required) if (!own(value, key)) return missing(join(path, key))
  if (maxProperties !== undefined && keys.length > maxProperties) return tooManyProperties(path, maxProperties, keys.length)
  for (const key of keys) {
    const found = walkProperty(node, key, { value: value[key], path: join(path, key) }) ?? longName(node, key, path)
    if (found) return found
  }
  return undefined
}

function walkProperty(node: SchemaNode, key: string, spot: Spot): Problem | undefined {
  if (node.properties && own(node.properties, key)) return walk(node.properties[key] as SchemaNode, spot)
  return typeof node.additionalProperties === 'object' ? walk(node.additionalProperties, spot) : undefined
}

function longName(node: SchemaNode, key: string, path: string): Problem | undefined {
  const max = node.propertyNames?.maxLength
  if (max === undefined || key.length <= max) return undefined
  return {
    code: 'string_above_max_length',
    param: path || null,
    message: `Invalid '${path}': key too long. Expected a key with maximum length ${max}, but got a key with length ${key.length} instead.`,
  }
}

function walkArray(node: SchemaNode, value: unknown[], path: string): Problem | undefined {
  const { minItems: min, maxItems: max, items } = node
  if (max !== undefined && value.length > max) {
    return limit(
      path,
      'array_above_max_length',
      `array too long. Expected an array with maximum length ${max}, but got an array with length ${value.length} instead.`,
    )
  }
  if (min !== undefined && value.length < min) {
    const got = value.length === 0 ? 'an empty array' : `an array with length ${value.length}`
    const what = value.length === 0 ? 'empty array' : 'array too short'
    return limit(path, 'array_below_min_length', `${what}. Expected an array with minimum length ${min}, but got ${got} instead.`)
  }
  if (!items) return undefined
  for (let i = 0; i < value.length; i++) {
    const found = walk(items, { value: value[i], path: `${path}[${i}]` })
    if (found) return found
  }
  return undefined
}

function walkString(node: SchemaNode, value: string, path: string): Problem | undefined {
  const { minLength: min, maxLength: max } = node
  const length = value.length
  if (max !== undefined && length > max) {
    return limit(
      path,
      'string_above_max_length',
      `string too long. Expected a string with maximum length ${max}, but got a string with length ${length} instead.`,
    )
  }
  if (min !== undefined && length < min) {
    const what = length === 0 ? 'empty string' : 'string too short'
    const got = length === 0 ? 'an empty string' : `a string with length ${length}`
    return limit(path, 'string_below_min_length', `${what}. Expected a string with minimum length ${min}, but got ${got} instead.`)
  }
  return undefined
}

function walkNumber(node: SchemaNode, value: number, path: string): Problem | undefined {
  const kind = node.type === 'integer' ? 'integer' : 'decimal'
  const { minimum: min, maximum: max } = node
  if (max !== undefined && value > max) {
    return limit(path, `${kind}_above_max_value`, `${kind} above maximum value. Expected a value <= ${max}, but got ${value} instead.`)
  }
  if (min !== undefined && value < min) {
    return limit(path, `${kind}_below_min_value`, `${kind} below minimum value. Expected a value >= ${min}, but got ${value} instead.`)
  }
  return undefined
}

const own = (record: object | undefined, key: string): boolean => record !== undefined && Object.hasOwn(record, key)
const join = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`)

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

const unknownParameter = (path: string): Problem => ({ code: 'unknown_parameter', param: path, message: `Unknown parameter: '${path}'.` })
const missing = (path: string): Problem => ({
  code: 'missing_required_parameter',
  param: path,
  message: `Missing required parameter: '${path}'.`,
})

const limit = (path: string, code: string, rest: string): Problem => ({
  code,
  param: path || null,
  message: `Invalid '${path || 'body'}': ${rest}`,
})

const tooManyProperties = (path: string, max: number, got: number): Problem =>
  limit(
    path,
    'object_above_max_properties',
    `object has too many properties. Expected an object with at most ${max} properties, but got an object with ${got} properties instead.`,
  )

function mismatch(branches: readonly SchemaNode[], spot: Spot): Problem {
  const values = branches.flatMap((b) => valuesOf(b) ?? [])
  if (!values.some((v) => nameOf(v) === nameOf(spot.value))) return wrongType(branches, spot)
  const [first, ...others] = values.map((v) => `'${String(v)}'`)
  const allowed =
    others.length === 0 ? `Value must be ${first}.` : `Supported values are: ${enumerate([first as string, ...others], 'and')}.`
  return { code: 'invalid_value', param: spot.path || null, message: `Invalid value: '${String(spot.value)}'. ${allowed}` }
}

function wrongType(branches: readonly SchemaNode[], spot: Spot): Problem {
  const names = [...new Set(branches.map(expectedName))]
  const shown = names.length > 1 ? names.filter((n) => n !== 'null') : names
  const expected = shown.length > 1 ? `one of ${enumerate(shown, 'or')}` : shown[0]
  return {
    code: 'invalid_type',
    param: spot.path || null,
    message: `Invalid type for '${spot.path || 'body'}': expected ${expected}, but got ${nameOf(spot.value)} instead.`,
  }
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
