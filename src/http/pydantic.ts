import type { Fault, InvalidReason } from '../core/fault.ts'
import type { Flaw, Mistake } from './flaw.ts'

/** One mistake of a request, as FastAPI tells it: `loc` begins with `body`, `query`, `path` or `header`. */
export interface Detail {
  type: string
  loc: (string | number)[]
  msg: string
  /** What was sent there; shortened where it is long, null where it is not repeated. */
  input: unknown
  ctx?: Record<string, unknown>
}

/** The part of a request in which a mistake is. */
export type Place = 'body' | 'query' | 'path' | 'header'

/** A value of the right shape that cannot be. */
export const valueError = (loc: Detail['loc'], sentence: string, input: unknown = null): Detail => ({
  ...{ type: 'value_error', loc, msg: `Value error, ${sentence}`, input, ctx: { error: {} } },
})

/** A mistake that core found. It does not know what was sent, only where. */
export function detailOf({ message, facts: { param, reason = 'value' } }: Fault): Detail {
  const loc = [param === 'Idempotency-Key' ? 'header' : 'body', ...(param === undefined ? [] : stepsOf(param))]
  if (reason === 'syntax') return { type: 'json_invalid', loc, msg: 'JSON decode error', input: {}, ctx: { error: message } }
  return { ...valueError(loc, message), type: REASONS[reason] }
}

/** What each reason is called. */
export const REASONS: Record<InvalidReason, string> = {
  unknown_field: 'extra_forbidden',
  missing_field: 'missing',
  type: 'value_error',
  value: 'value_error',
  too_long: 'string_too_long',
  too_short: 'string_too_short',
  too_many_items: 'too_long',
  too_few_items: 'too_short',
  too_big: 'less_than_equal',
  too_small: 'greater_than_equal',
  syntax: 'json_invalid',
}

/** `a.b[0]` as its steps. */
export const stepsOf = (param: string): (string | number)[] =>
  (param.match(/[^.[\]]+/g) ?? []).map((step) => (/^\d+$/.test(step) ? Number(step) : step))

/** What is told of one mistake beside where it is. */
type Told = Pick<Detail, 'type' | 'msg' | 'ctx'>

/** A flaw as FastAPI writes it: types, sentences and contexts are pydantic's. */
export function explain({ path, mistake }: Flaw, { place, value }: { place: Place; value: unknown }): Detail {
  // What is missing is told with the object it is missing from.
  const shown = mistake.kind === 'missing' ? path.slice(0, -1) : path
  const told = tell(mistake, place)
  const { type, msg, ctx } = told
  return { type, loc: [place, ...path], msg, input: shownInput(inside(value, shown)), ...(ctx === undefined ? {} : { ctx }) }
}

const inside = (value: unknown, path: readonly (string | number)[]): unknown =>
  path.reduce<unknown>((node, step) => (node as Record<string | number, unknown> | undefined)?.[step], value) ?? null

/** A body may hold megabytes where a word was expected. */
const SHOWN_CHARS_MAX = 1000

function shownInput(value: unknown): unknown {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length <= SHOWN_CHARS_MAX ? value : `${text.slice(0, SHOWN_CHARS_MAX)}...`
}

const TYPES: Record<string, [type: string, words: string, parsing?: [type: string, words: string]]> = {
  'a string': ['string_type', 'string'],
  'an integer': ['int_type', 'integer', ['int_parsing', 'integer, unable to parse string as an integer']],
  'a decimal': ['float_type', 'number', ['float_parsing', 'number, unable to parse string as a number']],
  'a boolean': ['bool_type', 'boolean', ['bool_parsing', 'boolean, unable to interpret input']],
  'an object': ['dict_type', 'dictionary'],
  'an array': ['list_type', 'list'],
}

function tell(mistake: Mistake, place: Place): Told {
  switch (mistake.kind) {
    case 'unknown':
      return { type: 'extra_forbidden', msg: 'Extra inputs are not permitted' }
    case 'missing':
      return { type: 'missing', msg: 'Field required' }
    case 'type':
      return tellType(mistake, place)
    case 'value':
      return tellValue(mistake.allowed)
    case 'format':
      return { type: 'value_error', msg: `Value error, expected the form ${mistake.format}`, ctx: { error: {} } }
    case 'size':
      return tellSize(mistake)
  }
}

function tellType({ expected, got }: Extract<Mistake, { kind: 'type' }>, place: Place): Told {
  const [only = ''] = expected
  const row = expected.length === 1 ? TYPES[only] : undefined
  if (!row) return { type: 'value_error', msg: `Value error, expected ${expected.join(' or ')}, got ${got}`, ctx: { error: {} } }
  const [type, words] = place === 'body' ? row : (row[2] ?? row)
  return { type, msg: `Input should be a valid ${words}` }
}

function tellValue(allowed: readonly unknown[]): Told {
  const words = allowed.map((value) => (typeof value === 'string' ? `'${value}'` : String(value)))
  const expected = words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
  return { type: 'enum', msg: `Input should be ${expected}`, ctx: { expected } }
}

function tellSize({ of, bound, limit, got }: Extract<Mistake, { kind: 'size' }>): Told {
  const most = bound === 'max' ? 'at most' : 'at least'
  if (of === 'string' || of === 'key')
    return bound === 'max'
      ? { type: 'string_too_long', msg: `String should have ${most} ${limit} characters`, ctx: { max_length: limit } }
      : { type: 'string_too_short', msg: `String should have ${most} ${limit} characters`, ctx: { min_length: limit } }
  if (of === 'array' || of === 'object') {
    const name = of === 'array' ? 'List' : 'Dictionary'
    return {
      type: bound === 'max' ? 'too_long' : 'too_short',
      msg: `${name} should have ${most} ${limit} items after validation, not ${got}`,
      ctx: { field_type: name, [bound === 'max' ? 'max_length' : 'min_length']: limit, actual_length: got },
    }
  }
  return bound === 'max'
    ? { type: 'less_than_equal', msg: `Input should be less than or equal to ${limit}`, ctx: { le: limit } }
    : { type: 'greater_than_equal', msg: `Input should be greater than or equal to ${limit}`, ctx: { ge: limit } }
}
