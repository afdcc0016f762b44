import type { Schemas } from '@qdrant/js-client-rest'
import type { Attribute, Attributes, Comparison, Filter } from '../../core/attributes.ts'

export type QdrantFilter = Schemas['Filter']
type Condition = QdrantFilter | Schemas['FieldCondition']

/**
 * Attributes in the form in which Qdrant can filter by them. Its matches know no floats and its ranges no strings, so:
 * - `is` lists `["key",value]` of each attribute as JSON text, which keeps types apart and needs one index for all keys;
 * - `n` has the numbers, `p` and `q` the first and second six UTF-8 bytes of the strings as whole numbers, which are
 *   ordered as the strings are, by keys in hexadecimal, since a path knows no escapes;
 * - `text` is what was said, for the last word on each hit.
 */
export interface AttributePayload {
  is: string[]
  n: Record<string, number>
  p: Record<string, number>
  q: Record<string, number>
  text: string
}

export function attributePayload(attributes: Attributes): AttributePayload {
  const payload: AttributePayload = { is: [], n: {}, p: {}, q: {}, text: JSON.stringify(attributes) }
  for (const [key, value] of Object.entries(attributes)) {
    payload.is.push(token(key, value))
    if (typeof value === 'number') payload.n[pathOf(key)] = value
    if (typeof value !== 'string') continue
    const [first, second] = prefixes(value)
    payload.p[pathOf(key)] = first
    payload.q[pathOf(key)] = second
  }
  return payload
}

export const readAttributes = (payload: unknown): Attributes => {
  const text = (payload as { a?: { text?: unknown } } | null | undefined)?.a?.text
  return typeof text === 'string' ? JSON.parse(text) : {}
}

const token = (key: string, value: Attribute): string => JSON.stringify([key, value])
const pathOf = (key: string): string => `k${Buffer.from(key).toString('hex')}`

const PREFIX_BYTES = 6

function prefixes(text: string): [first: number, second: number] {
  const bytes = Buffer.alloc(PREFIX_BYTES * 2)
  // One more, so that no half of a surrogate pair is among the bytes that count.
  Buffer.from(text.slice(0, PREFIX_BYTES * 2 + 1)).copy(bytes)
  return [bytes.readUIntBE(0, PREFIX_BYTES), bytes.readUIntBE(PREFIX_BYTES, PREFIX_BYTES)]
}

/**
 * A condition that holds wherever the filter does, or `true` or `false` where it always or never holds. It may also hold
 * where strings agree in their first twelve bytes or numbers in fifteen digits: `matches` has the last word.
 */
export function toQdrant(filter: Filter): Condition | boolean {
  switch (filter.type) {
    case 'and':
    case 'or':
      return toGroup(filter.type, filter.filters.map(toQdrant))
    case 'eq':
      return isAny(filter.key, [filter.value])
    case 'ne':
      return { must_not: [isAny(filter.key, [filter.value])] }
    case 'in':
      return filter.value.length > 0 && isAny(filter.key, filter.value)
    case 'nin':
      return filter.value.length === 0 || { must_not: [isAny(filter.key, filter.value)] }
    default:
      return typeof filter.value === 'number'
        ? numberRange(filter.key, filter.type, filter.value)
        : textRange(filter.key, filter.type, filter.value)
  }
}

function toGroup(type: 'and' | 'or', parts: (Condition | boolean)[]): Condition | boolean {
  const deciding = type === 'or'
  if (parts.includes(deciding)) return deciding
  const conditions = parts.filter((part) => typeof part !== 'boolean')
  if (conditions.length === 0) return !deciding
  return type === 'and' ? { must: conditions } : { should: conditions }
}

const isAny = (key: string, values: Attribute[]): Condition => ({
  key: 'a.is',
  match: { any: [...new Set(values.map((value) => token(key, value)))] },
})

/** A little wider than asked for, so that nothing hangs on how the server reads the last digit. */
function numberRange(key: string, type: Comparison, value: number): Condition {
  const room = Math.abs(value) * 1e-15 + 1e-300
  const bound = type.startsWith('g') ? value - room : value + room
  // Beyond the largest number: whoever has a number there.
  const range = Number.isFinite(bound) ? bound : Math.sign(bound) * Number.MAX_VALUE
  return { key: `a.n.${pathOf(key)}`, range: type.startsWith('g') ? { gte: range } : { lte: range } }
}

function textRange(key: string, type: Comparison, value: string): Condition {
  const [first, second] = prefixes(value)
  const [p, q] = [`a.p.${pathOf(key)}`, `a.q.${pathOf(key)}`]
  const same: Condition = { key: p, range: { gte: first, lte: first } }
  return type.startsWith('g')
    ? { should: [{ key: p, range: { gte: first + 1 } }, { must: [same, { key: q, range: { gte: second } }] }] }
    : { should: [{ key: p, range: { lte: first - 1 } }, { must: [same, { key: q, range: { lte: second } }] }] }
}
