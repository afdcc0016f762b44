/** A place in a text and the words it can be found by: as written first, then without accents, then its beginning. */
export interface Term {
  forms: string[]
  /** Made of the terms around it (`INV-2024` also is `inv2024`): a text without it lacks nothing. */
  joined: boolean
  /** Chinese characters of a pair: indexed, so that a question of one character finds them, but never asked for. */
  singles?: string[]
}

/** Longer ones are cut, in documents and in questions alike. In UTF-16 units. */
const WORD_MAX = 48
const TERMS_MAX = 16_000
/** What Postgres keeps of a lexeme. */
const POSITIONS_MAX = 255
const POSITION_MAX = 16_383
/** A tsvector holds 1 MiB: new words above this, counted as three bytes a character, are left out. */
const BYTES_MAX = 900_000

/** Soft hyphens, joiners and byte order marks; Arabic and Hebrew vowel signs, which most writers leave out; tatweel. */
const UNSEEN =
  /[\u00ad\u200c-\u200d\u2060\ufeff\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc]/gu

/** Written without spaces, or with endings joined on: indexed by pairs of characters, which no dictionary can change. */
const DENSE = '\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}\\p{sc=Hangul}\\p{sc=Thai}\\p{sc=Lao}\\p{sc=Khmer}\\p{sc=Myanmar}\u30fc'
const PART = '[\\p{L}\\p{N}\\p{M}]+'
/** What holds a code, a number, a name, an address or a word broken at the end of a line together. */
const JOINT = `(?:[-_.'\u2019\u2010/@&+]|-\\r?\\n|(?<=(?<!\\p{N})\\p{N}{1,3}) (?=\\p{N}{3}(?!\\p{N}))|(?<=\\p{N})[,:](?=\\p{N}))`
const RUN = new RegExp(`${PART}(?:${JOINT}${PART})*`, 'gu')
const PARTS = new RegExp(PART, 'gu')
const DENSE_RUN = new RegExp(`[${DENSE}]+|[^${DENSE}]+`, 'gu')
const IS_DENSE = new RegExp(`^[${DENSE}]`, 'u')
const HAN = /\p{sc=Han}/u
/** The words of `getUserName`, `HTTPServer`, `5kg`. */
const HUMPS = /\p{Lu}+(?!\p{Ll})|\p{Lu}?[^\p{Lu}\p{N}]+|\p{N}+/gu
const LETTERS = /^[\p{L}\p{M}]+$/u
const ASCII = /^[\x00-\x7f]*$/
const DIGIT = /\p{N}/u
const ALPHABET_MARKS = /([\p{sc=Latin}\p{sc=Greek}\p{sc=Cyrillic}])\p{M}+/gu

/** Letters that differ from their plain form by more than a mark. */
const PLAIN: Record<string, string> = {
  ...{ ß: 'ss', æ: 'ae', œ: 'oe', ø: 'o', ł: 'l', đ: 'd', ð: 'd', þ: 'th', ı: 'i', ς: 'σ' },
  ...{ أ: 'ا', إ: 'ا', آ: 'ا', ٱ: 'ا', ى: 'ي', ة: 'ه', ک: 'ك', ی: 'ي' },
}
const UNPLAIN = new RegExp(`[${Object.keys(PLAIN).join('')}]`, 'gu')

/** The parts of a joined run that are worth a word of their own together. */
const JOINED_PARTS_MAX = 8
/** Words from this length on are also found by their beginning, whatever ending the language gave them. */
const STEM_FROM = 6
const STEM_LENGTH = 5

/**
 * The terms of any text in any language, the same for documents and questions. No dictionary and no rule of one language:
 * what is indexed today is found by every later version.
 */
export function termsOf(text: string): Term[] {
  const terms: Term[] = []
  for (const [run] of text.normalize('NFKC').replace(UNSEEN, '').matchAll(RUN)) {
    if (terms.length >= TERMS_MAX) break
    addRun(terms, run)
  }
  return terms
}

/** Every word that the text can be found by, with repetitions. */
export const wordsOf = (text: string): string[] => termsOf(text).flatMap((term) => term.forms)

function addRun(terms: Term[], run: string): void {
  const parts = run.match(PARTS) ?? []
  const [first = ''] = parts
  if (parts.length > 1) {
    if (parts.length <= JOINED_PARTS_MAX) addJoined(terms, parts.join(''))
    for (const part of parts) addPart(terms, part)
  } else addPart(terms, first)
}

function addJoined(terms: Term[], word: string): void {
  const lower = word.toLowerCase()
  if (lower.length <= WORD_MAX) terms.push({ forms: unaccented(lower), joined: true })
}

function addPart(terms: Term[], part: string): void {
  for (const [piece] of ASCII.test(part) ? [[part]] : part.matchAll(DENSE_RUN)) {
    if (IS_DENSE.test(piece)) addPairs(terms, piece)
    else addWritten(terms, piece)
  }
}

function addPairs(terms: Term[], piece: string): void {
  const characters = [...piece]
  const last = Math.max(0, characters.length - 2)
  for (let i = 0; i <= last; i++) {
    const singles = characters.length > 1 ? characters.slice(i, i === last ? i + 2 : i + 1).filter((one) => HAN.test(one)) : []
    terms.push({ forms: [characters.slice(i, i + 2).join('')], joined: false, ...(singles.length > 0 ? { singles } : {}) })
  }
}

function addWritten(terms: Term[], piece: string): void {
  const lower = piece.toLowerCase()
  const oneCase = piece.slice(1) === lower.slice(1)
  const humps = oneCase && !DIGIT.test(piece) ? [piece] : (piece.match(HUMPS) ?? [piece])
  if (humps.length > 1) addJoined(terms, piece)
  for (const hump of humps) addWord(terms, hump.toLowerCase())
}

function addWord(terms: Term[], lower: string): void {
  const word = lower.length > WORD_MAX ? cut(lower, WORD_MAX) : lower
  const forms = unaccented(word)
  const plain = forms.at(-1) ?? word
  if (plain.length >= STEM_FROM && LETTERS.test(plain)) forms.push(`${cut(plain, STEM_LENGTH)}*`)
  terms.push({ forms, joined: false })
}

/** The word, and the word without accents where that is another. */
function unaccented(word: string): string[] {
  if (ASCII.test(word)) return [word]
  const plain = word
    .normalize('NFD')
    .replace(ALPHABET_MARKS, '$1')
    .normalize('NFC')
    .replace(UNPLAIN, (letter) => PLAIN[letter] ?? letter)
  return plain === word ? [word] : [word, plain]
}

/** Never between the halves of a surrogate pair. */
function cut(word: string, length: number): string {
  const last = word.charCodeAt(length - 1)
  return word.slice(0, last >= 0xd800 && last < 0xdc00 ? length - 1 : length)
}

/**
 * The text of a tsvector literal: each word behind the number of its store, so that a look-up in the index of all chunks
 * touches one store only.
 */
export function lexemesOf(storeNo: number, text: string): string {
  const positions = new Map<string, number[]>()
  let bytes = 0
  const note = (word: string, position: number): void => {
    const known = positions.get(word)
    bytes += known === undefined ? word.length * 3 + 16 : 2
    if (bytes > BYTES_MAX) return
    if (known === undefined) positions.set(word, [position])
    else if (known.length < POSITIONS_MAX && known.at(-1) !== position) known.push(position)
  }
  let position = 0
  for (const { forms, joined, singles = [] } of termsOf(text)) {
    if (!joined && position < POSITION_MAX) position++
    for (const form of forms) note(form, Math.max(1, position))
    for (const single of singles) note(single, position)
  }
  const lexemes: string[] = []
  for (const [word, at] of positions) lexemes.push(`${quoted(lexemeOf(storeNo, word))}:${at.join(',')}`)
  return lexemes.join(' ')
}

/** The lexeme of a word in the store with this number. */
export const lexemeOf = (storeNo: number, word: string): string => `${storeNo.toString(36)}/${word}`

/** As a literal of tsvector and tsquery. */
export const quoted = (lexeme: string): string => `'${lexeme.replace(/['\\]/g, '$&$&')}'`
