import { makeZip, type ZipEntry } from './zip.ts'

const XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
const RELATIONSHIPS = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships'

export const escapeXml = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')

interface Relation {
  id: string
  kind: string
  target: string
}

const relations = (items: readonly Relation[]): string =>
  `${XML}<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">${items
    .map(({ id, kind, target }) => `<Relationship Id="${id}" Type="${RELATIONSHIPS}/${kind}" Target="${target}"/>`)
    .join('')}</Relationships>`

const PACKAGES = {
  docx: { main: 'word/document.xml', type: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml' },
  pptx: { main: 'ppt/presentation.xml', type: 'application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml' },
  xlsx: { main: 'xl/workbook.xml', type: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml' },
} as const

/** The parts that every Office file has, before its own. */
export function officeParts(type: keyof typeof PACKAGES, mainXml: string): ZipEntry[] {
  const { main, type: contentType } = PACKAGES[type]
  return [
    {
      name: '[Content_Types].xml',
      content: `${XML}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/><Override PartName="/${main}" ContentType="${contentType}"/></Types>`,
    },
    { name: '_rels/.rels', content: relations([{ id: 'rId1', kind: 'officeDocument', target: main }]) },
    { name: main, content: mainXml },
  ]
}

/** A paragraph: a text, a heading of a level, or a table whose first row is its header. */
export type DocxBlock = string | { heading: number; text: string } | { table: string[][] }

const W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'

const run = (text: string): string => `<w:r><w:t xml:space="preserve">${escapeXml(text)}</w:t></w:r>`

function docxBlock(block: DocxBlock): string {
  // Programs split runs anywhere, also inside of a word.
  if (typeof block === 'string') {
    const middle = Math.floor(block.length / 2)
    return `<w:p>${run(block.slice(0, middle).toWellFormed())}${run(block.slice(middle).toWellFormed())}</w:p>`
  }
  if ('heading' in block) return `<w:p><w:pPr><w:pStyle w:val="berschrift${block.heading}"/></w:pPr>${run(block.text)}</w:p>`
  const rows = block.table.map((cells, index) => {
    const mark = index === 0 ? '<w:trPr><w:tblHeader/></w:trPr>' : ''
    return `<w:tr>${mark}${cells.map((cell) => `<w:tc><w:p>${run(cell)}</w:p></w:tc>`).join('')}</w:tr>`
  })
  return `<w:tbl>${rows.join('')}</w:tbl>`
}

export const docxMain = (body: string): string => `${XML}<w:document ${W}><w:body>${body}</w:body></w:document>`

export interface DocxExtras {
  footnotes?: readonly string[]
  header?: string
}

/** A Word document with localised style ids, as other than English programs write it. */
export function makeDocx(blocks: readonly DocxBlock[], { footnotes = [], header }: DocxExtras = {}): Uint8Array {
  const styles = [1, 2, 3].map(
    (level) => `<w:style w:type="paragraph" w:styleId="berschrift${level}"><w:name w:val="heading ${level}"/></w:style>`,
  )
  const related: Relation[] = [{ id: 'rId1', kind: 'styles', target: 'styles.xml' }]
  const parts: ZipEntry[] = [{ name: 'word/styles.xml', content: `${XML}<w:styles ${W}>${styles.join('')}</w:styles>` }]
  if (footnotes.length > 0) {
    related.push({ id: 'rId2', kind: 'footnotes', target: 'footnotes.xml' })
    const notes = footnotes.map((text, id) => `<w:footnote w:id="${id + 1}"><w:p>${run(text)}</w:p></w:footnote>`)
    parts.push({ name: 'word/footnotes.xml', content: `${XML}<w:footnotes ${W}>${notes.join('')}</w:footnotes>` })
  }
  if (header !== undefined) {
    related.push({ id: 'rId3', kind: 'header', target: '/word/header1.xml' })
    parts.push({ name: 'word/header1.xml', content: `${XML}<w:hdr ${W}><w:p>${run(header)}</w:p></w:hdr>` })
  }
  const body = docxMain(blocks.map(docxBlock).join(''))
  return makeZip([...officeParts('docx', body), { name: 'word/_rels/document.xml.rels', content: relations(related) }, ...parts])
}

export interface Slide {
  title: string
  paragraphs?: readonly string[]
  notes?: string
}

const P =
  'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'

const shape = (texts: readonly string[]): string =>
  `<p:sp><p:txBody>${texts.map((text) => `<a:p><a:r><a:t>${escapeXml(text)}</a:t></a:r></a:p>`).join('')}</p:txBody></p:sp>`

const slideXml = (root: string, shapes: string): string =>
  `${XML}<p:${root} ${P}><p:cSld><p:spTree>${shapes}</p:spTree></p:cSld></p:${root}>`

/** A presentation whose file names are in another order than its slides. */
export function makePptx(slides: readonly Slide[]): Uint8Array {
  const fileOf = (index: number): string => `slides/slide${slides.length - index}.xml`
  const list = slides.map((_, i) => `<p:sldId id="${256 + i}" r:id="rId${i + 10}"/>`)
  const number = '<p:sp><p:txBody><a:p><a:fld type="slidenum"><a:t>99</a:t></a:fld></a:p></p:txBody></p:sp>'
  const parts = slides.flatMap(({ title, paragraphs = [], notes }, i): ZipEntry[] => {
    const slide = { name: `ppt/${fileOf(i)}`, content: slideXml('sld', shape([title]) + shape(paragraphs) + number) }
    if (notes === undefined) return [slide]
    return [
      slide,
      {
        name: `ppt/slides/_rels/slide${slides.length - i}.xml.rels`,
        content: relations([{ id: 'rId1', kind: 'notesSlide', target: `../notesSlides/notes${i}.xml` }]),
      },
      { name: `ppt/notesSlides/notes${i}.xml`, content: slideXml('notes', shape([notes])) },
    ]
  })
  const related = slides.map((_, i) => ({ id: `rId${i + 10}`, kind: 'slide', target: fileOf(i) }))
  return makeZip([
    ...officeParts('pptx', `${XML}<p:presentation ${P}><p:sldIdLst>${list.join('')}</p:sldIdLst></p:presentation>`),
    { name: 'ppt/_rels/presentation.xml.rels', content: relations(related) },
    ...parts,
  ])
}

export type CellValue = string | number | boolean | Date

export interface Sheet {
  name: string
  rows: readonly (readonly CellValue[])[]
}

const DAY_MS = 86_400_000

function columnName(index: number): string {
  const letter = String.fromCharCode(65 + (index % 26))
  return index < 26 ? letter : columnName(Math.floor(index / 26) - 1) + letter
}

/** A workbook with shared texts and dates that are numbers with a format, as Excel writes them. */
export function makeXlsx(sheets: readonly Sheet[]): Uint8Array {
  const shared = new Map<string, number>()
  const cell = (value: CellValue, reference: string): string => {
    if (value === '') return ''
    if (typeof value === 'number') return `<c r="${reference}"><v>${value}</v></c>`
    if (typeof value === 'boolean') return `<c r="${reference}" t="b"><v>${value ? 1 : 0}</v></c>`
    if (value instanceof Date) return `<c r="${reference}" s="1"><v>${(value.getTime() - Date.UTC(1899, 11, 30)) / DAY_MS}</v></c>`
    if (!shared.has(value)) shared.set(value, shared.size)
    return `<c r="${reference}" t="s"><v>${shared.get(value)}</v></c>`
  }
  const M = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
  const parts = sheets.map(({ rows }, i): ZipEntry => {
    const lines = rows.map((row, y) => `<row r="${y + 1}">${row.map((value, x) => cell(value, `${columnName(x)}${y + 1}`)).join('')}</row>`)
    return {
      name: `xl/worksheets/sheet${i + 1}.xml`,
      content: `${XML}<worksheet ${M}><sheetData>${lines.join('')}</sheetData></worksheet>`,
    }
  })
  const list = sheets.map(({ name }, i) => `<sheet name="${escapeXml(name)}" sheetId="${i + 1}" r:id="rId${i + 1}"/>`)
  const strings = [...shared.keys()].map((text) => `<si><t>${escapeXml(text)}</t></si>`)
  const related = sheets.map((_, i) => ({ id: `rId${i + 1}`, kind: 'worksheet', target: `worksheets/sheet${i + 1}.xml` }))
  return makeZip([
    ...officeParts('xlsx', `${XML}<workbook ${M} xmlns:r="${RELATIONSHIPS}"><sheets>${list.join('')}</sheets></workbook>`),
    {
      name: 'xl/_rels/workbook.xml.rels',
      content: relations([
        ...related,
        { id: 'rId900', kind: 'sharedStrings', target: 'sharedStrings.xml' },
        { id: 'rId901', kind: 'styles', target: 'styles.xml' },
      ]),
    },
    { name: 'xl/sharedStrings.xml', content: `${XML}<sst ${M}>${strings.join('')}</sst>` },
    {
      name: 'xl/styles.xml',
      content: `${XML}<styleSheet ${M}><numFmts><numFmt numFmtId="164" formatCode="dd\\.mm\\.yyyy"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/></cellXfs></styleSheet>`,
    },
    ...parts,
  ])
}

/** What Office makes of a document with a password: a compound file that holds the encrypted package. */
export function makeEncryptedOffice(): Uint8Array {
  return makeCompoundFile(['Root Entry', 'EncryptionInfo', 'EncryptedPackage'])
}

/** The frame of an Office file of the format before 2007, with streams of these names. */
export function makeCompoundFile(names: readonly string[]): Uint8Array {
  const file = Buffer.alloc(512 * 8)
  Buffer.from('d0cf11e0a1b11ae1', 'hex').copy(file)
  file.writeUInt16LE(0x3e, 24)
  file.writeUInt16LE(3, 26)
  file.writeUInt16LE(0xfffe, 28)
  file.writeUInt16LE(9, 30)
  file.writeUInt32LE(1, 48)
  for (const [i, name] of names.entries()) {
    const entry = 1024 + i * 128
    Buffer.from(name, 'utf16le').copy(file, entry)
    file.writeUInt16LE((name.length + 1) * 2, entry + 64)
  }
  return file
}
