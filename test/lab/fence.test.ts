import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { claimRuns } from '../../src/core/runs/claims.ts'
import { appendEvents } from '../../src/core/runs/commits.ts'
import type { ClaimedRun } from '../../src/core/runs/runs.ts'
import { listSteps } from '../../src/core/runs/steps.ts'
import { openTestApp, type TestApp } from '../support/app.ts'
import {
  answer,
  callsFunctions,
  expireLease,
  isText,
  journalOf,
  saysThenHangs,
  sketch,
  startRun,
  storyOf,
  untilEvent,
} from '../support/runs.ts'
import { rowsOfRun } from './run-rows.ts'

setDefaultTimeout(30_000)

/** Claims nothing by itself: tests look through it. */
let app: TestApp
beforeAll(async () => {
  app = await openTestApp({ shared: true, slots: 0 })
})
afterAll(() => app.close())

const newWorker = (): Promise<TestApp> => app.replica({ slots: 8 })
const claimed = (db: TestApp['records']['db']): Promise<ClaimedRun[]> =>
  claimRuns({ db }, { workerId: crypto.randomUUID(), leaseMs: 60_000, limit: 8 })

/** A run that says one word, on a worker that is then frozen. */
async function frozenRun() {
  const owner = await newWorker()
  const started = await startRun(owner, { turns: saysThenHangs('early ') })
  await untilEvent(app, started, isText('early '))
  owner.die()
  await expireLease(app, started.run.id)
  const events = await journalOf(app, started.run.id)
  return { started, id: started.run.id, next: events.length + 1 }
}

test('an insert that began before a claim and lands behind it writes nothing', async () => {
  const { id, next } = await frozenRun()
  const [held, go] = [Promise.withResolvers<ClaimedRun[]>(), Promise.withResolvers<void>()]
  const claim = app.records.db.transaction(async (db) => {
    held.resolve(await claimed(db))
    await go.promise
  })
  expect((await held.promise).map(({ run, nextEvent }) => [run.id, nextEvent])).toEqual([[id, next]])
  const late = appendEvents({ db: app.records.db }, { runId: id, fence: 1, seq: next, events: [{ type: 'text', text: 'late' }] })
  await Promise.race([late, Bun.sleep(100)])
  go.resolve()
  await claim
  expect(await late).toBe(false)
  expect(await journalOf(app, id)).toHaveLength(next - 1)
})

test('a claim leaves out a run whose owner is writing at this moment, and then goes on behind what was written', async () => {
  const { id, next } = await frozenRun()
  const [written, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const insert = app.records.db.transaction(async (db) => {
    await appendEvents({ db }, { runId: id, fence: 1, seq: next, events: [{ type: 'text', text: 'last' }] })
    written.resolve()
    await go.promise
  })
  await written.promise
  expect(await claimed(app.records.db)).toEqual([])
  go.resolve()
  await insert
  expect((await claimed(app.records.db)).map(({ run, nextEvent }) => [run.id, nextEvent])).toEqual([[id, next + 1]])
})

test('a worker that was frozen past its lease writes nothing when it goes on, and serves its next run', async () => {
  const [owner, heir] = [await newWorker(), await newWorker()]
  const gate = Promise.withResolvers<void>()
  const started = await startRun(owner, { turns: [{ text: ['one ', 'two'], pauseMs: 50 }], gate: gate.promise })
  await untilEvent(app, started, (event) => event.type === 'status' && event.status === 'running')
  const frozen = owner.db.pauseNext('run.journal', 'before')
  gate.resolve()
  await frozen.reached
  await expireLease(app, started.run.id)
  heir.worker.wake()
  const story = await storyOf(app, started)
  expect(sketch(story).at(-1)).toBe('run completed')
  const before = await rowsOfRun(app.records.db, started.run.id)
  frozen.release()
  while (owner.worker.busy > 0) await Bun.sleep(5)
  expect(await rowsOfRun(app.records.db, started.run.id)).toEqual(before)
  expect(sketch(await storyOf(owner, started))).toEqual(sketch(story))
  const next = await startRun(owner, { turns: [{ text: ['again'] }], threadId: started.threadId })
  expect(sketch(await storyOf(owner, next)).at(-1)).toBe('run completed')
})

test('calls that a dead worker had committed, but not yet asked for, are asked by the next one', async () => {
  const [owner, heir] = [await newWorker(), await newWorker()]
  const committed = owner.db.pauseNext('run.commit', 'after')
  const started = await startRun(owner, { turns: [callsFunctions('call_a', 'call_b'), { text: ['thanks'] }] })
  await committed.reached
  owner.die()
  committed.release()
  await expireLease(app, started.run.id)
  heir.worker.wake()
  const waiting = (await storyOf(app, started)).at(-1)
  if (waiting?.type !== 'status') throw new Error('no status at the end')
  expect(waiting.status).toBe('waiting')
  expect(waiting.calls?.map(({ id }) => id)).toEqual(['call_a', 'call_b'])
  await answer(app, started, { call_a: '1', call_b: '2' })
  expect(sketch(await storyOf(app, started)).at(-1)).toBe('run completed')
  const page = { limit: 10, order: 'asc' as const }
  const steps = (await listSteps(app, started.caller, { threadId: started.threadId, runId: started.run.id, page })).items
  expect(steps.map(({ kind, status, calls }) => [kind, status, calls.map(({ output }) => output)])).toEqual([
    ['tool_calls', 'completed', ['1', '2']],
    ['message', 'completed', []],
  ])
  expect(steps[0]?.usage?.totalTokens).toBeGreaterThan(0)
})

test('an attempt that could not commit within its lease writes nothing after that, and the next one leaves no gap', async () => {
  const [owner, heir] = [await newWorker(), await newWorker()]
  const commit = owner.db.pauseNext('run.commit', 'before')
  // The commit between two nodes: after it there is still an end to write.
  const started = await startRun(owner, { turns: [callsFunctions('call_a'), { text: ['thanks'] }] })
  await commit.reached
  const before = await rowsOfRun(app.records.db, started.run.id)
  owner.clock.advance(60_000)
  owner.db.failNext('run.commit', 'before')
  commit.release()
  while (owner.worker.busy > 0) await Bun.sleep(5)
  expect(await rowsOfRun(app.records.db, started.run.id)).toEqual(before)
  await expireLease(app, started.run.id)
  heir.worker.wake()
  expect(sketch(await storyOf(app, started)).at(-1)).toBe('run waiting')
  await answer(app, started, { call_a: '1' })
  expect(sketch(await storyOf(app, started)).at(-1)).toBe('run completed')
  await journalOf(app, started.run.id)
})
