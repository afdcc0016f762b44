import { deflateRawSync } from 'node:zlib'
import { type DocxBlock, makeDocx, makePptx, makeXlsx, officeParts } from '../documents/office.ts'
import { makePdf, makeScannedPdf } from '../documents/pdf.ts'
import { makeZip } from '../documents/zip.ts'
import { CAMERA_MANUAL_JA, EMPLOYEE_HANDBOOK_ZH, LIBRARY_GUIDE_AR, VACUUM_FAQ_KO } from './asian.ts'
import { INCIDENT_REPORT, QUARTERLY_REVIEW, RATE_LIMITER } from './english.ts'
import { FERRY_MANUAL } from './ferry.ts'
import { HEAT_PUMP_K9, HEAT_PUMP_K12 } from './german.ts'
import { HOME_INSURANCE, RECIPES, RENTAL_CONTRACT, SCHOLARSHIP_CALL } from './romance.ts'
import { LIBRARY_RULES_PL, WAREHOUSE_RULES } from './slavic.ts'
import { PRICE_LIST_2025, PRICE_LIST_2026, SENSORS, SERVER_LOG } from './tables.ts'

export interface CorpusFile {
  name: string
  bytes: Uint8Array
}

export interface RefusedFile extends CorpusFile {
  code: 'unsupported_file' | 'invalid_file'
  /** What the reason says. */
  says: RegExp
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const utf16 = (text: string): Uint8Array => Buffer.from(`\ufeff${text}`, 'utf16le')

/** The letters of windows-1251 that are not a fixed distance from their code points. */
const SIGNS_1251: Record<string, number> = { Ё: 0xa8, ё: 0xb8, '№': 0xb9, '«': 0xab, '»': 0xbb, '—': 0x97 }
const windows1251 = (text: string): Uint8Array =>
  Uint8Array.from(text, (letter) => {
    const code = letter.charCodeAt(0)
    return SIGNS_1251[letter] ?? (code < 0x80 ? code : code - 0x410 + 0xc0)
  })

/** Paragraphs of a text; those that begin with a number or a chapter are headings. */
const blocksOf = (text: string): DocxBlock[] =>
  text
    .split(/\n+/)
    .filter((line) => line !== '')
    .map((line) => (/^(?:\d+ |第.章)/.test(line) && line.length < 60 ? { heading: 1, text: line } : line))

/** Twenty documents of eleven languages, in the formats that people have them in. */
export const corpusFiles = (): CorpusFile[] => [
  { name: 'waermepumpe-k9.docx', bytes: makeDocx(blocksOf(HEAT_PUMP_K9)) },
  { name: 'waermepumpe-k12.md', bytes: utf8(HEAT_PUMP_K12) },
  { name: 'assurance-habitation.html', bytes: utf8(HOME_INSURANCE) },
  { name: 'contrato-alquiler.docx', bytes: makeDocx(blocksOf(RENTAL_CONTRACT)) },
  { name: 'edital-bolsas.pdf', bytes: makePdf([SCHOLARSHIP_CALL]) },
  { name: 'ricette.md', bytes: utf8(RECIPES) },
  { name: 'регламент-склада.txt', bytes: windows1251(WAREHOUSE_RULES) },
  { name: 'regulamin-biblioteki.txt', bytes: utf16(LIBRARY_RULES_PL) },
  { name: '使用説明書-m5.html', bytes: utf8(CAMERA_MANUAL_JA) },
  { name: '员工手册.docx', bytes: makeDocx(blocksOf(EMPLOYEE_HANDBOOK_ZH)) },
  { name: '로봇청소기-faq.html', bytes: utf8(VACUUM_FAQ_KO) },
  { name: 'دليل-المكتبة.txt', bytes: utf8(LIBRARY_GUIDE_AR) },
  { name: 'incident-ir-2291.pdf', bytes: makePdf(INCIDENT_REPORT) },
  { name: 'quarterly-review.pptx', bytes: makePptx(QUARTERLY_REVIEW.map(({ title, lines }) => ({ title, paragraphs: lines }))) },
  { name: 'rate_limiter.py', bytes: utf8(RATE_LIMITER) },
  { name: 'ferry-manual.pdf', bytes: makePdf(FERRY_MANUAL) },
  { name: 'price-list-2026.xlsx', bytes: makeXlsx(PRICE_LIST_2026) },
  { name: 'price-list-2025.csv', bytes: utf8(PRICE_LIST_2025) },
  { name: 'stations.json', bytes: utf8(SENSORS) },
  { name: 'server.log', bytes: utf8(SERVER_LOG) },
]

const BOMB_BYTES = 256 * 1024 * 1024

function bomb(): Uint8Array {
  const [types, relations, main] = officeParts('docx', '')
  if (!types || !relations || !main) throw new Error('a docx has three parts')
  return makeZip([types, relations, { ...main, raw: deflateRawSync(Buffer.alloc(BOMB_BYTES), { level: 9 }), declaredSize: BOMB_BYTES }])
}

/** What has no text, or cannot be read, or is not what it says. */
export const refusedFiles = (): RefusedFile[] => [
  { name: 'scan.pdf', bytes: makeScannedPdf(), code: 'invalid_file', says: /no text/i },
  { name: 'empty.txt', bytes: new Uint8Array(), code: 'invalid_file', says: /empty/i },
  {
    name: 'broken.docx',
    bytes: makeDocx(blocksOf(RENTAL_CONTRACT)).slice(0, 700),
    code: 'invalid_file',
    says: /broken|damaged|cannot be read/i,
  },
  { name: 'holiday.docx', bytes: bomb(), code: 'invalid_file', says: /too (?:large|much|big)|unpack/i },
]
