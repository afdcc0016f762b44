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
const TERMS_MAX = 48
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

export interface Passage {
  /** By index of the word: 0, or 0.61 for once, towards 1 for often. */
  presence: readonly number[]
  /** Words of the document's name: what a heading says is not repeated in every chunk below it. */
  named: ReadonlySet<string>
}

/** A word that is there once, and one that only the document's name has, against one that is there again and again. */
const ONCE = 0.8
const NAMED = 0.6
const PRESENT_ONCE = 0.61

const saturated = (presence: number): number =>
  presence === 0 ? 0 : ONCE + ((1 - ONCE) * Math.max(0, presence - PRESENT_ONCE)) / (1 - PRESENT_ONCE)

/** The share of what a question asks for that a passage has, 0 to 1: its words, each by its rarity. */
export class WordScore {
  readonly #terms: { word: string; index: number; worth: number }[][] = []
  readonly #whole: number = 0

  /** @param counts by index of the word: how many of `chunks` have it */
  constructor({ words, terms }: Asked, counts: readonly number[], chunks: number) {
    for (const { lookups, optional } of terms) {
      const rarities = lookups.map(({ index, weight }) => (counts[index] ? weight * rarity(counts[index], chunks) : undefined))
      const found = rarities.filter((worth) => worth !== undefined)
      if (found.length === 0 && optional) continue
      const most = found.length === 0 ? rarity(0, chunks) : Math.max(...found)
      this.#whole += most
      // What no chunk has may still be in a name.
      this.#terms.push(
        lookups.map(({ index, weight }, i) => ({ index, word: words[index]?.word ?? '', worth: rarities[i] ?? weight * most })),
      )
    }
  }

  of({ presence, named }: Passage): number {
    let sum = 0
    for (const lookups of this.#terms) {
      let best = 0
      for (const { index, word, worth } of lookups) {
        const there = Math.max(saturated(presence[index] ?? 0), named.has(word) ? NAMED : 0)
        if (worth * there > best) best = worth * there
      }
      sum += best
    }
    return this.#whole === 0 ? 0 : sum / this.#whole
  }
}

/** Softens the difference between first places: the constant of the paper on reciprocal rank fusion. */
const RANK_OFFSET = 60

/** 1 for the first place, towards 0. */
const byPlace = (place: number | undefined): number => (place === undefined ? 0 : (RANK_OFFSET + 1) / (RANK_OFFSET + place))

/** Place of each score, best first, from 1. Equals share a place; 0 has none. */
export function placesOf(scores: readonly number[]): (number | undefined)[] {
  const sorted = [...scores].sort((a, b) => b - a)
  const places = new Map<number, number>()
  for (const [i, score] of sorted.entries()) if (score > 0 && !places.has(score)) places.set(score, i + 1)
  return scores.map((score) => places.get(score))
}

export interface Found {
  /** 0 where the vectors did not find it. */
  cosine: number
  /** See WordScore. */
  share: number
  /** What a cosine is worth beside a share: 1 where the embedding knows meanings. */
  trust: number
}

/**
 * By reciprocal rank: how near the top of both lists each one is, times the better of its two scores. 0 to 1, in the order
 * given, and comparable between searches: the best of a bad lot stays bad.
 */
export function fusedScores(all: readonly Found[]): number[] {
  const byCosine = placesOf(all.map(({ cosine }) => cosine))
  const byShare = placesOf(all.map(({ share }) => share))
  return all.map(({ cosine, share, trust }, i) => {
    const rank = (trust * byPlace(byCosine[i]) + byPlace(byShare[i])) / (trust + 1)
    return rank * Math.max(trust * cosine, share)
  })
}
