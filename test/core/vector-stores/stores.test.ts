import { afterAll, beforeAll, expect, test } from 'bun:test'
import { Fault } from '../../../src/core/fault.ts'
import { newId } from '../../../src/core/id.ts'
import { attachFiles, getStoreFile } from '../../../src/core/vector-stores/store-files.ts'
import {
  changeStore,
  createStore,
  createStoreIn,
  deleteStore,
  getStore,
  listStores,
  requireStores,
} from '../../../src/core/vector-stores/stores.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { begin, complete, fail, jobsOf, recordFile, recordFiles, write } from '../../support/stores.ts'

const DAY_MS = 86_400_000

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const faultOf = async (work: Promise<unknown>): Promise<Fault> => {
  const error = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  if (!(error instanceof Fault)) throw new Error(`no fault: ${String(error)}`)
  return error
}

test('what was not given is null or empty, and what was given comes back as it was', async () => {
  const bare = await createStore(app, app.one, {})
  expect(bare).toMatchObject({ name: null, description: null, metadata: {}, expiresDays: null, expiresAt: null, expired: false })
  expect(bare.counts).toEqual({ inProgress: 0, completed: 0, failed: 0, cancelled: 0, total: 0 })
  expect(bare).toMatchObject({ usageBytes: 0, embeddingModel: 'lexical-hash', lastActiveAt: bare.createdAt })
  expect(await getStore(app, app.one, bare.id)).toEqual(bare)
  const full = await createStore(app, app.one, { name: 'N', description: 'D', metadata: { k: 'v' }, expiresDays: 3 })
  expect(full).toMatchObject({ name: 'N', description: 'D', metadata: { k: 'v' }, expiresDays: 3, expiresAt: full.createdAt + 3 * DAY_MS })
  expect(await getStore(app, app.one, full.id)).toEqual(full)
})

test('files given at the creation are in progress, each with a job, cut as was said', async () => {
  const caller = await app.newTenant()
  const fileIds = await recordFiles(app, caller, 2)
  const store = await createStore(app, caller, { fileIds, chunking: { tokensMax: 100, overlapTokens: 50 } })
  expect(store.counts).toMatchObject({ inProgress: 2, total: 2 })
  const [first = ''] = fileIds
  const file = await getStoreFile(app, caller, { storeId: store.id, fileId: first })
  expect(file).toMatchObject({ status: 'in_progress', chunking: { tokensMax: 100, overlapTokens: 50 } })
  const jobs = await jobsOf(app, caller)
  expect(jobs.map(({ kind }) => kind)).toEqual(['ingest_document', 'ingest_document'])
  expect(jobs.map(({ payload }) => payload.fileId).sort()).toEqual([...fileIds].sort())
  expect(jobs.map(({ subject }) => subject)).toContain(file.documentId)
})

test('a store with a file that is not there is not made at all', async () => {
  const caller = await app.newTenant()
  const [there = ''] = await recordFiles(app, caller, 1)
  const missing = newId()
  const fault = await faultOf(createStore(app, caller, { fileIds: [there, missing] }))
  expect([fault.code, fault.facts.kind, fault.facts.id]).toEqual(['not_found', 'file', missing])
  expect((await listStores(app, caller, { limit: 10, order: 'asc' })).items).toEqual([])
  expect(await jobsOf(app, caller)).toEqual([])
})

test('a store that is made in the transaction of something else goes with it', async () => {
  const caller = await app.newTenant()
  const { clock, limits } = app
  const [kept, gone] = await recordFiles(app, caller, 2)
  const make = (fileId = '') => app.db.transaction((db) => createStoreIn({ db, clock, limits }, caller, { fileIds: [fileId] }))
  const id = await make(kept)
  await app.db
    .transaction(async (db) => {
      await createStoreIn({ db, clock, limits }, caller, { fileIds: [gone ?? ''] })
      throw new Error('rolled back')
    })
    .catch(() => undefined)
  expect((await listStores(app, caller, { limit: 10, order: 'asc' })).items.map((store) => store.id)).toEqual([id])
  expect(await jobsOf(app, caller)).toHaveLength(1)
})

test('counts and usage are those of the files as they are', async () => {
  const caller = await app.newTenant()
  const { id: storeId } = await createStore(app, caller, {})
  const fileIds = await recordFiles(app, caller, 3)
  const [one, two] = await attachFiles(app, caller, { storeId, files: fileIds.map((fileId) => ({ fileId })) })
  if (!one || !two) throw new Error('no files')
  await complete(app, one)
  await fail(app, two)
  const store = await getStore(app, caller, storeId)
  expect(store.counts).toEqual({ inProgress: 1, completed: 1, failed: 1, cancelled: 0, total: 3 })
  expect(store.usageBytes).toBe(100)
})

test('lists are paged in both directions, in the order of creation', async () => {
  const caller = await app.newTenant()
  const ids: string[] = []
  for (let i = 0; i < 5; i++) ids.push((await createStore(app, caller, { name: `${i}` })).id)
  const page = async (given: { after?: string; before?: string; order?: 'asc' | 'desc' }) => {
    const { items, hasMore } = await listStores(app, caller, { limit: 2, order: 'asc', ...given })
    return [items.map(({ id }) => ids.indexOf(id)), hasMore]
  }
  expect(await page({})).toEqual([[0, 1], true])
  expect(await page({ after: ids[1] ?? '' })).toEqual([[2, 3], true])
  expect(await page({ after: ids[3] ?? '' })).toEqual([[4], false])
  expect(await page({ before: ids[4] ?? '' })).toEqual([[2, 3], true])
  expect(await page({ order: 'desc' })).toEqual([[4, 3], true])
  expect(await page({ order: 'desc', after: ids[1] ?? '' })).toEqual([[0], false])
  expect((await faultOf(listStores(app, caller, { limit: 2, order: 'asc', after: newId() }))).facts.param).toBe('after')
})

test('a change replaces what it names and is a use of the store', async () => {
  const { id } = await createStore(app, app.one, { name: 'N', metadata: { a: '1' }, expiresDays: 2 })
  app.clock.advance(DAY_MS)
  const now = app.clock.now()
  const renamed = await changeStore(app, app.one, { id, change: { name: 'M' } })
  expect(renamed).toMatchObject({ name: 'M', metadata: { a: '1' }, expiresDays: 2, lastActiveAt: now, expiresAt: now + 2 * DAY_MS })
  const cleared = await changeStore(app, app.one, { id, change: { name: null, metadata: { b: '2' }, expiresDays: null } })
  expect(cleared).toMatchObject({ name: null, metadata: { b: '2' }, expiresDays: null, expiresAt: null })
  expect(await getStore(app, app.one, id)).toEqual(cleared)
})

test('a store expires when it was not used for its days, and takes no files any more', async () => {
  const file = await recordFile(app, app.one)
  const { id } = await createStore(app, app.one, { expiresDays: 1 })
  app.clock.advance(DAY_MS - 1)
  expect((await getStore(app, app.one, id)).expired).toBe(false)
  app.clock.advance(1)
  expect((await getStore(app, app.one, id)).expired).toBe(true)
  const fault = await faultOf(attachFiles(app, app.one, { storeId: id, files: [{ fileId: file.id }] }))
  expect([fault.code, fault.facts]).toEqual(['wrong_state', { kind: 'vector_store', id, action: 'attach' }])
})

test('a new file is a use of its store', async () => {
  const file = await recordFile(app, app.one)
  const { id } = await createStore(app, app.one, { expiresDays: 1 })
  app.clock.advance(DAY_MS - 1)
  await attachFiles(app, app.one, { storeId: id, files: [{ fileId: file.id }] })
  app.clock.advance(DAY_MS - 1)
  expect((await getStore(app, app.one, id)).expired).toBe(false)
})

test('an expired store can be renamed and deleted, but nothing brings it back', async () => {
  const { id, lastActiveAt } = await createStore(app, app.one, { expiresDays: 1 })
  app.clock.advance(DAY_MS)
  expect(await changeStore(app, app.one, { id, change: { name: 'late' } })).toMatchObject({ name: 'late', lastActiveAt, expired: true })
  for (const expiresDays of [365, null]) {
    const fault = await faultOf(changeStore(app, app.one, { id, change: { expiresDays } }))
    expect([fault.code, fault.facts.kind]).toEqual(['wrong_state', 'vector_store'])
  }
  await deleteStore(app, app.one, id)
  expect((await faultOf(getStore(app, app.one, id))).code).toBe('not_found')
})

test('a store that was emptied uses nothing and stays expired', async () => {
  const caller = await app.newTenant()
  const { id: storeId } = await createStore(app, caller, { expiresDays: 1 })
  const { id: fileId } = await recordFile(app, caller)
  const [file] = await attachFiles(app, caller, { storeId, files: [{ fileId }] })
  if (!file) throw new Error('no file')
  await complete(app, file)
  await app.records.db.query('update vector_store set emptied_at = now() where id = $1', [storeId])
  expect(await getStore(app, caller, storeId)).toMatchObject({ expired: true, usageBytes: 0, counts: { completed: 1 } })
})

test('a deleted store is gone at once with its files and batches, and a job removes what was written', async () => {
  const caller = await app.newTenant()
  const fileIds = await recordFiles(app, caller, 2)
  const { id: storeId } = await createStore(app, caller, {})
  const [done] = await attachFiles(app, caller, { storeId, files: fileIds.map((fileId) => ({ fileId })) })
  if (!done) throw new Error('no file')
  await complete(app, done)
  await deleteStore(app, caller, storeId)
  expect((await faultOf(getStore(app, caller, storeId))).facts.kind).toBe('vector_store')
  expect((await faultOf(deleteStore(app, caller, storeId))).code).toBe('not_found')
  expect(await app.records.db.query('select 1 from vector_store_file where store_id = $1', [storeId])).toEqual([])
  const jobs = await jobsOf(app, caller)
  expect(jobs).toEqual([{ kind: 'remove_store', subject: storeId, payload: { storeId }, runAt: app.clock.now(), begun: false }])
})

test('where an ingestion was under way the removal waits for the last of its writes, and that is refused', async () => {
  const caller = await app.newTenant()
  const { id: fileId } = await recordFile(app, caller)
  const { id: storeId } = await createStore(app, caller, {})
  const [file] = await attachFiles(app, caller, { storeId, files: [{ fileId }] })
  const ingestion = await begin(app, file?.documentId ?? '')
  expect(await write(app, ingestion, ['before'])).toBe(true)
  await deleteStore(app, caller, storeId)
  expect(await write(app, ingestion, ['after'])).toBe(false)
  expect(await jobsOf(app, caller)).toMatchObject([{ kind: 'remove_store', subject: storeId, runAt: app.clock.now() + 15_000 }])
})

test('a file that is added while its store is deleted is either in it or refused, and leaves no work behind', async () => {
  const caller = await app.newTenant()
  for (let i = 0; i < 10; i++) {
    const { id: fileId } = await recordFile(app, caller)
    const { id: storeId } = await createStore(app, caller, {})
    const attached = attachFiles(app, caller, { storeId, files: [{ fileId }] }).catch((error: unknown) => error)
    await Promise.all([attached, deleteStore(app, caller, storeId)])
    const outcome = await attached
    if (outcome instanceof Fault) expect(outcome.facts.kind).toBe('vector_store')
    else expect(outcome).toHaveLength(1)
    const jobs = (await jobsOf(app, caller)).filter(({ payload }) => payload.storeId === storeId)
    expect(jobs.map(({ kind }) => kind)).toEqual(['remove_store'])
    expect(await app.records.db.query('select 1 from vector_store_file where store_id = $1', [storeId])).toEqual([])
  }
})

test('several stores are required in the order given, and the first missing one is named', async () => {
  const stores = [await createStore(app, app.one, {}), await createStore(app, app.one, {})]
  const ids = stores.map(({ id }) => id).reverse()
  expect((await requireStores(app, app.one, ids)).map(({ id }) => id)).toEqual(ids)
  expect(await requireStores(app, app.one, [])).toEqual([])
  const [missing, other] = [newId(), newId()]
  const fault = await faultOf(requireStores(app, app.one, [...ids, missing, other]))
  expect([fault.code, fault.facts.kind, fault.facts.id]).toEqual(['not_found', 'vector_store', missing])
})
