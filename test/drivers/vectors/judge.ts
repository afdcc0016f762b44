import { type Attributes, matches } from '../../../src/core/attributes.ts'
import type { DocumentKey, Upsert, VectorSearch } from '../../../src/drivers/vectors/port.ts'

interface Known extends Omit<Upsert, 'points'> {
  points: Map<string, Float32Array>
}

/** What every adapter is compared with: all points in memory, all scores computed in float64. */
export class Judge {
  private readonly documents = new Map<string, Known>()

  upsert({ points, ...document }: Upsert): void {
    const known = this.documents.get(document.documentId) ?? { ...document, points: new Map() }
    known.attributes = document.attributes
    for (const { id, vector } of points) known.points.set(id, vector)
    this.documents.set(document.documentId, known)
  }

  setAttributes({ documentId }: DocumentKey, attributes: Attributes): void {
    const known = this.documents.get(documentId)
    if (known) known.attributes = attributes
  }

  removeDocument({ documentId }: DocumentKey): void {
    this.documents.delete(documentId)
  }

  removeStore({ storeId }: { storeId: string }): void {
    for (const known of this.documents.values()) if (known.storeId === storeId) this.documents.delete(known.documentId)
  }

  /** Scores of all points that a search may show, by id. */
  scores({ tenantId, storeIds, filter, vector }: VectorSearch): Map<string, number> {
    const scores = new Map<string, number>()
    for (const known of this.documents.values()) {
      if (known.tenantId !== tenantId || !storeIds.includes(known.storeId)) continue
      if (filter !== null && !matches(known.attributes, filter)) continue
      for (const [id, point] of known.points) scores.set(id, cosine(vector, point))
    }
    return scores
  }

  /** The best scores there are, best first. */
  best(search: VectorSearch): number[] {
    return [...this.scores(search).values()].sort((a, b) => b - a).slice(0, search.limit)
  }
}

export function cosine(a: Float32Array, b: Float32Array): number {
  let [sum, aa, bb] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] ?? 0, b[i] ?? 0]
    sum += x * y
    aa += x * x
    bb += y * y
  }
  return aa === 0 || bb === 0 ? 0 : sum / Math.sqrt(aa * bb)
}

/** Numbers from 0 to 1, the same for the same seed. */
export function chance(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Vectors round a few centres, as texts about a few subjects have them: neighbours are hard to tell apart. */
export function clustered(dimensions: number, seed: number, clusters = 20): () => Float32Array {
  const random = chance(seed)
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const centres = Array.from({ length: clusters }, () => Float32Array.from({ length: dimensions }, normal))
  return () => {
    const centre = centres[Math.floor(random() * clusters)] as Float32Array
    return centre.map((x) => x + 0.4 * normal())
  }
}
