import type { Attributes } from '../../core/attributes.ts'
import type { Db } from '../records/port.ts'
import * as embeddings from './pgvector-store.ts'
import type { DocumentKey, Hit, Upsert, VectorSearch, Vectors } from './port.ts'
import { batchRows, inBatches, otherDimensions, requireLimit, unitPoints } from './requirements.ts'
import * as spaces from './space-store.ts'
import { toUnit } from './unit-vector.ts'

/** So many points that match are compared one by one: that is exact, and an index would look at more of them in vain. */
const EXACT_POINTS_MAX = 10_000
const SCAN_MAX = 100_000
const NUMBER_BYTES = 20
const DELETED_AT_ONCE = 1_000
const MARKS_KEPT = 1_000
const FORGET_EVERY = 256

/** Vectors in the Postgres that holds everything else, by its extension pgvector: one table for each vector length. */
export class PgvectorVectors implements Vectors {
  readonly kind = 'pgvector'
  private extension: Promise<void> | undefined
  private readonly tables = new Map<number, Promise<void>>()

  constructor(
    private readonly db: Db,
    private readonly exactPointsMax = EXACT_POINTS_MAX,
  ) {}

  async upsert(document: Upsert): Promise<void> {
    const { dimensions, points } = unitPoints(document.points)
    if (points.length === 0) return await this.setAttributes(document, document.attributes)
    await this.ensureTable(dimensions)
    for (const batch of inBatches(points, batchRows(dimensions * NUMBER_BYTES))) {
      await this.db.transaction(async (tx) => {
        await spaces.putDocument(tx, document, await spaces.openSpace(tx, document, dimensions))
        await embeddings.putEmbeddings(tx, document, { dimensions, points: batch })
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
    await this.remove(key, async (tx, revision) => {
      await spaces.markRemoved(tx, key, revision)
      if (revision % FORGET_EVERY === 0) await spaces.forgetRemoved(tx, key, revision - MARKS_KEPT)
    })
  }

  async removeStore({ tenantId, storeId }: { tenantId: string; storeId: string }): Promise<void> {
    const key = { tenantId, storeId }
    await this.remove(key, (tx) => spaces.deleteSpace(tx, key))
  }

  async search(search: VectorSearch): Promise<Hit[]> {
    requireLimit(search.limit)
    const vector = toUnit(search.vector)
    const found = await spaces.readSpaces(this.db, search.tenantId, search.storeIds)
    for (const { dimensions } of found) if (dimensions !== vector.length) throw otherDimensions(dimensions, vector.length)
    if (found.length === 0 || search.limit === 0) return []
    const wanted = { ...search, vector, storeIds: found.map((space) => space.storeId) }
    if (!embeddings.hasIndex(vector.length)) return await embeddings.searchExact(this.db, wanted)
    const counted = await embeddings.countEmbeddings(this.db, wanted, this.exactPointsMax + 1)
    if (counted <= this.exactPointsMax) return await embeddings.searchExact(this.db, wanted)
    const hits = await embeddings.searchIndexed(this.db, wanted, SCAN_MAX)
    // The index gave up before it had found enough of what matches.
    return hits.length < search.limit ? await embeddings.searchExact(this.db, wanted) : hits
  }

  async pointIds(key: DocumentKey, limit: number): Promise<string[]> {
    const [space] = await spaces.readSpaces(this.db, key.tenantId, [key.storeId])
    return space ? await embeddings.selectEmbeddingIds(this.db, key, { dimensions: space.dimensions, limit }) : []
  }

  async check(): Promise<void> {
    this.extension = undefined
    await this.ensureExtension()
  }

  async close(): Promise<void> {
    this.tables.clear()
  }

  /** Points go in bounded statements first; the last of them, and those written meanwhile, with the mark. */
  private async remove(
    key: { tenantId: string; storeId: string; documentId?: string },
    end: (tx: Db, revision: number) => Promise<void>,
  ): Promise<void> {
    const [space] = await spaces.readSpaces(this.db, key.tenantId, [key.storeId])
    if (!space) return
    const some = { dimensions: space.dimensions, limit: DELETED_AT_ONCE }
    while ((await embeddings.deleteEmbeddings(this.db, key, some)) === DELETED_AT_ONCE);
    await this.db.transaction(async (tx) => {
      const revision = await spaces.changeSpace(tx, key)
      if (revision === undefined) return
      while ((await embeddings.deleteEmbeddings(tx, key, some)) === DELETED_AT_ONCE);
      await end(tx, revision)
    })
  }

  private ensureExtension(): Promise<void> {
    this.extension ??= embeddings.ensureExtension(this.db).catch((error: unknown) => {
      this.extension = undefined
      throw error
    })
    return this.extension
  }

  private ensureTable(dimensions: number): Promise<void> {
    const made = this.tables.get(dimensions)
    if (made) return made
    const making = this.ensureExtension().then(() => embeddings.ensureTable(this.db, dimensions))
    this.tables.set(dimensions, making)
    making.catch(() => this.tables.delete(dimensions))
    return making
  }
}
