import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Caller } from '../../../src/core/caller.ts'
import { beginIngestion, chunkOf, completeIngestion, type Ingestion, putChunks } from '../../../src/core/vector-stores/ingestion.ts'
import { documentOf, dropChunks, dropStoreChunks, emptyExpiredStores } from '../../../src/core/vector-stores/removal.ts'
import { getStoreFile } from '../../../src/core/vector-stores/store-files.ts'
import { changeStore, getStore } from '../../../src/core/vector-stores/stores.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { attach, chunkIdsOf, claimFor, jobsOf, newStore } from '../../support/ingesting.ts'

let app: TestApp
let caller: Caller
beforeAll(async () => {
  app = await openTestApp({ slots: 0 })
  caller = app.one
}, OPEN_MS)
afterAll(() => app.close())

const DAY_MS = 86_400_000

async function ingested(storeId: string, chunks: number) {
  const file = await attach(app, caller, { storeId })
  const ingestion = (await beginIngestion(app, await claimFor(app, file))) as Ingestion
  const rows = Array.from({ length: chunks }, (_, idx) => chunkOf(file.documentId, idx, { text: `part ${idx}`, tokens: 2 }))
  await putChunks(app, ingestion, rows)
  await completeIngestion(app, ingestion, { usageBytes: 10, chunks })
  return file
}

test("a document's chunks go without those of its neighbours, in pieces, to the last", async () => {
  const storeId = await newStore(app, caller)
  const [gone, kept] = [await ingested(storeId, 1_001), await ingested(storeId, 2)]
  expect(await dropChunks(app, gone.documentId)).toBe(true)
  expect(await dropChunks(app, gone.documentId)).toBe(false)
  expect([await chunkIdsOf(app, gone), await chunkIdsOf(app, kept)]).toMatchObject([[], { length: 2 }])
})

test("a store's chunks go without those of other stores", async () => {
  const [first, second] = [await newStore(app, caller), await newStore(app, caller)]
  const [gone, kept] = [await ingested(first, 3), await ingested(second, 3)]
  expect(await dropStoreChunks(app, first)).toBe(false)
  expect([await chunkIdsOf(app, gone), await chunkIdsOf(app, kept)]).toMatchObject([[], { length: 3 }])
})

test('a store whose time is over is emptied once and stays as expired; what was not ready fails with that reason', async () => {
  const storeId = await newStore(app, caller, { expiresDays: 2 })
  const done = await ingested(storeId, 1)
  const open = await attach(app, caller, { storeId })
  app.clock.advance(2 * DAY_MS - 1)
  expect(await emptyExpiredStores(app, 10)).toBe(0)
  app.clock.advance(1)
  expect(await Promise.all([emptyExpiredStores(app, 10), emptyExpiredStores(app, 10)])).toContain(1)
  expect(await emptyExpiredStores(app, 10)).toBe(0)
  expect(await getStore(app, caller, storeId)).toMatchObject({
    expired: true,
    usageBytes: 0,
    counts: { completed: 1, failed: 1, total: 2 },
  })
  const { status, error } = await getStoreFile(app, caller, { storeId, fileId: open.fileId })
  expect([status, error?.code, error?.message]).toEqual(['failed', 'server_error', expect.stringContaining('expired')])
  expect([await jobsOf(app, open.documentId), await jobsOf(app, storeId)]).toEqual([[], ['remove_store']])
  expect(await chunkIdsOf(app, done)).toHaveLength(1)
})

test('a store that is used, or has no expiry any more, is not emptied', async () => {
  const [used, changed] = [await newStore(app, caller, { expiresDays: 1 }), await newStore(app, caller, { expiresDays: 1 })]
  app.clock.advance(DAY_MS - 1)
  await attach(app, caller, { storeId: used })
  await changeStore(app, caller, { id: changed, change: { expiresDays: null } })
  app.clock.advance(DAY_MS - 1)
  expect(await emptyExpiredStores(app, 10)).toBe(0)
})

test('a job about a document that names no store is refused by name', () => {
  const job = { id: '', tenantId: '', kind: 'remove_document', subject: '', payload: {}, attempt: 1, fence: 1, createdAt: 0 } as const
  expect(() => documentOf(job)).toThrow('names no store')
})
