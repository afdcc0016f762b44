import type { Archive } from './archive.ts'
import { type Attributes, attribute, type MarkupReader, readMarkup } from './markup.ts'
import { type OfficeDocument, partsOf } from './office.ts'
import type { TextSink } from './sink.ts'
import { TableFlow } from './table-flow.ts'

/** Parts beside the body whose text belongs to the document, in the order they are read. */
const FURTHER_PARTS = ['footnotes', 'endnotes', 'comments', 'header', 'footer']

export async function readDocx({ archive, main }: OfficeDocument, sink: TextSink): Promise<void> {
  const [styles] = await partsOf(archive, main, 'styles')
  const levels = styles === undefined ? new Map<string, number>() : await readHeadingLevels(archive, styles)
  const parts = [main]
  for (const kind of FURTHER_PARTS) parts.push(...(await partsOf(archive, main, kind)))
  for (const part of parts) {
    const body = new BodyReader((text) => sink.write(text), levels)
    await readMarkup(archive.read(part), body, sink)
    body.end()
    sink.write('\n\n')
  }
}

/** Headings have localised ids; what makes them headings is their English name. */
async function readHeadingLevels(archive: Archive, part: string): Promise<Map<string, number>> {
  const levels = new Map<string, number>()
  let id = ''
  const reader = {
    open(tag: string, attributes: Attributes): void {
      const value = attribute(attributes, 'val') ?? ''
      if (tag === 'style') id = attribute(attributes, 'styleId') ?? ''
      else if (tag === 'name' && /^title$/i.test(value)) levels.set(id, 1)
      else if (tag === 'name' && /^heading [1-9]$/i.test(value)) levels.set(id, Math.min(6, Number(value.slice(-1))))
    },
  }
  await readMarkup(archive.read(part), reader, { flush: async () => undefined })
  return levels
}

/** What was struck out or moved away in tracked changes, and the older copy of a drawing. */
const HIDDEN = new Set(['del', 'moveFrom', 'Fallback', 'instrText', 'delText'])

class BodyReader implements MarkupReader {
  private readonly tables: TableFlow
  private hidden = 0
  private inText = 0

  constructor(
    write: (text: string) => void,
    private readonly levels: ReadonlyMap<string, number>,
  ) {
    this.tables = new TableFlow(write)
  }

  open(name: string, attributes: Attributes): void {
    if (HIDDEN.has(name)) this.hidden++
    if (name === 't') this.inText++
    OPEN.get(name)?.(this.tables, attributes, this.levels)
  }

  close(name: string): void {
    if (HIDDEN.has(name)) this.hidden--
    if (name === 't') this.inText--
    CLOSE.get(name)?.(this.tables)
  }

  text(text: string): void {
    if (this.inText > 0 && this.hidden === 0) this.tables.flow.text(text)
  }

  end(): void {
    this.tables.end()
  }
}

const mapOf = <T>(actions: Record<string, T>): ReadonlyMap<string, T> => new Map(Object.entries(actions))

type Open = (tables: TableFlow, attributes: Attributes, levels: ReadonlyMap<string, number>) => void
type Close = (tables: TableFlow) => void

/** Maps, because an element may be called `constructor`. */
const OPEN = mapOf<Open>({
  p: (tables) => tables.flow.paragraph(),
  tbl: (tables) => tables.openTable(),
  tr: (tables) => tables.openRow(),
  tc: (tables) => tables.openCell(),
  tblHeader: (tables) => tables.markHeader(),
  tab: (tables) => tables.flow.text(' '),
  br: (tables) => tables.flow.line(),
  cr: (tables) => tables.flow.line(),
  noBreakHyphen: (tables) => tables.flow.text('-'),
  numPr: (tables) => tables.flow.mark('- '),
  pStyle(tables, attributes, levels) {
    const level = levels.get(attribute(attributes, 'val') ?? '')
    if (level !== undefined) tables.flow.mark(`${'#'.repeat(level)} `)
  },
})

const CLOSE = mapOf<Close>({
  p(tables) {
    tables.flow.mark('')
    tables.flow.paragraph()
  },
  tbl: (tables) => tables.closeTable(),
  tr: (tables) => tables.closeRow(),
  tc: (tables) => tables.closeCell(),
})
