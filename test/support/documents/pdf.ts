import { deflateSync } from 'node:zlib'

/** Writes the objects of a PDF file one by one. */
export class PdfWriter {
  private readonly parts: Buffer[] = [Buffer.from('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n', 'latin1')]
  private readonly offsets: number[] = []
  private length = this.parts[0]?.length ?? 0

  /** A number for an object that is written later. */
  reserve(): number {
    return this.offsets.push(0)
  }

  object(body: string | Buffer, number: number = this.reserve()): number {
    this.offsets[number - 1] = this.length
    this.append(Buffer.from(`${number} 0 obj\n`), Buffer.isBuffer(body) ? body : Buffer.from(body, 'latin1'), Buffer.from('\nendobj\n'))
    return number
  }

  stream(content: Buffer | string, entries = '', number?: number): number {
    const bytes = Buffer.isBuffer(content) ? content : Buffer.from(content, 'latin1')
    const head = Buffer.from(`<< /Length ${bytes.length} ${entries} >>\nstream\n`, 'latin1')
    return this.object(Buffer.concat([head, bytes, Buffer.from('\nendstream')]), number)
  }

  packedStream(content: Buffer | string, entries = ''): number {
    return this.stream(deflateSync(content), `/Filter /FlateDecode ${entries}`)
  }

  end(root: number, trailer = ''): Buffer {
    const rows = this.offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`)
    const size = this.offsets.length + 1
    const table = `xref\n0 ${size}\n0000000000 65535 f \n${rows.join('')}trailer\n<< /Size ${size} /Root ${root} 0 R ${trailer} >>\nstartxref\n${this.length}\n%%EOF\n`
    return Buffer.concat([...this.parts, Buffer.from(table, 'latin1')])
  }

  private append(...parts: Buffer[]): void {
    for (const part of parts) {
      this.parts.push(part)
      this.length += part.length
    }
  }
}

const hex = (value: number, digits = 4): string => value.toString(16).padStart(digits, '0')
const utf16 = (text: string): string => Buffer.from(text, 'utf16le').swap16().toString('hex')

interface PageFont {
  /** Number of the font object. */
  font: number
  encode(text: string): string
}

/** A font whose glyph numbers are our own, and a table that says which letter each is: as most programs write them. */
function numberedFont(writer: PdfWriter, texts: readonly string[]): PageFont {
  const codes = new Map([...new Set(texts.flatMap((text) => [...text]))].map((letter, i) => [letter, i + 1]))
  const rows = [...codes].map(([letter, code]) => `<${hex(code)}> <${utf16(letter)}>`)
  const blocks: string[] = []
  for (let at = 0; at < rows.length; at += 100) {
    const block = rows.slice(at, at + 100)
    blocks.push(`${block.length} beginbfchar\n${block.join('\n')}\nendbfchar`)
  }
  const map = writer.packedStream(
    `/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapType 2 def /CMapName /Own def
1 begincodespacerange <0000> <ffff> endcodespacerange
${blocks.join('\n')}
endcmap end end`,
  )
  const info = '/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >>'
  const descriptor = writer.object(
    '<< /Type /FontDescriptor /FontName /Own /Flags 4 /FontBBox [0 -200 1000 800] /ItalicAngle 0 /Ascent 800 /Descent -200 /CapHeight 700 /StemV 80 >>',
  )
  const glyphs = writer.object(`<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Own ${info} /FontDescriptor ${descriptor} 0 R /DW 500 >>`)
  const font = writer.object(
    `<< /Type /Font /Subtype /Type0 /BaseFont /Own /Encoding /Identity-H /DescendantFonts [${glyphs} 0 R] /ToUnicode ${map} 0 R >>`,
  )
  return { font, encode: (text) => [...text].map((letter) => hex(codes.get(letter) ?? 0)).join('') }
}

/** A Japanese font that is not embedded and whose encoding only a predefined character map explains. */
function japaneseFont(writer: PdfWriter): PageFont {
  const info = '/CIDSystemInfo << /Registry (Adobe) /Ordering (Japan1) /Supplement 6 >>'
  const descriptor = writer.object(
    '<< /Type /FontDescriptor /FontName /Ryumin-Light /Flags 4 /FontBBox [0 -200 1000 800] /ItalicAngle 0 /Ascent 800 /Descent -200 /CapHeight 700 /StemV 80 >>',
  )
  const glyphs = writer.object(
    `<< /Type /Font /Subtype /CIDFontType0 /BaseFont /Ryumin-Light ${info} /FontDescriptor ${descriptor} 0 R /DW 1000 >>`,
  )
  const font = writer.object(
    `<< /Type /Font /Subtype /Type0 /BaseFont /Ryumin-Light /Encoding /UniJIS-UTF16-H /DescendantFonts [${glyphs} 0 R] >>`,
  )
  return { font, encode: utf16 }
}

export interface PdfOptions {
  /** Lines of a page are written from the last to the first. */
  backwards?: boolean
  /** No font and no letters of its own: a predefined character map is needed. */
  japanese?: boolean
  /** Entries of the trailer. */
  trailer?: string
}

const LINE_CHARS = 90

/** Lines of at most 90 letters; a line end in the text is one on the page, an empty line a paragraph. */
function linesOf(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const words = line.split(' ')
    const lines: string[] = []
    let open = ''
    for (const word of words) {
      if (open !== '' && open.length + word.length >= LINE_CHARS) {
        lines.push(open)
        open = word
      } else open = open === '' ? word : `${open} ${word}`
    }
    return [...lines, open]
  })
}

/** Letters stand in a file from left to right, those of Arabic and Hebrew too. */
const drawnOrder = (line: string): string => (/[\u0590-\u06ff]/.test(line) ? [...line].reverse().join('') : line)

/** A PDF with one page for each text. */
export function makePdf(pages: readonly string[], options: PdfOptions = {}): Uint8Array {
  const writer = new PdfWriter()
  const { font, encode } = options.japanese ? japaneseFont(writer) : numberedFont(writer, pages)
  const tree = writer.reserve()
  const kids = pages.map((text) => {
    const drawn = linesOf(text).flatMap((line, row) =>
      line === '' ? [] : [`BT /F1 11 Tf 1 0 0 1 50 ${800 - row * 14} Tm <${encode(drawnOrder(line))}> Tj ET`],
    )
    const content = writer.packedStream((options.backwards ? drawn.reverse() : drawn).join('\n'))
    return writer.object(
      `<< /Type /Page /Parent ${tree} 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 ${font} 0 R >> >> /Contents ${content} 0 R >>`,
    )
  })
  writer.object(`<< /Type /Pages /Count ${kids.length} /Kids [${kids.map((kid) => `${kid} 0 R`).join(' ')}] >>`, tree)
  return writer.end(writer.object(`<< /Type /Catalog /Pages ${tree} 0 R >>`), options.trailer)
}

/** Pages that are pictures and nothing else, as a scanner makes them. */
export function makeScannedPdf(pages = 2): Uint8Array {
  const writer = new PdfWriter()
  const tree = writer.reserve()
  const [width, height] = [600, 800]
  const pixels = Buffer.alloc(width * height, 0xf4)
  for (let at = 0; at < pixels.length; at += 7) pixels[at] = at % 251
  const image = writer.packedStream(
    pixels,
    `/Type /XObject /Subtype /Image /Width ${width} /Height ${height} /ColorSpace /DeviceGray /BitsPerComponent 8`,
  )
  const kids = Array.from({ length: pages }, () => {
    const content = writer.stream('q 595 0 0 842 0 0 cm /Im1 Do Q')
    return writer.object(
      `<< /Type /Page /Parent ${tree} 0 R /MediaBox [0 0 595 842] /Resources << /XObject << /Im1 ${image} 0 R >> >> /Contents ${content} 0 R >>`,
    )
  })
  writer.object(`<< /Type /Pages /Count ${kids.length} /Kids [${kids.map((kid) => `${kid} 0 R`).join(' ')}] >>`, tree)
  return writer.end(writer.object(`<< /Type /Catalog /Pages ${tree} 0 R >>`))
}

/** Opens with a password that nobody knows. */
export function makeEncryptedPdf(): Uint8Array {
  const secret = Buffer.alloc(32, 0x5a).toString('hex')
  const encrypt = `/Encrypt << /Filter /Standard /V 2 /R 3 /Length 128 /P -3904 /O <${secret}> /U <${secret}> >> /ID [<00112233445566778899aabbccddeeff> <00112233445566778899aabbccddeeff>]`
  return makePdf(['The secret text of this page is encrypted.'], { trailer: encrypt })
}
