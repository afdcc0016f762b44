export interface SocketFrame {
  id?: string
  event: string
  data: unknown
}

export interface SocketOpening {
  key?: string
  /** As browsers do, which cannot set headers. */
  protocols?: string[]
}

/** A client of a run's WebSocket. */
export class SocketReader {
  readonly opened: Promise<void>
  /** The code that the server closed with. */
  readonly closed: Promise<number>
  private readonly socket: WebSocket
  private readonly ready: SocketFrame[] = []
  private wake: () => void = () => undefined
  private over = false

  constructor(url: string, { key, protocols }: SocketOpening) {
    const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` }
    const options = { headers, ...(protocols ? { protocols } : {}) }
    this.socket = new WebSocket(url.replace(/^http/, 'ws'), options)
    this.socket.onmessage = ({ data }) => {
      this.ready.push(JSON.parse(String(data)) as SocketFrame)
      this.wake()
    }
    this.opened = new Promise((resolve, reject) => {
      this.socket.onopen = () => resolve()
      this.socket.onerror = () => reject(new Error(`The socket ${url} was refused`))
    })
    // Only those who wait for it want to know.
    this.opened.catch(() => undefined)
    this.closed = new Promise((resolve) => {
      this.socket.onclose = ({ code }) => {
        this.over = true
        this.wake()
        resolve(code)
      }
    })
  }

  get protocol(): string {
    return this.socket.protocol
  }

  send(message: string): void {
    this.socket.send(message)
  }

  leave(): void {
    this.socket.close()
  }

  /** The next frame, or undefined when the server closed. */
  async next(): Promise<SocketFrame | undefined> {
    while (this.ready.length === 0) {
      if (this.over) return undefined
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
    }
    return this.ready.shift()
  }

  async until(event: string): Promise<SocketFrame[]> {
    const seen: SocketFrame[] = []
    for (;;) {
      const frame = await this.next()
      if (frame === undefined) throw new Error(`The socket closed without ${event}: ${seen.map((s) => s.event).join(', ')}`)
      seen.push(frame)
      if (frame.event === event) return seen
    }
  }

  async rest(): Promise<SocketFrame[]> {
    const seen: SocketFrame[] = []
    for (let frame = await this.next(); frame !== undefined; frame = await this.next()) seen.push(frame)
    return seen
  }
}
