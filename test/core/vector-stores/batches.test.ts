import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Caller } from '../../../src/core/caller.ts'
import { Fault } from '../../../src/core/fault.ts'
import { newId } from '../../../src/core/id.ts'
import { cancelBatch, createBatch, type FileBatch, getBatch } from '../../../src/core/vector-stores/batches.ts'
import { completeIngestion } from '../../../src/core/vector-stores/ingestion.ts'
import { attachFiles, getStoreFile, listStoreFiles, removeStoreFile, type StoreFile } from '../../../src/core/vector-stores/store-files.ts'
import { createStore, deleteStore, getStore } from '../../../src/core/vector-stores/stores.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { begin, complete, fail, jobsOf, recordFiles, write } from '../../support/stores.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

interface Ground {
  caller: Caller
  storeId: string
  batch: FileBatch
  files: StoreFile[]
}

/** A batch of `count` files in a store of its own. */
async function ground(count: number): Promise<Ground> {
  const caller = await app.newTenant()
  const { id: storeId } = await createStore(app, caller, {})
  const fileIds = await recordFiles(app, caller, count)
  const batch = await createBatch(app, caller, { storeId, files: fileIds.map((fileId) => ({ fileId })) })
  const files = await Promise.all(fileIds.map((fileId) => getStoreFile(app, caller, { storeId, fileId })))
  return { caller, storeId, batch, files }
}

const faultOf = async (work: Promise<unknown>): Promise<Fault> => {
  const error = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  if (!(error instanceof Fault)) throw new Error(`no fault: ${String(error)}`)
  return error
}

test('a batch is in progress until its last file has ended, and then completed though some failed', async () => {
  const { caller, batch, files } = await ground(3)
  expect(batch).toMatchObject({ status: 'in_progress', counts: { inProgress: 3, completed: 0, total: 3 } })
  expect(await getBatch(app, caller, batch)).toEqual(batch)
  const [one, two, three] = files as [StoreFile, StoreFile, StoreFile]
  await complete(app, one)
  await fail(app, two)
  expect(await getBatch(app, caller, batch)).toMatchObject({ status: 'in_progress', counts: { inProgress: 1, completed: 1, failed: 1 } })
  await complete(app, three)
  expect(await getBatch(app, caller, batch)).toMatchObject({
    status: 'completed',
    counts: { inProgress: 0, completed: 2, failed: 1, total: 3 },
  })
})

test('a batch of which every file failed has failed', async () => {
  const { caller, batch, files } = await ground(2)
  for (const file of files) await fail(app, file)
  expect(await getBatch(app, caller, batch)).toMatchObject({ status: 'failed', counts: { failed: 2, total: 2 } })
})

test('a batch with a missing file is not made', async () => {
  const caller = await app.newTenant()
  const { id: storeId } = await createStore(app, caller, {})
  const [there = ''] = await recordFiles(app, caller, 1)
  const missing = newId()
  const fault = await faultOf(createBatch(app, caller, { storeId, files: [{ fileId: there }, { fileId: missing }] }))
  expect([fault.code, fault.facts]).toEqual(['not_found', { kind: 'file', id: missing }])
  expect((await getStore(app, caller, storeId)).counts.total).toBe(0)
  expect(await app.records.db.query('select 1 from file_batch where store_id = $1', [storeId])).toEqual([])
})

test('a cancelled batch keeps what was completed; the rest is cancelled, its work stopped and its chunks removed', async () => {
  const { caller, storeId, batch, files } = await ground(3)
  const [done, begun, waiting] = files as [StoreFile, StoreFile, StoreFile]
  await complete(app, done)
  const ingestion = await begin(app, begun.documentId)
  await write(app, ingestion, ['half'])
  const cancelled = await cancelBatch(app, caller, batch)
  expect(cancelled).toMatchObject({ status: 'cancelled', counts: { inProgress: 0, completed: 1, cancelled: 2, total: 3 } })
  expect(await getBatch(app, caller, batch)).toEqual(cancelled)
  expect((await getStoreFile(app, caller, waiting)).status).toBe('cancelled')
  expect(await completeIngestion(app, ingestion, { usageBytes: 1, chunks: 1 })).toBe(false)
  expect(await jobsOf(app, caller)).toEqual([
    { kind: 'remove_document', subject: begun.documentId, payload: { storeId }, runAt: app.clock.now() + 15_000, begun: false },
  ])
})

test('cancelling again changes nothing, and a batch that has ended cannot be cancelled any more', async () => {
  const { caller, batch } = await ground(1)
  const first = await cancelBatch(app, caller, batch)
  expect(await cancelBatch(app, caller, batch)).toEqual(first)
  const ended = await ground(1)
  await complete(app, ended.files[0] as StoreFile)
  expect(await cancelBatch(app, ended.caller, ended.batch)).toMatchObject({ status: 'completed', counts: { completed: 1, cancelled: 0 } })
})

test('a file that was cancelled can be added again', async () => {
  const { caller, storeId, batch, files } = await ground(1)
  await cancelBatch(app, caller, batch)
  const [file] = files as [StoreFile]
  const [again] = await attachFiles(app, caller, { storeId, files: [{ fileId: file.fileId }] })
  await complete(app, again as StoreFile)
  expect((await getStoreFile(app, caller, file)).status).toBe('completed')
  expect(await getBatch(app, caller, batch)).toMatchObject({ status: 'cancelled', counts: { cancelled: 1, total: 1 } })
})

test('nothing waits for a file that was taken out of the store or added again by somebody else', async () => {
  const { caller, storeId, batch, files } = await ground(3)
  const [out, again, done] = files as [StoreFile, StoreFile, StoreFile]
  await complete(app, done)
  await removeStoreFile(app, caller, out)
  await attachFiles(app, caller, { storeId, files: [{ fileId: again.fileId }] })
  expect(await getBatch(app, caller, batch)).toMatchObject({ status: 'completed', counts: { completed: 1, cancelled: 2, total: 3 } })
  expect((await getStore(app, caller, storeId)).counts).toMatchObject({ inProgress: 1, completed: 1, total: 2 })
})

test('a cancellation and the end of an ingestion at the same time agree about the file', async () => {
  for (let i = 0; i < 10; i++) {
    const { caller, storeId, batch, files } = await ground(1)
    const [file] = files as [StoreFile]
    const ingestion = await begin(app, file.documentId)
    await write(app, ingestion, ['text'])
    const [completed, cancelled] = await Promise.all([
      completeIngestion(app, ingestion, { usageBytes: 1, chunks: 1 }),
      cancelBatch(app, caller, batch),
    ])
    const { status } = await getStoreFile(app, caller, file)
    expect([completed, cancelled.status, status]).toEqual(completed ? [true, 'completed', 'completed'] : [false, 'cancelled', 'cancelled'])
    const removals = (await jobsOf(app, caller)).map(({ kind }) => kind)
    expect(removals).toEqual(completed ? [] : ['remove_document'])
    expect((await getStore(app, caller, storeId)).counts.inProgress).toBe(0)
  }
})

test('a batch lists its own files only, in pages and by status', async () => {
  const { caller, storeId, batch, files } = await ground(3)
  const [outsider = ''] = await recordFiles(app, caller, 1)
  await attachFiles(app, caller, { storeId, files: [{ fileId: outsider }] })
  await complete(app, files[1] as StoreFile)
  const list = async (given: { after?: string; status?: 'completed' | 'in_progress' }) => {
    const { after, ...status } = given
    const page = { limit: 2, order: 'asc' as const, ...(after === undefined ? {} : { after }) }
    const { items, hasMore } = await listStoreFiles(app, caller, { storeId, batchId: batch.id, page, ...status })
    return [items.map(({ fileId }) => files.findIndex((file) => file.fileId === fileId)), hasMore]
  }
  expect(await list({})).toEqual([[0, 1], true])
  expect(await list({ after: files[1]?.fileId ?? '' })).toEqual([[2], false])
  expect(await list({ status: 'completed' })).toEqual([[1], false])
  expect(await list({ status: 'in_progress' })).toEqual([[0, 2], false])
})

test('a batch is found in its own store only, and goes with it', async () => {
  const { caller, storeId, batch } = await ground(1)
  const other = await createStore(app, caller, {})
  const elsewhere = { storeId: other.id, id: batch.id }
  const page = { limit: 2, order: 'asc' as const }
  for (const work of [
    () => getBatch(app, caller, elsewhere),
    () => cancelBatch(app, caller, elsewhere),
    () => listStoreFiles(app, caller, { storeId: other.id, batchId: batch.id, page }),
  ]) {
    expect((await faultOf(work())).facts).toEqual({ kind: 'file_batch', id: batch.id })
  }
  await deleteStore(app, caller, storeId)
  expect((await faultOf(getBatch(app, caller, batch))).facts).toEqual({ kind: 'vector_store', id: storeId })
  expect((await faultOf(cancelBatch(app, caller, batch))).facts).toEqual({ kind: 'vector_store', id: storeId })
})
