import { countTokens } from './tokens.ts'

/** How good it is to cut in front of a unit: the higher the better. */
export const STRENGTH = { inWord: 0, word: 1, sentence: 2, line: 3, paragraph: 4, heading: 5 } as const
type Strength = (typeof STRENGTH)[keyof typeof STRENGTH]

/** A piece of text that is never cut. */
export interface Unit {
  text: string
  tokens: number
  strength: Strength
}

const LINES = /[^\n]*\n+|[^\n]+/g
const HEADING = /^#{1,6} \S/
/** No UTF-16 code unit is more tokens. */
const TOKENS_PER_CHARACTER = 3
/** Text of more characters is cut without counting its tokens: only runs of one character have so few. */
export const CHARACTERS_PER_TOKEN = 16

/** Cuts normalised text into units of at most `tokensMax` tokens: lines, else sentences, words, or letters. */
export class UnitSplitter {
  private last = '\n\n'
  private readonly sentences = new Intl.Segmenter('und', { granularity: 'sentence' })
  private readonly words = new Intl.Segmenter('und', { granularity: 'word' })
  private readonly letters = new Intl.Segmenter('und', { granularity: 'grapheme' })

  constructor(
    private readonly tokensMax: number,
    /** Whether a line that begins with `#` opens a section, as in Markdown. */
    private readonly headings: boolean,
  ) {}

  *split(text: string): Generator<Unit> {
    for (const [line] of text.matchAll(LINES)) {
      yield* this.line(line, this.strengthOf(line))
      this.last = line.slice(-2)
    }
  }

  private strengthOf(line: string): Strength {
    if (this.last.endsWith('\n')) {
      if (this.headings && HEADING.test(line)) return STRENGTH.heading
      return this.last === '\n\n' ? STRENGTH.paragraph : STRENGTH.line
    }
    return /\s$/.test(this.last) ? STRENGTH.word : STRENGTH.inWord
  }

  /** Undefined where the text is too long to be one. */
  private unit(text: string, strength: Strength): Unit | undefined {
    if (text.length > this.tokensMax * CHARACTERS_PER_TOKEN) return undefined
    const tokens = countTokens(text)
    return tokens > this.tokensMax ? undefined : { text, tokens, strength }
  }

  private *line(text: string, strength: Strength): Generator<Unit> {
    const unit = this.unit(text, strength)
    if (unit !== undefined) {
      yield unit
      return
    }
    let first: Strength | undefined = strength
    for (const { segment } of this.sentences.segment(text)) {
      yield* this.sentence(segment, first ?? STRENGTH.sentence)
      first = undefined
    }
  }

  private *sentence(text: string, strength: Strength): Generator<Unit> {
    const unit = this.unit(text, strength)
    if (unit !== undefined) yield unit
    else yield* this.gathered(this.wordsOf(text), strength)
  }

  /** Words with the space and the marks behind them; letters of a word that is too long alone. */
  private *wordsOf(text: string): Generator<Unit> {
    let word = ''
    for (const { segment, isWordLike } of this.words.segment(text)) {
      if (isWordLike !== true && word.length + segment.length < this.tokensMax) {
        word += segment
        continue
      }
      if (word !== '') yield* this.word(word)
      word = segment
    }
    if (word !== '') yield* this.word(word)
  }

  private *word(text: string): Generator<Unit> {
    const unit = this.unit(text, STRENGTH.word)
    if (unit !== undefined) {
      yield unit
      return
    }
    const lengthMax = Math.max(2, Math.floor(this.tokensMax / TOKENS_PER_CHARACTER))
    let part = ''
    let strength: Strength = STRENGTH.word
    for (const { segment } of this.letters.segment(text)) {
      // A family of emojis is one letter and many tokens.
      const isMonster = segment.length > lengthMax && countTokens(segment) > this.tokensMax * 2
      for (const piece of isMonster ? codePoints(segment, lengthMax) : [segment]) {
        if (part !== '' && part.length + piece.length > lengthMax) {
          yield { text: part, tokens: countTokens(part), strength }
          strength = STRENGTH.inWord
          part = ''
        }
        part += piece
      }
    }
    if (part !== '') yield { text: part, tokens: countTokens(part), strength }
  }

  /** Joins small units as long as they fit. */
  private *gathered(units: Iterable<Unit>, strength: Strength): Generator<Unit> {
    let open: Unit | undefined
    for (const unit of units) {
      if (open === undefined) open = { ...unit, strength }
      else if (open.tokens + unit.tokens <= this.tokensMax)
        open = { ...open, text: open.text + unit.text, tokens: open.tokens + unit.tokens }
      else {
        yield open
        open = unit
      }
    }
    if (open !== undefined) yield open
  }
}

/** A letter under a mountain of marks, in pieces. */
function* codePoints(letter: string, lengthMax: number): Generator<string> {
  for (let at = 0; at < letter.length; ) {
    const end = at + lengthMax
    const code = letter.charCodeAt(end)
    const cut = code >= 0xdc00 && code <= 0xdfff ? end - 1 : end
    yield letter.slice(at, cut)
    at = cut
  }
}
