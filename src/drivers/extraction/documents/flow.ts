import type { TextSink } from './sink.ts'

type Write = TextSink['write']

/** Writes running text: collapses white space as a page does, and keeps lines and paragraphs apart. */
export class Flow {
  /** Line ends owed before the next text. */
  private breaks = 0
  private space = false
  private started = false
  private prefix = ''

  constructor(private readonly write: Write) {}

  text(text: string): void {
    const words = text.replace(/[\s\u00a0]+/g, ' ')
    if (words === ' ' || words === '') {
      this.space ||= words === ' '
      return
    }
    if (words.startsWith(' ')) this.space = true
    this.open()
    this.write(words.trim())
    this.space = words.endsWith(' ')
  }

  /** Text whose white space means what it is. */
  plain(text: string): void {
    if (text === '') return
    this.open()
    this.write(text)
  }

  line(): void {
    this.breaks = Math.max(this.breaks, 1)
  }

  paragraph(): void {
    this.breaks = 2
  }

  /** What the next text begins with, such as the mark of a heading; lost where no text comes before the next line. */
  mark(prefix: string): void {
    this.prefix = prefix
  }

  private open(): void {
    if (this.breaks > 0) {
      if (this.started) this.write('\n'.repeat(this.breaks))
    } else if (this.space && this.started) this.write(' ')
    if (this.prefix !== '') this.write(this.prefix)
    this.breaks = 0
    this.space = false
    this.prefix = ''
    this.started = true
  }
}
