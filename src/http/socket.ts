import type { OpenStream, Streams } from './streams.ts'

/** What is used of Bun's ServerWebSocket. */
export interface RawSocket {
  sendText(text: string): number
  getBufferedAmount(): number
  close(code?: number, reason?: string): void
}

export interface SocketOptions {
  streams: Streams
  /** Unsent bytes after which the next item is not asked for until the socket drained. */
  bytesMax: number
  /** Text frames. The signal fires when the socket is gone or the server goes. */
  open(signal: AbortSignal): AsyncIterable<string>
  /** The last frame after an error; the socket is closed behind it. */
  onError(error: unknown): string
}

const CODE = { done: 1000, failed: 1011, restart: 1012 } as const

/**
 * Sends a source's items over one WebSocket, no faster than the client takes them. The route's `drain` and `close`
 * handlers must call the methods of the same name.
 */
export class SocketSender implements OpenStream {
  readonly #stop = new AbortController()
  readonly #remove: () => void
  #drained: (() => void) | undefined

  /** Throws Fault('unavailable') when too many streams are open: the caller closes the socket then. */
  constructor(
    private readonly socket: RawSocket,
    private readonly options: SocketOptions,
  ) {
    this.#remove = options.streams.add(this)
    void this.#run()
  }

  drain(): void {
    this.#drained?.()
    this.#drained = undefined
  }

  /** The client closed, or the connection broke. */
  gone(): void {
    this.#end()
  }

  close(): void {
    if (this.#stop.signal.aborted) return
    this.#end()
    this.socket.close(CODE.restart, 'The server restarts: connect again.')
  }

  tick(): void {
    // Bun pings by itself.
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    try {
      for await (const text of this.options.open(signal)) {
        if (signal.aborted) return
        this.socket.sendText(text)
        if (this.socket.getBufferedAmount() > this.options.bytesMax) await this.#untilDrained()
        if (signal.aborted) return
      }
      this.#finish(CODE.done)
    } catch (error) {
      if (signal.aborted) return
      this.socket.sendText(this.options.onError(error))
      this.#finish(CODE.failed)
    }
  }

  #untilDrained(): Promise<void> {
    return new Promise((resolve) => {
      this.#drained = resolve
    })
  }

  #finish(code: number): void {
    if (this.#stop.signal.aborted) return
    this.#end()
    this.socket.close(code)
  }

  #end(): void {
    this.#stop.abort()
    this.#remove()
    this.drain()
  }
}
