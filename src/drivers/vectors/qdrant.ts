import { type Attributes, type Filter, matches } from '../../core/attributes.ts'
import { Fault } from '../../core/fault.ts'
import type { DocumentKey, Hit, Point, Upsert, VectorSearch, Vectors } from './port.ts'
import { type QdrantOptions, QdrantServer } from './qdrant-client.ts'
import { attributePayload, type QdrantFilter, readAttributes, toQdrant } from './qdrant-filter.ts'
import { batchRows, inBatches, otherDimensions, requireLimit, unitPoints } from './requirements.ts'
import { toUnit } from './unit-vector.ts'

const PREFIX = 'tetraport-'
const NUMBER_BYTES = 20
const FETCH_MAX = 2_000
const ROUNDS_MAX = 64
const KNOWN_STORES_MAX = 10_000
const PAGE = 1_000

const collectionOf = (dimensions: number): string => `${PREFIX}${dimensions}`
const condition = (key: string, ...values: string[]) => ({ key, match: { any: values } })

/**
 * Vectors on a Qdrant server, in one collection for each vector length. Not one for each tenant: every collection costs
 * the server files, memory and threads of its own, and hundreds of them are what its makers advise against. Each point
 * says its tenant, store and document; every request is filtered by the first two, and the index on stores keeps the
 * points of a store together.
 */
export class QdrantVectors implements Vectors {
  readonly kind = 'qdrant'
  private readonly server: QdrantServer
  private readonly collections = new Map<number, Promise<void>>()
  /** Vector lengths of stores: these never change while the store has vectors. */
  private readonly lengths = new Map<string, number>()

  constructor(options: QdrantOptions) {
    this.server = new QdrantServer(options)
  }

  async upsert(document: Upsert): Promise<void> {
    const { dimensions, points } = unitPoints(document.points)
    if (points.length === 0) return await this.setAttributes(document, document.attributes)
    const known = await this.findLength(document, dimensions)
    if (known !== undefined && known !== dimensions) throw otherDimensions(known, dimensions)
    // Of the points that are there already.
    if (known !== undefined) await this.setAttributes(document, document.attributes)
    for (const batch of inBatches(points, batchRows(dimensions * NUMBER_BYTES))) await this.put(document, dimensions, batch)
    this.remember(document, dimensions)
  }

  async setAttributes(key: DocumentKey, attributes: Attributes): Promise<void> {
    await this.change(key, async (collection) => {
      const payload = { a: attributePayload(attributes) }
      await this.server.runIfThere('set attributes', (client) =>
        client.setPayload(collection, { payload, filter: documentFilter(key), wait: true }),
      )
    })
  }

  async removeDocument(key: DocumentKey): Promise<void> {
    await this.change(key, async (collection) => {
      await this.server.runIfThere('remove', (client) => client.delete(collection, { filter: documentFilter(key), wait: true }))
    })
  }

  async removeStore(key: { tenantId: string; storeId: string }): Promise<void> {
    const filter: QdrantFilter = { must: [condition('tenant', key.tenantId), condition('store', key.storeId)] }
    // Wherever it may have points: a crash can have come between two of these.
    for (const dimensions of await this.listLengths()) {
      await this.server.runIfThere('remove', (client) => client.delete(collectionOf(dimensions), { filter, wait: true }))
    }
    this.lengths.delete(nameOf(key))
  }

  async search(search: VectorSearch): Promise<Hit[]> {
    requireLimit(search.limit)
    const vector = toUnit(search.vector)
    const storeIds: string[] = []
    for (const storeId of new Set(search.storeIds)) {
      const length = await this.findLength({ tenantId: search.tenantId, storeId }, vector.length)
      if (length === undefined) continue
      if (length !== vector.length) throw otherDimensions(length, vector.length)
      storeIds.push(storeId)
    }
    if (storeIds.length === 0 || search.limit === 0) return []
    return await this.query({ ...search, vector, storeIds })
  }

  async pointIds(key: DocumentKey, limit: number): Promise<string[]> {
    const ids: string[] = []
    const length = await this.findLength(key)
    if (length === undefined) return ids
    for (let offset: string | undefined; ids.length < limit; ) {
      const page = await this.server.runIfThere('ids', (client) =>
        client.scroll(collectionOf(length), {
          ...{ filter: documentFilter(key), limit: Math.min(PAGE, limit - ids.length), with_payload: false },
          ...(offset === undefined ? {} : { offset }),
        }),
      )
      for (const { id } of page?.points ?? []) ids.push(String(id))
      if (typeof page?.next_page_offset !== 'string') break
      offset = page.next_page_offset
    }
    return ids
  }

  check(): Promise<void> {
    return this.server.check()
  }

  async close(): Promise<void> {
    this.server.close()
  }

  private async put(document: Upsert, dimensions: number, batch: Point[]): Promise<void> {
    const payload = {
      ...{ tenant: document.tenantId, store: document.storeId, document: document.documentId, file: document.fileId },
      a: attributePayload(document.attributes),
    }
    const points = batch.map(({ id, vector }) => ({ id, vector: Array.from(vector), payload }))
    for (let attempt = 0; attempt < 2; attempt++) {
      await this.ensureCollection(dimensions)
      const done = await this.server.runIfThere('upsert', (client) => client.upsert(collectionOf(dimensions), { points, wait: true }))
      if (done) return
      // Somebody took the collection away.
      this.collections.delete(dimensions)
    }
    throw new Fault('unavailable', 'The Qdrant server has lost a collection.')
  }

  /**
   * What the condition lets through by too much is sorted out here. A document whose attributes do not match is left out of
   * the next request, so that each of them brings others, until there are enough or no more.
   */
  private async query({ tenantId, storeIds, vector, limit, filter }: VectorSearch): Promise<Hit[]> {
    const translated = filter === null ? true : toQdrant(filter)
    if (translated === false) return []
    const must = [condition('tenant', tenantId), condition('store', ...storeIds), ...(translated === true ? [] : [translated])]
    const excluded = new Set<string>()
    for (let fetched = limit, round = 0; round < ROUNDS_MAX; round++) {
      const { points } = (await this.server.runIfThere('search', (client) =>
        client.query(collectionOf(vector.length), {
          ...{ query: Array.from(vector), limit: fetched, with_payload: ['store', 'document', 'a.text'] },
          filter: { must, ...(excluded.size === 0 ? {} : { must_not: [condition('document', ...excluded)] }) },
        }),
      )) ?? { points: [] }
      const hits: Hit[] = []
      for (const point of points) {
        const hit = toHit(point)
        if (isMatch(point.payload, filter)) hits.push(hit)
        else excluded.add(hit.documentId)
      }
      if (hits.length >= limit || points.length < fetched) return hits.slice(0, limit)
      fetched = Math.max(limit, Math.min(FETCH_MAX, fetched * 2))
    }
    throw new Fault('unavailable', 'Too many documents nearly match this filter for the Qdrant server to tell them apart.')
  }

  /** Where a store is unknown there is nothing to change. */
  private async change(key: { tenantId: string; storeId: string }, work: (collection: string) => Promise<void>): Promise<void> {
    const length = await this.findLength(key)
    if (length !== undefined) await work(collectionOf(length))
  }

  /** The vector length of a store that has points; the most likely one is looked at first. */
  private async findLength(key: { tenantId: string; storeId: string }, likely?: number): Promise<number | undefined> {
    const known = this.lengths.get(nameOf(key))
    if (known !== undefined) return known
    if (likely !== undefined && (await this.hasPoints(key, likely))) return this.remember(key, likely)
    for (const dimensions of await this.listLengths()) {
      if (dimensions !== likely && (await this.hasPoints(key, dimensions))) return this.remember(key, dimensions)
    }
    return undefined
  }

  private async hasPoints({ tenantId, storeId }: { tenantId: string; storeId: string }, dimensions: number): Promise<boolean> {
    const filter: QdrantFilter = { must: [condition('tenant', tenantId), condition('store', storeId)] }
    const page = await this.server.runIfThere('look up', (client) =>
      client.scroll(collectionOf(dimensions), { filter, limit: 1, with_payload: false }),
    )
    return (page?.points.length ?? 0) > 0
  }

  private remember(key: { tenantId: string; storeId: string }, dimensions: number): number {
    if (this.lengths.size >= KNOWN_STORES_MAX) this.lengths.clear()
    this.lengths.set(nameOf(key), dimensions)
    return dimensions
  }

  private async listLengths(): Promise<number[]> {
    const { collections } = await this.server.run('list', (client) => client.getCollections())
    const lengths = collections.filter(({ name }) => name.startsWith(PREFIX)).map(({ name }) => Number(name.slice(PREFIX.length)))
    return lengths.filter((length) => Number.isSafeInteger(length) && length > 0)
  }

  private ensureCollection(dimensions: number): Promise<void> {
    const made = this.collections.get(dimensions)
    if (made) return made
    const making = this.makeCollection(dimensions)
    this.collections.set(dimensions, making)
    making.catch(() => this.collections.delete(dimensions))
    return making
  }

  /** Two processes may do this at once: whoever comes second finds the collection, and makes sure of its indexes too. */
  private async makeCollection(dimensions: number): Promise<void> {
    const name = collectionOf(dimensions)
    const { exists } = await this.server.run('look up', (client) => client.collectionExists(name))
    if (!exists) {
      try {
        await this.server.run('create', (client) => client.createCollection(name, { vectors: { size: dimensions, distance: 'Cosine' } }))
      } catch (error) {
        if (!(error instanceof Fault && error.code === 'wrong_state')) throw error
      }
    }
    const index = (field_name: string, field_schema: { type: 'keyword'; is_tenant?: boolean }) =>
      this.server.run('index', (client) => client.createPayloadIndex(name, { field_name, field_schema, wait: true }))
    await index('store', { type: 'keyword', is_tenant: true })
    for (const field of ['tenant', 'document', 'a.is']) await index(field, { type: 'keyword' })
  }
}

const nameOf = ({ tenantId, storeId }: { tenantId: string; storeId: string }): string => `${tenantId}/${storeId}`

const documentFilter = ({ tenantId, storeId, documentId }: DocumentKey): QdrantFilter => ({
  must: [condition('tenant', tenantId), condition('store', storeId), condition('document', documentId)],
})

const isMatch = (payload: unknown, filter: Filter | null): boolean => filter === null || matches(readAttributes(payload), filter)

function toHit({ id, score, payload }: { id: unknown; score: number; payload?: Record<string, unknown> | null | undefined }): Hit {
  const clipped = Math.max(-1, Math.min(1, score))
  return { id: String(id), storeId: String(payload?.store), documentId: String(payload?.document), score: clipped }
}
