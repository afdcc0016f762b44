import { Fault } from '../../core/fault.ts'
import type { Param } from './port.ts'

const PARAMS_MAX = 65_533

/**
 * A parameter that postgres.js cannot serialise (undefined, an invalid Date, a circular object) breaks its connection's
 * protocol state while other statements queue behind it, so nothing but plain values may reach it.
 */
export function guardParams(params: readonly unknown[]): Param[] {
  if (params.length > PARAMS_MAX) throw new Fault('internal', `A statement takes at most ${PARAMS_MAX} parameters.`)
  for (let i = 0; i < params.length; i++) {
    if (!isParam(params[i])) throw new Fault('internal', `Parameter $${i + 1} is ${describe(params[i])}: not a plain value.`)
  }
  // A copy: postgres.js replaces the entries by their serialised text.
  return params.slice() as Param[]
}

function isParam(value: unknown): value is Param {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value)
    default:
      return value === null
  }
}

const describe = (value: unknown): string =>
  typeof value === 'number' ? String(value) : Array.isArray(value) ? 'an array' : `of type ${typeof value}`

const asText = (value: unknown): string => String(value)

/** Text goes through untouched, so that JSON text is not encoded a second time. */
const jsonText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

const booleanText = (value: unknown): string => (typeof value === 'string' ? value : value ? 't' : 'f')

/** A number that is no time stays as it is, for the server to refuse: an exception here would break the connection. */
function timeText(value: unknown): string {
  if (typeof value !== 'number') return String(value)
  const time = new Date(value)
  return Number.isNaN(time.getTime()) ? String(value) : time.toISOString()
}

/** `2026-11-21 19:04:32.123456+00`: connections run with TimeZone UTC and DateStyle ISO. */
function parseTime(text: string): number {
  if (text === 'infinity') return Number.POSITIVE_INFINITY
  if (text === '-infinity') return Number.NEGATIVE_INFINITY
  return Date.parse(`${text.slice(0, 10)}T${text.slice(11).replace(/\+00$/, 'Z')}`)
}

const parseBytes = (text: string): Uint8Array => Buffer.from(text.slice(2), 'hex')

const same = (text: string): string => text

/** How values travel, keyed by type oid; the rules are stated in `port.ts`. */
export const valueTypes = {
  bool: { to: 16, from: [16], serialize: booleanText, parse: (text: string) => text === 't' },
  bytea: { to: 17, from: [17], serialize: asText, parse: parseBytes },
  int8: { to: 20, from: [20], serialize: asText, parse: Number },
  json: { to: 114, from: [114, 3802], serialize: jsonText, parse: (text: string): unknown => JSON.parse(text) },
  date: { to: 1082, from: [1082, 1114], serialize: asText, parse: same },
  timestamptz: { to: 1184, from: [1184], serialize: timeText, parse: parseTime },
}
