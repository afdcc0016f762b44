import type { Chunking } from '../port.ts'
import { Normalizer } from './normalizer.ts'
import { countTokens } from './tokens.ts'
import { CHARACTERS_PER_TOKEN, STRENGTH, type Unit, UnitSplitter } from './units.ts'

export interface Chunk {
  text: string
  /** Exact cl100k tokens of `text`. */
  tokens: number
  /** Characters at the start of `text` that also end the chunk before. */
  repeated: number
}

/** A chunk is at least this full where a better place to cut lies before its end. */
const FILL_MIN = 0.75

const weightOf = (unit: Unit): number => Math.max(unit.tokens, unit.text.length / CHARACTERS_PER_TOKEN)

/**
 * Cuts a stream of text into chunks of at most `tokensMax` tokens, at the best boundary near the end of each: a heading
 * before a paragraph, a line, a sentence, a word. All text is in some chunk, and what a chunk repeats of the one before
 * starts at a boundary too.
 */
export class Chunker {
  private readonly tokensMax: number
  private readonly overlapTokens: number
  private readonly normalizer = new Normalizer()
  private readonly splitter: UnitSplitter
  private units: Unit[] = []
  /** How many of `units` the chunk before has too. */
  private repeated = 0
  private weight = 0
  /** Tokens of the document so far, nothing counted twice. */
  tokens = 0

  constructor({ tokensMax, overlapTokens }: Chunking, { headings }: { headings: boolean }) {
    this.tokensMax = Math.max(16, tokensMax)
    this.overlapTokens = Math.max(0, Math.min(overlapTokens, Math.floor(this.tokensMax / 2)))
    this.splitter = new UnitSplitter(Math.max(4, Math.floor(this.tokensMax / 8)), headings)
  }

  *push(text: string): Generator<Chunk> {
    yield* this.add(this.normalizer.push(text))
  }

  *end(): Generator<Chunk> {
    yield* this.add(this.normalizer.end())
    while (this.units.length > this.repeated) yield this.cut(this.units.length)
  }

  private *add(text: string): Generator<Chunk> {
    for (const unit of this.splitter.split(text)) {
      const weight = weightOf(unit)
      this.tokens += unit.tokens
      while (this.weight + weight > this.tokensMax && this.units.length > this.repeated) yield this.cut(this.bestCut(unit.strength))
      this.units.push(unit)
      this.weight += weight
    }
  }

  /** Number of units to be the next chunk; `behind`: strength of the place behind them all. */
  private bestCut(behind: number): number {
    let best = this.units.length
    let strength: number = behind
    let weight = this.weight
    for (let at = this.units.length - 1; at > this.repeated; at--) {
      const unit = this.units[at]
      if (unit === undefined) break
      weight -= weightOf(unit)
      if (weight < FILL_MIN * this.tokensMax) break
      if (unit.strength > strength) {
        best = at
        strength = unit.strength
      }
    }
    return best
  }

  /** Makes a chunk of the first units, of fewer where they are more tokens together than alone, and keeps what it shares with the next. */
  private cut(wanted: number): Chunk {
    let size = wanted
    let from = 0
    let text = textOf(this.units, 0, size)
    let tokens = countTokens(text)
    while (tokens > this.tokensMax && size - from > 1) {
      if (size - 1 > this.repeated) size--
      else from++
      text = textOf(this.units, from, size)
      tokens = countTokens(text)
    }
    const repeated = textOf(this.units, from, this.repeated).length
    const keep = this.overlapFrom(from, size)
    this.units = this.units.slice(keep)
    this.repeated = size - keep
    this.weight = this.units.reduce((sum, unit) => sum + weightOf(unit), 0)
    return { text, tokens, repeated }
  }

  /** First unit that the next chunk repeats: the farthest back that fits, rather at the start of a sentence or line. */
  private overlapFrom(from: number, size: number): number {
    let farthest = size
    let chosen = size
    let weight = 0
    for (let at = size - 1; at > from; at--) {
      const unit = this.units[at]
      if (unit === undefined) break
      weight += weightOf(unit)
      if (weight > this.overlapTokens) break
      farthest = at
      if (unit.strength >= STRENGTH.sentence) chosen = at
    }
    let at = size - chosen >= (size - farthest) / 2 ? chosen : farthest
    while (at < size && countTokens(textOf(this.units, at, size)) > this.overlapTokens) at++
    return at
  }
}

function textOf(units: readonly Unit[], from: number, to: number): string {
  let text = ''
  for (let at = from; at < to; at++) text += units[at]?.text ?? ''
  return text
}
