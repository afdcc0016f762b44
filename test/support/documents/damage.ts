/** Numbers from 0 to 1 that look random and are the same every time. */
export function sequence(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return state / 0x80000000
  }
}

/** A copy with some bytes changed. */
export function damaged(bytes: Uint8Array, seed: number, changes = 20): Uint8Array {
  const next = sequence(seed)
  const copy = Uint8Array.from(bytes)
  for (let i = 0; i < changes; i++) copy[Math.floor(next() * copy.length)] = Math.floor(next() * 256)
  return copy
}

/** The first share of it. */
export const truncated = (bytes: Uint8Array, share: number): Uint8Array => bytes.slice(0, Math.floor(bytes.length * share))
