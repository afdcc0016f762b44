import type { Archive } from './archive.ts'
import { type Attributes, attribute, type MarkupReader, prefixed, readMarkup } from './markup.ts'
import { type OfficeDocument, partsOf, readRelationships } from './office.ts'
import type { TextSink } from './sink.ts'
import { TableFlow } from './table-flow.ts'

export async function readPptx({ archive, main }: OfficeDocument, sink: TextSink): Promise<void> {
  const slides = await readOrder(archive, main)
  for (const [index, slide] of slides.entries()) {
    const shown = new Shown(sink, `# Slide ${index + 1}\n\n`)
    await readShapes(archive, slide, shown)
    for (const part of await partsOf(archive, slide, 'diagramData')) await readShapes(archive, part, shown)
    for (const part of await partsOf(archive, slide, 'notesSlide')) await readShapes(archive, part, shown.section('Notes:\n'))
    sink.write('\n\n')
  }
}

/** Slides in the order they are shown, not in that of their file names. */
async function readOrder(archive: Archive, main: string): Promise<string[]> {
  const relationships = await readRelationships(archive, main)
  const slides: string[] = []
  const reader = {
    open(tag: string, attributes: Attributes): void {
      const target = tag === 'sldId' ? relationships.get(prefixed(attributes, 'id') ?? '')?.target : undefined
      if (target !== undefined && archive.has(target)) slides.push(target)
    },
  }
  await readMarkup(archive.read(main), reader, { flush: async () => undefined })
  return slides
}

/** Writes a heading only where text follows it: slides of pictures have none. */
class Shown implements TextSink {
  constructor(
    private readonly sink: TextSink,
    private heading: string,
  ) {}

  write(text: string): void {
    this.sink.write(`${this.heading}${text}`)
    this.heading = ''
  }

  flush(): Promise<void> {
    return this.sink.flush()
  }

  section(heading: string): Shown {
    return new Shown(this, heading)
  }
}

async function readShapes(archive: Archive, part: string, sink: TextSink): Promise<void> {
  const shapes = new ShapeReader((text) => sink.write(text))
  await readMarkup(archive.read(part), shapes, sink)
  if (shapes.end()) sink.write('\n\n')
}

class ShapeReader implements MarkupReader {
  private readonly tables: TableFlow
  private inText = 0
  private hidden = 0
  private wrote = false

  constructor(write: (text: string) => void) {
    this.tables = new TableFlow((text) => {
      this.wrote = true
      write(text)
    })
  }

  open(name: string, attributes: Attributes): void {
    if (isHidden(name)) this.hidden++
    else if (name === 't') this.inText++
    else if (name === 'p' || name === 'br') this.tables.flow.line()
    else if (name === 'txBody') this.tables.flow.paragraph()
    else if (name === 'tbl') this.tables.openTable()
    else if (name === 'tblPr' && attribute(attributes, 'firstRow') === '1') this.headed = true
    else if (name === 'tr') this.openRow()
    else if (name === 'tc') this.tables.openCell()
  }

  close(name: string): void {
    if (isHidden(name)) this.hidden--
    else if (name === 't') this.inText--
    else if (name === 'tbl') this.tables.closeTable()
    else if (name === 'tr') this.tables.closeRow()
    else if (name === 'tc') this.tables.closeCell()
  }

  text(text: string): void {
    if (this.inText > 0 && this.hidden === 0) this.tables.flow.text(text)
  }

  /** Whether there was any text. */
  end(): boolean {
    this.tables.end()
    return this.wrote
  }

  private headed = false

  private openRow(): void {
    this.tables.openRow()
    if (this.headed) this.tables.markHeader()
    this.headed = false
  }
}

/** Numbers and dates that each slide repeats are fields; a fallback is a second copy of what is there already. */
const isHidden = (name: string): boolean => name === 'fld' || name === 'Fallback'
