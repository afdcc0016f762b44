import { enumerate, type Flaw, type Mistake, shorten } from '../../http/flaw.ts'
import type { Detail, Place } from './refusal.ts'

/** A flaw as validation errors of this API are written: the words for programs are pydantic's. */
export function explain({ path, mistake }: Flaw, place: Place): Detail {
  const name = path.length === 0 ? place : spellPath(path)
  return { loc: [place, ...path], msg: `${name}: ${sentence(mistake)}`, type: typeOf(mistake) }
}

/** `config.tags[0]` */
export const spellPath = (path: readonly (string | number)[]): string =>
  path.reduce<string>((text, step) => (typeof step === 'number' ? `${text}[${step}]` : text === '' ? step : `${text}.${step}`), '')

const TYPES: Record<string, string> = {
  'a string': 'string_type',
  'an integer': 'int_type',
  'a decimal': 'float_type',
  'a boolean': 'bool_type',
  'an object': 'dict_type',
  'an array': 'list_type',
}

const SIZES = {
  array: { min: 'too_short', max: 'too_long' },
  object: { min: 'too_short', max: 'too_long' },
  string: { min: 'string_too_short', max: 'string_too_long' },
  key: { min: 'string_too_short', max: 'string_too_long' },
  integer: { min: 'greater_than_equal', max: 'less_than_equal' },
  decimal: { min: 'greater_than_equal', max: 'less_than_equal' },
} as const

const FORMATS: Record<string, [words: string, type: string]> = {
  uuid: ['a UUID', 'uuid_parsing'],
  'date-time': ['a time in ISO 8601, such as 2031-12-31T00:00:00Z', 'datetime_parsing'],
}

function typeOf(mistake: Mistake): string {
  switch (mistake.kind) {
    case 'unknown':
      return 'extra_forbidden'
    case 'missing':
      return 'missing'
    case 'type':
      return mistake.expected.length === 1 ? (TYPES[mistake.expected[0] ?? ''] ?? 'type_error') : 'type_error'
    case 'value':
      return 'literal_error'
    case 'format':
      return FORMATS[mistake.format]?.[1] ?? 'value_error'
    case 'size':
      return SIZES[mistake.of][mistake.bound]
  }
}

/** `a decimal` is what this API calls a number. */
const plain = (name: string): string => (name === 'a decimal' ? 'a number' : name)

function sentence(mistake: Mistake): string {
  switch (mistake.kind) {
    case 'unknown':
      return 'this field is not known.'
    case 'missing':
      return 'this field is required.'
    case 'type':
      return `expected ${enumerate(mistake.expected.map(plain), 'or')}, but got ${plain(mistake.got)}.`
    case 'value': {
      const words = mistake.allowed.map((value) => `'${String(value)}'`)
      return `expected ${enumerate(words, 'or')}, but got '${shorten(String(mistake.got))}'.`
    }
    case 'format':
      return `expected ${FORMATS[mistake.format]?.[0] ?? mistake.format}, but got '${shorten(mistake.got)}'.`
    case 'size':
      return sizeSentence(mistake)
  }
}

const UNITS = { array: 'items', object: 'fields', string: 'characters', key: 'characters' } as const

function sizeSentence({ of, bound, limit, got }: Extract<Mistake, { kind: 'size' }>): string {
  const most = bound === 'max' ? 'at most' : 'at least'
  if (of === 'integer' || of === 'decimal') return `must be ${most} ${limit}, but got ${got}.`
  const subject = of === 'key' ? 'a name in it must have' : 'must have'
  return `${subject} ${most} ${limit} ${UNITS[of]}, but has ${got}.`
}
