import type { BaseMessage } from '@langchain/core/messages'
import type { Json } from '../core/json.ts'

/** Deeper than any state anybody reads; below it a value is told as this text. */
const DEPTH_MAX = 500
const TOO_DEEP = '[nested too deeply]'
const CIRCULAR = '[circular]'

/** What graphs hold and say, as JSON: messages as flat objects with a `type`, bytes as base64. Never throws for what a graph may hold. */
export const toPlain = (value: unknown): Json => (plain(value, []) as Json | undefined) ?? null

/** The JSON text of the same. */
export const toPlainText = (value: unknown): string => JSON.stringify(plain(value, [])) ?? 'null'

/**
 * Messages are known by what they can do, not by their class: a project may bring its own copy of LangChain, and an older
 * one.
 */
export const isMessageLike = (value: object): value is BaseMessage =>
  typeof (value as Partial<BaseMessage>).getType === 'function' && typeof (value as Partial<BaseMessage>).toDict === 'function'

/**
 * Parts that are JSON already are not copied: most of a state is. What comes back may share them, so nobody changes it.
 * @param above the objects this one lies in
 */
function plain(value: unknown, above: object[]): unknown {
  if (typeof value !== 'object') return typeof value === 'bigint' ? bigint(value) : scalar(value)
  if (value === null) return null
  if (above.includes(value)) return CIRCULAR
  if (above.length >= DEPTH_MAX) return TOO_DEEP
  above.push(value)
  const found = Array.isArray(value) ? list(value, above) : record(value, above)
  above.pop()
  return found
}

/** What JSON has no word for is left out, as JSON itself does. */
function scalar(value: unknown): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  return typeof value === 'function' || typeof value === 'symbol' ? undefined : value
}

const bigint = (value: bigint): number | string => (Number.isSafeInteger(Number(value)) ? Number(value) : String(value))

function list(values: readonly unknown[], above: object[]): unknown {
  let copy: unknown[] | undefined
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    const part = plain(value, above) ?? null
    if (part !== value) copy ??= values.slice(0, i)
    copy?.push(part)
  }
  return copy ?? values
}

function record(value: object, above: object[]): unknown {
  const proto = Object.getPrototypeOf(value) as object | null
  if (proto === Object.prototype || proto === null) {
    if (typeof (value as { toJSON?: unknown }).toJSON !== 'function') return fields(value as Record<string, unknown>, above)
  } else if (isMessageLike(value)) return message(value, above)
  return foreign(value, above)
}

function fields(value: Record<string, unknown>, above: object[]): unknown {
  let copy: Record<string, unknown> | undefined
  const names = Object.keys(value)
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string
    const given = value[name]
    const part = plain(given, above)
    if (copy === undefined && (part !== given || part === undefined)) {
      copy = {}
      for (let k = 0; k < i; k++) put(copy, names[k] as string, value[names[k] as string])
    }
    if (copy !== undefined && part !== undefined) put(copy, name, part)
  }
  return copy ?? value
}

/** `__proto__` is a name like any other in JSON. */
function put(target: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__') Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true })
  else target[name] = value
}

/** As LangGraph's clients read messages: LangChain's own fields, flat, with the type among them. */
function message(value: BaseMessage, above: object[]): Record<string, unknown> {
  const found: Record<string, unknown> = {}
  const own = value as unknown as Record<string, unknown>
  for (const name in own) {
    if (name === 'type' || name.startsWith('lc_') || !Object.hasOwn(own, name)) continue
    const part = plain(own[name], above)
    if (part !== undefined) found[name] = part
  }
  found.type = value.getType()
  return found
}

function foreign(value: object, above: object[]): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
  if (ArrayBuffer.isView(value)) return value instanceof DataView ? null : list(Array.from(value as unknown as Iterable<unknown>), above)
  if (value instanceof ArrayBuffer) return Buffer.from(value).toString('base64')
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (value instanceof Map) return mapped(value, above)
  if (value instanceof Set) return list([...value], above)
  if (value instanceof Error) return { message: value.message, name: value.name }
  if (value instanceof RegExp || value instanceof URL) return String(value)
  const { toJSON } = value as { toJSON?: unknown }
  if (typeof toJSON !== 'function') return fields(value as Record<string, unknown>, above)
  const said: unknown = toJSON.call(value)
  return said === value ? fields(value as Record<string, unknown>, above) : plain(said, above)
}

function mapped(value: Map<unknown, unknown>, above: object[]): unknown {
  const entries = [...value]
  if (!entries.every(([key]) => typeof key === 'string')) return list(entries, above)
  return fields(Object.fromEntries(entries) as Record<string, unknown>, above)
}
