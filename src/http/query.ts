import type { SchemaNode } from './flaw.ts'

/**
 * The query of a URL as the schema wants it. Booleans are 0, 1, true, false, yes, no in any case; arrays are one JSON
 * text, the key repeated, or a list with commas. What cannot be read stays text, for the schema to refuse.
 */
export function readQuery({ properties = {} }: SchemaNode, url: string): Record<string, unknown> {
  const start = url.indexOf('?')
  const read: Record<string, unknown> = Object.create(null)
  if (start < 0) return read
  const sent = new URLSearchParams(url.slice(start + 1))
  for (const [name, node] of Object.entries(properties)) {
    const texts = sent.getAll(name)
    if (texts.length > 0) read[name] = readValue(kindsOf(node), texts)
  }
  return read
}

const kindsOf = (node: SchemaNode): string[] => node.anyOf?.flatMap(kindsOf) ?? [node.type ?? 'string']

function readValue(kinds: readonly string[], texts: readonly string[]): unknown {
  const text = texts.at(-1) ?? ''
  if (kinds.includes('array')) {
    const list = texts.length > 1 ? [...texts] : readList(text)
    return kinds.includes('string') && list.length === 1 ? list[0] : list
  }
  if (kinds.includes('integer') && /^-?\d{1,15}$/.test(text) && !isBit(kinds, text)) return Number(text)
  if (kinds.includes('boolean')) return BOOLEANS[text.toLowerCase()] ?? text
  return text
}

/** Where both a boolean and a number would do, 0 is false: nothing else can be meant. */
const isBit = (kinds: readonly string[], text: string): boolean => kinds.includes('boolean') && text === '0'

const BOOLEANS: Record<string, boolean> = { 1: true, 0: false, true: true, false: false, yes: true, no: false, on: true, off: false }

function readList(text: string): unknown[] {
  const trimmed = text.trim()
  if (trimmed === '') return []
  if (trimmed.startsWith('[')) {
    try {
      const value: unknown = JSON.parse(trimmed)
      if (Array.isArray(value)) return value
    } catch {
      // A list that only looks like JSON.
    }
  }
  return trimmed.split(',').map((item) => item.trim())
}
