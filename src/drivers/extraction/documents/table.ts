type Cell = readonly [column: number, text: string]

export interface TableOptions {
  /** Repeated every few rows, so that a chunk of any part of the table tells what it is from. */
  title?: string
  /** `guess`: the first row of several cells is the header when it reads like one. `marked`: only a row that says so. */
  header: 'guess' | 'marked'
}

const TITLE_EVERY = 1_000
const LABEL_MAX = 100
const NUMBER = /^[-+(]?[\p{Sc}\s]*[\d.,'\s]*\d[\d.,'\s]*[\p{Sc}\s%)]*$|^\d{4}-\d\d-\d\d/u

const isLabel = (text: string): boolean => text.length <= LABEL_MAX && !NUMBER.test(text)

/** Writes rows as lines that are understood alone: `header: value; header: value`. */
export class TableText {
  private header: Map<number, string> | undefined
  private seen = false
  private sinceTitle = Number.POSITIVE_INFINITY

  constructor(
    private readonly write: (text: string) => void,
    private readonly options: TableOptions,
  ) {}

  /** Empty cells may be left out. */
  row(given: Iterable<Cell>, marked = false): void {
    const cells: Cell[] = []
    for (const [column, text] of given) {
      const words = text.replace(/\s+/g, ' ').trim()
      if (words !== '') cells.push([column, words])
    }
    if (cells.length === 0) return
    const line = this.isHeader(cells, marked) ? this.open(cells) : this.line(cells)
    this.title()
    this.sinceTitle += line.length + 1
    this.write(`${line}\n`)
  }

  private isHeader(cells: readonly Cell[], marked: boolean): boolean {
    if (this.header !== undefined || (this.options.header === 'marked' && !marked)) return false
    if (cells.length < 2 || this.seen) return false
    this.seen = true
    return marked || (cells.every(([, text]) => isLabel(text)) && new Set(cells.map(([, text]) => text)).size === cells.length)
  }

  private open(cells: readonly Cell[]): string {
    this.header = new Map(cells)
    return joined(cells)
  }

  private line(cells: readonly Cell[]): string {
    const { header } = this
    if (header === undefined) return joined(cells)
    return cells.map(([column, text]) => (header.has(column) ? `${header.get(column)}: ${text}` : text)).join('; ')
  }

  private title(): void {
    const { title } = this.options
    if (title === undefined || this.sinceTitle < TITLE_EVERY) return
    this.write(`\n# ${title}\n`)
    this.sinceTitle = 0
  }
}

const joined = (cells: readonly Cell[]): string => cells.map(([, text]) => text).join(' | ')
