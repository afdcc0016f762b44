import type { TextSink } from './sink.ts'

const INDENT_MAX = 8
const SPECIAL = /["\\]/g
const SPACE = /\s/

/** Characters behind a backslash that are shown as what they mean: text in JSON is there to be read. */
const ESCAPES: Record<string, string> = { n: '\n', r: '\n', t: '\t', b: '', f: '\n', '/': '/', '"': '"', '\\': '\\' }

/** Writes JSON, or a sequence of it, one value a line, as it streams by: numbers and order stay as they are. */
export async function readJson(texts: AsyncIterable<string>, sink: TextSink): Promise<void> {
  const layout = new JsonLayout()
  for await (const text of texts) {
    sink.write(layout.push(text))
    await sink.flush()
  }
}

interface Container {
  isArray: boolean
  /** Whether something in it stands on a line of its own. */
  broken: boolean
}

/** Containers deeper than that are laid out like the one at this depth. */
const DEPTH_KEPT = 200

class JsonLayout {
  private depth = 0
  private readonly containers: Container[] = []
  private inString = false
  /** A backslash and what followed it so far. */
  private escape = ''
  /** What stands in front of the next value: nothing, an opening bracket, a comma. */
  private before: '' | 'open' | 'comma' = ''
  private wasContainer = false

  push(text: string): string {
    let out = ''
    let at = 0
    while (at < text.length) {
      if (this.escape !== '') out += this.escaped(text.charAt(at++))
      else if (!this.inString) out += this.outside(text.charAt(at++))
      else {
        SPECIAL.lastIndex = at
        const end = SPECIAL.exec(text)?.index ?? text.length
        out += text.slice(at, end)
        at = end + 1
        if (text.charAt(end) === '\\') this.escape = '\\'
        else if (end < text.length) {
          this.inString = false
          out += '"'
        }
      }
    }
    return out
  }

  private escaped(next: string): string {
    this.escape += next
    const code = this.escape.slice(2)
    if (this.escape.startsWith('\\u') && code.length < 4) return ''
    this.escape = ''
    if (code === '') return ESCAPES[next] ?? next
    // Halves of a pair come one after the other and are whole together.
    return /^[0-9a-f]{4}$/i.test(code) ? String.fromCharCode(Number.parseInt(code, 16)) : code
  }

  private outside(next: string): string {
    if (SPACE.test(next)) return ''
    if (next === ',') {
      this.before = 'comma'
      return ','
    }
    if (next === ':') return ': '
    if (next === '}' || next === ']') return this.close(next)
    const lead = this.lead(next)
    this.before = ''
    this.wasContainer = false
    if (next === '{' || next === '[') this.open(next === '[')
    else if (next === '"') this.inString = true
    return lead + next
  }

  /** Numbers of a list share a line; everything else has one of its own, and records of a list are paragraphs. */
  private lead(next: string): string {
    if (this.before === '') return this.depth === 0 && this.wasContainer ? '\n' : ''
    const container = this.containers[Math.min(this.depth, DEPTH_KEPT) - 1]
    if (container?.isArray === true && !'"{['.includes(next)) return this.before === 'comma' ? ' ' : ''
    if (container !== undefined) container.broken = true
    const isRecord = this.before === 'comma' && this.depth === 1 && this.wasContainer
    return isRecord ? `\n${this.newLine()}` : this.newLine()
  }

  private open(isArray: boolean): void {
    if (this.depth++ < DEPTH_KEPT) this.containers.push({ isArray, broken: false })
    this.before = 'open'
  }

  private close(bracket: string): string {
    if (this.depth === 0) return bracket
    const container = this.depth-- <= DEPTH_KEPT ? this.containers.pop() : undefined
    this.before = ''
    this.wasContainer = true
    return container?.broken === false ? bracket : this.newLine() + bracket
  }

  private newLine(): string {
    return `\n${' '.repeat(Math.min(this.depth, INDENT_MAX))}`
  }
}
