import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import type { StoreFile } from '../../src/core/vector-stores/store-files.ts'
import { getStoreFile } from '../../src/core/vector-stores/store-files.ts'
import { deleteStore, getStore } from '../../src/core/vector-stores/stores.ts'
import { OPEN_MS, openTestApp, type TestApp, type TestAppOptions } from '../support/app.ts'
import { type EmbeddingServer, startEmbeddingServer } from '../support/embedding-server.ts'
import { eventually } from '../support/eventually.ts'
import { attach, chunkIdsOf, ended, jobsOf, newStore } from '../support/ingesting.ts'

/** Does no jobs: tests look through it. */
let app: TestApp
let embedder: EmbeddingServer
beforeAll(async () => {
  embedder = startEmbeddingServer()
  app = await openTestApp({ slots: 0, shared: true, ...embedder.options })
}, OPEN_MS)
afterAll(async () => {
  await app.close()
  await embedder.stop()
})

const workers: TestApp[] = []
async function newWorker(jobs: TestAppOptions['jobs'] = true): Promise<TestApp> {
  const made = await app.replica({ jobs })
  workers.push(made)
  return made
}
let letGo: () => void = () => undefined
function holdEmbeddings(): void {
  letGo = embedder.hold()
}
/** No test's worker takes a job of the next test. */
afterEach(async () => {
  letGo()
  for (const worker of workers.splice(0)) if (!worker.db.dead) await worker.jobs.stop(0)
  await app.records.db.query('delete from job')
  embedder.texts.length = 0
})

const until = (holds: () => boolean | Promise<boolean>) => eventually(async () => ((await holds()) ? true : undefined))
const embedding = (n = 1) => until(() => embedder.texts.length >= n)
interface Row {
  attempt: number
  fence: number
  worker_id: string | null
  lease_until: number | null
}
async function rowOf({ documentId }: StoreFile): Promise<Row | undefined> {
  const columns = 'attempt, fence, worker_id, lease_until'
  return (await app.records.db.query<Row>(`select ${columns} from job where subject = $1 and kind = 'ingest_document'`, [documentId]))[0]
}
const points = ({ storeId, documentId }: StoreFile): Promise<string[]> =>
  app.vectors.pointIds({ tenantId: app.one.tenantId, storeId, documentId }, 100)

test('a document added in a process without places is ingested elsewhere at once, without polling', async () => {
  await newWorker()
  const file = await attach(app, app.one)
  expect((await ended(app, app.one, file)).status).toBe('completed')
  expect(await jobsOf(app, file.documentId)).toEqual([])
})

test('more documents than places are ingested one after another, none is left', async () => {
  await newWorker({ slots: 1 })
  const storeId = await newStore(app, app.one)
  for (let n = 0; n < 5; n++) await attach(app, app.one, { storeId, content: `note ${n}` })
  await until(async () => (await getStore(app, app.one, storeId)).counts.completed === 5)
})

/** From now on the subjects of claimed jobs are kept, in their order. */
async function watchClaims(): Promise<() => Promise<string[]>> {
  const { db } = app.records
  await db.query('create table if not exists claimed (n int generated always as identity, subject uuid)')
  await db.query('truncate claimed')
  await db.query(`create or replace function keep_claim() returns trigger language plpgsql as
    'begin insert into claimed (subject) values (new.subject); return new; end'`)
  await db.query(`create or replace trigger keep_claim after update on job for each row
    when (new.worker_id is not null and new.attempt > old.attempt) execute function keep_claim()`)
  return async () => (await db.query<{ subject: string }>('select subject from claimed order by n')).map(({ subject }) => subject)
}

for (const slots of [1, 2])
  test(`places: ${slots}; the one document of a tenant does not wait for the many of others`, async () => {
    const claimed = await watchClaims()
    for (const caller of [app.one, app.two]) {
      const storeId = await newStore(app, caller)
      for (let n = 0; n < 6; n++) await attach(app, caller, { storeId })
    }
    holdEmbeddings()
    await newWorker({ slots })
    await embedding(slots)
    const other = await app.newTenant()
    const file = await attach(app, other)
    letGo()
    expect((await ended(app, other, file)).status).toBe('completed')
    // Those that were at work, and one turn of each of the others.
    expect((await claimed()).indexOf(file.documentId)).toBeWithin(slots, slots + 3)
  })

test('a removal is done while many documents wait for the few places there are', async () => {
  const worker = await newWorker({ slots: 1 })
  const done = await attach(app, app.one)
  await ended(app, app.one, done)
  holdEmbeddings()
  const storeId = await newStore(app, app.one)
  for (let n = 0; n < 10; n++) await attach(app, app.one, { storeId })
  await until(() => worker.jobs.busy === 1)
  await deleteStore(app, app.one, done.storeId)
  await until(async () => (await jobsOf(app, done.storeId)).length === 0)
  expect([await chunkIdsOf(app, done), worker.jobs.busy]).toEqual([[], 1])
})

test('a process without places for documents removes all the same', async () => {
  const other = await newWorker()
  const done = await attach(app, app.one)
  await ended(app, app.one, done)
  await other.jobs.stop(0)
  const worker = await newWorker({ slots: 0 })
  const waiting = await attach(app, app.one)
  await deleteStore(app, app.one, done.storeId)
  await until(async () => (await chunkIdsOf(app, done)).length === 0)
  await until(() => worker.jobs.busy === 0)
  expect((await rowOf(waiting))?.attempt).toBe(0)
})

test('a long backlog is told to the log, a short one is not', async () => {
  const worker = await newWorker({ slots: 1, tellMs: 5 })
  holdEmbeddings()
  await attach(app, app.one)
  await embedding()
  expect(worker.log.count('ingest.backlog')).toBe(0)
  await attach(app, app.one)
  await attach(app, app.one)
  const told = () => worker.log.entries.findLast(({ event }) => event === 'ingest.backlog')?.fields
  await until(() => Bun.deepEquals(told(), { waiting: 2 }))
})

test('documents at work when the drain time is over are released: the next worker begins at once, and no attempt is charged', async () => {
  const leaving = await newWorker()
  holdEmbeddings()
  const file = await attach(app, app.one)
  await embedding()
  await leaving.jobs.stop(0)
  expect(await rowOf(file)).toMatchObject({ attempt: 0, worker_id: null, lease_until: null })
  letGo()
  await newWorker()
  expect((await ended(app, app.one, file)).status).toBe('completed')
})

test('a document that was claimed in the moment of the shutdown is released', async () => {
  const file = await attach(app, app.one)
  const leaving = await newWorker(false)
  // The first look for jobs, and the sweep that begins beside it.
  const pauses = [leaving.db.pauseNext('hot', 'after'), leaving.db.pauseNext('hot', 'after')]
  leaving.jobs.start()
  await Promise.all(pauses.map(({ reached }) => reached))
  expect((await rowOf(file))?.attempt).toBe(1)
  holdEmbeddings()
  const stopped = leaving.jobs.stop(0)
  for (const pause of pauses) pause.release()
  await stopped
  expect(await rowOf(file)).toMatchObject({ attempt: 0, worker_id: null })
})

test('processes that ingest together do each document once', async () => {
  const both = [await newWorker({ slots: 3 }), await newWorker({ slots: 3 })]
  const storeId = await newStore(app, app.one)
  for (let n = 0; n < 20; n++) await attach(app, app.one, { storeId, content: `note ${n}` })
  await until(async () => (await getStore(app, app.one, storeId)).counts.completed === 20)
  expect(embedder.texts).toHaveLength(20)
  expect(both.map(({ log }) => log.count('ingest.done') > 0)).toEqual([true, true])
})

test('the drain lets a document end that needs only a moment, and begins no other', async () => {
  const leaving = await newWorker({ slots: 1 })
  holdEmbeddings()
  const [first, second] = [await attach(app, app.one), await attach(app, app.one)]
  await embedding()
  const stopped = leaving.jobs.stop(5_000)
  expect(leaving.jobs.health()).toBe('the job worker is stopping')
  letGo()
  await stopped
  expect((await getStoreFile(app, app.one, first)).status).toBe('completed')
  expect(await rowOf(second)).toMatchObject({ attempt: 0, worker_id: null })
})

test('the lease of a long ingestion is renewed, so that nobody takes it', async () => {
  const options = { leaseMs: 600, pollMs: 50 }
  await newWorker(options)
  holdEmbeddings()
  const file = await attach(app, app.one)
  await embedding()
  await newWorker(options)
  const first = (await rowOf(file))?.lease_until ?? 0
  await until(async () => ((await rowOf(file))?.lease_until ?? 0) > first + 1_200)
  expect(await rowOf(file)).toMatchObject({ attempt: 1, fence: 1 })
  letGo()
  expect((await ended(app, app.one, file)).status).toBe('completed')
})

test('a worker that lost its lease stops, and commits nothing', async () => {
  const worker = await newWorker({ leaseMs: 600 })
  holdEmbeddings()
  const file = await attach(app, app.one)
  await embedding()
  const stolen = `update job set worker_id = $2, fence = fence + 1, lease_until = now() + interval '1 hour' where subject = $1`
  await app.records.db.query(stolen, [file.documentId, app.jobs.id])
  await until(() => worker.jobs.busy === 0)
  expect([(await getStoreFile(app, app.one, file)).status, await chunkIdsOf(app, file), await points(file)]).toEqual([
    'in_progress',
    [],
    [],
  ])
  expect(await rowOf(file)).toMatchObject({ worker_id: app.jobs.id })
})

test('a process that stood still for longer than its lease, and gets its own job again, ends it once', async () => {
  const worker = await newWorker()
  holdEmbeddings()
  const file = await attach(app, app.one)
  await embedding()
  await app.records.db.query('update job set lease_until = null where subject = $1', [file.documentId])
  worker.jobs.wake()
  await embedding(2)
  letGo()
  expect((await ended(app, app.one, file)).status).toBe('completed')
  await until(() => worker.jobs.busy === 0)
  expect([await points(file), await jobsOf(app, file.documentId)]).toEqual([await chunkIdsOf(app, file), []])
})

test('the document of a dead worker is taken over when its lease is over, and completed', async () => {
  const dying = await newWorker({ leaseMs: 300 })
  holdEmbeddings()
  const file = await attach(app, app.one)
  await embedding()
  dying.die()
  letGo()
  await newWorker({ pollMs: 50 })
  expect((await ended(app, app.one, file)).status).toBe('completed')
  expect([(await chunkIdsOf(app, file)).length, await points(file)]).toEqual([1, await chunkIdsOf(app, file)])
})

test('a document whose workers died each time fails, and says that it was interrupted', async () => {
  const file = await attach(app, app.one)
  await app.records.db.query('update job set attempt = 3, fence = 3 where subject = $1', [file.documentId])
  await newWorker({ attemptsMax: 3 })
  const { status, error } = await ended(app, app.one, file)
  expect([status, error?.code, error?.message]).toEqual(['failed', 'server_error', expect.stringContaining('interrupted 3 times')])
  expect(embedder.texts).toEqual([])
})

test('a document that is taken away in the middle leaves no chunk and no vector', async () => {
  const worker = await newWorker({ leaseMs: 600 })
  holdEmbeddings()
  const file = await attach(app, app.one)
  await embedding()
  await deleteStore(app, app.one, file.storeId)
  letGo()
  await until(() => worker.jobs.busy === 0)
  app.clock.advance(15_000)
  worker.jobs.wake()
  await until(async () => (await jobsOf(app, file.storeId)).length === 0)
  expect([await chunkIdsOf(app, file), await points(file)]).toEqual([[], []])
})

for (const side of ['before', 'after'] as const)
  test(`an end whose answer is lost ${side} the commit is noted once`, async () => {
    const worker = await newWorker()
    holdEmbeddings()
    const file = await attach(app, app.one)
    await embedding()
    worker.db.failNext('transaction', side)
    letGo()
    await until(() => worker.jobs.busy === 0)
    app.clock.advance(60_000)
    worker.jobs.wake()
    expect((await ended(app, app.one, file)).status).toBe('completed')
    expect([await points(file), await jobsOf(app, file.documentId)]).toEqual([await chunkIdsOf(app, file), []])
  })

test('an attempt whose end cannot be noted is noted when the database answers again', async () => {
  const worker = await newWorker()
  holdEmbeddings()
  const file = await attach(app, app.one)
  await embedding()
  embedder.replies.push({ status: 429, error: { message: 'slow down' } })
  worker.db.failNext(/^update job set run_at/, 'before')
  letGo()
  await until(() => worker.log.count('jobs.note_failed') > 0)
  await until(() => worker.jobs.busy === 0)
  expect(await rowOf(file)).toMatchObject({ worker_id: null, attempt: 0 })
})

test('an attempt in which nothing happens is over after a while, whatever it waits for, and the document fails in the end', async () => {
  const worker = await newWorker({ leaseMs: 60, stuckMs: 100 })
  holdEmbeddings()
  const file = await attach(app, app.one)
  for (let attempt = 1; attempt < 3; attempt++) {
    await until(async () => {
      const row = await rowOf(file)
      return row?.attempt === attempt && row.worker_id === null
    })
    app.clock.advance(60_000)
    worker.jobs.wake()
  }
  const { status, error } = await ended(app, app.one, file)
  expect([status, error]).toEqual(['failed', { code: 'server_error', message: 'The work stood still for 0 minutes.' }])
  await until(() => worker.jobs.busy === 0)
})

test('a worker is healthy once it has looked for jobs, and not before', async () => {
  expect(app.jobs.health()).toBe('the job worker has not looked for jobs yet')
  const worker = await newWorker()
  await until(() => worker.jobs.health() === null)
})
