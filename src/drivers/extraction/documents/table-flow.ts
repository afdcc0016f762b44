import { Flow } from './flow.ts'
import { TableText } from './table.ts'

interface Open {
  table: TableText
  /** Undefined between rows. */
  cells: string[] | undefined
  marked: boolean
  /** Text of the open cell; undefined between cells. */
  cell: { flow: Flow; text: string } | undefined
}

/** Tables nested deeper are read as text of the cell they lie in. */
const NESTING_MAX = 8
/** Text that a row holds back until it ends. */
const ROW_MAX = 1_000_000

/** Running text with tables in it: text goes to the innermost open cell, rows go out as lines. */
export class TableFlow {
  private readonly page: Flow
  private readonly tables: Open[] = []
  private depth = 0

  constructor(write: (text: string) => void) {
    this.page = new Flow(write)
  }

  /** Where text belongs now. */
  get flow(): Flow {
    for (let at = this.tables.length - 1; at >= 0; at--) {
      const cell = this.tables[at]?.cell
      if (cell !== undefined) return this.checked(cell)
    }
    return this.page
  }

  openTable(): void {
    this.depth++
    if (this.depth > NESTING_MAX) return
    this.flow.paragraph()
    const { flow } = this
    const table = new TableText((text) => this.line(flow, text), { header: 'marked' })
    this.tables.push({ table, cells: undefined, marked: false, cell: undefined })
  }

  closeTable(): void {
    if (this.depth > 0 && this.depth-- > NESTING_MAX) return
    this.closeRow()
    this.tables.pop()
    this.flow.paragraph()
  }

  openRow(): void {
    this.closeRow()
    const open = this.tables.at(-1)
    if (open === undefined || this.depth > NESTING_MAX) return
    open.cells = []
    open.marked = false
  }

  /** The open row is the header of its table. */
  markHeader(): void {
    const open = this.tables.at(-1)
    if (open !== undefined && this.depth <= NESTING_MAX) open.marked = true
  }

  openCell(): void {
    this.closeCell()
    const open = this.tables.at(-1)
    if (open?.cells === undefined || this.depth > NESTING_MAX) return
    const write = (text: string): void => {
      cell.text += text
    }
    const cell = { flow: new Flow(write), text: '' }
    open.cell = cell
  }

  closeCell(): void {
    const open = this.tables.at(-1)
    if (open?.cell === undefined || this.depth > NESTING_MAX) return
    open.cells?.push(open.cell.text)
    open.cell = undefined
  }

  closeRow(): void {
    if (this.depth > NESTING_MAX) return
    this.closeCell()
    const open = this.tables.at(-1)
    if (open?.cells === undefined) return
    const { cells, marked, table } = open
    open.cells = undefined
    // A cell of several paragraphs is a page laid out by a table, not a value.
    if (cells.some((text) => text.includes('\n\n'))) for (const text of cells) this.paragraph(text)
    else table.row(cells.entries(), marked)
  }

  end(): void {
    while (this.tables.length > 0) {
      this.depth = this.tables.length
      this.closeTable()
    }
  }

  private line(flow: Flow, text: string): void {
    flow.plain(text.trimEnd())
    flow.line()
  }

  private paragraph(text: string): void {
    this.flow.paragraph()
    this.flow.plain(text)
    this.flow.paragraph()
  }

  /** What is too much for a row goes to the page at once. */
  private checked(cell: NonNullable<Open['cell']>): Flow {
    if (cell.text.length <= ROW_MAX) return cell.flow
    this.page.plain(cell.text)
    this.page.line()
    cell.text = ''
    return cell.flow
  }
}
