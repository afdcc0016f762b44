import { Fault } from '../../core/fault.ts'
import type { Point } from './port.ts'
import { toUnit } from './unit-vector.ts'

/** Results of one search. */
export const LIMIT_MAX = 1000

export function requireLimit(limit: number): void {
  if (Number.isInteger(limit) && limit >= 0 && limit <= LIMIT_MAX) return
  throw new Fault('invalid', `A search has at most ${LIMIT_MAX} results.`, { param: 'limit', reason: 'value' })
}

export const otherDimensions = (expected: number, got: number): Fault =>
  new Fault('invalid', `The vectors of this store have ${expected} dimensions, and this one has ${got}.`, { reason: 'value' })

/** Points with unit vectors, all of one length, each id once: the last of it counts. */
export function unitPoints(points: readonly Point[]): { dimensions: number; points: Point[] } {
  const dimensions = points[0]?.vector.length ?? 0
  const units = new Map<string, Point>()
  for (const { id, vector } of points) {
    if (vector.length !== dimensions) throw otherDimensions(dimensions, vector.length)
    units.set(id, { id, vector: toUnit(vector) })
  }
  return { dimensions, points: [...units.values()] }
}

const BATCH_BYTES = 1024 * 1024
const BATCH_ROWS_MAX = 2000

/** So many rows of `bytes` go in one statement or message that neither side is held up by it. */
export const batchRows = (bytes: number): number => Math.max(1, Math.min(BATCH_ROWS_MAX, Math.floor(BATCH_BYTES / bytes)))

export function* inBatches<T>(items: readonly T[], size: number): Generator<T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size)
}
