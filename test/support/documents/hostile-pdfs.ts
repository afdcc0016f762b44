import { deflateSync } from 'node:zlib'
import { damaged, truncated } from './damage.ts'
import type { HostileDocument } from './hostile.ts'
import { makeEncryptedPdf, makePdf, makeScannedPdf, PdfWriter } from './pdf.ts'

const FONT = '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>'

interface PageParts {
  content: string | Buffer
  /** Entries of the content stream. */
  filter?: string
  resources?: string
}

/** One page, with whatever content. */
function onePage({ content, filter = '', resources }: PageParts): Uint8Array {
  const writer = new PdfWriter()
  const tree = writer.reserve()
  const stream = writer.stream(content, filter)
  const kid = writer.object(
    `<< /Type /Page /Parent ${tree} 0 R /MediaBox [0 0 595 842] /Resources << ${resources ?? `/Font << /F1 ${FONT} >>`} >> /Contents ${stream} 0 R >>`,
  )
  writer.object(`<< /Type /Pages /Count 1 /Kids [${kid} 0 R] >>`, tree)
  return writer.end(writer.object(`<< /Type /Catalog /Pages ${tree} 0 R >>`))
}

/** A file of these objects; the first is the catalog. */
function objects(bodies: readonly string[], trailer = ''): Uint8Array {
  const writer = new PdfWriter()
  for (const body of bodies) writer.object(body)
  return writer.end(1, trailer)
}

const MIB = 1024 * 1024
const packed = new Map<number, Buffer>()

function zeros(size: number): Buffer {
  const found = packed.get(size) ?? deflateSync(Buffer.alloc(size), { level: 9 })
  packed.set(size, found)
  return found
}
const SHOWN = 'BT /F1 12 Tf 50 700 Td (Text on a hostile page) Tj ET'

/** A form that draws itself, directly or through another. */
function recursiveForms(): Uint8Array {
  const writer = new PdfWriter()
  const tree = writer.reserve()
  const [a, b] = [writer.reserve(), writer.reserve()]
  const form = (other: number): string => `/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X ${other} 0 R >> >>`
  writer.stream('/X Do /X Do', form(b), a)
  writer.stream('/X Do /X Do', form(a), b)
  const content = writer.stream('/X Do')
  const kid = writer.object(
    `<< /Type /Page /Parent ${tree} 0 R /MediaBox [0 0 9 9] /Resources << /XObject << /X ${a} 0 R >> >> /Contents ${content} 0 R >>`,
  )
  writer.object(`<< /Type /Pages /Count 1 /Kids [${kid} 0 R] >>`, tree)
  return writer.end(writer.object(`<< /Type /Catalog /Pages ${tree} 0 R >>`))
}

/** Forms that each draw the next ten times. */
function formBomb(): Uint8Array {
  const writer = new PdfWriter()
  const tree = writer.reserve()
  let inner = writer.stream(SHOWN, `/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /Font << /F1 ${FONT} >> >>`)
  for (let level = 0; level < 9; level++) {
    inner = writer.stream(
      '/X Do '.repeat(10),
      `/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X ${inner} 0 R >> >>`,
    )
  }
  const content = writer.stream('/X Do')
  const kid = writer.object(
    `<< /Type /Page /Parent ${tree} 0 R /MediaBox [0 0 9 9] /Resources << /XObject << /X ${inner} 0 R >> >> /Contents ${content} 0 R >>`,
  )
  writer.object(`<< /Type /Pages /Count 1 /Kids [${kid} 0 R] >>`, tree)
  return writer.end(writer.object(`<< /Type /Catalog /Pages ${tree} 0 R >>`))
}

function millionObjects(): Uint8Array {
  const writer = new PdfWriter()
  const tree = writer.reserve()
  const kid = writer.object(`<< /Type /Page /Parent ${tree} 0 R /MediaBox [0 0 9 9] >>`)
  writer.object(`<< /Type /Pages /Count 1 /Kids [${kid} 0 R] >>`, tree)
  const root = writer.object(`<< /Type /Catalog /Pages ${tree} 0 R >>`)
  for (let i = 0; i < 1_000_000; i++) writer.object(`${i}`)
  return writer.end(root)
}

/** An object stream that says it lies in itself. */
function cyclicObjectStreams(): Uint8Array {
  const writer = new PdfWriter()
  const root = writer.reserve()
  const first = writer.reserve()
  const second = writer.reserve()
  writer.stream('1 0 << /Type /Catalog /Pages 9 0 R >>', `/Type /ObjStm /N 1 /First 4 /Extends ${second} 0 R`, first)
  writer.stream('9 0 << /Type /Pages /Count 1 /Kids [9 0 R] >>', `/Type /ObjStm /N 1 /First 4 /Extends ${first} 0 R`, second)
  writer.object(`<< /Type /Catalog /Pages ${first} 0 R >>`, root)
  return writer.end(root, `/XRefStm ${100}`)
}

const CATALOG = '<< /Type /Catalog /Pages 2 0 R >>'

const cases: [string, () => Uint8Array][] = [
  [
    'a page tree in a circle',
    () => objects([CATALOG, '<< /Type /Pages /Count 1 /Kids [3 0 R] >>', '<< /Type /Pages /Count 1 /Kids [2 0 R] >>']),
  ],
  ['a page tree that is its own child', () => objects([CATALOG, '<< /Type /Pages /Count 1000000 /Kids [2 0 R] >>'])],
  [
    'a billion pages claimed',
    () => objects([CATALOG, '<< /Type /Pages /Count 1000000000 /Kids [3 0 R] >>', '<< /Type /Page /Parent 2 0 R >>']),
  ],
  ['less than no pages', () => objects([CATALOG, '<< /Type /Pages /Count -5 /Kids [] >>'])],
  ['no pages', () => objects([CATALOG, '<< /Type /Pages /Count 0 /Kids [] >>'])],
  ['a catalog that is its own pages', () => objects(['<< /Type /Catalog /Pages 1 0 R /Kids [1 0 R] /Count 1 >>'])],
  ['references in a circle', () => objects([CATALOG, '3 0 R', '4 0 R', '2 0 R'])],
  ['tables in a circle', () => objects([CATALOG, '<< /Type /Pages /Count 0 /Kids [] >>'], '/Prev 15')],
  ['object streams in a circle', cyclicObjectStreams],
  ['a million objects', millionObjects],
  ['arrays nested a million deep', () => objects([CATALOG, `${'['.repeat(1_000_000)}`])],
  ['dictionaries nested 200 000 deep', () => objects([CATALOG, `${'<< /A '.repeat(200_000)}`])],
  ['a string without end', () => objects([CATALOG, `(${'('.repeat(1_000_000)}`])],
  ['a name of 5 MB', () => objects([CATALOG, `/${'N'.repeat(5_000_000)}`])],
  ['a content stream that unpacks to 400 MiB', () => onePage({ content: zeros(400 * MIB), filter: '/Filter /FlateDecode' })],
  [
    'a content stream packed twice, 1 to 1 000 000',
    () => onePage({ content: deflateSync(zeros(400 * MIB)), filter: '/Filter [/FlateDecode /FlateDecode]' }),
  ],
  ['fifty filters', () => onePage({ content: SHOWN, filter: `/Filter [${'/ASCIIHexDecode '.repeat(50)}]` })],
  ['run lengths of 100 MB', () => onePage({ content: Buffer.alloc(2 * MIB, 0x81), filter: '/Filter /RunLengthDecode' })],
  ['forms that draw themselves', recursiveForms],
  ['forms that draw the next ten times', formBomb],
  ['half a million lines of text', () => onePage({ content: Buffer.from(`BT /F1 1 Tf ${'(x) Tj T* '.repeat(500_000)} ET`) })],
  ['two million operators', () => onePage({ content: deflateSync(Buffer.from('q Q '.repeat(1_000_000))), filter: '/Filter /FlateDecode' })],
  ['states saved a million deep', () => onePage({ content: `${'q '.repeat(1_000_000)}${SHOWN}` })],
  ['an inline picture without end', () => onePage({ content: `BI /W 9999 /H 9999 ID ${'x'.repeat(1_000_000)}` })],
  [
    'a picture of a million by a million',
    () => onePage({ content: '/I Do', resources: '/XObject << /I << /Type /XObject /Subtype /Image /Width 1000000 /Height 1000000 >> >>' }),
  ],
  [
    'a font that is its own descendant',
    () =>
      objects([
        CATALOG,
        '<< /Type /Pages /Count 1 /Kids [3 0 R] >>',
        '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 5 0 R /Resources << /Font << /F1 4 0 R >> >> >>',
        '<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding 4 0 R /DescendantFonts [4 0 R] /ToUnicode 4 0 R >>',
        `<< /Length ${SHOWN.length} >>\nstream\n${SHOWN}\nendstream`,
      ]),
  ],
  [
    'a huge range of letters',
    () => toUnicode('1 begincodespacerange <0000> <ffff> endcodespacerange 1 beginbfrange <00000000> <ffffffff> <0041> endbfrange'),
  ],
  ['a character map that uses itself', () => toUnicode('/Own usecmap')],
  [
    'scripts and actions',
    () =>
      objects([
        '<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >> /AA << /WC << /S /Launch /F (/bin/sh) >> >> >>',
        '<< /Type /Pages /Count 0 /Kids [] >>',
      ]),
  ],
  [
    'a file outside of itself',
    () =>
      objects([
        '<< /Type /Catalog /Pages 2 0 R >>',
        '<< /Type /Pages /Count 1 /Kids [3 0 R] >>',
        '<< /Type /Page /Parent 2 0 R /Contents 4 0 R >>',
        '<< /Length 0 /F (/etc/passwd) >>\nstream\n\nendstream',
      ]),
  ],
  [
    'form fields in a circle',
    () =>
      objects([
        '<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [3 0 R] >> >>',
        '<< /Type /Pages /Count 0 /Kids [] >>',
        '<< /T (a) /FT /Tx /V (x) /Kids [3 0 R] /Parent 3 0 R >>',
      ]),
  ],
  [
    'an outline in a circle',
    () =>
      objects([
        '<< /Type /Catalog /Pages 2 0 R /Outlines 3 0 R >>',
        '<< /Type /Pages /Count 0 /Kids [] >>',
        '<< /First 3 0 R /Next 3 0 R /Prev 3 0 R /Title (x) >>',
      ]),
  ],
  ['encryption with an unknown password', makeEncryptedPdf],
  ['encryption that is its own key', () => makePdf(['x'], { trailer: '/Encrypt 1 0 R' })],
  ['pictures only', () => makeScannedPdf(3)],
  ['a mark and nothing else', () => Buffer.from('%PDF-1.7\n')],
  ['a mark and noise', () => Buffer.concat([Buffer.from('%PDF-1.7\n'), damaged(new Uint8Array(200_000), 5, 200_000)])],
  ['a million ends', () => Buffer.from(`%PDF-1.4\n${'startxref\n9\n%%EOF\n'.repeat(200_000)}`)],
  ['a million trailers', () => Buffer.from(`%PDF-1.4\n${'trailer << /Root 1 0 R >>\n'.repeat(200_000)}`)],
  [
    'a million objects of one number',
    () => Buffer.from(`%PDF-1.4\n${'1 0 obj << /Type /Catalog >> endobj\n'.repeat(200_000)}trailer << /Root 1 0 R >>`),
  ],
]

function toUnicode(body: string): Uint8Array {
  const writer = new PdfWriter()
  const tree = writer.reserve()
  const map = writer.stream(`/CIDInit /ProcSet findresource begin begincmap /CMapName /Own def ${body} endcmap`)
  const font = `<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode ${map} 0 R >>`
  const content = writer.stream(SHOWN)
  const kid = writer.object(
    `<< /Type /Page /Parent ${tree} 0 R /MediaBox [0 0 9 9] /Resources << /Font << /F1 ${font} >> >> /Contents ${content} 0 R >>`,
  )
  writer.object(`<< /Type /Pages /Count 1 /Kids [${kid} 0 R] >>`, tree)
  return writer.end(writer.object(`<< /Type /Catalog /Pages ${tree} 0 R >>`))
}

const sound = (): Uint8Array => makePdf(['A sound page. '.repeat(60), 'And a second one. '.repeat(60)])

export function hostilePdfs(): HostileDocument[] {
  const found = cases.map(([what, content]): HostileDocument => ({ name: `PDF with ${what}`, filename: 'hostile.pdf', content }))
  for (const share of [0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
    found.push({ name: `PDF cut off after ${share}`, filename: 'cut.pdf', content: () => truncated(sound(), share) })
  for (let seed = 1; seed <= 14; seed++)
    found.push({ name: `PDF damaged ${seed}`, filename: 'damaged.pdf', content: () => damaged(sound(), seed, 10 * seed) })
  return found
}
