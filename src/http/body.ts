import { Fault } from '../core/fault.ts'
import { findUnstorable } from '../core/json.ts'

export interface BodyLimits {
  bodyBytesMax: number
  /** Longest silence while the body arrives. */
  bodyIdleMs: number
  jsonDepthMax: number
}

/** The JSON body of a request; an empty one is `{}`, because some clients send none where they could send an object. */
export async function readJson(request: Request, limits: BodyLimits): Promise<unknown> {
  const bytes = await readBytes(request, limits)
  if (bytes.byteLength === 0) return {}
  const text = decode(bytes)
  refuseDepth(text, limits.jsonDepthMax)
  const value = parse(text)
  if (MAYBE_UNSTORABLE.test(text)) refuseUnstorable(value)
  return value
}

/** Only these escapes can yield NUL or half a surrogate pair: UTF-8 and the JSON grammar exclude their raw forms. */
const MAYBE_UNSTORABLE = /\\u(?:0000|[dD][89a-fA-F])/

const decoder = new TextDecoder('utf-8', { fatal: true })

async function readBytes(request: Request, limits: BodyLimits): Promise<Uint8Array> {
  const declared = Number(request.headers.get('content-length') ?? Number.NaN)
  if (declared > limits.bodyBytesMax) throw tooLarge(limits)
  if (declared === 0 || request.body === null) return EMPTY
  // A declared length that is small enough arrives in one piece or fails; anything else is counted as it comes.
  if (declared <= SMALL_BYTES) return within(request.bytes(), limits)
  return gather(request.body, limits)
}

const EMPTY = new Uint8Array(0)
const SMALL_BYTES = 65_536

async function gather(body: ReadableStream<Uint8Array>, limits: BodyLimits): Promise<Uint8Array> {
  const reader = body.getReader()
  const parts: Uint8Array[] = []
  let total = 0
  try {
    for (;;) {
      const { done, value } = await within(reader.read(), limits)
      if (done) break
      total += value.byteLength
      if (total > limits.bodyBytesMax) throw tooLarge(limits)
      parts.push(value)
    }
  } catch (error) {
    // Nobody waits for the rest; an aborted transfer has nothing left to cancel.
    reader.cancel().catch(() => undefined)
    throw error
  }
  return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts, total)
}

/** What arrives, or a fault when it takes too long or fails. */
export function within<T>(arrival: Promise<T>, limits: Pick<BodyLimits, 'bodyIdleMs'>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stalled = () => reject(new Fault('invalid', 'The request body stopped arriving.', { reason: 'syntax' }))
    const timer = setTimeout(stalled, limits.bodyIdleMs)
    arrival.then(
      (value) => {
        clearTimeout(timer)
        resolve(value)
      },
      (cause) => {
        clearTimeout(timer)
        reject(new Fault('invalid', 'The request body could not be read.', { reason: 'syntax', cause }))
      },
    )
  })
}

const tooLarge = (limits: BodyLimits) => new Fault('too_large', `The request body is larger than ${limits.bodyBytesMax} bytes.`)

function decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw new Fault('invalid', 'The request body is not valid UTF-8.', { reason: 'syntax', cause })
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const detail = (cause as Error).message.replace(/^JSON Parse error: /, '')
    throw new Fault('invalid', `We could not parse the JSON body of your request: ${detail}.`, { reason: 'syntax', cause })
  }
}

const QUOTE = 34
const BACKSLASH = 92
const OPEN_BRACE = 123
const CLOSE_BRACE = 125
const OPEN_BRACKET = 91
const CLOSE_BRACKET = 93

/** Counted on the text, so that input which is too deep is never built; strings are skipped at the speed of `indexOf`. */
function refuseDepth(text: string, depthMax: number): void {
  if (text.length <= depthMax) return
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) {
      i = endOfString(text, i)
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (++depth > depthMax) throw new Fault('invalid', `The request body is nested deeper than ${depthMax} levels.`, { reason: 'value' })
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--
  }
}

/** Position of the closing quote; the end of the text when there is none. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++
    if (slashes % 2 === 0) return end
  }
  return text.length
}

function refuseUnstorable(value: unknown): void {
  const param = findUnstorable(value)
  if (param === undefined) return
  throw new Fault('invalid', `'${param}' contains a character that cannot be stored: NUL or half of a surrogate pair.`, {
    param,
    reason: 'value',
  })
}
