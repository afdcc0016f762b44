import type { Json, JsonObject } from '../../src/core/json.ts'

/** The part of Qdrant's filters that its double knows; anything else is refused loudly. */
export interface Condition {
  must?: Condition | Condition[] | null
  should?: Condition | Condition[] | null
  must_not?: Condition | Condition[] | null
  key?: string
  match?: { value?: Json; any?: Json[]; except?: Json[] } | null
  range?: { gt?: number | null; gte?: number | null; lt?: number | null; lte?: number | null } | null
}

interface Point {
  id: string
  payload: JsonObject
}

const KNOWN = new Set(['must', 'should', 'must_not', 'key', 'match', 'range'])

export function holds(condition: Condition, point: Point): boolean {
  const unknown = Object.keys(condition).find((name) => !KNOWN.has(name))
  if (unknown !== undefined) throw new Error(`The double knows no condition ${unknown}.`)
  if (condition.key !== undefined) return fieldHolds(condition, point)
  const { must, should, must_not } = condition
  const each = (conditions: Condition | Condition[]): Condition[] => [conditions].flat()
  if (must && !each(must).every((part) => holds(part, point))) return false
  if (must_not && each(must_not).some((part) => holds(part, point))) return false
  // No alternatives are no condition.
  return !should || each(should).length === 0 || each(should).some((part) => holds(part, point))
}

/** A list holds where one of its values does; a missing key never. */
function fieldHolds({ key = '', match, range }: Condition, { payload }: Point): boolean {
  const values = valuesAt(payload, key.split('.')).flat() as Json[]
  return values.some((value) => {
    if (match) {
      if (match.value !== undefined) return value === match.value
      if (match.any) return match.any.includes(value)
      throw new Error('The double knows no such match.')
    }
    if (!range) throw new Error('The double knows no such condition.')
    if (typeof value !== 'number') return false
    const { gt, gte, lt, lte } = range
    return (
      (gt ?? Number.NEGATIVE_INFINITY) < value &&
      (gte ?? Number.NEGATIVE_INFINITY) <= value &&
      value < (lt ?? Number.POSITIVE_INFINITY) &&
      value <= (lte ?? Number.POSITIVE_INFINITY)
    )
  })
}

function valuesAt(value: Json, path: string[]): Json[] {
  const [first, ...rest] = path
  if (first === undefined) return [value]
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return []
  const inner = value[first]
  return inner === undefined ? [] : valuesAt(inner, rest)
}
