import type { Archive } from './archive.ts'
import { type CellFormat, formatNumber, formatOf } from './cell-format.ts'
import { type Attributes, attribute, type MarkupReader, prefixed, readMarkup } from './markup.ts'
import { type OfficeDocument, partsOf, readRelationships } from './office.ts'
import { invalid } from './refusal.ts'
import type { TextSink } from './sink.ts'
import { TableText } from './table.ts'

/** Characters of all texts that cells share. */
const SHARED_MAX = 32_000_000
const COLUMNS_MAX = 16_384

const quiet: Pick<TextSink, 'flush'> = { flush: async () => undefined }

export async function readXlsx({ archive, main }: OfficeDocument, sink: TextSink): Promise<void> {
  const book = await readBook(archive, main)
  for (const { name, part } of book.sheets) {
    const table = new TableText((text) => sink.write(text), { title: `Sheet: ${name}`, header: 'guess' })
    await readMarkup(archive.read(part), new SheetReader(book, table), sink)
    sink.write('\n\n')
  }
}

interface Book {
  sheets: { name: string; part: string }[]
  shared: string[]
  formats: CellFormat[]
  /** Days are counted from 1904 on, as old Macs did. */
  from1904: boolean
}

async function readBook(archive: Archive, main: string): Promise<Book> {
  const relationships = await readRelationships(archive, main)
  const book: Book = { sheets: [], shared: [], formats: [], from1904: false }
  const reader = {
    open(tag: string, attributes: Attributes): void {
      if (tag === 'workbookPr') book.from1904 = /^(1|true)$/.test(attribute(attributes, 'date1904') ?? '')
      const found = tag === 'sheet' ? relationships.get(prefixed(attributes, 'id') ?? '') : undefined
      if (found?.kind === 'worksheet' && archive.has(found.target)) {
        book.sheets.push({ name: attribute(attributes, 'name') ?? '', part: found.target })
      }
    },
  }
  await readMarkup(archive.read(main), reader, quiet)
  for (const part of await partsOf(archive, main, 'sharedStrings'))
    await readMarkup(archive.read(part), new SharedReader(book.shared), quiet)
  for (const part of await partsOf(archive, main, 'styles')) await readMarkup(archive.read(part), new StyleReader(book.formats), quiet)
  return book
}

class SharedReader implements MarkupReader {
  private shownText = ''
  private inText = false
  /** Readings of Japanese text would stand in the middle of it. */
  private phonetic = 0
  private length = 0

  constructor(private readonly shared: string[]) {}

  open(name: string): void {
    if (name === 'si') this.shownText = ''
    else if (name === 'rPh') this.phonetic++
    else if (name === 't') this.inText = true
  }

  close(name: string): void {
    if (name === 'si') this.shared.push(this.shownText)
    else if (name === 'rPh') this.phonetic--
    else if (name === 't') this.inText = false
  }

  text(text: string): void {
    if (!this.inText || this.phonetic > 0) return
    this.shownText += text
    this.length += text.length
    if (this.length > SHARED_MAX) throw invalid('The file is too large: its cells hold too much text.')
  }
}

class StyleReader implements MarkupReader {
  private readonly codes = new Map<number, string>()
  private inCells = false

  constructor(private readonly formats: CellFormat[]) {}

  open(name: string, attributes: Attributes): void {
    const id = Number(attribute(attributes, 'numFmtId') ?? '0')
    if (name === 'numFmt') this.codes.set(id, attribute(attributes, 'formatCode') ?? '')
    else if (name === 'cellXfs') this.inCells = true
    else if (name === 'xf' && this.inCells) this.formats.push(formatOf(id, this.codes.get(id)))
  }

  close(name: string): void {
    if (name === 'cellXfs') this.inCells = false
  }
}

class SheetReader implements MarkupReader {
  private row: [number, string][] = []
  private column = -1
  private type = ''
  private format: CellFormat = 'number'
  private value = ''
  private inValue = false

  constructor(
    private readonly book: Book,
    private readonly table: TableText,
  ) {}

  open(name: string, attributes: Attributes): void {
    if (name === 'row') {
      this.row = []
      this.column = -1
    } else if (name === 'c') {
      this.column = columnOf(attribute(attributes, 'r')) ?? this.column + 1
      this.type = attribute(attributes, 't') ?? 'n'
      this.format = this.book.formats[Number(attribute(attributes, 's') ?? '0')] ?? 'number'
      this.value = ''
    } else if (name === 'v' || name === 't') this.inValue = true
  }

  close(name: string): void {
    if (name === 'v' || name === 't') this.inValue = false
    else if (name === 'c') {
      if (this.value !== '' && this.row.length < COLUMNS_MAX) this.row.push([this.column, this.shown()])
    } else if (name === 'row') this.table.row(this.row)
  }

  text(text: string): void {
    if (this.inValue) this.value += text
  }

  private shown(): string {
    const { value, type } = this
    if (type === 's') return this.book.shared[Number(value)] ?? ''
    if (type === 'b') return value === '1' ? 'TRUE' : 'FALSE'
    if (type !== 'n') return value
    return formatNumber(value, this.format, this.book.from1904)
  }
}

/** Zero for `A7`, 26 for `AA7`. */
function columnOf(reference: string | undefined): number | undefined {
  const letters = reference?.match(/^[A-Z]{1,3}/)?.[0]
  if (letters === undefined) return undefined
  let column = 0
  for (const letter of letters) column = column * 26 + letter.charCodeAt(0) - 64
  return column - 1
}
