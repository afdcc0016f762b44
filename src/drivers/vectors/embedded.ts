import type { Attributes } from '../../core/attributes.ts'
import { Fault } from '../../core/fault.ts'
import type { Log } from '../../core/needs.ts'
import type { Db } from '../records/port.ts'
import { deleteRange, deleteSome, putPoints, readExact, readRanges, selectPointIds } from './embedded-store.ts'
import type { DocumentKey, Hit, Upsert, VectorSearch, Vectors } from './port.ts'
import { batchRows, inBatches, otherDimensions, requireLimit, unitPoints } from './requirements.ts'
import type { Candidates } from './scan-index.ts'
import { Scanner, type ScannerOptions } from './scanner.ts'
import { type CachedSpace, SpaceCache } from './space-cache.ts'
import * as spaces from './space-store.ts'
import { StreamedSearch } from './streamed.ts'
import { TopHits } from './top-hits.ts'
import { dot, toUnit } from './unit-vector.ts'

export interface EmbeddedParts extends Pick<ScannerOptions, 'start' | 'silenceMs'> {
  db: Db
  log: Log
}

/** The scan offers this many candidates for each result; the exact scores of a part of them settle most searches. */
const CANDIDATES_PER_RESULT = 16
const CHECKED_PER_RESULT = 4
const CHECKED_MIN = 32
/** How far beyond the largest seen error of the compact scores the next candidates may lie. */
const ERROR_MARGIN = 1.5
const DELETED_AT_ONCE = 1000
/** Removals are marked this long, in revisions of the store, for copies that were not refreshed meanwhile. */
const MARKS_KEPT = 10_000
const FORGET_EVERY = 256

/** Vectors in Postgres, searched by a scan of compact copies in a thread of this process. */
export class EmbeddedVectors implements Vectors {
  readonly kind = 'embedded'
  readonly cache: SpaceCache
  private readonly db: Db
  private readonly scanner: Scanner
  private readonly streamed: StreamedSearch

  constructor(parts: EmbeddedParts, { cacheBytesMax }: { cacheBytesMax: number }) {
    this.db = parts.db
    this.scanner = new Scanner({ ...parts, onLost: () => this.cache.clear() })
    this.cache = new SpaceCache({ ...parts, scanner: this.scanner }, cacheBytesMax)
    this.streamed = new StreamedSearch(parts.db)
  }

  async upsert(document: Upsert): Promise<void> {
    const { dimensions, points } = unitPoints(document.points)
    if (points.length === 0) return this.setAttributes(document, document.attributes)
    for (const batch of inBatches(points, batchRows(dimensions * 5))) {
      await this.db.transaction(async (tx) => {
        const revision = await spaces.openSpace(tx, document, dimensions)
        await spaces.putDocument(tx, document, revision)
        await putPoints(tx, document, { points: batch, revision })
      })
    }
  }

  setAttributes(key: DocumentKey, attributes: Attributes): Promise<void> {
    return this.db.transaction(async (tx) => {
      const revision = await spaces.changeSpace(tx, key)
      if (revision !== undefined) await spaces.updateAttributes(tx, key, { attributes, revision })
    })
  }

  async removeDocument(key: DocumentKey): Promise<void> {
    await deleteDocument(this.db, key)
    await this.db.transaction(async (tx) => {
      const revision = await spaces.changeSpace(tx, key)
      if (revision === undefined) return
      // What an upsert wrote meanwhile; none can now.
      await deleteDocument(tx, key)
      await spaces.markRemoved(tx, key, revision)
      if (revision % FORGET_EVERY === 0) await spaces.forgetRemoved(tx, key, revision - MARKS_KEPT)
    })
  }

  async removeStore({ tenantId, storeId }: { tenantId: string; storeId: string }): Promise<void> {
    const key = { tenantId, storeId }
    await deleteStore(this.db, key)
    await this.db.transaction(async (tx) => {
      if ((await spaces.changeSpace(tx, key)) === undefined) return
      await deleteStore(tx, key)
      await spaces.deleteSpace(tx, key)
    })
    this.cache.forgetStore(storeId)
  }

  async search(search: VectorSearch): Promise<Hit[]> {
    requireLimit(search.limit)
    const query = toUnit(search.vector)
    const storeIds = [...new Set(search.storeIds)]
    const found = await spaces.readSpaces(this.db, search.tenantId, storeIds)
    for (const { dimensions } of found) if (dimensions !== query.length) throw otherDimensions(dimensions, query.length)
    for (const id of storeIds) if (!found.some((space) => space.storeId === id)) this.cache.forgetStore(id)
    if (found.length === 0 || search.limit === 0) return []
    const best = new TopHits(search.limit)
    await this.scanAll(found, { ...search, vector: query }, best)
    return best.sorted()
  }

  pointIds(key: DocumentKey, limit: number): Promise<string[]> {
    return selectPointIds(this.db, key, limit)
  }

  async check(): Promise<void> {
    await spaces.readSpaces(this.db, '00000000-0000-0000-0000-000000000000', [])
  }

  async close(): Promise<void> {
    this.scanner.close()
  }

  private async scanAll(found: spaces.Space[], search: VectorSearch, best: TopHits): Promise<void> {
    const copies: CachedSpace[] = []
    try {
      for (const space of found) {
        const copy = await this.cache.acquire(space)
        if (copy) copies.push(copy)
        else await this.streamed.search(space, search, best)
      }
      if (copies.length > 0) await this.scan(copies, search, best)
    } finally {
      for (const copy of copies) this.cache.release(copy)
    }
  }

  private async scan(copies: CachedSpace[], { tenantId, vector, limit, filter }: VectorSearch, best: TopHits): Promise<void> {
    if (copies.some((copy) => copy.lost)) throw new Fault('unavailable', 'The vector search was interrupted.')
    const count = Math.max(CHECKED_MIN, limit * CANDIDATES_PER_RESULT)
    const candidates = await this.scanner.ask({ op: 'scan', spaces: copies.map((copy) => copy.no), query: vector, count, filter })
    const storeIds = copies.map((copy) => copy.storeId)
    await this.settle(candidates, { tenantId, storeIds, vector, limit, filter }, best)
  }

  /** Exact scores of the best candidates, and of more while one of those left could still be among the results. */
  private async settle(candidates: Candidates, search: VectorSearch, best: TopHits): Promise<void> {
    const { tenantId, storeIds, vector, limit } = search
    const ids = idsOf(candidates.ids)
    const checked = Math.max(CHECKED_MIN, limit * CHECKED_PER_RESULT)
    let error = 0
    for (let at = 0; at < ids.length; at += checked) {
      const next = candidates.scores[at] as number
      if (best.full && next + error * ERROR_MARGIN < best.least) return
      const scores = new Map(ids.slice(at, at + checked).map((id, i) => [id, candidates.scores[at + i] as number]))
      for (const batch of inBatches([...scores.keys()], batchRows(vector.length * 4))) {
        for (const point of await readExact(this.db, { tenantId, storeIds }, batch)) {
          const score = dot(vector, point.vector)
          error = Math.max(error, Math.abs(score - (scores.get(point.id) ?? score)))
          best.offer({ id: point.id, storeId: point.storeId, documentId: point.documentId, score })
        }
      }
    }
  }
}

async function deleteDocument(db: Db, key: DocumentKey): Promise<void> {
  while ((await deleteSome(db, key, DELETED_AT_ONCE)) === DELETED_AT_ONCE);
}

async function deleteStore(db: Db, key: spaces.StoreKey): Promise<void> {
  for (const range of await readRanges(db, key, { table: 'vector_point', after: 0, rows: DELETED_AT_ONCE }))
    await deleteRange(db, key, range)
}

function idsOf(bytes: Uint8Array): string[] {
  const digits = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
  return Array.from({ length: bytes.length / 16 }, (_, i) => {
    const id = digits.slice(i * 32, i * 32 + 32)
    return `${id.slice(0, 8)}-${id.slice(8, 12)}-${id.slice(12, 16)}-${id.slice(16, 20)}-${id.slice(20)}`
  })
}
