/** Points in one piece, and questions that are none of them. */
export interface VectorSet {
  count: number
  dimensions: number
  data: Float32Array
  queries: Float32Array[]
  row(at: number): Float32Array
}

export interface Shape {
  count: number
  dimensions: number
  queries: number
  noise: number
}

const POINTS_PER_CLUSTER = 100

/** The same numbers for the same seed. */
function chance(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Unit vectors round centres, as texts about some subjects have them: near ones differ little, and noise alone is too easy. */
export function makeClusters({ count, dimensions, queries, noise }: Shape): VectorSet {
  const random = chance(count + dimensions)
  // Six of them make a bell curve, nearly.
  const normal = () => (random() + random() + random() + random() + random() + random() - 3) * Math.SQRT2
  const clusters = Math.ceil(count / POINTS_PER_CLUSTER)
  const centres = Float32Array.from({ length: clusters * dimensions }, normal)
  const put = (target: Float32Array) => {
    const centre = Math.floor(random() * clusters) * dimensions
    let sum = 0
    for (let i = 0; i < dimensions; i++) {
      const x = (centres[centre + i] as number) + noise * normal()
      target[i] = x
      sum += x * x
    }
    for (let i = 0; i < dimensions; i++) target[i] = (target[i] as number) / Math.sqrt(sum)
    return target
  }
  const data = new Float32Array(count * dimensions)
  const row = (at: number) => data.subarray(at * dimensions, (at + 1) * dimensions)
  for (let at = 0; at < count; at++) put(row(at))
  return { count, dimensions, data, row, queries: Array.from({ length: queries }, () => put(new Float32Array(dimensions))) }
}

/** Rows of the nearest points, by comparing all: what is measured against. */
export function nearest({ count, dimensions, data }: VectorSet, query: Float32Array, limit: number): number[] {
  const best: { row: number; score: number }[] = []
  for (let row = 0; row < count; row++) {
    let score = 0
    for (let i = 0, at = row * dimensions; i < dimensions; i++, at++) score += (data[at] as number) * (query[i] as number)
    if (best.length === limit && score <= (best.at(-1)?.score ?? 0)) continue
    if (best.length === limit) best.pop()
    const place = best.findIndex((other) => other.score < score)
    best.splice(place < 0 ? best.length : place, 0, { row, score })
  }
  return best.map(({ row }) => row)
}

/** The longest time in which this thread did nothing else. */
export class StallWatch {
  private last = performance.now()
  private longest = 0
  private readonly timer = setInterval(() => this.look(), 1)

  stop(): number {
    this.look()
    clearInterval(this.timer)
    return this.longest
  }

  private look(): void {
    const now = performance.now()
    this.longest = Math.max(this.longest, now - this.last)
    this.last = now
  }
}
