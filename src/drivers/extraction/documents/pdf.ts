import type { PDFDocumentProxy, PDFPageProxy } from 'unpdf/pdfjs'
import { getDocument, PasswordException, PDFDataRangeTransport, VerbosityLevel } from 'unpdf/pdfjs'
import { readCharacterMap } from './character-maps.ts'
import { type PdfLine, pageText } from './pdf-lines.ts'
import { invalid, Refusal } from './refusal.ts'
import type { Source, TextSink } from './sink.ts'

const PAGES_MAX = 20_000
/** Lines of a page that are held before they are written. */
const LINES_MAX = 20_000
const FIELDS_MAX = 10_000
const PIECE = 65_536

/** Hands the package the pieces of the file it asks for: pictures are never read. */
class FileRange extends PDFDataRangeTransport {
  constructor(
    private readonly source: Source,
    head: Uint8Array,
  ) {
    super(source.size, head)
  }

  override requestDataRange(begin: number, end: number): void {
    const read = this.source.read(begin, end - begin)
    read.then(
      (bytes) => this.onDataRange(begin, bytes),
      () => this.abort(),
    )
  }
}

class CharacterMaps {
  async fetch({ kind, filename }: { kind: string; filename: string }): Promise<Uint8Array> {
    if (kind !== 'cMapUrl') throw new Error('Only character maps are needed to read text.')
    return readCharacterMap(filename)
  }
}

/** Text only: nothing is drawn, nothing is fetched, no script or font program is run. */
const OPTIONS = {
  BinaryDataFactory: CharacterMaps,
  cMapUrl: 'cmaps/',
  cMapPacked: true,
  disableAutoFetch: true,
  disableStream: true,
  disableFontFace: true,
  enableXfa: false,
  isImageDecoderSupported: false,
  isOffscreenCanvasSupported: false,
  rangeChunkSize: PIECE,
  useSystemFonts: false,
  useWasm: false,
  useWorkerFetch: false,
  verbosity: VerbosityLevel.ERRORS,
}

export async function readPdf(source: Source, sink: TextSink): Promise<void> {
  const range = new FileRange(source, await source.read(0, PIECE))
  const task = getDocument({ ...OPTIONS, range })
  try {
    const document = await task.promise
    await readPages(document, sink)
  } catch (error) {
    if (error instanceof Refusal) throw error
    if (error instanceof PasswordException) throw invalid('The PDF is encrypted: it cannot be read without its password.')
    throw invalid('The PDF is broken: it cannot be read.')
  } finally {
    await task.destroy()
  }
}

async function readPages(document: PDFDocumentProxy, sink: TextSink): Promise<void> {
  const { numPages } = document
  if (numPages > PAGES_MAX) throw invalid(`The PDF has more than ${PAGES_MAX} pages.`)
  let hasText = false
  for (let number = 1; number <= numPages; number++) {
    const page = await document.getPage(number).catch(() => undefined)
    if (page === undefined) throw invalid(`The PDF is broken: page ${number} of ${numPages} cannot be read.`)
    if (await readPage(page, sink)) hasText = true
    page.cleanup()
  }
  if (await readFields(document, sink)) hasText = true
  if (hasText) return
  const pages = numPages === 1 ? '1 page' : `${numPages} pages`
  throw invalid(`The PDF has ${pages} but no text, as scanned documents have not. Text in pictures is not recognised (no OCR).`)
}

/** Whether there was any text. */
async function readPage(page: PDFPageProxy, sink: TextSink): Promise<boolean> {
  let lines: PdfLine[] = []
  let open: PdfLine | undefined
  let hasText = false
  const write = async (): Promise<void> => {
    const text = pageText(lines)
    lines = []
    if (text === '') return
    hasText = true
    sink.write(`${text}\n\n`)
    await sink.flush()
  }
  const close = (): void => {
    if (open !== undefined && open.text.trim() !== '') lines.push({ ...open, text: open.text.trim() })
    open = undefined
  }
  // A stream of batches, so that a page of any size is read in pieces.
  const reader = page.streamTextContent().getReader()
  for (let batch = await reader.read(); !batch.done; batch = await reader.read()) {
    for (const item of batch.value.items) {
      if (!('str' in item)) continue
      open = extended(open, item)
      if (item.hasEOL) close()
    }
    if (lines.length > LINES_MAX) await write()
  }
  close()
  await write()
  return hasText
}

interface Item {
  str: string
  transform: number[]
  width: number
  height: number
}

function extended(line: PdfLine | undefined, { str, transform, width, height }: Item): PdfLine {
  const [, , , , x = 0, y = 0] = transform
  if (line === undefined || (line.text === '' && str !== '')) return { text: str, x, y, width, height }
  return { ...line, text: line.text + str, width: Math.max(line.width, x + width - line.x), height: Math.max(line.height, height) }
}

/** What was filled into a form stands beside the pages, not on them. */
async function readFields(document: PDFDocumentProxy, sink: TextSink): Promise<boolean> {
  const fields = await document.getFieldObjects()
  let written = 0
  for (const [name, objects] of Object.entries(fields ?? {})) {
    const [value] = (objects as { value?: unknown }[]).flatMap(({ value }) =>
      typeof value === 'string' && value !== '' && value !== 'Off' ? [value] : [],
    )
    if (value === undefined || written >= FIELDS_MAX) continue
    written++
    sink.write(`${name}: ${value}\n`)
  }
  await sink.flush()
  return written > 0
}
