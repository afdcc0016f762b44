import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { newId } from '../../../src/core/id.ts'
import { EmbeddedVectors } from '../../../src/drivers/vectors/embedded.ts'
import type { Upsert } from '../../../src/drivers/vectors/port.ts'
import { BLOCK_BYTES, rowsPerBlock, spaceBytes } from '../../../src/drivers/vectors/scan-layout.ts'
import { OPEN_MS, openTestApp, RecordedLog, type TestApp } from '../../support/app.ts'
import { clustered } from './judge.ts'
import { vectorsContract } from './vectors.contract.ts'

const MIB = 1024 * 1024

let app: TestApp
let replica: TestApp
beforeAll(async () => {
  app = await openTestApp()
  replica = await app.replica()
}, OPEN_MS)
afterAll(() => app.close())

vectorsContract('embedded', { vectors: () => app.vectors, replica: () => replica.vectors })

describe('with room for a few stores only', () => {
  const opened: EmbeddedVectors[] = []
  const open = (cacheBytesMax: number): EmbeddedVectors => {
    const vectors = new EmbeddedVectors({ db: app.records.db, log: new RecordedLog() }, { cacheBytesMax })
    opened.push(vectors)
    return vectors
  }
  beforeAll(() => {
    open(2 * BLOCK_BYTES)
    open(1)
  })
  afterAll(() => Promise.all(opened.map((vectors) => vectors.close())))
  // One that evicts for nearly every search, and one that holds nothing and reads all vectors each time.
  vectorsContract('embedded in little memory', { vectors: () => opened[0] as EmbeddedVectors, replica: () => opened[1] as EmbeddedVectors })
})

const DIMENSIONS = 64
const tenantId = newId()

interface Own {
  vectors: EmbeddedVectors
  log: RecordedLog
}

async function withVectors(
  options: { cacheBytesMax?: number; start?: () => Worker; silenceMs?: number },
  work: (own: Own) => Promise<void>,
) {
  const log = new RecordedLog()
  const { cacheBytesMax = 64 * MIB, ...parts } = options
  const vectors = new EmbeddedVectors({ db: app.db, log, ...parts }, { cacheBytesMax })
  try {
    await work({ vectors, log })
  } finally {
    await vectors.close()
  }
}

const next = clustered(DIMENSIONS, 3)
const document = (count: number, changes: Partial<Upsert> = {}): Upsert => ({
  ...{ tenantId, storeId: newId(), documentId: newId(), fileId: newId(), attributes: {} },
  points: Array.from({ length: count }, () => ({ id: newId(), vector: next() })),
  ...changes,
})
const find = (vectors: EmbeddedVectors, storeIds: string[], limit = 10) =>
  vectors.search({ tenantId, storeIds, vector: next(), limit, filter: null })

test('the copies stay within their memory, and the least recently searched store goes first', async () => {
  await withVectors({ cacheBytesMax: 3 * BLOCK_BYTES + 64 * 1024 }, async ({ vectors }) => {
    const stores: string[] = []
    for (let i = 0; i < 5; i++) {
      const written = document(20)
      await vectors.upsert(written)
      stores.push(written.storeId)
    }
    for (const store of stores) {
      expect(await find(vectors, [store])).toHaveLength(10)
      expect(vectors.cache.bytes).toBeLessThanOrEqual(3 * BLOCK_BYTES + 64 * 1024)
    }
    expect(vectors.cache.stores).toEqual(stores.slice(2))
    await find(vectors, [stores[2] ?? ''])
    await find(vectors, [stores[0] ?? ''])
    expect(vectors.cache.stores).toEqual([stores[2], stores[4], stores[0]].map(String))
    expect(await find(vectors, stores, 100)).toHaveLength(100)
  })
})

test('a store that does not fit is read from the database, and said to', async () => {
  await withVectors({ cacheBytesMax: BLOCK_BYTES + 64 * 1024 }, async ({ vectors, log }) => {
    const written = document(rowsPerBlock(DIMENSIONS) + 1)
    await vectors.upsert(written)
    expect(await find(vectors, [written.storeId], 1000)).toHaveLength(1000)
    expect(vectors.cache.stores).toEqual([])
    expect(log.count('vectors.store_too_large')).toBe(1)
    await vectors.upsert(document(1, { storeId: written.storeId }))
    const [first] = written.points
    const hits = await vectors.search({ tenantId, storeIds: [written.storeId], vector: first?.vector ?? next(), limit: 1, filter: null })
    expect(hits[0]?.id).toBe(first?.id ?? '')
  })
})

test('a store that grows beyond its room while it is held is given up, not cut off', async () => {
  await withVectors({ cacheBytesMax: BLOCK_BYTES + 64 * 1024 }, async ({ vectors }) => {
    const written = document(10)
    await vectors.upsert(written)
    await find(vectors, [written.storeId])
    expect(vectors.cache.stores).toEqual([written.storeId])
    await vectors.upsert(document(rowsPerBlock(DIMENSIONS), { storeId: written.storeId }))
    const hits = await vectors.search({ tenantId, storeIds: [written.storeId], vector: next(), limit: 1000, filter: null })
    expect(hits).toHaveLength(1000)
    expect(vectors.cache.stores).toEqual([])
    expect(vectors.cache.bytes).toBe(0)
  })
})

test('removed documents give their place back', async () => {
  await withVectors({}, async ({ vectors }) => {
    const storeId = newId()
    const documents = Array.from({ length: 4 }, () => document(rowsPerBlock(DIMENSIONS), { storeId }))
    for (const one of documents) await vectors.upsert(one)
    await find(vectors, [storeId])
    const full = vectors.cache.bytes
    for (const one of documents.slice(1)) await vectors.removeDocument(one)
    await find(vectors, [storeId])
    expect(vectors.cache.bytes).toBeLessThan(full / 2)
    await vectors.removeStore({ tenantId, storeId })
    expect(vectors.cache.bytes).toBe(0)
  })
})

test('a copy that missed more removals than are remembered is made anew', async () => {
  await withVectors({}, async ({ vectors }) => {
    const storeId = newId()
    const [kept, gone] = [document(3, { storeId }), document(3, { storeId })]
    await vectors.upsert(kept)
    await vectors.upsert(gone)
    expect(await find(vectors, [storeId])).toHaveLength(6)
    await replica.vectors.removeDocument(gone)
    // As after ten thousand more removals by others.
    await app.records.db.query('delete from vector_document where removed and store_id = $1::uuid', [storeId])
    await app.records.db.query('update vector_space set floor = revision where store_id = $1::uuid', [storeId])
    const hits = await vectors.search({ tenantId, storeIds: [storeId], vector: next(), limit: 10, filter: { type: 'and', filters: [] } })
    expect(new Set(hits.map((hit) => hit.documentId))).toEqual(new Set([kept.documentId]))
  })
})

test('old marks of removals are forgotten, and the floor rises with them', async () => {
  await withVectors({}, async ({ vectors }) => {
    const storeId = newId()
    const [first, second] = [document(1, { storeId }), document(1, { storeId })]
    await vectors.upsert(first)
    await vectors.upsert(second)
    await vectors.removeDocument(first)
    await app.records.db.query('update vector_space set revision = (revision / 256 + 100) * 256 - 1 where store_id = $1::uuid', [storeId])
    await vectors.removeDocument(second)
    const [space] = await app.records.db.query<{ marks: number; risen: boolean }>(
      `select (select count(*)::int from vector_document where store_id = $1::uuid) as marks, floor = revision - 10000 as risen
       from vector_space where store_id = $1::uuid`,
      [storeId],
    )
    expect(space).toEqual({ marks: 1, risen: true })
  })
})

const badWorker = (source: string): Worker => new Worker(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })))
const goodWorker = (): Worker => new Worker(new URL('../../../src/drivers/vectors/scan-worker.ts', import.meta.url).href)

// Each fails when it was asked twice, so that both searches are with it.
const onSecond = (failure: string): string => `let asked = 0; self.onmessage = ({ data }) => { if (++asked === 2) ${failure} }`

test.each([
  ['falls silent', onSecond('for (;;);'), 'it was silent'],
  ['throws', onSecond('throw new Error("broken")'), 'broken'],
  ['ends', onSecond('process.exit(3)'), 'it ended'],
  ['reports an error', onSecond('postMessage({ call: data.call, error: "no memory" })'), 'no memory'],
])('a search whose scanner %s fails with unavailable, and the next one gets a new scanner', async (_, source, reason) => {
  let started = 0
  const start = () => (started++ === 0 ? badWorker(source) : goodWorker())
  await withVectors({ start, silenceMs: 1000 }, async ({ vectors, log }) => {
    const [one, other] = [document(5), document(5)]
    await vectors.upsert(one)
    await vectors.upsert(other)
    const searches = await Promise.allSettled([find(vectors, [one.storeId]), find(vectors, [other.storeId])])
    for (const search of searches) expect(search).toMatchObject({ status: 'rejected', reason: { code: 'unavailable' } })
    const lost = log.entries.filter(({ event }) => event === 'vectors.scanner_lost').map(({ fields }) => fields)
    expect(lost).toEqual([{ reason: expect.stringContaining(reason), calls: 2 }])
    expect(await find(vectors, [one.storeId])).toHaveLength(5)
    expect(started).toBe(2)
  })
})

test('a load that the database breaks off leaves no half copy', async () => {
  await withVectors({}, async ({ vectors }) => {
    const storeId = newId()
    await vectors.upsert(document(5000, { storeId }))
    // The spaces; ranges of rows; ranges, documents, ranges; rows of two ranges.
    const pauses = Array.from({ length: 7 }, () => app.db.pauseNext('hot', 'before'))
    const failure = find(vectors, [storeId]).catch((error: unknown) => error)
    for (const [i, pause] of pauses.entries()) {
      await pause.reached
      if (i === 6) app.db.failNext('hot', 'before')
      pause.release()
    }
    expect(await failure).toMatchObject({ code: 'unavailable' })
    expect(vectors.cache.bytes).toBe(0)
    expect(await find(vectors, [storeId], 1000)).toHaveLength(1000)
    expect(vectors.cache.bytes).toBe(spaceBytes(DIMENSIONS, 5000, 1))
  })
})

test('after it was closed a search fails with unavailable', async () => {
  await withVectors({}, async ({ vectors }) => {
    const written = document(1)
    await vectors.upsert(written)
    await vectors.close()
    await expect(find(vectors, [written.storeId])).rejects.toMatchObject({ code: 'unavailable' })
  })
})

test('loading and scanning a large store does not hold this thread up', async () => {
  await withVectors({}, async ({ vectors }) => {
    const storeId = newId()
    for (let i = 0; i < 10; i++) await vectors.upsert(document(3000, { storeId }))
    let longest = 0
    let last = performance.now()
    const timer = setInterval(() => {
      const now = performance.now()
      longest = Math.max(longest, now - last)
      last = now
    }, 1)
    try {
      for (let i = 0; i < 20; i++) await find(vectors, [storeId])
    } finally {
      clearInterval(timer)
    }
    expect(longest).toBeLessThan(250)
  })
}, 60_000)
