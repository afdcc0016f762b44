import { decoded } from './encoding.ts'
import { detectKind } from './kind.ts'
import type { OfficeDocument } from './office.ts'
import type { Source, TextSink } from './sink.ts'
import { hintedType, isJson, JSON_CHECKED_MAX, type TextType, textType } from './text-type.ts'

export interface Document {
  type: string
  /** Whether lines that begin with `#` open a section. */
  headings: boolean
  read(sink: TextSink): Promise<void>
}

export interface Hint {
  filename: string
  mediaType: string
}

/** Characters at the start of a text that tell what it is. */
const HEAD = 65_536

/** Finds out what a file is. The readers are loaded when a document needs them: most never need all. */
export async function openDocument(source: Source, hint: Hint): Promise<Document> {
  const kind = await detectKind(source)
  if (kind.is === 'office') return openOffice(kind.document)
  if (kind.is === 'pdf') {
    const { readPdf } = await import('./pdf.ts')
    return { type: 'pdf', headings: false, read: (sink) => readPdf(source, sink) }
  }
  return openText(source, kind.encoding, hint)
}

function openOffice(document: OfficeDocument): Document {
  const { type, archive } = document
  const read = async (sink: TextSink): Promise<void> => {
    try {
      if (type === 'docx') await (await import('./docx.ts')).readDocx(document, sink)
      else if (type === 'pptx') await (await import('./pptx.ts')).readPptx(document, sink)
      else await (await import('./xlsx.ts')).readXlsx(document, sink)
    } finally {
      archive.close()
    }
  }
  return { type, headings: true, read }
}

async function openText(source: Source, encoding: Bun.Encoding, { filename, mediaType }: Hint): Promise<Document> {
  const texts = (): AsyncIterable<string> => decoded(source, encoding)
  const hint = hintedType(filename, mediaType)
  let head = ''
  for await (const text of texts()) {
    head += text
    if (head.length >= HEAD) break
  }
  let type: TextType = textType(head, hint)
  if (hint !== 'text' && type === 'text' && /^\s*[[{]/.test(head) && (await isJsonThroughout(source, texts()))) type = 'json'
  const read = async (sink: TextSink): Promise<void> => {
    if (type === 'html') await (await import('./html.ts')).readHtml(texts(), sink)
    else if (type === 'csv') await (await import('./csv.ts')).readCsv(texts(), sink)
    else if (type === 'json') await (await import('./json.ts')).readJson(texts(), sink)
    else await readPlain(texts(), sink)
  }
  return { type, headings: type === 'markdown' || type === 'html', read }
}

async function isJsonThroughout(source: Source, texts: AsyncIterable<string>): Promise<boolean> {
  if (source.size > JSON_CHECKED_MAX) return false
  let whole = ''
  for await (const text of texts) whole += text
  return isJson(whole)
}

async function readPlain(texts: AsyncIterable<string>, sink: TextSink): Promise<void> {
  for await (const text of texts) {
    sink.write(text)
    await sink.flush()
  }
}
