const NEWLINE = /\r\n?/g
const DATA = 'data:'

/**
 * Cuts an event stream into the texts of its `data` fields. On the path of every token: one search per line, one
 * string per event. Follows the specification (any line ending, comments, several data lines
 * in an event, a leading byte order mark), but keeps an event whose final blank line never came.
 */
export class EventReader {
  readonly #decoder = new TextDecoder()
  /** Text of the unfinished line. */
  #rest = ''
  /** True when the last chunk ended in CR: an LF that follows belongs to it. */
  #heldCr = false
  #data: string | undefined

  push(bytes: Uint8Array): string[] {
    return this.#take(this.#decoder.decode(bytes, { stream: true }))
  }

  /** What was still unfinished when the stream ended. */
  end(): string[] {
    const events = this.#take(`${this.#decoder.decode()}\n\n`)
    this.#rest = ''
    return events
  }

  #take(decoded: string): string[] {
    const text = this.#rest + this.#normalised(decoded)
    const events: string[] = []
    let from = 0
    for (let end = text.indexOf('\n', this.#rest.length); end >= 0; end = text.indexOf('\n', from)) {
      if (end === from) this.#dispatch(events)
      else if (text.startsWith(DATA, from)) this.#field(text, from + DATA.length, end)
      from = end + 1
    }
    this.#rest = from === 0 ? text : text.slice(from)
    return events
  }

  #field(text: string, from: number, end: number): void {
    const line = text.slice(text.charCodeAt(from) === 32 ? from + 1 : from, end)
    this.#data = this.#data === undefined ? line : `${this.#data}\n${line}`
  }

  #dispatch(events: string[]): void {
    if (this.#data !== undefined && this.#data !== '') events.push(this.#data)
    this.#data = undefined
  }

  /** Line ends as LF. A CR at the very end waits for its LF in the next chunk, but ends its line already. */
  #normalised(decoded: string): string {
    const text = this.#heldCr && decoded.startsWith('\n') ? decoded.slice(1) : decoded
    if (decoded !== '') this.#heldCr = decoded.endsWith('\r')
    return text.includes('\r') ? text.replace(NEWLINE, '\n') : text
  }
}
