import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Caller } from '../../../src/core/caller.ts'
import { deleteFile } from '../../../src/core/files/removal.ts'
import { releaseJobs } from '../../../src/core/jobs/jobs.ts'
import { cancelBatch, createBatch } from '../../../src/core/vector-stores/batches.ts'
import { changeAttributes } from '../../../src/core/vector-stores/file-attributes.ts'
import {
  abandonIngestion,
  beginIngestion,
  type Chunk,
  chunkOf,
  completeIngestion,
  countWritten,
  failIngestion,
  type Ingestion,
  putChunks,
} from '../../../src/core/vector-stores/ingestion.ts'
import { getStoreFile, removeStoreFile, type StoreFile } from '../../../src/core/vector-stores/store-files.ts'
import { deleteStore, getStore } from '../../../src/core/vector-stores/stores.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { eventually } from '../../support/eventually.ts'
import { attach, chunkIdsOf, claimFor, jobsOf, newFile, newStore } from '../../support/ingesting.ts'

let app: TestApp
let caller: Caller
beforeAll(async () => {
  app = await openTestApp({ slots: 0 })
  caller = app.one
}, OPEN_MS)
afterAll(() => app.close())

const textsOf = (...texts: string[]) => texts.map((text) => ({ text, tokens: text.length }))
const chunksOf = (documentId: string, ...texts: string[]): Chunk[] => textsOf(...texts).map((chunk, idx) => chunkOf(documentId, idx, chunk))

async function begin(file: StoreFile): Promise<Ingestion> {
  const ingestion = await beginIngestion(app, await claimFor(app, file))
  if (!ingestion) throw new Error('nothing to ingest')
  return ingestion
}
async function begun(given: Parameters<typeof attach>[2] = {}): Promise<{ file: StoreFile; ingestion: Ingestion }> {
  const file = await attach(app, caller, given)
  return { file, ingestion: await begin(file) }
}
const current = ({ storeId, fileId }: StoreFile) => getStoreFile(app, caller, { storeId, fileId })

test('an ingestion knows its file, its store and how to cut, and ends as completed with its job gone', async () => {
  const { file, ingestion } = await begun({ name: 'Größe.txt', tokensMax: 200 })
  expect(ingestion).toMatchObject({
    ...{ storeId: file.storeId, fileId: file.fileId, documentId: file.documentId, tenantId: caller.tenantId },
    ...{ chunking: { tokensMax: 200, overlapTokens: 0 }, attributes: {}, embeddingModel: app.limits.embeddingModel },
    source: { filename: 'Größe.txt', key: { tenantId: caller.tenantId } },
  })
  expect(await putChunks(app, ingestion, chunksOf(file.documentId, 'one', "it's \\ two"))).toBe(true)
  expect(await completeIngestion(app, ingestion, { usageBytes: 77, chunks: 2 })).toBe(true)
  expect(await current(file)).toMatchObject({ status: 'completed', error: null, usageBytes: 77 })
  expect(await chunkIdsOf(app, file)).toEqual(chunksOf(file.documentId, '', '').map(({ id }) => id))
  expect(await jobsOf(app, file.documentId)).toEqual([])
  expect((await getStore(app, caller, file.storeId)).counts).toMatchObject({ completed: 1, inProgress: 0 })
})

test('chunks written again replace the earlier ones under the same ids', async () => {
  const { file, ingestion } = await begun()
  await putChunks(app, ingestion, chunksOf(file.documentId, 'first', 'second'))
  const ids = await chunkIdsOf(app, file)
  expect(await putChunks(app, ingestion, chunksOf(file.documentId, 'changed', 'second'))).toBe(true)
  expect(await chunkIdsOf(app, file)).toEqual(ids)
  expect(await app.records.db.query('select text from chunk where document_id = $1 order by idx', [file.documentId])).toEqual([
    { text: 'changed' },
    { text: 'second' },
  ])
})

/** What takes a document away from its ingestion. */
const TAKEN: Record<string, (file: StoreFile, ingestion: Ingestion) => Promise<unknown>> = {
  'the file was taken out of the store': (file) => removeStoreFile(app, caller, { storeId: file.storeId, fileId: file.fileId }),
  'the file was deleted': (file) => deleteFile(app, caller, file.fileId),
  'the store was deleted': (file) => deleteStore(app, caller, file.storeId),
  'the job was given to another worker': (_file, { job }) => releaseJobs(app, app.jobs.id, [job.id]),
}
for (const [what, take] of Object.entries(TAKEN))
  test(`nothing is written or ended any more once ${what}`, async () => {
    const { file, ingestion } = await begun()
    await take(file, ingestion)
    expect(await putChunks(app, ingestion, chunksOf(file.documentId, 'late'))).toBe(false)
    expect(await completeIngestion(app, ingestion, { usageBytes: 1, chunks: 1 })).toBe(false)
    expect(await failIngestion(app, ingestion, { code: 'server_error', message: 'late' })).toBe(false)
    expect(await chunkIdsOf(app, file)).toEqual([])
    expect(await app.records.db.query('select status from vector_store_file where document_id = $1', [file.documentId])).toEqual(
      what.includes('worker') ? [{ status: 'in_progress' }] : [],
    )
  })

test('a file of a cancelled batch stays cancelled, whatever its worker says', async () => {
  const storeId = await newStore(app, caller)
  const fileId = await newFile(app, caller)
  const batch = await createBatch(app, caller, { storeId, files: [{ fileId }] })
  const ingestion = await begin(await getStoreFile(app, caller, { storeId, fileId }))
  await putChunks(app, ingestion, chunksOf(ingestion.documentId, 'early'))
  await cancelBatch(app, caller, { storeId, id: batch.id })
  expect(await putChunks(app, ingestion, chunksOf(ingestion.documentId, 'late'))).toBe(false)
  expect(await completeIngestion(app, ingestion, { usageBytes: 1, chunks: 1 })).toBe(false)
  expect((await getStoreFile(app, caller, { storeId, fileId })).status).toBe('cancelled')
  expect(await jobsOf(app, ingestion.documentId)).toEqual(['remove_document'])
})

test('a document that is gone or over has nothing to be ingested', async () => {
  const file = await attach(app, caller)
  const job = await claimFor(app, file)
  const ingestion = (await beginIngestion(app, job)) as Ingestion
  await completeIngestion(app, ingestion, { usageBytes: 0, chunks: 0 })
  expect(await beginIngestion(app, job)).toBeUndefined()
  expect(await beginIngestion(app, { ...job, tenantId: app.two.tenantId })).toBeUndefined()
})

test('attributes that changed during the ingestion are told to the vectors by a job', async () => {
  const { file, ingestion } = await begun()
  await changeAttributes(app, caller, { storeId: file.storeId, fileId: file.fileId, attributes: { year: 2026 } })
  await completeIngestion(app, ingestion, { usageBytes: 1, chunks: 1 })
  expect(await jobsOf(app, file.documentId)).toEqual(['set_attributes'])
})

test('a failure is told with its reason, and what was written is removed by a job', async () => {
  const { file, ingestion } = await begun()
  await putChunks(app, ingestion, chunksOf(file.documentId, 'half'))
  expect(await failIngestion(app, ingestion, { code: 'invalid_file', message: 'It is \u0000 broken.' })).toBe(true)
  expect(await current(file)).toMatchObject({
    status: 'failed',
    error: { code: 'invalid_file', message: 'It is \ufffd broken.' },
    usageBytes: 0,
  })
  expect(await jobsOf(app, file.documentId)).toEqual(['remove_document'])
})

test('a failure before anything was written leaves no job', async () => {
  const { file, ingestion } = await begun()
  await failIngestion(app, ingestion, { code: 'unsupported_file', message: 'No.' })
  expect(await jobsOf(app, file.documentId)).toEqual([])
})

test('a next attempt keeps what is written as it would write it', async () => {
  const { file, ingestion } = await begun()
  expect(await countWritten(app, ingestion, textsOf('a', 'b', 'c'))).toBe(0)
  await putChunks(app, ingestion, chunksOf(file.documentId, 'a', 'größer 日本'))
  expect(await countWritten(app, ingestion, textsOf('a', 'größer 日本', 'c'))).toBe(2)
  expect(await countWritten(app, ingestion, textsOf('a', 'other', 'c'))).toBeUndefined()
  expect(await countWritten(app, ingestion, textsOf('a'))).toBeUndefined()
  await app.records.db.query('delete from chunk where document_id = $1 and idx = 0', [file.documentId])
  expect(await countWritten(app, ingestion, textsOf('a', 'größer 日本'))).toBe(0)
})

test('whoever finds its document taken away after it wrote vectors has them removed, unless another attempt goes on', async () => {
  const { file, ingestion } = await begun()
  expect(await abandonIngestion(app, ingestion)).toBe(false)
  expect(await jobsOf(app, file.documentId)).toEqual(['ingest_document'])
  await app.records.db.query('delete from vector_store where id = $1', [file.storeId])
  expect(await abandonIngestion(app, ingestion)).toBe(true)
  expect(await jobsOf(app, file.documentId)).toEqual(['ingest_document', 'remove_document'])
})

test('who takes a document away while chunks are being written waits for them, and then has them removed', async () => {
  const { file, ingestion } = await begun()
  const written = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()
  const writing = app.db.transaction(async (db) => {
    expect(await putChunks({ db }, ingestion, chunksOf(file.documentId, 'early'))).toBe(true)
    written.resolve()
    await goOn.promise
  })
  await written.promise
  const removing = removeStoreFile(app, caller, { storeId: file.storeId, fileId: file.fileId })
  await eventually(async () => {
    const rows = await app.records.db.query(
      `select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
    )
    return rows.length > 0 ? true : undefined
  })
  goOn.resolve()
  await Promise.all([writing, removing])
  expect(await jobsOf(app, file.documentId)).toEqual(['remove_document'])
  expect(await chunkIdsOf(app, file)).toHaveLength(1)
})
