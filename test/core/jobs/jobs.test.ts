import { afterAll, beforeAll, expect, test } from 'bun:test'
import { newId } from '../../../src/core/id.ts'
import {
  cancelJob,
  cancelJobs,
  claimJobs,
  countJobs,
  finishJob,
  insertJobs,
  type Job,
  type JobKind,
  type NewJob,
  releaseJobs,
  renewJobs,
  retryJob,
  takeOverJobs,
} from '../../../src/core/jobs/jobs.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp({ slots: 0 })
}, OPEN_MS)
afterAll(() => app.close())

const [one, two] = [newId(), newId()]
const newJob = (fields: Partial<NewJob> = {}): NewJob => ({
  ...{ kind: 'ingest_document', tenantId: newId(), subject: newId(), payload: { storeId: newId() } },
  ...fields,
})
/** Inserted, with a due time before everything that is there. */
async function insert(...jobs: NewJob[]): Promise<NewJob[]> {
  await insertJobs(app.db, app.clock.now(), jobs)
  return jobs
}
const claim = (workerId: string, more: { limit?: number; kinds?: JobKind[]; leaseMs?: number; after?: string } = {}): Promise<Job[]> =>
  claimJobs(app, { workerId, leaseMs: 60_000, limit: 10, ...more })
async function claimOne(workerId: string, subject: string): Promise<Job> {
  const claimed = await claim(workerId)
  const found = claimed.find((job) => job.subject === subject)
  if (!found || claimed.length !== 1) throw new Error(`Claimed ${claimed.length} jobs`)
  return found
}
interface Row {
  attempt: number
  fence: number
  worker_id: string | null
  lease_until: number | null
  run_at: number
  error: string | null
}
const rowOf = async (subject: string): Promise<Row | undefined> =>
  (
    await app.records.db.query<Row>('select attempt, fence, worker_id, lease_until, run_at, error from job where subject = $1', [subject])
  )[0]
const clear = () => app.records.db.query('delete from job')

test('a job is claimed once, with all it was given, and is gone when it is finished', async () => {
  const [given] = (await insert(newJob({ payload: { storeId: 's', list: [1, 'two'] } }))) as [NewJob]
  const [claimed, none] = [await claim(one), await claim(two)]
  expect(none).toEqual([])
  expect(claimed).toEqual([{ ...given, id: expect.any(String), attempt: 1, fence: 1, createdAt: app.clock.now() }])
  expect(await finishJob(app.db, claimed[0] as Job)).toBe(true)
  expect(await rowOf(given.subject)).toBeUndefined()
})

test('workers that claim at the same time share the jobs and never get the same one', async () => {
  await insert(...Array.from({ length: 30 }, () => newJob()))
  const workers = Array.from({ length: 10 }, () => newId())
  const claimed = (await Promise.all(workers.map((worker) => claim(worker, { limit: 4 })))).flat()
  const rest = await claim(one, { limit: 100 })
  expect(claimed.length + rest.length).toBe(30)
  expect(new Set([...claimed, ...rest].map(({ id }) => id)).size).toBe(30)
  await clear()
})

test('of one tenant those that wait longest are claimed first, and none before its time', async () => {
  const [now, tenantId] = [app.clock.now(), newId()]
  const at = (ms: number) => newJob({ tenantId, runAt: now + ms })
  const [late, early, future] = await insert(at(-1_000), at(-2_000), at(5_000))
  const subjects = async (limit: number) => (await claim(one, { limit })).map(({ subject }) => subject)
  expect(await subjects(1)).toEqual([early?.subject as string])
  expect(await subjects(9)).toEqual([late?.subject as string])
  app.clock.advance(5_000)
  expect(await subjects(9)).toEqual([future?.subject as string])
  await clear()
})

test('only jobs of the kinds asked for are claimed, however many others wait', async () => {
  await insert(...Array.from({ length: 50 }, () => newJob({ runAt: app.clock.now() - 1_000 })))
  const [removal] = await insert(newJob({ kind: 'remove_store' }))
  const claimed = await claim(one, { kinds: ['remove_document', 'remove_store'] })
  expect(claimed.map(({ subject }) => subject)).toEqual([removal?.subject as string])
  expect(await countJobs(app, 'ingest_document', 1_000)).toBe(50)
  expect(await countJobs(app, 'ingest_document', 20)).toBe(20)
  await clear()
})

test('a job whose worker died is claimed again when the lease is over: charged, and out of reach of the dead', async () => {
  const [given] = (await insert(newJob())) as [NewJob]
  const first = (await claim(one, { leaseMs: 1 }))[0] as Job
  await Bun.sleep(5)
  const second = await claimOne(two, given.subject)
  expect([second.attempt, second.fence]).toEqual([2, 2])
  expect(await finishJob(app.db, first)).toBe(false)
  expect(await retryJob(app, first, { runAt: 0, error: 'late' })).toBe(false)
  await releaseJobs(app, one, [first.id])
  expect(await rowOf(given.subject)).toMatchObject({ worker_id: two, error: null })
  expect(await finishJob(app.db, second)).toBe(true)
})

test('renewing tells a worker which jobs are still its own', async () => {
  const [kept, gone, stolen] = (await insert(newJob(), newJob(), newJob())) as [NewJob, NewJob, NewJob]
  const claimed = await claim(one)
  await cancelJob(app.db, 'ingest_document', gone.subject)
  await app.records.db.query('update job set worker_id = $2 where subject = $1', [stolen.subject, two])
  const before = (await rowOf(kept.subject))?.lease_until ?? 0
  const renewed = await renewJobs(app, { workerId: one, leaseMs: 120_000, ids: claimed.map(({ id }) => id) })
  expect(renewed).toEqual([claimed.find(({ subject }) => subject === kept.subject)?.id as string])
  expect((await rowOf(kept.subject))?.lease_until ?? 0).toBeGreaterThan(before + 30_000)
  await clear()
})

test('a job that is put off comes back at its time, charged unless said otherwise, with the reason kept', async () => {
  const [given] = (await insert(newJob())) as [NewJob]
  const runAt = app.clock.now() + 1_000
  expect(await retryJob(app, await claimOne(one, given.subject), { runAt, error: 'because\u0000 of this' })).toBe(true)
  expect(await rowOf(given.subject)).toMatchObject({
    attempt: 1,
    worker_id: null,
    lease_until: null,
    run_at: runAt,
    error: 'because\ufffd of this',
  })
  expect(await claim(one)).toEqual([])
  app.clock.advance(1_000)
  const again = await claimOne(one, given.subject)
  expect(again.attempt).toBe(2)
  await retryJob(app, again, { runAt: app.clock.now(), error: 'x', charged: false, payload: { noted: 1 } })
  expect(await claimOne(one, given.subject)).toMatchObject({ attempt: 2, payload: { noted: 1 } })
  await clear()
})

test('released jobs can be had at once by the next worker, are not charged, and take nothing from the first one any more', async () => {
  const [given] = (await insert(newJob())) as [NewJob]
  const first = await claimOne(one, given.subject)
  await releaseJobs(app, one, [first.id])
  expect(await finishJob(app.db, first)).toBe(false)
  const second = await claimOne(two, given.subject)
  expect(second.attempt).toBe(1)
  await clear()
})

test('a job asked for again while it waits is there once, and with the newer payload', async () => {
  const [given] = (await insert(newJob())) as [NewJob]
  await insert({ ...given, payload: { storeId: 'newer' } }, { ...given, payload: { storeId: 'newest' } })
  expect(await claimOne(one, given.subject)).toMatchObject({ attempt: 1, payload: { storeId: 'newest' } })
  await clear()
})

test('a job asked for again while it is done is done again, not before its worker let go of it', async () => {
  const [given] = (await insert(newJob())) as [NewJob]
  const first = await claimOne(one, given.subject)
  await insert(given)
  expect(await claim(two)).toEqual([])
  expect(await finishJob(app.db, first)).toBe(false)
  await releaseJobs(app, one, [first.id])
  expect(await finishJob(app.db, await claimOne(two, given.subject))).toBe(true)
})

test('a removal waits for the latest of those who asked for it, other jobs for the first', async () => {
  const now = app.clock.now()
  const removal = newJob({ kind: 'remove_document', runAt: now + 5_000 })
  const attributes = newJob({ kind: 'set_attributes', runAt: now + 5_000 })
  await insert(removal, attributes)
  await insert({ ...removal, runAt: now }, { ...attributes, runAt: now })
  expect([(await rowOf(removal.subject))?.run_at, (await rowOf(attributes.subject))?.run_at]).toEqual([now + 5_000, now])
  await clear()
})

test('cancelling tells which jobs had been begun, leaves other kinds, and takes the end from who is at work', async () => {
  const waiting = newJob()
  const begun = newJob({ tenantId: waiting.tenantId, runAt: app.clock.now() - 1 })
  await insert(waiting, begun, { ...begun, kind: 'remove_document' })
  const [claimed] = (await claim(one, { limit: 1, kinds: ['ingest_document'] })) as [Job]
  expect(claimed.subject).toBe(begun.subject)
  expect(await cancelJobs(app.db, 'ingest_document', [waiting.subject, begun.subject, newId()])).toEqual([begun.subject])
  expect(await finishJob(app.db, claimed)).toBe(false)
  expect((await claim(one)).map(({ kind }) => kind)).toEqual(['remove_document'])
  await clear()
})

test('what rolls back leaves its jobs as they were', async () => {
  const [given] = (await insert(newJob())) as [NewJob]
  const claimed = await claimOne(one, given.subject)
  const other = newJob()
  const broken = app.db.transaction(async (db) => {
    await insertJobs(db, app.clock.now(), [other])
    expect(await finishJob(db, claimed)).toBe(true)
    throw new Error('no')
  })
  expect(broken).rejects.toThrow('no')
  await broken.catch(() => undefined)
  expect([await rowOf(given.subject), await rowOf(other.subject)]).toMatchObject([{ fence: 1 }, undefined])
  await clear()
})

test('where nobody else can be at work, what a dead server had is due at once and charged', async () => {
  const [given] = (await insert(newJob())) as [NewJob]
  await claimOne(one, given.subject)
  expect(await claim(two)).toEqual([])
  await takeOverJobs(app)
  expect((await claimOne(two, given.subject)).attempt).toBe(2)
  await clear()
})
