import { connect, type Socket } from 'node:net'

/** One kept connection, as a load balancer's health check has it: a server that stops takes no new ones. */
export class HttpProbe {
  private received = ''
  private closed = false
  private told: (() => void) | undefined

  private constructor(private readonly socket: Socket) {
    socket.setEncoding('utf8')
    socket.on('data', (text) => {
      this.received += text
      this.told?.()
    })
    for (const event of ['close', 'error'] as const)
      socket.on(event, () => {
        this.closed = true
        this.told?.()
      })
  }

  static async open(url: string): Promise<HttpProbe> {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return new HttpProbe(socket)
  }

  /** The status; undefined when the connection was closed instead. */
  async get(path: string): Promise<number | undefined> {
    this.received = ''
    this.socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)
    while (!this.closed && !this.isWhole()) {
      await new Promise<void>((resolve) => {
        this.told = resolve
      })
    }
    const status = /^HTTP\/1\.1 (\d{3})/.exec(this.received)?.[1]
    return status === undefined ? undefined : Number(status)
  }

  /** Asks until an answer fits; at most for some seconds. */
  async until(fits: (status: number | undefined) => boolean, path: string): Promise<number | undefined> {
    for (let asked = 0; ; asked++) {
      const status = await this.get(path)
      if (fits(status) || asked > 500) return status
      await Bun.sleep(10)
    }
  }

  private isWhole(): boolean {
    const head = this.received.indexOf('\r\n\r\n')
    const length = /content-length: (\d+)/i.exec(this.received)?.[1]
    return head >= 0 && this.received.length >= head + 4 + Number(length ?? 0)
  }
}
