import { enumerate, type Flaw, findFlaw, type Mistake, type SchemaNode, shorten } from '../../http/flaw.ts'
import type { ErrorBody } from './refusal.ts'

export type { SchemaNode }

export type Problem = Pick<ErrorBody, 'message' | 'param' | 'code'>

/** The first thing wrong with `value`, in the words of this dialect, or undefined. */
export function findProblem(schema: SchemaNode, value: unknown): Problem | undefined {
  const flaw = findFlaw(schema, value)
  return flaw && spell(flaw)
}

function spell({ path, mistake }: Flaw): Problem {
  const param = path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`
    return text === '' ? step : `${text}.${step}`
  }, '')
  return { code: codeOf(mistake), param: param || null, message: sentence(mistake, param || 'body') }
}

const CODES = {
  unknown: 'unknown_parameter',
  missing: 'missing_required_parameter',
  type: 'invalid_type',
  value: 'invalid_value',
  format: 'invalid_value',
} as const

const MEASURES = { array: 'length', string: 'length', key: 'length', object: 'properties', integer: 'value', decimal: 'value' } as const

function codeOf(mistake: Mistake): string {
  if (mistake.kind !== 'size') return CODES[mistake.kind]
  const { of, bound } = mistake
  return `${of === 'key' ? 'string' : of}_${bound === 'max' ? 'above_max' : 'below_min'}_${MEASURES[of]}`
}

function sentence(mistake: Mistake, path: string): string {
  switch (mistake.kind) {
    case 'unknown':
      return `Unknown parameter: '${path}'.`
    case 'missing':
      return `Missing required parameter: '${path}'.`
    case 'type': {
      const { expected, got } = mistake
      const words = expected.length > 1 ? `one of ${enumerate(expected, 'or')}` : expected[0]
      return `Invalid type for '${path}': expected ${words}, but got ${got} instead.`
    }
    case 'value': {
      const words = mistake.allowed.map((v) => `'${String(v)}'`)
      const allowed = words.length === 1 ? `Value must be ${words[0]}.` : `Supported values are: ${enumerate(words, 'and')}.`
      return `Invalid value: '${shorten(String(mistake.got))}'. ${allowed}`
    }
    case 'format':
      return `Invalid value: '${shorten(mistake.got)}'. Value must be a ${mistake.format}.`
    case 'size':
      return `Invalid '${path}': ${sizeWords(mistake)} instead.`
  }
}

function sizeWords({ of, bound, limit, got }: Extract<Mistake, { kind: 'size' }>): string {
  if (of === 'integer' || of === 'decimal') {
    const [where, sign] = bound === 'max' ? ['above maximum', '<='] : ['below minimum', '>=']
    return `${of} ${where} value. Expected a value ${sign} ${limit}, but got ${got}`
  }
  if (of === 'object')
    return `object with too many properties. Expected an object with at most ${limit} properties, but got an object with ${got} properties`
  const a = of === 'array' ? 'an array' : `a ${of}`
  if (bound === 'max') return `${of} too long. Expected ${a} with maximum length ${limit}, but got ${a} with length ${got}`
  const [what, shown] = got === 0 ? [`empty ${of}`, `an empty ${of}`] : [`${of} too short`, `${a} with length ${got}`]
  return `${what}. Expected ${a} with minimum length ${limit}, but got ${shown}`
}
