import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Caller } from '../../../src/core/caller.ts'
import type { Run } from '../../../src/core/runs/runs.ts'
import { listSteps } from '../../../src/core/runs/steps.ts'
import { cancelRun, expireRuns } from '../../../src/core/runs/stop.ts'
import { getThread } from '../../../src/core/threads/threads.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import {
  callsFunctions,
  currentRun,
  isText,
  journalOf,
  type Started,
  saysThenHangs,
  sketch,
  startRun,
  storyOf,
  UNKNOWN_ID,
  untilEnd,
  untilEvent,
} from '../../support/runs.ts'

let app: TestApp
/** On the same database, executes nothing. */
let idle: TestApp
beforeAll(async () => {
  app = await openTestApp()
  idle = await app.replica({ slots: 0 })
}, OPEN_MS)
afterAll(() => app.close())

const cancel = (by: TestApp, { caller, run }: { caller: Caller; run: Run }) => cancelRun(by, caller, { threadId: run.threadId, id: run.id })
const waiting = async (): Promise<Started> => {
  const started = await startRun(app, { turns: [callsFunctions('call_a', 'call_b')] })
  await storyOf(app, started)
  return started
}
const setStatus = (runId: string, status: string) => app.records.db.query('update run set status = $2 where id = $1', [runId, status])

test('a queued run is cancelled at once, with its events, and its thread is free', async () => {
  const started = await startRun(idle)
  const run = await cancel(idle, started)
  expect(run).toMatchObject({ status: 'cancelled', endedAt: app.clock.now() })
  expect(sketch(await journalOf(app, run.id))).toEqual(['run queued', 'run cancelling', 'run cancelled'])
  expect(await getThread(app, app.one, started.threadId)).toMatchObject({ status: 'idle', runId: null })
})

test('a waiting run is cancelled at once: its step is closed with the calls unanswered, and its thread is free', async () => {
  const started = await waiting()
  expect(await cancel(app, started)).toMatchObject({ status: 'cancelled', calls: null })
  const events = await journalOf(app, started.run.id)
  expect(sketch(events).slice(-4)).toEqual(['run waiting', 'run cancelling', 'step_end cancelled', 'run cancelled'])
  const end = events.find((e) => e.type === 'step_end')
  expect(end).toMatchObject({
    calls: [
      { id: 'call_a', output: null },
      { id: 'call_b', output: null },
    ],
  })
  const steps = await listSteps(app, app.one, { threadId: started.threadId, runId: started.run.id, page: { limit: 5, order: 'asc' } })
  expect(steps.items).toMatchObject([{ status: 'cancelled', endedAt: app.clock.now() }])
  expect(await getThread(app, app.one, started.threadId)).toMatchObject({ status: 'idle', runId: null })
})

test('a working run is cancelling until its executor has ended it', async () => {
  const started = await startRun(app, { turns: saysThenHangs('half ') })
  await untilEvent(app, started, isText('half '))
  expect((await cancel(app, started)).status).toBe('cancelling')
  expect((await untilEnd(app, started)).status).toBe('cancelled')
})

test('a run that is being cancelled can be cancelled again, to no effect', async () => {
  const started = await startRun(idle)
  await setStatus(started.run.id, 'cancelling')
  expect((await cancel(app, started)).status).toBe('cancelling')
  expect(await journalOf(app, started.run.id)).toHaveLength(1)
  await setStatus(started.run.id, 'queued')
})

test.each(['completed', 'incomplete', 'failed', 'expired', 'cancelled'])('a run that is %s cannot be cancelled', async (status) => {
  const started = await startRun(idle)
  await setStatus(started.run.id, status)
  await expect(cancel(app, started)).rejects.toMatchObject({ code: 'wrong_state', facts: { kind: 'run', status, action: 'cancel' } })
})

test('a run that is not there cannot be cancelled', async () => {
  const { threadId } = await startRun(idle)
  const missing = { code: 'not_found', facts: { kind: 'run', id: UNKNOWN_ID } }
  await expect(cancelRun(app, app.one, { threadId, id: UNKNOWN_ID })).rejects.toMatchObject(missing)
})

test('of many cancellations of a waiting run at once one takes effect, and its end is told once', async () => {
  const started = await waiting()
  const settled = await Promise.allSettled(Array.from({ length: 8 }, () => cancel(app, started)))
  const refused = settled.filter((s) => s.status === 'rejected')
  expect(refused.map((s) => s.reason.code)).toEqual(refused.map(() => 'wrong_state'))
  expect(sketch(await journalOf(app, started.run.id)).filter((line) => line === 'run cancelled')).toHaveLength(1)
})

test('queued and waiting runs expire when their time is over, not before, and their threads are free', async () => {
  const [queued, paused] = [await startRun(idle), await waiting()]
  app.clock.advance(600_000)
  expect(await expireRuns(idle, 100)).toBe(0)
  app.clock.advance(1)
  // Runs of other tests are expired with them.
  expect(await expireRuns(idle, 100)).toBeGreaterThanOrEqual(2)
  expect(await expireRuns(idle, 100)).toBe(0)
  for (const { run, threadId } of [queued, paused]) {
    expect(await currentRun(app, { caller: app.one, run })).toMatchObject({ status: 'expired', calls: null })
    expect(await getThread(app, app.one, threadId)).toMatchObject({ status: 'idle', runId: null })
  }
  expect(sketch(await journalOf(app, queued.run.id))).toEqual(['run queued', 'run expired'])
  expect(sketch(await journalOf(app, paused.run.id)).slice(-3)).toEqual(['run waiting', 'step_end expired', 'run expired'])
})

test('as many runs expire at once as were asked for, the oldest first', async () => {
  app.clock.advance(600_001)
  await expireRuns(idle, 1_000) // what other tests left
  const runs: Started[] = []
  for (let i = 0; i < 3; i++) {
    runs.push(await startRun(idle))
    app.clock.advance(1)
  }
  const statuses = () => Promise.all(runs.map(async (run) => (await currentRun(app, run)).status))
  app.clock.advance(600_001)
  expect(await expireRuns(idle, 2)).toBe(2)
  expect(await statuses()).toEqual(['expired', 'expired', 'queued'])
  expect(await expireRuns(idle, 2)).toBe(1)
  expect(await statuses()).toEqual(['expired', 'expired', 'expired'])
})
