import { expect, test } from 'bun:test'
import type { Attributes, Filter } from '../../../src/core/attributes.ts'
import { newId } from '../../../src/core/id.ts'
import type { DocumentKey, Hit, Point, Upsert, VectorSearch, Vectors } from '../../../src/drivers/vectors/port.ts'
import { clustered, Judge } from './judge.ts'
import { FILTERS, LIBRARY, randomFilters } from './library.ts'

export interface AdapterUnderTest {
  /** The same for all tests of the suite. */
  vectors(): Vectors
  /** As another process on the same store of vectors. */
  replica(): Vectors
}

const DIMENSIONS = 24
const TENANT = newId()
const OTHER_TENANT = newId()

interface Written extends Upsert {
  key: DocumentKey
}

/** A store of its own, what was written to it, and who knows what must be found in it. */
class Story {
  readonly judge = new Judge()
  readonly storeId = newId()
  private readonly next: () => Float32Array

  constructor(
    readonly vectors: Vectors,
    readonly dimensions = DIMENSIONS,
    readonly tenantId = TENANT,
  ) {
    this.next = clustered(dimensions, 7)
  }

  points = (count: number): Point[] => Array.from({ length: count }, () => ({ id: newId(), vector: this.next() }))
  vector = (): Float32Array => this.next()

  async add(points: number | Point[], changes: Partial<Upsert> = {}): Promise<Written> {
    const document: Upsert = {
      ...{ tenantId: this.tenantId, storeId: this.storeId, documentId: newId(), fileId: newId(), attributes: {} },
      points: typeof points === 'number' ? this.points(points) : points,
      ...changes,
    }
    await this.vectors.upsert(document)
    this.judge.upsert(document)
    return { ...document, key: { tenantId: document.tenantId, storeId: document.storeId, documentId: document.documentId } }
  }

  /** Finds what the judge finds: the same scores in the same order, and each hit with the score that is its own. */
  async check(changes: Partial<VectorSearch> = {}, vectors = this.vectors): Promise<Hit[]> {
    const search: VectorSearch = { ...this.search(), ...changes }
    const hits = await vectors.search(search)
    const scores = this.judge.scores(search)
    const best = this.judge.best(search)
    expect(hits).toHaveLength(best.length)
    expect(new Set(hits.map((hit) => hit.id)).size).toBe(hits.length)
    for (const [i, hit] of hits.entries()) {
      expect(hit.score).toBeCloseTo(scores.get(hit.id) ?? Number.NaN, 4)
      expect(hit.score).toBeCloseTo(best[i] ?? Number.NaN, 4)
    }
    return hits
  }

  search = (changes: Partial<VectorSearch> = {}): VectorSearch => ({
    ...{ tenantId: this.tenantId, storeIds: [this.storeId], vector: this.next(), limit: 10, filter: null },
    ...changes,
  })
}

const invalid = { code: 'invalid' }
const refused = (work: Promise<unknown>) => expect(work).rejects.toMatchObject(invalid)

/** What holds for the vectors of every adapter; brute force is the judge. */
export function vectorsContract(name: string, adapter: AdapterUnderTest): void {
  const story = (dimensions?: number, tenantId?: string) => new Story(adapter.vectors(), dimensions, tenantId)

  test(`${name}: the nearest points are found, with their cosine, document and store`, async () => {
    const { add, check, storeId } = bound(story())
    const documents = new Map<string, string>()
    for (let i = 0; i < 40; i++) {
      const written = await add(25)
      for (const point of written.points) documents.set(point.id, written.documentId)
    }
    for (let i = 0; i < 20; i++) {
      for (const hit of await check()) expect(hit).toMatchObject({ storeId, documentId: documents.get(hit.id) })
    }
  })

  test(`${name}: points of one document are found by the thousand, and all of them go with it`, async () => {
    const { add, check, vectors } = bound(story())
    const { key } = await add(3000)
    await check({ limit: 1000 })
    expect(await vectors.pointIds(key, 5000)).toHaveLength(3000)
    await vectors.removeDocument(key)
    expect(await vectors.pointIds(key, 10)).toEqual([])
  })

  test(`${name}: every operator means what it means in the process`, async () => {
    const { add, check } = bound(story())
    for (const attributes of LIBRARY) await add(2, { attributes })
    for (const filter of FILTERS) await named(filter, () => check({ filter, limit: 100 }))
  }, 60_000)

  test(`${name}: random filters hold exactly where they hold in the process`, async () => {
    const { add, check } = bound(story())
    for (const attributes of LIBRARY) await add(1, { attributes })
    for (const filter of randomFilters(60)) await named(filter, () => check({ filter, limit: 100 }))
  }, 60_000)

  test(`${name}: a filter that leaves few documents still fills the page with the nearest of them`, async () => {
    const { add, check } = bound(story())
    for (let i = 0; i < 60; i++) await add(20, { attributes: { no: i, name: `the same long beginning ${i % 2 ? 'odd' : 'even'} ${i}` } })
    for (const filter of [
      { type: 'gt', key: 'no', value: 57 },
      { type: 'gte', key: 'name', value: 'the same long beginning odd 7' },
      { type: 'lt', key: 'name', value: 'the same long beginning even 2' },
      { type: 'eq', key: 'no', value: 3 },
    ] satisfies Filter[]) {
      for (const limit of [1, 10, 100]) await named(filter, () => check({ filter, limit }))
    }
  })

  test(`${name}: stores and tenants are kept apart, whatever is asked for`, async () => {
    const mine = story()
    const beside = story()
    const theirs = story(DIMENSIONS, OTHER_TENANT)
    await mine.add(5)
    await beside.add(5)
    await theirs.add(5)
    expect(await mine.check()).toHaveLength(5)
    const vectors = adapter.vectors()
    expect(await vectors.search(mine.search({ storeIds: [theirs.storeId] }))).toEqual([])
    expect(await vectors.search(mine.search({ tenantId: OTHER_TENANT }))).toEqual([])
    const both = await vectors.search(mine.search({ storeIds: [theirs.storeId, mine.storeId, newId()] }))
    expect(both.map((hit) => hit.storeId)).toEqual(Array.from({ length: 5 }, () => mine.storeId))
  })

  test(`${name}: nobody changes or removes what is another tenant's`, async () => {
    const mine = story()
    const written = await mine.add(5, { attributes: { a: 1 } })
    const vectors = adapter.vectors()
    const stolen = { ...written.key, tenantId: OTHER_TENANT }
    await vectors.setAttributes(stolen, { a: 2 })
    await vectors.removeDocument(stolen)
    await vectors.removeStore({ tenantId: OTHER_TENANT, storeId: mine.storeId })
    expect(await vectors.pointIds(stolen, 10)).toEqual([])
    expect(await mine.check({ filter: { type: 'eq', key: 'a', value: 1 } })).toHaveLength(5)
  })

  test(`${name}: one search covers several stores, each point once`, async () => {
    const first = story()
    await first.add(30)
    const others = [newId(), newId()]
    for (const storeId of others) await first.add(30, { storeId })
    const storeIds = [first.storeId, ...others]
    const hits = await first.check({ storeIds, limit: 60 })
    expect(new Set(hits.map((hit) => hit.storeId)).size).toBe(3)
    await first.check({ storeIds: [...storeIds, ...storeIds, newId()], limit: 90 })
    await first.check({ storeIds: others, limit: 90, filter: { type: 'and', filters: [] } })
    expect(await first.check({ storeIds: [] })).toEqual([])
    expect(await first.check({ storeIds: [newId()] })).toEqual([])
  })

  test(`${name}: changed attributes count for all points of their document, old keys are gone`, async () => {
    const { add, check, judge, vectors } = bound(story())
    const { key } = await add(20, { attributes: { year: 1999, kind: 'book' } })
    await add(20, { attributes: { year: 2001 } })
    const change = async (attributes: Attributes) => {
      await vectors.setAttributes(key, attributes)
      judge.setAttributes(key, attributes)
      for (const filter of [
        { type: 'eq', key: 'kind', value: 'book' },
        { type: 'gt', key: 'year', value: 2000 },
        { type: 'ne', key: 'kind', value: 'book' },
      ] satisfies Filter[]) {
        await named(filter, () => check({ filter, limit: 50 }))
      }
    }
    await change({ year: 2005 })
    await change({ kind: 'book', year: 'late' })
    await change({})
    await vectors.setAttributes({ ...key, documentId: newId() }, { kind: 'book' })
    await vectors.setAttributes({ ...key, storeId: newId() }, { kind: 'book' })
    await check({ limit: 50, filter: { type: 'eq', key: 'kind', value: 'book' } })
  })

  test(`${name}: a removed document or store is found no more, and removing it again is no error`, async () => {
    const { add, check, judge, vectors, storeId, tenantId } = bound(story())
    const { key } = await add(20)
    await add(20)
    for (let i = 0; i < 2; i++) {
      await vectors.removeDocument(key)
      judge.removeDocument(key)
      expect(await check({ limit: 50 })).toHaveLength(20)
    }
    for (let i = 0; i < 2; i++) {
      await vectors.removeStore({ tenantId, storeId })
      judge.removeStore({ storeId })
      expect(await check({ limit: 50 })).toEqual([])
    }
    await add(3)
    expect(await check({ limit: 50 })).toHaveLength(3)
  })

  test(`${name}: a document that comes back after its removal has its new points only`, async () => {
    const { add, check, judge, vectors } = bound(story())
    const { key, points } = await add(20)
    await check({ limit: 50 })
    await vectors.removeDocument(key)
    judge.removeDocument(key)
    await add(points.slice(0, 3), { documentId: key.documentId })
    expect(await check({ limit: 50 })).toHaveLength(3)
  })

  test(`${name}: repeating an upsert changes nothing, another one adds points and replaces what it names`, async () => {
    const { add, check, vectors, vector } = bound(story())
    const first = await add(20, { attributes: { a: 1 } })
    const { documentId } = first
    await add(first.points, { documentId, attributes: { a: 1 } })
    expect(await check({ limit: 100 })).toHaveLength(20)
    await add(15, { documentId, attributes: { a: 2 } })
    expect(await check({ limit: 100, filter: { type: 'eq', key: 'a', value: 2 } })).toHaveLength(35)
    await add(
      first.points.map(({ id }) => ({ id, vector: vector() })),
      { documentId },
    )
    expect(await check({ limit: 100 })).toHaveLength(35)
    expect(await vectors.pointIds(first.key, 100)).toHaveLength(35)
    const [point] = first.points as [Point]
    await add([point, { ...point, vector: vector() }], { documentId })
    await check({ limit: 100 })
  })

  test(`${name}: an upsert without points sets attributes and makes nothing`, async () => {
    const { add, check, vectors } = bound(story())
    const { documentId } = await add(4, { attributes: { a: 1 } })
    await add([], { documentId, attributes: { a: 2 } })
    expect(await check({ filter: { type: 'eq', key: 'a', value: 2 } })).toHaveLength(4)
    const empty = await add([])
    expect(await vectors.pointIds(empty.key, 10)).toEqual([])
  })

  test(`${name}: a search has as many results as asked for, or as there are`, async () => {
    const { add, check, search, vectors } = bound(story())
    await add(30)
    for (const limit of [0, 1, 29, 30, 31, 1000]) expect(await check({ limit })).toHaveLength(Math.min(limit, 30))
    for (const limit of [-1, 1.5, 1001, Number.NaN]) await refused(vectors.search(search({ limit })))
  })

  test(`${name}: a vector of another length than the store's is refused, and nothing is changed`, async () => {
    const { add, check, search, vectors, points } = bound(story())
    const { documentId } = await add(5)
    const longer = new Story(adapter.vectors(), DIMENSIONS + 1)
    await refused(add(longer.points(1)))
    await refused(add([...points(1), ...longer.points(1)]))
    await refused(add(longer.points(1), { documentId }))
    await refused(vectors.search(search({ vector: longer.vector() })))
    await refused(adapter.replica().search(search({ vector: longer.vector() })))
    await refused(adapter.replica().upsert({ ...(await longer.add([])), storeId: search().storeIds[0] ?? '', points: longer.points(2) }))
    expect(await check({ limit: 50 })).toHaveLength(5)
  })

  test(`${name}: stores have vectors of their own lengths`, async () => {
    for (const dimensions of [1, 2, 31, 32, 33, 256, 1536]) {
      const { add, check } = bound(story(dimensions))
      await add(40)
      await check()
    }
  })

  test(`${name}: numbers that are not finite, and empty vectors, are refused`, async () => {
    const { add, search, check, vectors } = bound(story())
    await add(2)
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const vector = new Float32Array(DIMENSIONS).fill(bad, 3, 4)
      await refused(add([{ id: newId(), vector }]))
      await refused(vectors.search(search({ vector })))
    }
    await refused(add([{ id: newId(), vector: new Float32Array() }]))
    await refused(vectors.search(search({ vector: new Float32Array() })))
    await refused(vectors.search(search({ vector: new Float32Array(16_001).fill(1) })))
    expect(await check()).toHaveLength(2)
  })

  test(`${name}: the length of a vector plays no part, a zero vector is like nothing`, async () => {
    const { add, check, vector } = bound(story())
    const scales = [1e-18, 1e-3, 1, 1e3, 1e18]
    await add(scales.map((scale) => ({ id: newId(), vector: vector().map((x) => x * scale) })))
    await add([{ id: newId(), vector: new Float32Array(DIMENSIONS) }])
    expect(await check()).toHaveLength(6)
    expect((await check({ vector: new Float32Array(DIMENSIONS) })).map((hit) => Math.abs(hit.score))).toEqual([0, 0, 0, 0, 0, 0])
  })

  test(`${name}: opposite and equal vectors score -1 and 1, and no score goes beyond`, async () => {
    const { add, check, vector } = bound(story(384))
    const one = vector()
    await add([
      { id: newId(), vector: one },
      { id: newId(), vector: one.map((x) => -x) },
    ])
    const hits = await check({ vector: one })
    expect(hits.map((hit) => hit.score)).toEqual([expect.closeTo(1, 5), expect.closeTo(-1, 5)])
    for (const hit of hits) expect(Math.abs(hit.score)).toBeLessThanOrEqual(1)
  })

  test(`${name}: another process sees every change at once`, async () => {
    const replica = adapter.replica()
    const { add, check, judge, vectors } = bound(story())
    await add(10)
    await check({ limit: 100 }, replica)
    for (let i = 0; i < 5; i++) {
      const writer = i % 2 ? replica : vectors
      const reader = i % 2 ? vectors : replica
      const { key } = await add(10, { attributes: { i } })
      await check({ limit: 100 }, reader)
      await writer.setAttributes(key, { i: i + 1 })
      judge.setAttributes(key, { i: i + 1 })
      await check({ limit: 100, filter: { type: 'gt', key: 'i', value: i } }, reader)
      await add(5, { documentId: key.documentId, attributes: { i } })
      await check({ limit: 100, filter: { type: 'lte', key: 'i', value: i } }, reader)
      if (i < 2) continue
      await writer.removeDocument(key)
      judge.removeDocument(key)
      await check({ limit: 100 }, reader)
    }
  })

  test(`${name}: writers and searches at the same time lose nothing`, async () => {
    const replica = adapter.replica()
    const mine = story()
    const theirs = new Story(replica)
    const searches = async () => {
      for (let i = 0; i < 10; i++) await adapter.vectors().search(mine.search())
    }
    const writes = Array.from({ length: 12 }, (_, i) => (i % 2 ? theirs : mine).add(10, { storeId: mine.storeId }))
    await Promise.all([searches(), ...writes])
    const hits = await adapter.vectors().search(mine.search({ limit: 200 }))
    expect(hits).toHaveLength(120)
    expect(await replica.search(mine.search({ limit: 200 }))).toHaveLength(120)
    for (const hit of hits) expect(Math.abs(hit.score)).toBeLessThanOrEqual(1)
  })

  test(`${name}: ids of a document's points are told, up to a limit, to its tenant`, async () => {
    const { add, vectors } = bound(story())
    const { key, points } = await add(12)
    expect(new Set(await vectors.pointIds(key, 100))).toEqual(new Set(points.map((point) => point.id)))
    expect(await vectors.pointIds(key, 5)).toHaveLength(5)
    expect(await vectors.pointIds({ ...key, documentId: newId() }, 5)).toEqual([])
    expect(await vectors.pointIds({ ...key, storeId: newId() }, 5)).toEqual([])
    expect(await vectors.pointIds({ ...key, tenantId: OTHER_TENANT }, 5)).toEqual([])
  })

  test(`${name}: the check passes`, async () => {
    await adapter.vectors().check()
  })

  test(`${name}: at least 95 of 100 nearest points are found among twenty thousand`, async () => {
    const { add, search, judge, vectors } = bound(story(48))
    for (let i = 0; i < 20; i++) await add(1000, { attributes: { part: i } })
    let [found, asked] = [0, 0]
    for (let i = 0; i < 10; i++) {
      const query = search(i % 2 ? { filter: { type: 'lt', key: 'part', value: 10 } } : {})
      const worst = judge.best(query).at(-1) ?? 1
      const hits = await vectors.search(query)
      found += hits.filter((hit) => hit.score >= worst - 1e-5).length
      asked += query.limit
    }
    expect(found / asked).toBeGreaterThanOrEqual(0.95)
  }, 120_000)
}

/** The parts of a story as plain names. */
const bound = (told: Story) => ({
  add: told.add.bind(told),
  check: told.check.bind(told),
  ...{ search: told.search, points: told.points, vector: told.vector },
  ...{ judge: told.judge, storeId: told.storeId, tenantId: told.tenantId },
  vectors: told.vectors,
})

/** A failure says which filter it was. */
async function named(filter: Filter, work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    throw new Error(`${JSON.stringify(filter)}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
