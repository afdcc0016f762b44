import ranks from 'gpt-tokenizer/bpeRanks/cl100k_base'
import { countTokens as countWithPackage, setMergeCacheSize } from 'gpt-tokenizer/encoding/cl100k_base'
import { CL100K_TOKEN_SPLIT_REGEX } from 'gpt-tokenizer/encodingParams/constants'

// Once it is full the package's own cache takes longer for every word than the word is worth.
setMergeCacheSize(0)

const ORDINARY = { disallowedSpecial: new Set<string>() }
/** Characters up to which the package's own merging, whose time grows with the square of the length, is the quickest. */
const WORD_MAX = 200
const CACHED_WORD_MAX = 48
const CACHED_WORDS_MAX = 20_000
/** A cached word may keep the text alive that it was cut from. */
const CACHED_TEXT_MAX = 4_000_000

const LONG_WORDS_MAX = 64

const cache = new Map<string, number>()
let cachedText = 0
/** A long word is most often a run of one character, and as long as the one before. */
const longWords = new Map<string, number>()

/** Exact cl100k tokens; names of special tokens count as the text they are. */
export function countTokens(text: string): number {
  cachedText += text.length
  if (cache.size > CACHED_WORDS_MAX || cachedText > CACHED_TEXT_MAX) {
    cache.clear()
    cachedText = 0
  }
  let tokens = 0
  for (const [word] of text.matchAll(CL100K_TOKEN_SPLIT_REGEX)) tokens += cache.get(word) ?? countWord(word)
  return tokens
}

function countWord(word: string): number {
  if (word.length > WORD_MAX) return countLongWord(word)
  const tokens = countWithPackage(word, ORDINARY)
  if (word.length <= CACHED_WORD_MAX) cache.set(word, tokens)
  return tokens
}

function countLongWord(word: string): number {
  const known = longWords.get(word)
  if (known !== undefined) return known
  if (longWords.size >= LONG_WORDS_MAX) longWords.clear()
  const tokens = countMerged(word)
  longWords.set(word, tokens)
  return tokens
}

/** Ranks by the bytes of a token, one character a byte; made when the first long word comes. */
let rankOf: Map<string, number> | undefined

function loadRanks(): Map<string, number> {
  const encoder = new TextEncoder()
  const made = new Map<string, number>()
  for (const [rank, token] of ranks.entries()) {
    if (token !== undefined) made.set(Buffer.from(typeof token === 'string' ? encoder.encode(token) : token).toString('latin1'), rank)
  }
  rankOf = made
  return made
}

/** Byte pair merging with a heap: the pair of lowest rank first, the leftmost of equals. */
function countMerged(word: string): number {
  const known = rankOf ?? loadRanks()
  const bytes = Buffer.from(word).toString('latin1')
  const size = bytes.length
  const next = Int32Array.from({ length: size }, (_, i) => i + 1)
  const before = Int32Array.from({ length: size }, (_, i) => i - 1)
  const gone = new Uint8Array(size)
  const heap = new PairHeap()
  /** Offers the part at `at` together with the one behind it. */
  const offer = (at: number): void => {
    const second = at < 0 ? size : (next[at] ?? size)
    if (second >= size) return
    const end = next[second] ?? size
    const rank = known.get(bytes.slice(at, end))
    if (rank !== undefined) heap.push({ rank, at, second, end })
  }
  for (let at = 0; at < size; at++) offer(at)
  let parts = size
  for (let pair = heap.pop(); pair !== undefined; pair = heap.pop()) {
    const { at, second, end } = pair
    // What was offered before one of its halves grew is no pair any more.
    if (gone[at] === 1 || next[at] !== second || (next[second] ?? size) !== end) continue
    gone[second] = 1
    next[at] = end
    if (end < size) before[end] = at
    parts--
    offer(at)
    offer(before[at] ?? -1)
  }
  return parts
}

interface Pair {
  rank: number
  at: number
  second: number
  end: number
}

const isBefore = (a: Pair, b: Pair): boolean => a.rank < b.rank || (a.rank === b.rank && a.at < b.at)

class PairHeap {
  private readonly items: Pair[] = []

  push(pair: Pair): void {
    const { items } = this
    let at = items.push(pair) - 1
    while (at > 0) {
      const up = (at - 1) >> 1
      const parent = items[up]
      if (parent === undefined || !isBefore(pair, parent)) break
      items[at] = parent
      at = up
    }
    items[at] = pair
  }

  pop(): Pair | undefined {
    const { items } = this
    const first = items[0]
    const last = items.pop()
    if (last === undefined || items.length === 0) return first
    let at = 0
    for (;;) {
      const left = items[2 * at + 1]
      const right = items[2 * at + 2]
      const child = left !== undefined && right !== undefined && isBefore(right, left) ? 2 * at + 2 : 2 * at + 1
      const smaller = items[child]
      if (smaller === undefined || !isBefore(smaller, last)) break
      items[at] = smaller
      at = child
    }
    items[at] = last
    return first
  }
}
