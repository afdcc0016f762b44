import type { OpenStream, Streams } from './streams.ts'
import { TICKS } from './streams.ts'

export interface SseOptions {
  /** The request's: fires when the client goes. */
  signal: AbortSignal
  streams: Streams
  /**
   * The frames, each item one or more whole ones. Its signal fires when nobody reads any more; a generator must listen
   * to it, since one that waits inside `await` does not notice `return()`.
   */
  open(signal: AbortSignal): AsyncIterable<string>
  /** The dialect's frame for an error that comes after the headers went out. */
  onError(error: unknown): string
  /** What the dialect's clients overlook: sent while the stream is silent, and at its beginning. */
  comment: string
  /** When the server goes away the connection breaks, for clients that take an end for the end of the story. Else the stream ends. */
  breaks?: boolean
  headers?: Record<string, string>
}

const HEADERS = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', 'x-accel-buffering': 'no' }

/**
 * An event stream that the client pulls: the next item is asked for when the socket took the last one, so a slow client
 * holds one item and not the process's memory.
 */
export function sseResponse(options: SseOptions): Response {
  const source = new SseSource(options)
  return new Response(new ReadableStream<Uint8Array>(source, { highWaterMark: 0 }), { headers: { ...HEADERS, ...options.headers } })
}

const encoder = new TextEncoder()
/** The status line leaves with the first bytes: a stream that is silent at first must not keep its client in doubt. */
const OPENING_MS = 50
const LEAVING = new Error('The server is shutting down.')

class SseSource implements OpenStream {
  readonly #stop = new AbortController()
  readonly #items: AsyncIterator<string>
  readonly #remove: () => void
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  /** Lets the stream ask again; undefined while the client has not taken what it was given. */
  #pulled: (() => void) | undefined
  #arriving = false
  #quietTicks = 0
  #broken = false
  #opening: Timer | undefined
  readonly #comment: Uint8Array

  constructor(private readonly options: SseOptions) {
    this.#remove = options.streams.add(this)
    this.#comment = encoder.encode(options.comment)
    this.#items = options.open(this.#stop.signal)[Symbol.asyncIterator]()
    if (options.signal.aborted) this.#end()
    else options.signal.addEventListener('abort', this.#end, { once: true })
  }

  pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> | void {
    this.#controller = controller
    if (this.#stop.signal.aborted) return this.#broken ? controller.error(LEAVING) : controller.close()
    if (!this.#arriving) this.#ask()
    this.#opening ??= setTimeout(() => this.#pulled && this.#push(this.#comment), OPENING_MS)
    return new Promise((resolve) => {
      this.#pulled = resolve
    })
  }

  cancel(): void {
    this.#controller = undefined
    this.#end()
  }

  tick(): void {
    if (++this.#quietTicks < TICKS || this.#pulled === undefined) return
    this.#push(this.#comment)
  }

  close(): void {
    this.#broken = this.options.breaks ?? false
    const controller = this.#broken ? this.#controller : undefined
    if (controller) this.#controller = undefined
    this.#end()
    controller?.error(LEAVING)
  }

  #ask(): void {
    this.#arriving = true
    this.#items.next().then(this.#take, this.#fail)
  }

  readonly #take = (item: IteratorResult<string>): void => {
    this.#arriving = false
    if (this.#stop.signal.aborted) return
    if (item.done) this.#end()
    else if (item.value === '') this.#ask()
    else this.#push(encoder.encode(item.value))
  }

  readonly #fail = (error: unknown): void => {
    this.#arriving = false
    if (this.#stop.signal.aborted) return
    this.#push(encoder.encode(this.options.onError(error)))
    this.#end()
  }

  #push(chunk: Uint8Array): void {
    clearTimeout(this.#opening)
    this.#quietTicks = 0
    const pulled = this.#pulled
    this.#pulled = undefined
    this.#controller?.enqueue(chunk)
    pulled?.()
  }

  readonly #end = (): void => {
    if (this.#stop.signal.aborted) return
    this.#stop.abort()
    clearTimeout(this.#opening)
    this.#remove()
    this.options.signal.removeEventListener('abort', this.#end)
    this.#items.return?.().catch(() => undefined)
    this.#controller?.close()
    this.#controller = undefined
    this.#pulled?.()
  }
}
