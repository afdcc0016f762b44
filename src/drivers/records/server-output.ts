const KEPT_LINES = 20
const DRAIN_MS = 500
/** Said by Postgres while it starts or stops in order. */
const FATAL = /^(?:FATAL|PANIC):/

/** Reads what Postgres writes, so that the pipe never fills, and keeps its last lines for error messages. */
export class ServerOutput {
  private readonly lines: string[] = []
  private done: Promise<void> = Promise.resolve()

  follow(stream: ReadableStream<Uint8Array>, onLine: (line: string, isFatal: boolean) => void): Promise<void> {
    this.done = this.read(stream, onLine)
    return this.done
  }

  /** The last lines, once the writer is gone. */
  async tail(): Promise<string> {
    await Promise.race([this.done, Bun.sleep(DRAIN_MS)])
    return this.lines.join(' | ') || 'it said nothing.'
  }

  private async read(stream: ReadableStream<Uint8Array>, onLine: (line: string, isFatal: boolean) => void): Promise<void> {
    const decoder = new TextDecoder()
    let rest = ''
    for await (const chunk of stream) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = parts.pop() ?? ''
      for (const line of parts) this.take(line.trim(), onLine)
    }
    this.take(rest.trim(), onLine)
  }

  private take(line: string, onLine: (line: string, isFatal: boolean) => void): void {
    if (line === '') return
    this.lines.push(line)
    if (this.lines.length > KEPT_LINES) this.lines.shift()
    onLine(line, FATAL.test(line))
  }
}
