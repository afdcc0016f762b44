/** The name says what it is: no trained model, only words in common. */
export const LEXICAL_HASH = 'lexical-hash'
export const LEXICAL_HASH_DIMENSIONS = 256

const WORD = /[\p{L}\p{N}]+/gu
const TRIGRAM_WEIGHT = 0.25

/**
 * A deterministic embedding: each word, and each three letters of it, add to or subtract from the dimension that
 * their hash names; then the vector gets length 1. Texts that share words are near each other. Vectors are stored,
 * so this function must never change its results: make another one under another name instead.
 */
export function lexicalHash(words: Iterable<string>): Float32Array {
  const vector = new Float32Array(LEXICAL_HASH_DIMENSIONS)
  for (const word of words) {
    add(vector, word, 1)
    for (let at = 0; at + 3 <= word.length; at++) add(vector, word.slice(at, at + 3), TRIGRAM_WEIGHT)
  }
  const length = Math.hypot(...vector)
  // No words: some unit vector, since the angle to a zero vector is not defined.
  if (length === 0) vector[0] = 1
  else for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] ?? 0) / length
  return vector
}

export const wordsOf = (text: string): string[] => text.normalize('NFKC').toLowerCase().match(WORD) ?? []

function add(vector: Float32Array, term: string, weight: number): void {
  const hash = fnv1a(term)
  const at = hash % LEXICAL_HASH_DIMENSIONS
  vector[at] = (vector[at] ?? 0) + (hash & 0x80000000 ? -weight : weight)
}

/** Written out, because a runtime's own hash may differ between its versions. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  // FNV's low bits of short texts are alike: mix before they name a dimension.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return (hash ^ (hash >>> 13)) >>> 0
}
