import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { cancelRun } from '../../src/core/runs/stop.ts'
import { OPEN_MS, openTestApp, type TestApp, type TestAppOptions } from '../support/app.ts'
import { currentRun, isText, type Started, saysThenHangs, sketch, startRun, storyOf, until, untilEvent } from '../support/runs.ts'

/** Executes nothing: tests look through it. */
let app: TestApp
beforeAll(async () => {
  app = await openTestApp({ shared: true, slots: 0 })
}, OPEN_MS)
afterAll(() => app.close())

const workers: TestApp[] = []
async function newWorker(options: TestAppOptions = {}): Promise<TestApp> {
  const made = await app.replica({ slots: 2, ...options })
  workers.push(made)
  return made
}
/** No test's worker takes a run of the next test. */
afterEach(async () => {
  for (const { worker } of workers.splice(0)) await worker.stop(0)
})

const story = (started: Started) => storyOf(app, { caller: started.caller, run: started.run })
interface Lease {
  status: string
  attempt: number
  fence: number
  worker_id: string | null
  lease_until: number | null
}
async function leaseOf(started: Started): Promise<Lease> {
  const rows = await app.records.db.query<Lease>('select status, attempt, fence, worker_id, lease_until from run where id = $1', [
    started.run.id,
  ])
  if (!rows[0]) throw new Error('no such run')
  return rows[0]
}
const cancel = (by: TestApp, { caller, threadId, run }: Started) => cancelRun(by, caller, { threadId, id: run.id })

test('a run created in a process that executes none starts elsewhere at once, without polling', async () => {
  await newWorker()
  const started = await startRun(app, { turns: [{ text: ['x'] }] })
  expect(sketch(await story(started))).toEqual([
    'run queued',
    'run running',
    'step message',
    'text x',
    'message_end',
    'step_end completed',
    'run completed',
  ])
})

test('more runs than places wait in line, and each starts when a place is free', async () => {
  const single = await newWorker({ slots: 1 })
  const started: Started[] = []
  for (let i = 0; i < 4; i++) started.push(await startRun(single, { turns: [{ text: ['x'] }] }))
  for (const run of started) expect(sketch(await story(run)).at(-1)).toBe('run completed')
  expect(single.worker.busy).toBe(0)
})

test('runs at work when the drain time is over are handed back: the next worker takes them at once, and no attempt is charged', async () => {
  const leaving = await newWorker()
  const started = await startRun(leaving, { turns: saysThenHangs('half ') })
  await untilEvent(app, started, isText('half '))
  await leaving.worker.stop(0)
  expect(await leaseOf(started)).toMatchObject({ status: 'queued', attempt: 1, worker_id: null, lease_until: null })
  app.models.rescript(started.model, [{ text: ['whole'] }])
  await newWorker()
  const lines = sketch(await story(started))
  expect(lines.slice(3)).toEqual([
    'text half ',
    'message_end run_failed',
    'step_end failed',
    'restart 1',
    'step message',
    'text whole',
    'message_end',
    'step_end completed',
    'run completed',
  ])
  expect((await leaseOf(started)).attempt).toBe(1)
})

test('a run that was asked to stop before the shutdown is cancelled by the next worker', async () => {
  const leaving = await newWorker()
  const started = await startRun(leaving, { turns: saysThenHangs('half ') })
  await untilEvent(app, started, isText('half '))
  await app.records.db.query(`update run set status = 'cancelling' where id = $1`, [started.run.id])
  await leaving.worker.stop(0)
  expect((await leaseOf(started)).status).toBe('cancelling')
  await newWorker()
  expect(sketch(await story(started)).at(-1)).toBe('run cancelled')
})

test('a run that was claimed in the moment of the shutdown is handed back', async () => {
  const leaving = await newWorker()
  await story(await startRun(app)) // so that its first look is over
  const pause = leaving.db.pauseNext('hot', 'after')
  const started = await startRun(app, { turns: saysThenHangs('half ') })
  await pause.reached
  expect((await leaseOf(started)).status).toBe('running')
  const stopped = leaving.worker.stop(0)
  pause.release()
  await stopped
  expect(await leaseOf(started)).toMatchObject({ status: 'queued', attempt: 1, worker_id: null })
  app.models.rescript(started.model, [{ text: ['whole'] }])
  await newWorker()
  expect(sketch(await story(started)).at(-1)).toBe('run completed')
})

test('the drain lets a run end that needs only a moment, and takes no new one', async () => {
  const leaving = await newWorker()
  const gate = Promise.withResolvers<void>()
  const started = await startRun(leaving, { turns: [{ text: ['x'] }], gate: gate.promise })
  await until(() => app.models.requestsTo(started.model).length === 1)
  const stopped = leaving.worker.stop(4_000)
  expect(leaving.worker.reserve()).toBeUndefined()
  expect(leaving.worker.health()).toBe('the worker is stopping')
  gate.resolve()
  await stopped
  expect((await currentRun(app, started)).status).toBe('completed')
  expect(sketch(await story(started)).some((line) => line.startsWith('restart'))).toBe(false)
})

test('a run is cancelled from another process at once', async () => {
  const worker = await newWorker()
  const started = await startRun(worker, { turns: saysThenHangs('half ') })
  await untilEvent(app, started, isText('half '))
  expect((await cancel(app, started)).status).toBe('cancelling')
  expect(sketch(await story(started)).slice(-4)).toEqual([
    'run cancelling',
    'message_end run_cancelled',
    'step_end cancelled',
    'run cancelled',
  ])
})

test('the lease of a long run is renewed, so that nobody takes it', async () => {
  const worker = await newWorker({ leaseMs: 600 })
  const started = await startRun(worker, { turns: saysThenHangs('half ') })
  const first = (await leaseOf(started)).lease_until ?? 0
  // Two leases later it has been renewed at least three times.
  await until(async () => ((await leaseOf(started)).lease_until ?? 0) > first + 1_200)
  const other = await newWorker()
  other.worker.wake()
  await cancel(app, started)
  expect(sketch(await story(started)).some((line) => line.startsWith('restart'))).toBe(false)
  expect((await leaseOf(started)).fence).toBe(1)
})

test('a cancellation whose signal was lost is found when the lease is renewed', async () => {
  const worker = await newWorker({ leaseMs: 600 })
  const started = await startRun(worker, { turns: saysThenHangs('half ') })
  await untilEvent(app, started, isText('half '))
  await app.records.db.query(`update run set status = 'cancelling' where id = $1`, [started.run.id])
  expect(sketch(await story(started)).at(-1)).toBe('run cancelled')
})

test('a worker stops working on a run that is no longer its own', async () => {
  const worker = await newWorker({ leaseMs: 600 })
  const started = await startRun(worker, { turns: saysThenHangs('half ') })
  await untilEvent(app, started, isText('half '))
  await app.records.db.query(`update run set worker_id = $2, fence = fence + 1, lease_until = now() + interval '1 hour' where id = $1`, [
    started.run.id,
    app.worker.id,
  ])
  await until(() => worker.worker.busy === 0)
  expect((await leaseOf(started)).status).toBe('running')
})

test('a worker is healthy once it has looked for runs', async () => {
  const worker = await newWorker({ slots: 1 })
  await until(() => worker.worker.health() === null)
})
