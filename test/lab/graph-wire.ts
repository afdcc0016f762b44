import { KEY } from './server-process.ts'
import { type Answer, type Ask, Broken, type Frame } from './wire.ts'

const PREFIX = '/langgraph'
/** A server that answers no request within this time hangs. */
const ANSWER_MS = 30_000
/** Longer than the heartbeat of a stream. */
const SILENCE_MS = 20_000

function open(base: string, ask: Ask, signal: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { 'x-api-key': KEY }
  if (ask.body !== undefined) headers['content-type'] = 'application/json'
  if (ask.key !== undefined) headers['idempotency-key'] = ask.key
  if (ask.lastEventId !== undefined) headers['last-event-id'] = ask.lastEventId
  const method = ask.method ?? (ask.body === undefined ? 'GET' : 'POST')
  const body = ask.body === undefined ? {} : { body: JSON.stringify(ask.body) }
  // On a connection used before Bun repeats a POST by itself when it breaks: that must be the test's decision.
  return fetch(base + PREFIX + ask.path, { method, headers, signal, keepalive: false, ...body })
}

export interface GraphAnswer extends Answer {
  /** Of a run that was made: `/threads/<id>/runs/<id>`. */
  place: string | null
}

/** White space before the JSON is what a waiting answer begins with. */
function parse(text: string): Answer['body'] {
  const trimmed = text.trim()
  return trimmed === '' ? {} : (JSON.parse(trimmed) as Answer['body'])
}

/** Resolves with an answer that was received to its last byte; `onHead` is told before, once the head is there. Throws Broken. */
export async function callGraphs(base: string, ask: Ask, onHead?: (place: string | null) => void): Promise<GraphAnswer> {
  try {
    const response = await open(base, ask, AbortSignal.timeout(ANSWER_MS))
    const place = response.headers.get('content-location')
    if (response.status === 200) onHead?.(place)
    return { status: response.status, body: parse(await response.text()), place }
  } catch (cause) {
    throw new Broken(`${ask.method ?? ''} ${ask.path}: ${cause}`, { cause })
  }
}

/** `ended`: the server closed the stream as it does when all is said. `failed`: it said that it could not go on. `gone`: that the run is. */
export type GraphEnding = 'ended' | 'broken' | 'failed' | 'gone' | 'left' | 'refused'

export interface GraphListening {
  /** Each whole frame as it arrives. False: the client goes away by itself. */
  onFrame(frame: Frame): boolean
  onHead?(place: string | null): void
  /** An answer that is no stream. */
  onRefusal?(answer: Answer): void
}

/** Reads an event stream until it ends or breaks. Never throws. */
export async function listenGraphs(base: string, ask: Ask, listening: GraphListening): Promise<GraphEnding> {
  const stop = new AbortController()
  let silence = setTimeout(() => stop.abort(), SILENCE_MS)
  try {
    const response = await open(base, ask, stop.signal)
    if (response.status !== 200 || !response.headers.get('content-type')?.startsWith('text/event-stream')) {
      listening.onRefusal?.({ status: response.status, body: parse(await response.text()) })
      return 'refused'
    }
    listening.onHead?.(response.headers.get('content-location'))
    const parser = new GraphFrames()
    for await (const chunk of response.body ?? []) {
      clearTimeout(silence)
      silence = setTimeout(() => stop.abort(), SILENCE_MS)
      for (const frame of parser.push(chunk)) {
        // Only a frame of the run's own story has an id.
        if (frame.id === '') return frame.data.includes('NotFoundError') ? 'gone' : 'failed'
        if (!listening.onFrame(frame)) return 'left'
      }
    }
    return 'ended'
  } catch {
    return 'broken'
  } finally {
    clearTimeout(silence)
    stop.abort()
  }
}

/** Comments are lines of their own here, without a blank one behind them. */
class GraphFrames {
  private readonly decoder = new TextDecoder()
  private rest = ''

  /** The frames that became whole; half a frame at the end of a broken stream is never seen. */
  push(chunk: Uint8Array): Frame[] {
    this.rest += this.decoder.decode(chunk, { stream: true })
    const blocks = this.rest.split('\n\n')
    this.rest = blocks.pop() ?? ''
    return blocks.map(toFrame)
  }
}

function toFrame(block: string): Frame {
  const frame: Frame = { id: '', event: '', data: '' }
  for (const line of block.split('\n')) {
    const colon = line.indexOf(': ')
    const field = line.slice(0, colon)
    if (field === 'id' || field === 'event' || field === 'data') frame[field] = line.slice(colon + 2)
  }
  return frame
}
