import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { newId } from '../../../src/core/id.ts'
import { claimJobs, finishJob, insertJobs, type Job, type NewJob, releaseJobs, retryJob } from '../../../src/core/jobs/jobs.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'

/** Whose turn it is, where jobs of several tenants wait. */
let app: TestApp
beforeAll(async () => {
  app = await openTestApp({ slots: 0 })
}, OPEN_MS)
afterAll(() => app.close())
afterEach(() => app.records.db.query('delete from job'))

const worker = newId()
/** In the order of their ids, which is the order of turns. */
const [A, B, C] = [newId(), newId(), newId()]

/** Inserts jobs of a tenant, the first the oldest, all due; answers their subjects. */
async function queue(tenantId: string, count: number, more: Partial<NewJob> = {}): Promise<string[]> {
  const now = app.clock.now()
  const jobs = Array.from({ length: count }, (_, n) => ({
    ...{ kind: 'ingest_document' as const, tenantId, subject: newId(), payload: {}, runAt: now - 60_000 + n },
    ...more,
  }))
  await insertJobs(app.db, now, jobs)
  return jobs.map(({ subject }) => subject)
}
const claim = (limit: number, more: { after?: string | undefined; workerId?: string; leaseMs?: number } = {}): Promise<Job[]> => {
  const { after, ...rest } = more
  return claimJobs(app, { workerId: worker, leaseMs: 60_000, limit, kinds: ['ingest_document'], ...rest, ...(after ? { after } : {}) })
}
const tenantsOf = (jobs: readonly Job[]): string[] => jobs.map(({ tenantId }) => tenantId)
const finish = (job: Job) => finishJob(app.db, job)

/** As a worker with one place: claims, ends the job, claims again. Answers the tenants in the order they were served. */
async function serve(times: number, from?: string): Promise<string[]> {
  const served: string[] = []
  for (let n = 0; n < times; n++) {
    const [job] = await claim(1, { after: served.at(-1) ?? from })
    if (!job) break
    await finish(job)
    served.push(job.tenantId)
  }
  return served
}

test('one place: a document waits for one job of each other tenant, however many those have waiting for longer', async () => {
  await queue(A, 500)
  await queue(B, 500)
  expect(await serve(2)).toEqual([A, B])
  await queue(C, 1, { runAt: app.clock.now() })
  expect(await serve(5, B)).toEqual([C, A, B, A, B])
})

test('several places: who has nothing at work goes before who has, and then those with the least', async () => {
  await queue(A, 100)
  expect(tenantsOf(await claim(3))).toEqual([A, A, A])
  await queue(B, 100)
  expect(tenantsOf(await claim(1, { after: B }))).toEqual([B])
  await queue(C, 1)
  expect(tenantsOf(await claim(1, { after: C }))).toEqual([C])
  expect(tenantsOf(await claim(2, { after: C }))).toEqual([B, B])
  expect(tenantsOf(await claim(4, { after: C }))).toEqual([A, B, A, B])
})

test('a claim of several jobs takes one of each tenant, then the second of each', async () => {
  const [a, , c] = [await queue(A, 50), await queue(B, 1), await queue(C, 50)]
  const claimed = await claim(7)
  expect(tenantsOf(claimed)).toEqual([A, B, C, A, C, A, C])
  expect(claimed.filter(({ tenantId }) => tenantId === A).map(({ subject }) => subject)).toEqual(a.slice(0, 3))
  expect(claimed.filter(({ tenantId }) => tenantId === C).map(({ subject }) => subject)).toEqual(c.slice(0, 3))
})

test('turns go round from the tenant that was last, also if it has no jobs any more', async () => {
  await queue(A, 9)
  await queue(C, 9)
  expect(tenantsOf(await claim(1, { after: A }))).toEqual([C])
  expect(tenantsOf(await claim(1, { after: B }))).toEqual([A])
  expect(await serve(4, B)).toEqual([C, A, C, A])
})

test('jobs at work count for their own kinds only, and not when their worker died', async () => {
  await queue(A, 2)
  await claim(2)
  await queue(A, 3)
  await queue(B, 3)
  const removing = { workerId: worker, leaseMs: 60_000, limit: 4, kinds: ['remove_document', 'remove_store'] as const }
  await queue(A, 2, { kind: 'remove_store' })
  await queue(A, 2, { kind: 'remove_document', runAt: app.clock.now() })
  await queue(B, 1, { kind: 'remove_document' })
  expect((await claimJobs(app, removing)).map(({ tenantId, kind }) => `${tenantId} ${kind}`).slice(0, 2)).toEqual([
    `${A} remove_store`,
    `${B} remove_document`,
  ])
  expect(tenantsOf(await claim(1))).toEqual([B])
  await app.records.db.query(`update job set lease_until = now() - interval '1 s' where lease_until is not null`)
  expect(tenantsOf(await claim(1))).toEqual([A])
})

test('a job that is released keeps its place; one that is put off has it again at its time, and never holds up others', async () => {
  const [first, second, third] = await queue(A, 3)
  await queue(B, 2)
  const [released] = (await claim(1)) as [Job]
  await releaseJobs(app, worker, [released.id])
  const [again] = (await claim(1)) as [Job]
  expect([released.subject, again.subject]).toEqual([first as string, first as string])
  await retryJob(app, again, { runAt: app.clock.now() + 1_000, error: 'later' })
  const others = await claim(2)
  expect(others.map(({ subject, tenantId }) => (tenantId === A ? subject : B))).toEqual([second as string, B])
  await queue(A, 1, { runAt: app.clock.now() + 2_000 })
  app.clock.advance(2_000)
  for (const job of others) await finish(job)
  const left = (await claim(9)).filter(({ tenantId }) => tenantId === A).map(({ subject }) => subject)
  expect(left.slice(0, 2)).toEqual([third as string, first as string])
  expect(left.length).toBe(3)
})

test('workers that claim at the same time take different jobs, as many as they have places for', async () => {
  await queue(A, 60)
  for (const tenant of [B, C]) await queue(tenant, 10)
  const rounds = 5
  const claimed: Job[] = []
  for (let round = 0; round < rounds; round++) {
    const takes = await Promise.all(Array.from({ length: 8 }, () => claim(2, { workerId: newId() })))
    expect(takes.map(({ length }) => length)).toEqual(takes.map(() => 2))
    claimed.push(...takes.flat())
  }
  expect(new Set(claimed.map(({ id }) => id)).size).toBe(rounds * 16)
})

test('who holds a job back in a transaction keeps nobody waiting, and the next in line is taken instead', async () => {
  const [first, second] = await queue(A, 2)
  await app.db.transaction(async (db) => {
    await db.query('select 1 from job where subject = $1 for update', [first as string])
    expect((await claim(5)).map(({ subject }) => subject)).toEqual([second as string])
  })
  expect((await claim(5)).map(({ subject }) => subject)).toEqual([first as string])
})

test('no job is starved, whatever comes in meanwhile', async () => {
  const tenants = [A, B, C, ...Array.from({ length: 7 }, () => newId())]
  for (const tenant of tenants) await queue(tenant, 3)
  const oldest = new Set((await app.records.db.query<{ id: string }>('select id from job')).map(({ id }) => id))
  const working: Job[] = []
  let after: string | undefined
  for (let step = 0; step < 60 && oldest.size > 0; step++) {
    // Whoever is served at once wants more, and some jobs take much longer than others.
    const claimed = await claim(4 - working.length, { after })
    after = claimed.at(-1)?.tenantId ?? after
    for (const job of claimed) {
      oldest.delete(job.id)
      await queue(job.tenantId, 2, { runAt: app.clock.now() })
    }
    working.push(...claimed)
    const [done] = working.splice(step % 3 === 0 ? 0 : working.length - 1, 1)
    if (done) await finish(done)
  }
  expect(oldest.size).toBe(0)
})

test('a claim on a plan from an empty table reads few rows, however many jobs and tenants wait', async () => {
  await app.db.transaction(async (db) => {
    const claimHere = () => claimJobs({ ...app, db }, { workerId: worker, leaseMs: 60_000, limit: 2, kinds: ['ingest_document'], after: A })
    expect(await claimHere()).toEqual([])
    await db.query(
      `insert into job (id, tenant_id, kind, subject, payload, run_at, created_at)
      select gen_random_uuid(), case when n <= 20000 then $1::uuid else gen_random_uuid() end, 'ingest_document', gen_random_uuid(), '{}',
        to_timestamp($2::float8 / 1000.0), now() from generate_series(1, 22000) n`,
      [A, app.clock.now() - 1_000],
    )
    const read = `select (pg_stat_get_xact_tuples_returned('job'::regclass) + coalesce((select sum(pg_stat_get_xact_tuples_returned(indexrelid))
      from pg_index where indrelid = 'job'::regclass), 0))::int as n`
    const reads = async () => (await db.query<{ n: number }>(read))[0]?.n ?? 0
    const before = await reads()
    expect((await claimHere()).length).toBe(2)
    expect((await reads()) - before).toBeLessThan(1_000)
  })
})
