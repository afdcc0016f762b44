import { afterAll, beforeAll, expect, test } from 'bun:test'
import { lexemeOf, lexemesOf, quoted, termsOf, wordsOf } from '../../../src/core/vector-stores/words.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const expectWords = (text: string, ...words: string[]) => expect(wordsOf(text)).toEqual(expect.arrayContaining(words))

test('a code is found whole, in parts, and however it is joined', () => {
  expectWords('Invoice INV-2024-0093.', 'inv', '2024', '0093', 'inv20240093')
  expect(wordsOf('INV_2024.0093')).toContain('inv20240093')
  expectWords('XR200B', 'xr200b', 'xr', '200', 'b')
  expectWords('getUserName HTTPServer', 'getusername', 'get', 'user', 'name', 'httpserver', 'http', 'server')
  expectWords('250V and 250 V', '250v', '250', 'v')
  expectWords('mail a.b@example.com', 'abexamplecom', 'example', 'com')
})

test('a number is the same word in the spelling of every country', () => {
  for (const spelling of ['1,234.56', '1.234,56', '1 234,56', '1\u00a0234,56', '1\u202f234,56', '1’234.56', '１，２３４．５６'])
    expect(wordsOf(spelling)).toContain('123456')
  expectWords('3.14', '3', '14', '314')
  // A year before a count is no thousand.
  expect(wordsOf('in 2024 100 people')).not.toContain('2024100')
})

test('names and words with accents are found with and without them', () => {
  expectWords('O’Brien', 'obrien', 'brien')
  expectWords('café', 'café', 'cafe')
  expectWords('Straße Łódź smørrebrød', 'straße', 'strasse', 'łódź', 'lodz', 'smorrebrod')
  expectWords('ёлка', 'ёлка', 'елка')
  expectWords('ΟΔΟΣ', 'οδοσ')
  expect(wordsOf('cafe\u0301')).toEqual(wordsOf('café'))
  // Marks of other scripts are letters: が is not か.
  expect(wordsOf('が')).toEqual(['が'])
})

test('Arabic is found without vowel signs and in either spelling of its letters', () => {
  expect(wordsOf('الضَّمَان')).toEqual(wordsOf('الضمان'))
  expectWords('إدارة', 'اداره')
  expect(wordsOf('كتـــاب')).toEqual(wordsOf('كتاب'))
})

test('what is written without spaces is found by pairs of characters', () => {
  expect(wordsOf('保証期間')).toEqual(['保証', '証期', '期間'])
  expectWords('สวัสดี', 'สว', 'วั')
  expectWords('보증기간은', '보증', '기간')
  expectWords('iPhone手机壳', 'iphone', '手机', '机壳')
  expect(lexemesOf(1, '保証')).toContain(`'1/保':1`)
  expect(lexemesOf(1, '保証')).toContain(`'1/証':1`)
})

test('a longer word is also found by its beginning, whatever its ending', () => {
  const shared = (a: string, b: string) => wordsOf(a).filter((word) => wordsOf(b).includes(word))
  expect(shared('Garantiezeiten', 'Garantie')).toEqual(['garan*'])
  expect(shared('складского', 'складской')).toEqual(['склад*'])
  expect(wordsOf('house')).toEqual(['house'])
})

test('a word that was broken at the end of a line is whole again, and soft hyphens are nothing', () => {
  expectWords('Garan-\ntiezeit', 'garantiezeit')
  expect(wordsOf('Garan\u00adtie')).toEqual(wordsOf('Garantie'))
})

test('only what is made of several words says that it is', () => {
  expect(termsOf('INV-7 x').map(({ forms, joined }) => [forms[0], joined])).toEqual([
    ['inv7', true],
    ['inv', false],
    ['7', false],
    ['x', false],
  ])
})

test('long words are cut alike in documents and questions, between characters', () => {
  const long = 'a'.repeat(5_000)
  expect(wordsOf(long)[0]).toBe('a'.repeat(48))
  expect(wordsOf(`${'a'.repeat(47)}𝒳𝒳`.normalize('NFC')).every((word) => word.isWellFormed())).toBe(true)
  expect(wordsOf('𐐀'.repeat(30)).every((word) => word.isWellFormed())).toBe(true)
})

/** Deterministic; the same numbers on every run. */
function chance(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const PIECES = [
  ...`'|\\|''|\\'|:|&|!|*|<->|(|)|/|INV-7|O'Brien|C:\\temp\\'x'|a.b@c.de|１２３|İstanbul|ﬁne|ß|保証|ー|จำกัด|العربية|ñ|x̧|\ud83d\ude00`.split(
    '|',
  ),
  ...['\ud800', '\u0000', '\u0001', '\u2028', '\r\n', ' ', '\t', '-', '.', '_', 'Ǆ', '\u0345', '🇩🇪', '½', 'Ⅷ', '٣', '़क', '\u{2f800}'],
]

test('Postgres takes the lexemes of any text, and finds each word of it', async () => {
  const random = chance(11)
  const texts = Array.from({ length: 400 }, () =>
    Array.from({ length: Math.floor(random() * 40) }, () =>
      random() < 0.7 ? (PIECES[Math.floor(random() * PIECES.length)] ?? '') : String.fromCodePoint(Math.floor(random() * 0xffff)),
    ).join(''),
  )
  const rows = texts.map((text, n) => ({
    n,
    lexemes: lexemesOf(n * 1_000_003, text),
    query: [...new Set(wordsOf(text))].map((word) => quoted(lexemeOf(n * 1_000_003, word))).join(' & '),
  }))
  const answers = await app.records.db.query<{ n: number; words: number; found: boolean }>(
    `select x.n, length(x.lexemes::tsvector) as words, x.lexemes::tsvector @@ x.query::tsquery as found
    from json_to_recordset($1::text::json) as x(n int, lexemes text, query text) order by x.n`,
    [JSON.stringify(rows)],
  )
  expect(answers).toHaveLength(texts.length)
  for (const { n, found } of answers) expect([n, found]).toEqual([n, rows[n]?.query !== ''])
})

test('a very long text stays within what a tsvector holds', async () => {
  const random = chance(5)
  const word = (alphabet: string, length: number) =>
    Array.from({ length }, () => alphabet[Math.floor(random() * alphabet.length)] ?? '').join('')
  const short = Array.from({ length: 60_000 }, () => word('abcdefgh', 7)).join(' ')
  const long = Array.from({ length: 15_000 }, () => word('абвгдежзиклмнопрстуфхцчшщэюя', 60)).join(' ')
  for (const text of [short, long, `${short} ${long}`, long.repeat(4)]) {
    const [row] = await app.records.db.query<{ words: number; last: number[] }>(
      `select length(v) as words, (select positions from unnest(v) order by positions[1] desc limit 1) as last
      from (select $1::text::tsvector as v) x`,
      [lexemesOf(2 ** 40, text)],
    )
    expect(row?.words).toBeGreaterThan(5_000)
    expect(row?.last.at(-1)).toBeLessThanOrEqual(16_383)
  }
})

test('no more than 255 places of a word are kept', () => {
  const [, places = ''] = lexemesOf(1, 'echo '.repeat(1_000)).split(':')
  expect(places.split(',')).toHaveLength(255)
})

test('a word of one store is no word of another', () => {
  expect(lexemesOf(35, 'word')).toBe(`'z/word':1`)
  expect(lexemesOf(36, 'word')).toBe(`'10/word':1`)
  expect(quoted(`o'b\\`)).toBe(`'o''b\\\\'`)
})
