import type { Filter } from '../../core/attributes.ts'
import { Fault } from '../../core/fault.ts'
import type { Db } from '../records/port.ts'
import { readRanges, readVectors } from './embedded-store.ts'
import { batchRows } from './requirements.ts'
import type { Space } from './space-store.ts'
import type { TopHits } from './top-hits.ts'
import { dot } from './unit-vector.ts'

const WAITING_MAX = 16

/** For stores that the cache has no room for: reads all of their vectors, and so is slow, but as exact. One at a time. */
export class StreamedSearch {
  private tail: Promise<unknown> = Promise.resolve()
  private waiting = 0

  constructor(private readonly db: Db) {}

  async search(space: Space, query: { vector: Float32Array; filter: Filter | null }, best: TopHits): Promise<void> {
    if (this.waiting >= WAITING_MAX) {
      throw new Fault('unavailable', 'Too many searches of large vector stores wait.', { retryAfterMs: 5_000 })
    }
    this.waiting++
    const turn = this.tail.then(() => this.read(space, query, best)).finally(() => this.waiting--)
    this.tail = turn.catch(() => undefined)
    await turn
  }

  private async read(space: Space, { vector, filter }: { vector: Float32Array; filter: Filter | null }, best: TopHits): Promise<void> {
    const rows = batchRows(vector.length * 4)
    for (let after = 0; ; ) {
      const ranges = await readRanges(this.db, space, { table: 'vector_point', after, rows })
      for (const { after: start, until } of ranges) {
        for (const point of await readVectors(this.db, space, { after: start, until, filter })) {
          best.offer({ id: point.id, storeId: point.storeId, documentId: point.documentId, score: dot(vector, point.vector) })
        }
      }
      const last = ranges.at(-1)
      // What was written again while this read is behind the last range.
      if (!last) return
      after = last.until
    }
  }
}
