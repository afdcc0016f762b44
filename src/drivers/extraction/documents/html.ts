import { Parser } from 'htmlparser2'
import { invalid } from './refusal.ts'
import type { TextSink } from './sink.ts'
import { TableFlow } from './table-flow.ts'

/** Browsers stop at 512. */
const DEPTH_MAX = 2_000

const HIDDEN = new Set('script style template noscript svg iframe object canvas audio video'.split(' '))
const BLOCKS = new Set(
  'address article aside blockquote body dd details div dl dt fieldset figcaption figure footer form header hr main nav ol p pre section summary ul title'.split(
    ' ',
  ),
)

/** Reads a page as it streams by: what a visitor reads, with headings and lists marked and tables as rows. */
export async function readHtml(texts: AsyncIterable<string>, sink: TextSink): Promise<void> {
  const page = new PageReader((text) => sink.write(text))
  const parser = new Parser({
    onopentag: (name, attributes) => page.open(name, attributes),
    onclosetag: (name) => page.close(name),
    ontext: (text) => page.text(text),
  })
  for await (const text of texts) {
    parser.write(text)
    await sink.flush()
  }
  parser.end()
  page.end()
}

class PageReader {
  private readonly tables: TableFlow
  private readonly stack: { name: string; hides: boolean }[] = []
  private hidden = 0
  private preformatted = 0
  /** Whether every cell of the open row is a heading so far. */
  private headed = false

  constructor(write: (text: string) => void) {
    this.tables = new TableFlow(write)
  }

  open(name: string, attributes: Readonly<Record<string, string>>): void {
    const hides = HIDDEN.has(name) || attributes.hidden !== undefined
    if (this.stack.push({ name, hides }) > DEPTH_MAX) throw invalid('The file is broken: its HTML is nested too deeply.')
    if (hides) this.hidden++
    if (this.hidden > 0) return
    const { tables } = this
    if (name === 'br') tables.flow.line()
    else if (name === 'img') tables.flow.text(` ${attributes.alt ?? ''} `)
    else if (name === 'pre') this.preformatted++
    else if (name === 'table') tables.openTable()
    else if (name === 'tr') {
      tables.openRow()
      this.headed = true
    } else if (name === 'td' || name === 'th') {
      tables.openCell()
      if (name === 'td') this.headed = false
    }
    this.openBlock(name)
  }

  private openBlock(name: string): void {
    const { flow } = this.tables
    const level = /^h([1-6])$/.exec(name)?.[1]
    if (level !== undefined || name === 'title') {
      flow.paragraph()
      flow.mark(`${'#'.repeat(Number(level ?? '1'))} `)
    } else if (name === 'li') {
      flow.line()
      flow.mark('- ')
    } else if (name === 'option' || name === 'caption') flow.line()
    else if (BLOCKS.has(name)) flow.paragraph()
  }

  close(name: string): void {
    const closed = this.stack.pop()
    if (closed?.hides) this.hidden--
    if (this.hidden > 0 || closed?.hides) return
    const { tables } = this
    if (name === 'pre') this.preformatted--
    else if (name === 'table') tables.closeTable()
    else if (name === 'tr') {
      if (this.headed) tables.markHeader()
      tables.closeRow()
    } else if (name === 'td' || name === 'th') tables.closeCell()
    else if (name === 'li' || name === 'caption') tables.flow.line()
    else if (BLOCKS.has(name) || /^h[1-6]$/.test(name)) {
      tables.flow.mark('')
      tables.flow.paragraph()
    }
  }

  text(text: string): void {
    if (this.hidden > 0) return
    if (this.preformatted > 0) this.tables.flow.plain(text)
    else this.tables.flow.text(text)
  }

  end(): void {
    this.tables.end()
  }
}
