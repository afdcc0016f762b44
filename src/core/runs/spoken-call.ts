/** Texts beyond it are no calls, and not searched for one. */
const TEXT_MAX = 50_000
/** Places in a text where an object may begin. */
const PLACES_MAX = 100

/** `arguments` is JSON text. */
export interface SpokenCall {
  name: string
  arguments: string
}

/**
 * The first call in a text: all of it, or an object in it with balanced braces, `{"name": ..., "arguments": {...}}`.
 * What models get wrong about JSON is forgiven: typographic and single quotes, commas at the end.
 * @param knows which names are those of tools: any other object is an answer
 */
export function spokenCall(text: string, knows: (name: string) => boolean): SpokenCall | undefined {
  if (text.length > TEXT_MAX || !text.includes('arguments')) return undefined
  let from = 0
  for (let places = 0; places < PLACES_MAX; places++) {
    const start = text.indexOf('{', from)
    if (start < 0) return undefined
    const end = endOf(text, start)
    const call = end === undefined ? undefined : callIn(text.slice(start, end), knows)
    if (call) return call
    from = start + 1
  }
  return undefined
}

const isRecord = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Behind the brace that closes the one at `start`; braces inside of strings are text. */
function endOf(text: string, start: number): number | undefined {
  let depth = 0
  let quoted = false
  for (let at = start; at < text.length; at++) {
    const char = text[at]
    if (quoted) {
      if (char === '\\') at++
      else if (char === '"') quoted = false
    } else if (char === '"') quoted = true
    else if (char === '{') depth++
    else if (char === '}' && --depth === 0) return at + 1
  }
  return undefined
}

function callIn(text: string, knows: (name: string) => boolean): SpokenCall | undefined {
  for (const spelled of spellings(text)) {
    const { name, arguments: args } = parse(spelled)
    if (typeof name === 'string' && name !== '' && isRecord(args) && knows(name)) return { name, arguments: JSON.stringify(args) }
  }
  return undefined
}

/** From what was said to what may have been meant. */
function* spellings(text: string): Generator<string> {
  yield text
  const straight = text.replace(/[“”„]/g, '"').replace(/[‘’]/g, "'")
  const closed = straight.replace(/,(\s*[}\]])/g, '$1')
  yield closed
  yield closed
    .replace(/\bTrue\b/g, 'true')
    .replace(/\bFalse\b/g, 'false')
    .replace(/\bNone\b/g, 'null')
    .replace(/'/g, '"')
}

function parse(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text))
  } catch {
    return {}
  }
}
