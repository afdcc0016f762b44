import { deflateRawSync } from 'node:zlib'
import { damaged, truncated } from './damage.ts'
import type { HostileDocument } from './hostile.ts'
import { docxMain, makeCompoundFile, makeDocx, makeEncryptedOffice, makePptx, makeXlsx, officeParts } from './office.ts'
import { makeZip, type ZipEntry } from './zip.ts'

type Type = 'docx' | 'pptx' | 'xlsx'
const TYPES: readonly Type[] = ['docx', 'pptx', 'xlsx']

const MIB = 1024 * 1024

const packed = new Map<number, Uint8Array>()

/** Deflate makes zeros a thousandth. */
function packedZeros(size: number): Uint8Array {
  const zeros = packed.get(size) ?? deflateRawSync(Buffer.alloc(size), { level: 9 })
  packed.set(size, zeros)
  return zeros
}

/** An Office file whose main part is what is given, as it stands in the archive. */
const withMain = (type: Type, main: Partial<ZipEntry>, further: ZipEntry[] = []): Uint8Array => {
  const [types, relations, part] = officeParts(type, '')
  return makeZip([types, relations, { ...part, ...main }, ...further].filter((entry) => entry !== undefined) as ZipEntry[])
}

const bombs = (type: Type): [string, () => Uint8Array][] => [
  ['unpacks to 512 MiB', () => withMain(type, { raw: packedZeros(512 * MIB), declaredSize: 512 * MIB })],
  ['unpacks to 128 MiB and says 1 KiB', () => withMain(type, { raw: packedZeros(128 * MIB), declaredSize: 1024 })],
  ['says 4 GiB', () => withMain(type, { raw: packedZeros(MIB), declaredSize: 0xfffffffe })],
  ['unpacks to 128 MiB of one element', () => withMain(type, { content: xmlOf(type, `<x>${'0'.repeat(100 * MIB)}</x>`) })],
  ['unpacks to 5 million elements', () => withMain(type, { content: xmlOf(type, '<x/>'.repeat(5_000_000)) })],
]

const ROOTS: Record<Type, string> = { docx: 'document', pptx: 'presentation', xlsx: 'workbook' }
const xmlOf = (type: Type, body: string, prolog = ''): string => `<?xml version="1.0"?>${prolog}<${ROOTS[type]}>${body}</${ROOTS[type]}>`

const LAUGHS = (() => {
  const lines = ['<!ENTITY lol0 "lol">']
  for (let i = 1; i < 10; i++) lines.push(`<!ENTITY lol${i} "${`&lol${i - 1};`.repeat(10)}">`)
  return `<!DOCTYPE lolz [${lines.join('')}]>`
})()

const markups = (type: Type): [string, string | Uint8Array][] => [
  ['a billion laughs', xmlOf(type, '<t>&lol9;</t>', LAUGHS)],
  ['quadratic entities', xmlOf(type, `<t>${'&a;'.repeat(100_000)}</t>`, `<!DOCTYPE x [<!ENTITY a "${'a'.repeat(100_000)}">]>`)],
  ['an external entity', xmlOf(type, '<t>&x;</t>', '<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>')],
  ['an external parameter entity', xmlOf(type, '', '<!DOCTYPE x [<!ENTITY % x SYSTEM "http://127.0.0.1:1/x.dtd"> %x;]>')],
  ['elements nested a million deep', xmlOf(type, '<a>'.repeat(1_000_000))],
  ['a million attributes', xmlOf(type, `<a ${Array.from({ length: 1_000_000 }, (_, i) => `a${i}=""`).join(' ')}/>`)],
  ['an attribute of 20 MB', xmlOf(type, `<a b="${'x'.repeat(20_000_000)}"/>`)],
  ['a tag of 20 MB', xmlOf(type, `<${'x'.repeat(20_000_000)}/>`)],
  ['an end in the middle', xmlOf(type, '<t>text</t>').slice(0, 40)],
  [
    'names of built-in objects',
    xmlOf(type, '<p><__proto__ constructor="x" __proto__="y"><constructor><r><t>x</t></r></constructor></__proto__></p>'),
  ],
  ['no element', 'just text'],
  ['nothing at all', ''],
  ['broken letters', Buffer.concat([Buffer.from(xmlOf(type, '<t>')), Buffer.alloc(1000, 0xff)])],
  ['UTF-16', Buffer.from(`\ufeff${xmlOf(type, '<t>text</t>')}`, 'utf16le')],
  ['a comment without end', xmlOf(type, `<!--${'-'.repeat(1_000_000)}`)],
  ['CDATA without end', xmlOf(type, `<![CDATA[${']'.repeat(1_000_000)}`)],
  ['numbers of characters that do not exist', xmlOf(type, '<p><r><t>&#0;&#xd800;&#x110000;&#99999999999;x</t></r></p>')],
]

/** Archives in archives: each level packs the one before ten times. */
function nested(depth: number): Uint8Array {
  let inner = makeZip([{ name: 'zeros.bin', content: Buffer.alloc(10 * MIB) }])
  for (let level = 0; level < depth; level++) {
    const copies = Array.from({ length: 10 }, (_, i) => ({ name: `level-${level}-${i}.zip`, content: inner }))
    inner = makeZip(copies)
  }
  return inner
}

/** Entries that all share one packed part, as the best bombs of one layer do. */
function overlapping(type: Type): Uint8Array {
  const raw = packedZeros(16 * MIB)
  const first: ZipEntry = { name: 'shared.bin', content: '', raw, declaredSize: 16 * MIB }
  const others = Array.from({ length: 5_000 }, (_, i): ZipEntry => ({ ...first, name: `copy-${i}.bin`, at: 0 }))
  const [types, relations, main] = officeParts(type, '')
  return makeZip(
    [first, types, relations, { ...main, ...first, name: main?.name ?? '', at: 0 }, ...others].filter(
      (entry) => entry !== undefined,
    ) as ZipEntry[],
  )
}

const SOUND: Record<Type, () => Uint8Array> = {
  docx: () =>
    makeDocx([
      { heading: 1, text: 'Title' },
      'A sound paragraph. '.repeat(50),
      {
        table: [
          ['a', 'b'],
          ['c', 'd'],
        ],
      },
    ]),
  pptx: () => makePptx([{ title: 'One', paragraphs: ['A sound slide.'], notes: 'Notes' }, { title: 'Two' }]),
  xlsx: () =>
    makeXlsx([
      {
        name: 'Sheet',
        rows: [
          ['Name', 'Price'],
          ['Bike', 12],
          ['Saddle', 8],
        ],
      },
    ]),
}

const structures = (type: Type): [string, () => Uint8Array][] => [
  ['overlapping entries', () => overlapping(type)],
  [
    '65 000 entries',
    () => makeZip([...officeParts(type, xmlOf(type, '')), ...Array.from({ length: 65_000 }, (_, i) => ({ name: `e${i}`, content: '' }))]),
  ],
  ['more entries claimed than there are', () => makeZip(officeParts(type, xmlOf(type, '')), { claimedEntries: 60_000 })],
  ['a comment of 60 kB', () => makeZip(officeParts(type, xmlOf(type, '')), { comment: 'PK\u0005\u0006'.repeat(15_000) })],
  ['encrypted entries', () => withMain(type, { content: 'x', encrypted: true })],
  ['two parts of one name', () => makeZip([...officeParts(type, xmlOf(type, '')), ...officeParts(type, 'other')])],
  ['relationships in a circle', () => withMain(type, { content: xmlOf(type, '') }, [circle(type)])],
]

function circle(type: Type): ZipEntry {
  const folder = { docx: 'word', pptx: 'ppt', xlsx: 'xl' }[type]
  const file = `${ROOTS[type]}.xml`
  const kinds = ['slide', 'notesSlide', 'worksheet', 'footnotes', 'styles', 'sharedStrings', 'header']
  const items = kinds.map((kind, i) => `<Relationship Id="r${i}" Type="x/${kind}" Target="../${folder}/${file}"/>`)
  return { name: `${folder}/_rels/${file}.rels`, content: `<Relationships>${items.join('')}</Relationships>` }
}

export function hostileArchives(): HostileDocument[] {
  const documents: HostileDocument[] = []
  const add = (name: string, filename: string, content: () => Uint8Array): void => void documents.push({ name, filename, content })
  for (const type of TYPES) {
    for (const [what, content] of bombs(type)) add(`${type} that ${what}`, `bomb.${type}`, content)
    for (const [what, xml] of markups(type)) add(`${type} with ${what}`, `markup.${type}`, () => withMain(type, { content: xml }))
    for (const [what, content] of structures(type)) add(`${type} with ${what}`, `structure.${type}`, content)
    for (const share of [0.2, 0.5, 0.9, 0.99]) add(`${type} cut off after ${share}`, `cut.${type}`, () => truncated(SOUND[type](), share))
    for (let seed = 1; seed <= 8; seed++) add(`${type} damaged ${seed}`, `damaged.${type}`, () => damaged(SOUND[type](), seed))
  }
  add('nested archives, 1 to 1 000 000', 'nested.docx', () => nested(4))
  add('nested archives under their own name', 'nested.zip', () => nested(3))
  add('an archive with nothing in it', 'empty.docx', () => makeZip([]))
  add('an encrypted Office document', 'encrypted.docx', makeEncryptedOffice)
  add('a compound file that ends early', 'old.doc', () => makeEncryptedOffice().slice(0, 300))
  add('an old Word document', 'old.doc', () => makeCompoundFile(['Root Entry', 'WordDocument']))
  add('a sheet with cells in the last column only', 'wide.xlsx', wideSheet)
  add('a document of tables in tables', 'tables.docx', () => makeZip(officeParts('docx', docxMain('<w:tbl><w:tr><w:tc>'.repeat(80)))))
  return documents
}

/** Each row has its only cell in the last column. */
function wideSheet(): Uint8Array {
  const rows = Array.from({ length: 200_000 }, (_, i) => `<row r="${i + 1}"><c r="XFD${i + 1}"><v>${i}</v></c></row>`)
  const parts = officeParts('xlsx', `<workbook xmlns:r="r"><sheets><sheet name="Wide" r:id="rId1"/></sheets></workbook>`)
  return makeZip([
    ...parts,
    {
      name: 'xl/_rels/workbook.xml.rels',
      content: '<Relationships><Relationship Id="rId1" Type="x/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
    },
    { name: 'xl/worksheets/sheet1.xml', content: `<worksheet><sheetData>${rows.join('')}</sheetData></worksheet>` },
  ])
}
