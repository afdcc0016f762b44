import { termsOf } from './words.ts'

/** A word of a question: any of its look-ups finds it, each worth its weight. */
export interface AskedTerm {
  lookups: { index: number; weight: number }[]
  /** Nothing is missing where nobody has it. */
  optional: boolean
}

export interface Asked {
  /** What to look up, each once, with the most it is worth to a term. */
  words: { word: string; weight: number }[]
  terms: AskedTerm[]
}

/** More different words than this are no question: the rest is left to the vectors. */
const TERMS_MAX = 64
/** Of a word as written, without accents, and by its beginning. */
const EXACT = 1
const UNACCENTED = 0.95
const BEGINNING = 0.5

export function askedOf(question: string): Asked {
  const indexes = new Map<string, number>()
  const words: Asked['words'] = []
  const seen = new Set<string>()
  const terms: AskedTerm[] = []
  for (const { forms, joined } of termsOf(question)) {
    const [first = ''] = forms
    if (seen.has(first)) continue
    if (seen.size >= TERMS_MAX) break
    seen.add(first)
    const lookups = forms.map((form, i) => {
      const weight = form.endsWith('*') ? BEGINNING : i === 0 ? EXACT : UNACCENTED
      const index = indexes.get(form) ?? words.push({ word: form, weight }) - 1
      indexes.set(form, index)
      return { index, weight }
    })
    terms.push({ lookups, optional: joined })
  }
  return { words, terms }
}

/** How much a word tells: nothing when every chunk has it, the more the fewer do. */
export const rarity = (found: number, chunks: number): number => Math.log(1 + Math.max(0, chunks - found + 0.5) / (found + 0.5))

export interface Presence {
  /** By index of the word: 0 to 1. */
  presence: readonly number[]
}

/**
 * The share of what a question asks for that a chunk has, 0 to 1: its words, each by its rarity. A word that is there
 * once counts nearly as much as one that is there often.
 */
export class WordScore {
  readonly #terms: { lookups: { index: number; worth: number }[] }[]
  readonly #whole: number

  constructor({ terms }: Asked, counts: readonly number[], chunks: number) {
    let whole = 0
    this.#terms = []
    for (const { lookups, optional } of terms) {
      const found = lookups.filter(({ index }) => (counts[index] ?? 0) > 0)
      if (found.length === 0 && optional) continue
      const worths = found.map(({ index, weight }) => ({ index, worth: weight * rarity(counts[index] ?? 0, chunks) }))
      whole += found.length === 0 ? rarity(0, chunks) : Math.max(...worths.map(({ worth }) => worth))
      this.#terms.push({ lookups: worths })
    }
    this.#whole = whole
  }

  of({ presence }: Presence): number {
    if (this.#whole === 0) return 0
    let sum = 0
    for (const { lookups } of this.#terms) {
      let best = 0
      for (const { index, worth } of lookups) best = Math.max(best, worth * saturated(presence[index] ?? 0))
      sum += best
    }
    return sum / this.#whole
  }
}

const ONCE = 0.8
/** Postgres says 0.61 for one occurrence and goes to 1; here one occurrence counts more. */
const saturated = (presence: number): number => (presence === 0 ? 0 : ONCE + ((1 - ONCE) * (presence - 0.6)) / 0.4)

/** Softens the difference between first places: the constant of the paper on reciprocal rank fusion. */
const RANK_OFFSET = 60

/**
 * Of an item with these places (1 is the best) in each of several lists, undefined where it is not in one: 1 for the best
 * of all lists, towards 0.
 */
export const fusedRank = (places: readonly (number | undefined)[]): number =>
  places.reduce<number>((sum, place) => sum + (place === undefined ? 0 : (RANK_OFFSET + 1) / (RANK_OFFSET + place)), 0) / places.length

/** Place of each by its score, best first; equals share one. Those without any score have no place. */
export function placesOf(scores: ReadonlyMap<string, number>): Map<string, number> {
  const sorted = [...scores].filter(([, score]) => score > 0).sort(([, a], [, b]) => b - a)
  const places = new Map<string, number>()
  let place = 0
  for (const [i, [id, score]] of sorted.entries()) {
    if (i === 0 || score < (sorted[i - 1]?.[1] ?? 0)) place = i + 1
    places.set(id, place)
  }
  return places
}

/**
 * Scores of chunks by their cosines and by their shares of the question's words: how near the top of both lists a chunk
 * is, times the better of its two scores. 0 to 1, and comparable between searches: the best of a bad lot stays bad.
 */
export function fusedScores(cosines: ReadonlyMap<string, number>, shares: ReadonlyMap<string, number>): Map<string, number> {
  const [byCosine, byShare] = [placesOf(cosines), placesOf(shares)]
  const scores = new Map<string, number>()
  for (const id of new Set([...cosines.keys(), ...shares.keys()])) {
    const rank = fusedRank([byCosine.get(id), byShare.get(id)])
    scores.set(id, rank * Math.max(cosines.get(id) ?? 0, shares.get(id) ?? 0))
  }
  return scores
}
