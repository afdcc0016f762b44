import type { Filter } from '../../core/attributes.ts'
import { Arenas } from './scan-arena.ts'
import { Best } from './scan-best.ts'
import { paddedDimensions } from './scan-layout.ts'
import { type DocumentChange, ScanSpace } from './scan-space.ts'

/** What the scanner is asked. A space is one copy of a store; one that is unknown begins with its first documents. */
export type ScanRequest =
  | { op: 'documents'; space: number; dimensions: number; changes: DocumentChange[] }
  | { op: 'rows'; space: number; bytes: Uint8Array; fresh: boolean }
  | { op: 'drop'; space: number }
  | { op: 'scan'; spaces: number[]; query: Float32Array; count: number; filter: Filter | null }

export interface SpaceSize {
  rows: number
  documents: number
}

/** Nearest first: 16 bytes of each id, and scores that are near the true ones. */
export interface Candidates {
  ids: Uint8Array
  scores: Float32Array
}

export interface ScanAnswers {
  documents: SpaceSize
  rows: SpaceSize
  drop: SpaceSize
  scan: Candidates
}

const INT32_MAX = 2 ** 31 - 1
const INT16_MAX = 2 ** 15 - 1
const INT8_MAX = 127

/** Int16s times `scale` are about the query, with the finest steps for which no sum of the kernel leaves an int32. */
export function quantise(query: Float32Array): { components: Int16Array; scale: number } {
  const components = new Int16Array(paddedDimensions(query.length))
  let [most, sum] = [0, 0]
  for (const x of query) {
    most = Math.max(most, Math.abs(x))
    sum += Math.abs(x)
  }
  if (most === 0) return { components, scale: 0 }
  // Each component is rounded by up to a half.
  const room = INT32_MAX / INT8_MAX - query.length
  const steps = Math.min(INT16_MAX / most, room / sum)
  for (const [i, x] of query.entries()) components[i] = Math.round(x * steps)
  return { components, scale: 1 / steps }
}

/** The compact rows of many stores: what the scanner's thread holds. */
export class ScanIndex {
  private readonly arenas = new Arenas()
  private readonly spaces = new Map<number, ScanSpace>()

  answer(request: ScanRequest): ScanAnswers[ScanRequest['op']] {
    switch (request.op) {
      case 'documents': {
        const space = this.spaces.get(request.space) ?? new ScanSpace(this.arenas, request.dimensions)
        this.spaces.set(request.space, space)
        space.changeDocuments(request.changes)
        return sizeOf(space)
      }
      case 'rows': {
        const space = this.require(request.space)
        space.addRows(request.bytes, request.fresh)
        return sizeOf(space)
      }
      case 'drop':
        this.spaces.get(request.space)?.free()
        this.spaces.delete(request.space)
        return { rows: 0, documents: 0 }
      case 'scan':
        return this.scan(request)
    }
  }

  private scan({ spaces, query, count, filter }: Extract<ScanRequest, { op: 'scan' }>): Candidates {
    const best = new Best(count)
    const { components, scale } = quantise(query)
    for (const id of spaces) this.require(id).scan(components, scale, filter, best)
    return best.sorted()
  }

  private require(id: number): ScanSpace {
    const space = this.spaces.get(id)
    if (!space) throw new Error('The scanner was asked about a space it does not hold.')
    return space
  }
}

const sizeOf = (space: ScanSpace): SpaceSize => ({ rows: space.rows, documents: space.documentCount })
