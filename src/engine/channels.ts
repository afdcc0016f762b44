import type { BaseMessage } from '@langchain/core/messages'
import { JsonPlusSerializer } from '@langchain/langgraph-checkpoint'
import { isMessage } from './messages.ts'

/** A stored channel value: exactly one field is set. `data` is JSON text, or "+" and the text of LangGraph's own serialiser. */
export interface Encoded {
  message_ids?: string[]
  data?: string
  /** Base64. */
  bytes?: string
}
export interface Stored {
  message_ids?: string[] | null
  data?: string | null
  bytes?: string | null
}

/** In JSON text a message is `{"$m": row id}`. */
const REFERENCE = '$m'
const DEPTH_MAX = 100

const serializer = new JsonPlusSerializer()
const decoder = new TextDecoder()

export const isPrimitive = (value: unknown): boolean =>
  value === null || typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))

/** Message lists become ids; other values JSON text with references; what JSON cannot say goes to LangGraph's serialiser. */
export async function encode(value: unknown, row: (message: BaseMessage) => string): Promise<Encoded> {
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('base64') }
  if (Array.isArray(value) && value.length > 0 && value.every(isMessage)) return { message_ids: value.map(row) }
  const found = survey(value, 0)
  if (found === 'odd') return { data: `+${decoder.decode((await serializer.dumpsTyped(value))[1] as Uint8Array)}` }
  return { data: JSON.stringify(found === 'messages' ? replace(value, row) : value) }
}

type Survey = 'plain' | 'messages' | 'odd'

/** What a value is made of: plain JSON, JSON with messages in it, or something JSON would lose. */
function survey(value: unknown, depth: number): Survey {
  if (typeof value !== 'object' || value === null) {
    return value === undefined ||
      typeof value === 'bigint' ||
      typeof value === 'function' ||
      typeof value === 'symbol' ||
      Number.isNaN(value)
      ? 'odd'
      : 'plain'
  }
  if (isMessage(value)) return 'messages'
  const proto = Object.getPrototypeOf(value)
  const foreign = proto !== Object.prototype && proto !== Array.prototype
  if (depth > DEPTH_MAX || foreign || 'lc' in value || REFERENCE in value || 'toJSON' in value) return 'odd'
  let result: Survey = 'plain'
  for (const key of Object.keys(value)) {
    const part = survey((value as Record<string, unknown>)[key], depth + 1)
    if (part === 'odd') return 'odd'
    if (part === 'messages') result = 'messages'
  }
  return result
}

function replace(value: unknown, row: (message: BaseMessage) => string): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (isMessage(value)) return { [REFERENCE]: row(value) }
  if (Array.isArray(value)) return value.map((v) => replace(v, row))
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, replace(v, row)]))
}

/** Ids of the messages that a stored value refers to. */
export function referencesIn(stored: Stored): string[] {
  if (stored.message_ids) return stored.message_ids
  const { data } = stored
  if (!data || data[0] === '+' || !data.includes(`"${REFERENCE}"`)) return []
  return [...data.matchAll(/"\$m":"([0-9a-f-]{36})"/g)].map((match) => match[1] as string)
}

export async function decode(stored: Stored, message: (id: string) => BaseMessage): Promise<unknown> {
  if (stored.message_ids) return stored.message_ids.map(message)
  if (stored.bytes !== null && stored.bytes !== undefined) return new Uint8Array(Buffer.from(stored.bytes, 'base64'))
  const { data } = stored
  if (data === null || data === undefined) return undefined
  if (data[0] === '+') return serializer.loadsTyped('json', data.slice(1))
  if (!data.includes(`"${REFERENCE}"`)) return JSON.parse(data)
  return JSON.parse(data, (_, value) =>
    value !== null && typeof value === 'object' && typeof value[REFERENCE] === 'string' ? message(value[REFERENCE]) : value,
  )
}
