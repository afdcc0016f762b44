import { fileTypeFromBuffer } from 'file-type'
import { Archive } from './archive.ts'
import { detectEncoding, markOf } from './encoding.ts'
import { findOfficeDocument, type OfficeDocument } from './office.ts'
import { invalid, unsupported } from './refusal.ts'
import type { Source } from './sink.ts'

/** What a file is by its content, as far as it can be read. */
export type Kind = { is: 'pdf' } | { is: 'office'; document: OfficeDocument } | { is: 'text'; encoding: Bun.Encoding }

const HEAD = 65_536
/** Readers of PDF look so far for its mark. */
const PDF_WITHIN = 1_024
/** A text may hold a few characters that no text has. */
const STRAY_MAX = 0.005

export async function detectKind(source: Source): Promise<Kind> {
  if (source.size === 0) throw invalid('The file is empty.')
  const head = await source.read(0, HEAD)
  const start = Buffer.from(head.subarray(0, PDF_WITHIN)).toString('latin1')
  if (start.includes('%PDF-')) return { is: 'pdf' }
  if (/^PK(?:\x03\x04|\x05\x06)/.test(start)) return zipKind(source)
  if (start.startsWith('\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1')) throw await compoundRefusal(source, head)
  if (start.startsWith('{\\rtf')) throw unsupported('an RTF document')
  if (start.startsWith('%!PS')) throw unsupported('a PostScript document')
  if (markOf(head) === undefined && strayShare(head) > 0) await refuseBinary(source, head)
  return { is: 'text', encoding: await detectEncoding(source) }
}

const isStray = (byte: number): boolean => (byte < 32 && !(byte >= 8 && byte <= 13) && byte !== 27 && byte !== 26) || byte === 127

function strayShare(head: Uint8Array): number {
  let strays = 0
  for (const byte of head) if (isStray(byte)) strays++
  return strays / head.length
}

/** Returns for what may be text after all: UTF-16 without a mark, or a text with a few odd bytes. */
async function refuseBinary(source: Source, head: Uint8Array): Promise<void> {
  const found = await fileTypeFromBuffer(head)
  if (found !== undefined) throw unsupported(described(found.mime, found.ext))
  const encoding = await detectEncoding(source)
  if (encoding.startsWith('utf-16')) return
  if (strayShare(head) > STRAY_MAX) throw unsupported('of a kind that is not known, and not text')
}

const ARCHIVES = /zip|tar|compress|rar|7z|bzip|xz|lz4|zstd|archive|cpio|gzip/
const PROGRAMS = /msdownload|x-elf|mach-binary|wasm|java-vm|x-executable|apple-diskimage|rpm|debian/

function described(mime: string, ending: string): string {
  const [group = ''] = mime.split('/')
  const name = ending.toUpperCase()
  if (group === 'image') return `an image (${name})`
  if (group === 'audio') return `audio (${name})`
  if (group === 'video') return `a video (${name})`
  if (group === 'font') return `a font (${name})`
  if (ARCHIVES.test(mime)) return `an archive (${name})`
  if (PROGRAMS.test(mime)) return `a program (${name})`
  return `of the kind ${mime}`
}

async function zipKind(source: Source): Promise<Kind> {
  const archive = await Archive.open(source.path)
  try {
    const document = await findOfficeDocument(archive)
    if (document !== undefined) return { is: 'office', document }
    throw unsupported(await archiveName(archive))
  } catch (error) {
    archive.close()
    throw error
  }
}

async function archiveName(archive: Archive): Promise<string> {
  if (archive.has('[Content_Types].xml')) throw invalid('The file is broken: it is an Office document without its main part.')
  if (archive.has('META-INF/container.xml')) return 'an EPUB book'
  if (archive.has('content.xml') && archive.has('META-INF/manifest.xml')) return 'an OpenDocument file'
  if (archive.has('META-INF/MANIFEST.MF')) return 'a Java archive'
  if (archive.hasFolder('index/') && archive.hasFolder('metadata/')) return 'an iWork document'
  return 'a ZIP archive'
}

/** Office files before 2007, and encrypted ones of today, are compound files; their directory names what they hold. */
async function compoundRefusal(source: Source, head: Uint8Array): Promise<Error> {
  const header = Buffer.from(head)
  if (header.length < 512) return invalid('The file is broken: it ends in its first block.')
  const sector = 1 << Math.min(16, header.readUInt16LE(30))
  const directory = Buffer.from(await source.read((header.readUInt32LE(48) + 1) * sector, 4096)).toString('utf16le')
  if (directory.includes('EncryptedPackage')) return invalid('The file is encrypted: it cannot be read without its password.')
  if (directory.includes('WordDocument')) return unsupported('a Word document of the format before 2007 (.doc)')
  if (directory.includes('Workbook')) return unsupported('an Excel workbook of the format before 2007 (.xls)')
  if (directory.includes('PowerPoint Document')) return unsupported('a PowerPoint presentation of the format before 2007 (.ppt)')
  if (directory.includes('__properties_version')) return unsupported('an Outlook message (.msg)')
  return unsupported('an Office document of a format before 2007')
}
