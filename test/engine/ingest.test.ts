import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { changeAttributes } from '../../src/core/vector-stores/file-attributes.ts'
import { beginIngestion, chunkOf, type Ingestion, putChunks } from '../../src/core/vector-stores/ingestion.ts'
import type { StoreFile } from '../../src/core/vector-stores/store-files.ts'
import { LEXICAL_HASH_DIMENSIONS } from '../../src/drivers/models/lexical-hash.ts'
import { JobWorker, type JobWorkerOptions } from '../../src/engine/jobs.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import { brokenVectors } from '../support/broken-vectors.ts'
import { type EmbeddingServer, startEmbeddingServer } from '../support/embedding-server.ts'
import { eventually } from '../support/eventually.ts'
import { attach, chunkIdsOf, claimFor, ended, jobsOf } from '../support/ingesting.ts'

/** With the embedding of a server that needs no key. */
let app: TestApp
/** With an embedding endpoint of the test's own. */
let remote: TestApp
let embedder: EmbeddingServer
beforeAll(async () => {
  embedder = startEmbeddingServer()
  app = await openTestApp({ slots: 0, jobs: true })
  remote = await openTestApp({ slots: 0, jobs: true, shared: true, ...embedder.options })
}, OPEN_MS)
afterAll(async () => {
  await Promise.all([app.close(), remote.close()])
  await embedder.stop()
})
afterEach(() => {
  embedder.texts.length = 0
})

const pointsOf = (by: TestApp, { storeId, documentId }: StoreFile): Promise<string[]> =>
  by.vectors.pointIds({ tenantId: by.one.tenantId, storeId, documentId }, 10_000)
const wordsTo = (count: number): string => Array.from({ length: count }, (_, n) => `word${n}`).join(' ')
async function expectWhole(by: TestApp, file: StoreFile): Promise<void> {
  const ids = await chunkIdsOf(by, file)
  expect(ids.length).toBeGreaterThan(0)
  expect((await pointsOf(by, file)).sort()).toEqual(ids.sort())
  expect(await jobsOf(by, file.documentId)).toEqual([])
}
const logged = (by: TestApp, event: string, { fileId }: StoreFile): Record<string, unknown> | undefined =>
  by.log.entries
    .map(({ event: name, fields }) => ({ name, fields: fields as Record<string, unknown> }))
    .findLast(({ name, fields }) => name === event && fields.file === fileId)?.fields

const OPTIONS: JobWorkerOptions = { slots: 2, leaseMs: 15_000, pollMs: 10, attemptsMax: 3, sweepMs: 3_600_000 }

/** An app of a test's own whose worker has not begun. */
async function idle(): Promise<{ app: TestApp } & AsyncDisposable> {
  const opened = await openTestApp({ slots: 0 })
  return { app: opened, [Symbol.asyncDispose]: () => opened.close() }
}

/** The row of the document's job once its attempt is over. */
const putOff = (by: TestApp, { documentId }: StoreFile, attempts: number) =>
  eventually(async () => {
    const rows = await by.records.db.query<{ attempt: number; run_at: number; error: string | null; payload: string; fence: number }>(
      'select attempt, run_at, error, payload, fence from job where subject = $1 and worker_id is null and fence >= $2',
      [documentId, attempts],
    )
    return rows[0]
  })
async function comeBack(by: TestApp, afterMs: number): Promise<void> {
  by.clock.advance(afterMs)
  by.jobs.wake()
}

test('a text becomes chunks with vectors, one for each, and counts what it takes', async () => {
  const content = `The quick brown fox. ${wordsTo(600)}`
  const file = await attach(app, app.one, { content, tokensMax: 200 })
  const done = await ended(app, app.one, file)
  expect([done.status, done.error]).toEqual(['completed', null])
  await expectWhole(app, file)
  const texts = await app.records.db.query<{ text: string }>('select text from chunk where document_id = $1 order by idx', [
    file.documentId,
  ])
  expect(texts.length).toBeGreaterThan(3)
  const bytes = texts.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0)
  expect(done.usageBytes).toBe(bytes + texts.length * LEXICAL_HASH_DIMENSIONS * 4)
})

test('what was ingested is found by its words and by its vectors', async () => {
  const file = await attach(app, app.one, { content: 'Der Zählerstand beträgt 4711 Kilowattstunden.' })
  await ended(app, app.one, file)
  const answer = await app.models.embed({ model: app.limits.embeddingModel, input: 'Zählerstand 4711' }, AbortSignal.timeout(5_000))
  const [{ embedding }] = answer.data as [{ embedding: number[] }]
  const search = { tenantId: app.one.tenantId, storeIds: [file.storeId], vector: Float32Array.from(embedding), limit: 3, filter: null }
  expect((await app.vectors.search(search)).map(({ id }) => id)).toEqual(await chunkIdsOf(app, file))
  const words = await app.records.db.query<{ word: string }>(
    'select w.lexeme as word from chunk c, unnest(c.lexemes) w where c.document_id = $1',
    [file.documentId],
  )
  expect(words.map(({ word }) => word.split('/')[1])).toContain('4711')
})

test('the log tells of a document by ids and numbers, never by its name or text', async () => {
  const [good, bad] = [
    await attach(app, app.one, { name: 'secretname.txt', content: 'secretcontent' }),
    await attach(app, app.one, { name: 'secretname.txt', content: '' }),
  ]
  await Promise.all([ended(app, app.one, good), ended(app, app.one, bad)])
  await eventually(() => logged(app, 'ingest.failed', bad))
  expect(logged(app, 'ingest.done', good)).toMatchObject({ store: good.storeId, chunks: 1, ms: 0 })
  expect(logged(app, 'ingest.failed', bad)).toMatchObject({ store: bad.storeId, code: 'invalid_file', reason: expect.any(String) })
  expect(JSON.stringify(app.log.entries)).not.toContain('secret')
})

test('a file without text, and one of a kind without text, fail with what is wrong and leave nothing', async () => {
  const png = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52])
  const [empty, image] = [await attach(app, app.one, { content: '' }), await attach(app, app.one, { name: 'a.png', content: png })]
  expect((await ended(app, app.one, empty)).error).toEqual({ code: 'invalid_file', message: 'The file is empty.' })
  expect((await ended(app, app.one, image)).error?.code).toBe('unsupported_file')
  for (const file of [empty, image]) expect([await chunkIdsOf(app, file), await jobsOf(app, file.documentId)]).toEqual([[], []])
})

test('a file whose content is gone fails and says so', async () => {
  await using by = await idle()
  const file = await attach(by.app, by.app.one)
  const rows = await by.app.records.db.query<{ object_id: string }>('select object_id from file where id = $1', [file.fileId])
  await by.app.files.remove({ tenantId: by.app.one.tenantId, id: rows[0]?.object_id ?? '' })
  by.app.jobs.start()
  const { error } = await ended(by.app, by.app.one, file)
  expect(error).toEqual({ code: 'server_error', message: "The file's content is not there any more." })
})

test('a limit of the provider is waited for as long as it says, without charge, and nothing is embedded twice', async () => {
  embedder.replies.push(undefined, { status: 429, error: { message: 'slow down' }, headers: { 'retry-after': '20' } })
  const file = await attach(remote, remote.one, { content: wordsTo(14_000), tokensMax: 200 })
  const row = await putOff(remote, file, 1)
  expect([row.attempt, row.run_at, row.error]).toEqual([0, remote.clock.now() + 20_000, expect.stringContaining('slow down')])
  expect(embedder.texts).toHaveLength(128)
  await comeBack(remote, 20_000)
  expect((await ended(remote, remote.one, file)).status).toBe('completed')
  await expectWhole(remote, file)
  expect(embedder.texts).toHaveLength(64 + (await chunkIdsOf(remote, file)).length)
})

test('an embedding endpoint that fails is asked again as often as attempts are allowed, then its words are the reason', async () => {
  for (let n = 0; n < 3; n++) embedder.replies.push({ status: 500, error: { message: 'out of order' } })
  const file = await attach(remote, remote.one)
  for (let attempt = 1; attempt < 3; attempt++) {
    const row = await putOff(remote, file, attempt)
    expect([row.attempt, row.error]).toEqual([attempt, expect.stringContaining('out of order')])
    await comeBack(remote, row.run_at - remote.clock.now())
  }
  const { status, error } = await ended(remote, remote.one, file)
  expect([status, error?.code, error?.message]).toEqual(['failed', 'server_error', expect.stringContaining('out of order')])
  expect([await chunkIdsOf(remote, file), await jobsOf(remote, file.documentId)]).toEqual([[], []])
})

test('what the embedding endpoint refuses for good fails at once, with its words', async () => {
  embedder.replies.push({ status: 400, error: { message: 'no such dimension' } })
  const file = await attach(remote, remote.one)
  expect((await ended(remote, remote.one, file)).error).toEqual({
    code: 'server_error',
    message: expect.stringContaining('no such dimension'),
  })
})

for (const [what, data] of Object.entries({
  'too few vectors': [],
  'a vector without numbers': [{ index: 0, embedding: [] }],
  'something else': 'none',
}))
  test(`an embedding endpoint that answers ${what} ends in a failure, not in a document without vectors`, async () => {
    for (let n = 0; n < 3; n++) embedder.replies.push({ body: JSON.stringify({ object: 'list', data }) })
    const file = await attach(remote, remote.one)
    for (let attempt = 1; attempt < 3; attempt++) await comeBack(remote, (await putOff(remote, file, attempt)).run_at - remote.clock.now())
    expect((await ended(remote, remote.one, file)).status).toBe('failed')
  })

test('a document is put off until the vectors can be reached again', async () => {
  await using by = await idle()
  const broken = brokenVectors(by.app.vectors, 'upsert')
  const file = await attach(by.app, by.app.one)
  const worker = new JobWorker({ ...by.app, vectors: broken.vectors }, OPTIONS)
  worker.start()
  const row = await putOff(by.app, file, 1)
  expect([row.attempt, row.error]).toEqual([0, 'Nobody answers.'])
  broken.heal()
  by.app.clock.advance(row.run_at - by.app.clock.now())
  expect((await ended(by.app, by.app.one, file)).status).toBe('completed')
  await worker.stop(0)
  await expectWhole(by.app, file)
})

test('a document fails when for an hour the vectors could not be reached, and what it wrote is removed', async () => {
  await using by = await idle()
  const file = await attach(by.app, by.app.one)
  await by.app.records.db.query(`update job set payload = (payload::jsonb || '{"putOff":60}')::text`)
  const broken = brokenVectors(by.app.vectors, 'upsert')
  const worker = new JobWorker({ ...by.app, vectors: broken.vectors }, { ...OPTIONS, slots: 1 })
  worker.start()
  expect((await ended(by.app, by.app.one, file)).error).toEqual({ code: 'server_error', message: 'Nobody answers.' })
  await eventually(async () => ((await jobsOf(by.app, file.documentId)).length === 0 ? true : undefined))
  await worker.stop(0)
  expect([await chunkIdsOf(by.app, file), broken.calls()]).toEqual([[], 1])
})

test('attributes that change while the document is ingested are what its vectors have in the end', async () => {
  const open = embedder.hold()
  const file = await attach(remote, remote.one)
  await eventually(() => (embedder.texts.length > 0 ? true : undefined))
  await changeAttributes(remote, remote.one, { storeId: file.storeId, fileId: file.fileId, attributes: { year: 2026 } })
  open()
  await ended(remote, remote.one, file)
  remote.jobs.wake()
  const filter = { type: 'eq', key: 'year', value: 2026 } as const
  const search = { tenantId: remote.one.tenantId, storeIds: [file.storeId], vector: new Float32Array([1, 1, 1]), limit: 3, filter }
  await eventually(async () => ((await remote.vectors.search(search)).length === 1 ? true : undefined))
})

test('an attempt that was cut off is continued at the last window it had begun to write', async () => {
  const dying = await remote.replica({ jobs: { leaseMs: 300 } })
  await remote.jobs.stop(0)
  const open = embedder.hold(2)
  const file = await attach(remote, remote.one, { content: wordsTo(14_000), tokensMax: 200 })
  await eventually(() => (embedder.texts.length === 192 ? true : undefined))
  dying.die()
  open()
  const next = await remote.replica({ jobs: { pollMs: 20 } })
  expect((await ended(remote, remote.one, file)).status).toBe('completed')
  await next.jobs.stop(0)
  await expectWhole(remote, file)
  expect(embedder.texts).toHaveLength(192 + (await chunkIdsOf(remote, file)).length - 64)
  await remote.close()
  remote = await openTestApp({ slots: 0, jobs: true, shared: true, ...embedder.options })
})

test('what an attempt cut otherwise is replaced as a whole', async () => {
  await using by = await idle()
  const { app: stopped } = by
  const file = await attach(stopped, stopped.one, { content: wordsTo(300), tokensMax: 100 })
  const ingestion = (await beginIngestion(stopped, await claimFor(stopped, file))) as Ingestion
  const old = Array.from({ length: 40 }, (_, idx) => chunkOf(file.documentId, idx, { text: `older ${idx}`, tokens: 2 }))
  await putChunks(stopped, ingestion, old)
  const points = old.map(({ id }) => ({ id, vector: new Float32Array(LEXICAL_HASH_DIMENSIONS).fill(1) }))
  const { tenantId, storeId, documentId, fileId, attributes } = ingestion
  await stopped.vectors.upsert({ tenantId, storeId, documentId, fileId, attributes, points })
  await stopped.records.db.query('update job set lease_until = null')
  stopped.jobs.start()
  expect((await ended(stopped, stopped.one, file)).status).toBe('completed')
  await expectWhole(stopped, file)
  expect(await stopped.records.db.query(`select 1 from chunk where text like 'older%'`)).toEqual([])
})
