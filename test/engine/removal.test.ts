import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Caller } from '../../src/core/caller.ts'
import { deleteFile } from '../../src/core/files/removal.ts'
import { insertJobs } from '../../src/core/jobs/jobs.ts'
import { changeAttributes } from '../../src/core/vector-stores/file-attributes.ts'
import { removeStoreFile, type StoreFile } from '../../src/core/vector-stores/store-files.ts'
import { deleteStore } from '../../src/core/vector-stores/stores.ts'
import { JobWorker } from '../../src/engine/jobs.ts'
import { sweep } from '../../src/engine/reaper.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import { type BrokenVectors, brokenVectors } from '../support/broken-vectors.ts'
import { eventually } from '../support/eventually.ts'
import { attach, chunkIdsOf, ended, jobsOf, newStore } from '../support/ingesting.ts'

let app: TestApp
let caller: Caller
beforeAll(async () => {
  app = await openTestApp({ slots: 0, jobs: true })
  caller = app.one
}, OPEN_MS)
afterAll(() => app.close())

async function ingested(storeId?: string): Promise<StoreFile> {
  const file = await attach(app, caller, { content: 'Blue whales sing.', ...(storeId ? { storeId } : {}) })
  expect((await ended(app, caller, file)).status).toBe('completed')
  return file
}
const points = ({ storeId, documentId }: StoreFile) => app.vectors.pointIds({ tenantId: caller.tenantId, storeId, documentId }, 100)
const sizes = async (file: StoreFile): Promise<[number, number]> => [(await chunkIdsOf(app, file)).length, (await points(file)).length]
const gone = (subject: string) => eventually(async () => ((await jobsOf(app, subject)).length === 0 ? true : undefined))

/** What ends a document that was ingested, with the subject of the job that removes it. */
const ENDS: Record<string, (file: StoreFile) => Promise<string>> = {
  'a file that is taken out of its store': async (file) => {
    await removeStoreFile(app, caller, { storeId: file.storeId, fileId: file.fileId })
    return file.documentId
  },
  'a file that is deleted': async (file) => {
    await deleteFile(app, caller, file.fileId)
    return file.documentId
  },
  'a store that is deleted': async (file) => {
    await deleteStore(app, caller, file.storeId)
    return file.storeId
  },
}
for (const [what, take] of Object.entries(ENDS))
  test(`${what} loses its vectors and chunks, others keep theirs`, async () => {
    const [file, other] = [await ingested(), await ingested()]
    expect(await sizes(file)).toEqual([1, 1])
    await gone(await take(file))
    expect([await sizes(file), await sizes(other)]).toEqual([
      [0, 0],
      [1, 1],
    ])
  })

test('deleting a store leaves the files of other stores in it', async () => {
  const [first, second] = [await newStore(app, caller), await newStore(app, caller)]
  const [one, two] = [await ingested(first), await ingested(second)]
  await deleteStore(app, caller, first)
  await gone(first)
  expect([await sizes(one), await sizes(two)]).toEqual([
    [0, 0],
    [1, 1],
  ])
})

/** A worker that cannot write to the vectors, on an app whose own worker does nothing meanwhile. */
async function withBroken(
  work: (own: TestApp, broken: BrokenVectors, worker: JobWorker) => Promise<void>,
  ...methods: Parameters<typeof brokenVectors> extends [unknown, ...infer M] ? M : never
) {
  await app.jobs.stop(0)
  const broken = brokenVectors(app.vectors, ...methods)
  const worker = new JobWorker(
    { ...app, vectors: broken.vectors },
    { slots: 0, leaseMs: 15_000, pollMs: 3_600_000, attemptsMax: 3, sweepMs: 3_600_000 },
  )
  worker.start()
  try {
    await work(app, broken, worker)
  } finally {
    await worker.stop(0)
    await app.close()
    app = await openTestApp({ slots: 0, jobs: true })
    caller = app.one
  }
}
const waiting = (subject: string, attempt: number) =>
  eventually(async () => {
    const rows = await app.records.db.query<{ run_at: number; error: string | null }>(
      'select run_at, error from job where subject = $1 and attempt = $2 and worker_id is null',
      [subject, attempt],
    )
    return rows[0]
  })

test('a removal that fails is tried again for ever, after 1, 2, 4 ... 300 s; chunks stay until the vectors are gone', async () => {
  const file = await ingested()
  await withBroken(async (own, broken, worker) => {
    await removeStoreFile(own, caller, { storeId: file.storeId, fileId: file.fileId })
    const waits: number[] = []
    worker.wake()
    for (let attempt = 1; attempt <= 11; attempt++) {
      const { run_at, error } = await waiting(file.documentId, attempt)
      expect(error).toContain('Nobody answers.')
      waits.push(run_at - own.clock.now())
      own.clock.advance(run_at - own.clock.now())
      if (attempt === 11) broken.heal()
      worker.wake()
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300].map((s) => s * 1_000))
    await gone(file.documentId)
    expect([await sizes(file), broken.calls(), own.log.count('job.failed')]).toEqual([[0, 0], 11, 11])
  }, 'removeDocument')
})

test('attributes that changed are told to the vectors, also when their request could not', async () => {
  const file = await ingested()
  await changeAttributes(app, caller, { storeId: file.storeId, fileId: file.fileId, attributes: { year: 2026 } })
  app.clock.advance(60_000)
  app.jobs.wake()
  await gone(file.documentId)
  const answer = await app.models.embed({ model: app.limits.embeddingModel, input: 'whales' }, AbortSignal.timeout(5_000))
  const [{ embedding }] = answer.data as [{ embedding: number[] }]
  const search = { tenantId: caller.tenantId, storeIds: [file.storeId], vector: Float32Array.from(embedding), limit: 3 }
  const found = async (year: number) => (await app.vectors.search({ ...search, filter: { type: 'eq', key: 'year', value: year } })).length
  expect([await found(2026), await found(2025)]).toEqual([1, 0])
})

test('a job for attributes of a document that is being ingested is put off, not lost', async () => {
  const by = await openTestApp({ slots: 0, jobs: { slots: 0 } })
  const file = await attach(by, by.one)
  const { tenantId } = by.one
  const job = { kind: 'set_attributes' as const, tenantId, subject: file.documentId, payload: { storeId: file.storeId } }
  await insertJobs(by.db, by.clock.now(), [job])
  by.jobs.wake()
  await eventually(async () => {
    const rows = await by.records.db.query(
      `select 1 from job where kind = 'set_attributes' and fence > 0 and worker_id is null and attempt = 0`,
    )
    return rows.length > 0 ? true : undefined
  })
  await by.close()
})

test('the sweep removes what expired and what nobody owns: files, their contents, and what stores made of them', async () => {
  const file = await ingested(await newStore(app, caller, { expiresDays: 1 }))
  const objects = async () =>
    (
      await app.records.db.query<{ id: string }>(`select o.id from file_object o join file f on f.object_id = o.id where f.id = $1`, [
        file.fileId,
      ])
    )[0]
  const object = await objects()
  const key = { tenantId: caller.tenantId, id: object?.id ?? '' }
  expect(await app.files.size(key)).toBeGreaterThan(0)
  app.clock.advance(86_400_001)
  await sweep(app, () => false)
  await gone(file.storeId)
  expect([await sizes(file), await app.files.size(key)]).toEqual([[0, 0], 17])
  await deleteFile(app, caller, file.fileId)
  await sweep(app, () => false)
  await expect(app.files.size(key)).rejects.toMatchObject({ code: 'not_found' })
  expect(await app.records.db.query('select 1 from file_object where id = $1', [key.id])).toEqual([])
})

test('a part of the sweep that fails does not keep the others from theirs', async () => {
  const storeId = await newStore(app, caller, { expiresDays: 1 })
  await ingested(storeId)
  app.clock.advance(86_400_001)
  app.db.failNext('transaction', 'before')
  await sweep(app, () => false)
  expect(app.log.entries.filter(({ event }) => event === 'sweep.failed').map(({ fields }) => (fields as { part: string }).part)).toEqual([
    'expireFiles',
  ])
  await gone(storeId)
  expect(await app.records.db.query('select 1 from vector_store where id = $1 and emptied_at is not null', [storeId])).toHaveLength(1)
})
