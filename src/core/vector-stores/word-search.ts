import { floorId } from '../id.ts'
import type { Needs } from '../needs.ts'
import type { Asked } from './fusion.ts'
import type { Scope } from './search-store.ts'
import type { StoreHead } from './stores.ts'
import { findByWords, findTogether, type Lookup, type Probe, readEnds, sampleWords } from './word-store.ts'
import { lexemeOf, quoted } from './words.ts'

export interface Shelf {
  scope: Scope
  stores: readonly StoreHead[]
  /** Pieces of text in all of the stores. */
  chunks: number
}

export interface WordMatches {
  /** By index of the word: how many chunks have it. Counted where that is cheap, else estimated. */
  counts: number[]
  /** Chunks worth a closer look. */
  ids: string[]
}

const CANDIDATES = 200
/** With fewer, words that many chunks have are looked at after all. */
const CANDIDATES_FEW = 50
/** In stores up to this size every word is counted. */
const SMALL = 1_000
/** Chunks looked at for all the words of a question, and for one. */
const VISITED_MAX = 24_000
const COUNTED_MIN = 1_000
const COUNTED_MAX = 4_000

/**
 * What is found by words costs about the same in a store of any size: words that a sample says are common are not looked
 * up at all, and of the others no more than some thousand chunks are visited.
 */
export async function searchWords(app: Needs<'db'>, shelf: Shelf, asked: Asked): Promise<WordMatches> {
  const lookups = lookupsOf(asked, shelf.stores)
  if (lookups.length === 0) return { counts: [], ids: [] }
  const { scope, chunks } = shelf
  const common = chunks <= SMALL ? lookups.map(() => 0) : await estimate(app, shelf, lookups)
  const light = lookups.flatMap((lookup, index) => ((common[index] ?? 0) > COUNTED_MAX ? [] : [{ ...lookup, index }]))
  const countedMax = Math.max(COUNTED_MIN, Math.min(COUNTED_MAX, Math.floor(VISITED_MAX / Math.max(1, light.length))))
  const found = await findByWords(app.db, scope, { asked: light, chunks, countedMax, limit: CANDIDATES })
  const counts = [...common]
  for (const [i, { index }] of light.entries()) {
    const counted = found.counts[i] ?? 0
    counts[index] = counted < countedMax ? counted : Math.max(counted, common[index] ?? 0)
  }
  if (found.ids.length >= CANDIDATES_FEW) return { counts, ids: found.ids }
  const query = together(lookups, counts, countedMax)
  const more = query === undefined ? [] : await findTogether(app.db, scope, { query, limit: CANDIDATES })
  return { counts, ids: [...found.ids, ...more] }
}

/** Each word in each of the stores. */
export const lookupsOf = ({ words }: Asked, stores: readonly { no: number }[]): Lookup[] =>
  words.map(({ word, weight }) => ({ query: stores.map(({ no }) => quoted(lexemeOf(no, word))).join(' | '), weight }))

const TOGETHER_MAX = 4

/** At least two of the rarest common words in one chunk. */
function together(lookups: readonly Lookup[], counts: readonly number[], countedMax: number): string | undefined {
  const rarest = lookups
    .map(({ query }, i) => ({ query: `(${query})`, count: counts[i] ?? 0 }))
    .filter(({ count }) => count >= countedMax)
    .sort((a, b) => a.count - b.count)
    .slice(0, TOGETHER_MAX)
    .map(({ query }) => query)
  if (rarest.length < 2) return rarest[0]
  return rarest.flatMap((a, i) => rarest.slice(i + 1).map((b) => `(${a} & ${b})`)).join(' | ')
}

const SAMPLE = 64
/** Spreads any number of places over documents of any length. */
const GOLDEN = 0.618_033_988_75

/** How many chunks have each word, going by a sample that is spread over the store; 0 where none of the sample has it. */
async function estimate(app: Needs<'db'>, { scope, chunks }: Shelf, asked: readonly Lookup[]): Promise<number[]> {
  const ends = await readEnds(app.db, scope.storeIds)
  const each = Math.ceil(SAMPLE / Math.max(1, ends.length))
  const probes: Probe[] = ends.flatMap(({ storeId, first, last }) =>
    Array.from({ length: each }, (_, i) => {
      const [from, to] = [timeOf(first), timeOf(last)]
      return { storeId, fileId: i === 0 ? first : floorId(from + ((to - from) * i) / each), part: (i * GOLDEN) % 1 }
    }),
  )
  const { pieces, counts } = await sampleWords(app.db, { asked, probes })
  return counts.map((count) => (count === 0 ? 0 : (chunks * count) / Math.max(1, pieces)))
}

/** Ids begin with the time they were made. */
const timeOf = (id: string): number => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
