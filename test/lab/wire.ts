import type { JsonObject } from '../../src/core/json.ts'
import { KEY } from './server-process.ts'

/** No whole answer came: the server may have done what was asked, or not. */
export class Broken extends Error {
  override readonly name = 'Broken'
}

export interface Answer {
  status: number
  body: JsonObject
}

export interface Frame {
  id: string
  event: string
  data: string
}

export interface Ask {
  method?: string
  path: string
  body?: JsonObject
  /** The Idempotency-Key. */
  key?: string
  lastEventId?: string
}

/** A server that answers no request within this time hangs. */
const ANSWER_MS = 30_000
/** Longer than the keep-alive of a stream. */
const SILENCE_MS = 20_000

function open(base: string, ask: Ask, signal: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { authorization: `Bearer ${KEY}` }
  if (ask.body) headers['content-type'] = 'application/json'
  if (ask.key) headers['idempotency-key'] = ask.key
  if (ask.lastEventId) headers['last-event-id'] = ask.lastEventId
  const method = ask.method ?? (ask.body ? 'POST' : 'GET')
  // On a connection used before Bun repeats a POST by itself when it breaks: that must be the test's decision.
  return fetch(base + ask.path, { method, headers, signal, keepalive: false, ...(ask.body ? { body: JSON.stringify(ask.body) } : {}) })
}

/** Resolves with an answer that was received to its last byte. Throws Broken. */
export async function request(base: string, ask: Ask): Promise<Answer> {
  try {
    const response = await open(base, ask, AbortSignal.timeout(ANSWER_MS))
    const text = await response.text()
    return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as JsonObject) }
  } catch (cause) {
    throw new Broken(`${ask.method ?? ''} ${ask.path}: ${cause}`, { cause })
  }
}

/** `failed`: the server said so in the stream; its database was gone. */
export type Ending = 'done' | 'broken' | 'failed' | 'left' | 'refused'

export interface Listening {
  /** Each whole frame as it arrives. False: the client goes away by itself. */
  onFrame(frame: Frame): boolean
  /** An answer that is no stream. */
  onRefusal?(answer: Answer): void
}

/** Reads an event stream until its end frame or until it breaks. Never throws. */
export async function listen(base: string, ask: Ask, listening: Listening): Promise<Ending> {
  const stop = new AbortController()
  let silence = setTimeout(() => stop.abort(), SILENCE_MS)
  try {
    const response = await open(base, ask, stop.signal)
    if (response.status !== 200 || !response.headers.get('content-type')?.startsWith('text/event-stream')) {
      const text = await response.text()
      listening.onRefusal?.({ status: response.status, body: JSON.parse(text || '{}') as JsonObject })
      return 'refused'
    }
    const parser = new FrameParser()
    for await (const chunk of response.body ?? []) {
      clearTimeout(silence)
      silence = setTimeout(() => stop.abort(), SILENCE_MS)
      for (const frame of parser.push(chunk)) {
        if (frame.event === 'done') return 'done'
        if (frame.event === 'error') return 'failed'
        if (!listening.onFrame(frame)) return 'left'
      }
    }
    return 'broken'
  } catch {
    return 'broken'
  } finally {
    clearTimeout(silence)
    stop.abort()
  }
}

class FrameParser {
  private readonly decoder = new TextDecoder()
  private rest = ''

  /** The frames that became whole; half a frame at the end of a broken stream is never seen. */
  push(chunk: Uint8Array): Frame[] {
    this.rest += this.decoder.decode(chunk, { stream: true })
    const blocks = this.rest.split('\n\n')
    this.rest = blocks.pop() ?? ''
    return blocks.filter((block) => !block.startsWith(':')).map(parse)
  }
}

function parse(block: string): Frame {
  const frame: Frame = { id: '', event: '', data: '' }
  for (const line of block.split('\n')) {
    const colon = line.indexOf(': ')
    const field = line.slice(0, colon)
    if (field === 'id' || field === 'event' || field === 'data') frame[field] = line.slice(colon + 2)
  }
  return frame
}
