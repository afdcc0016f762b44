/** Code without a line end is shown in pieces of this length. */
const LINE_CHARS_MAX = 100
const OPENING = '```python\n'
const CODE = /"code"\s*:\s*"/
const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' }

/** Shows code while a model writes it as the `code` of a call's arguments, line by line. */
export class HotCode {
  private text = ''
  /** Where in the text the code goes on; undefined before it begins. */
  private at: number | undefined
  private over = false
  private line = ''

  /** The pieces that the next part of the arguments completes. */
  push(part: string): string[] {
    this.text += part
    const begins = this.at === undefined
    if (begins) {
      const found = CODE.exec(this.text)
      if (!found) return []
      this.at = found.index + found[0].length
    }
    this.read()
    return begins ? [OPENING, ...this.lines()] : this.lines()
  }

  /** What is left when nothing more comes. */
  rest(): string[] {
    const { line } = this
    this.line = ''
    return line === '' ? [] : [line]
  }

  /** As much of the JSON string as is there: an escape that is not whole waits for its rest. */
  private read(): void {
    let { at = 0 } = this
    const { text } = this
    while (!this.over && at < text.length) {
      const char = text[at] as string
      if (char === '"') this.over = true
      else if (char !== '\\') this.line += char
      else {
        const length = text[at + 1] === 'u' ? 6 : 2
        if (at + length > text.length) break
        this.line += unescaped(text.slice(at, at + length))
        at += length - 1
      }
      at++
    }
    this.at = at
  }

  private lines(): string[] {
    const pieces: string[] = []
    for (let end = this.line.indexOf('\n'); end >= 0; end = this.line.indexOf('\n')) {
      pieces.push(this.line.slice(0, end + 1))
      this.line = this.line.slice(end + 1)
    }
    if (this.line.length > LINE_CHARS_MAX) pieces.push(...this.rest())
    return pieces
  }
}

function unescaped(said: string): string {
  const [, kind = ''] = said
  if (kind === 'u') return String.fromCharCode(Number.parseInt(said.slice(2), 16) || 0xfffd)
  return ESCAPES[kind] ?? kind
}
