import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { deleteAssistant } from '../../../src/core/assistants/assistants.ts'
import type { Caller } from '../../../src/core/caller.ts'
import { changeSchedule, deleteSchedule, getSchedule } from '../../../src/core/schedules/schedules.ts'
import { runDueSchedules } from '../../../src/core/schedules/ticks.ts'
import { createThread, deleteThread, getThread } from '../../../src/core/threads/threads.ts'
import type { Db, Param } from '../../../src/drivers/records/port.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { eventually } from '../../support/eventually.ts'
import { newSchedule, runsOf } from '../../support/schedules.ts'

const MINUTE = 60_000
const DAY = 86_400_000

let app: TestApp
let other: TestApp
let caller: Caller
beforeAll(async () => {
  // Nobody executes: what a time begins stays where it was put.
  app = await openTestApp({ slots: 0, shared: true })
  other = await app.replica()
}, OPEN_MS)
beforeEach(async () => {
  await app.records.db.query('delete from schedule')
  caller = await app.newTenant()
  app.clock.advance(MINUTE - (app.clock.now() % MINUTE))
})
afterAll(() => app.close())

const tick = (by: TestApp = app): Promise<number> => runDueSchedules(by, 100)

test('nothing begins before its time', async () => {
  const { nextAt } = await newSchedule(app, caller)
  app.clock.advance((nextAt ?? 0) - app.clock.now() - 1)
  expect(await tick()).toBe(0)
  expect(await runsOf(app, caller)).toEqual([])
})

test('each time begins one run, with what the schedule says, on a thread of its own', async () => {
  const schedule = await newSchedule(app, caller, { metadata: { from: 'cron' }, call: { config: { tags: ['t'] }, modes: ['updates'] } })
  for (let n = 0; n < 2; n++) {
    app.clock.advance(MINUTE)
    expect([await tick(), await tick()]).toEqual([1, 0])
  }
  const runs = await runsOf(app, caller)
  expect(
    runs.map(({ assistantId, metadata, call }) => [assistantId, metadata, call?.input, call?.modes, call?.config.tags, call?.temporary]),
  ).toEqual(Array(2).fill([schedule.assistantId, { from: 'cron' }, schedule.run.call.input, ['updates'], ['t'], true]))
  expect(new Set(runs.map(({ threadId }) => threadId)).size).toBe(2)
  expect((await getSchedule(app, caller, schedule.id)).nextAt).toBe(app.clock.now() + MINUTE)
})

test('the thread of a run is kept where that is wanted', async () => {
  await newSchedule(app, caller, { onCompletion: 'keep' })
  app.clock.advance(MINUTE)
  await tick()
  const [run] = await runsOf(app, caller)
  expect((await getThread(app, caller, run?.threadId ?? '')).temporary).toBe(false)
})

test('times that were missed begin one run, not many', async () => {
  const { id } = await newSchedule(app, caller)
  app.clock.advance(DAY)
  await tick()
  await tick()
  expect(await runsOf(app, caller)).toHaveLength(1)
  expect((await getSchedule(app, caller, id)).nextAt).toBe(app.clock.now() + MINUTE)
})

test('after the end nothing begins, also not what was missed before it', async () => {
  const ending = await newSchedule(app, caller, { endAt: app.clock.now() + MINUTE })
  const missed = await newSchedule(app, caller, { endAt: app.clock.now() + MINUTE })
  app.clock.advance(MINUTE)
  await runDueSchedules(app, 1)
  app.clock.advance(1)
  await tick()
  expect(await runsOf(app, caller)).toHaveLength(1)
  for (const { id } of [ending, missed]) expect(await getSchedule(app, caller, id)).toMatchObject({ nextAt: null, error: null })
  app.clock.advance(DAY)
  expect(await tick()).toBe(0)
})

test('on a thread that is taken a rejected time is passed by and noted; the next one begins', async () => {
  const { id: threadId } = await createThread(app, caller, {})
  const { id } = await newSchedule(app, caller, { threadId, strategy: 'reject' })
  app.clock.advance(MINUTE)
  await tick()
  app.clock.advance(MINUTE)
  await tick()
  expect(await runsOf(app, caller)).toHaveLength(1)
  const noted = await getSchedule(app, caller, id)
  expect(noted).toMatchObject({ error: 'The thread already has an active run.', enabled: true, nextAt: app.clock.now() + MINUTE })
  await app.records.db.query(`update run set status = 'completed' where thread_id = $1`, [threadId])
  await app.records.db.query(`update thread set run_id = null, status = 'idle' where id = $1`, [threadId])
  app.clock.advance(MINUTE)
  await tick()
  expect(await runsOf(app, caller)).toHaveLength(2)
  expect((await getSchedule(app, caller, id)).error).toBeNull()
})

test('on a thread that is taken an enqueued time waits its turn', async () => {
  const { id: threadId } = await createThread(app, caller, {})
  await newSchedule(app, caller, { threadId, strategy: 'enqueue' })
  for (let n = 0; n < 3; n++) {
    app.clock.advance(MINUTE)
    await tick()
  }
  expect((await runsOf(app, caller)).map(({ status, threadId: on }) => [status, on])).toEqual(Array(3).fill(['queued', threadId]))
})

test('without its assistant a schedule stops and says why', async () => {
  const { id, assistantId } = await newSchedule(app, caller)
  await deleteAssistant(app, caller, assistantId)
  app.clock.advance(MINUTE)
  await tick()
  expect(await getSchedule(app, caller, id)).toMatchObject({ enabled: false, nextAt: null, error: expect.stringContaining('assistant') })
  expect(await changeSchedule(app, caller, { id, change: { enabled: true } })).toMatchObject({ enabled: true, error: null })
})

test('replicas that look at the same time begin each run once', async () => {
  for (let n = 0; n < 20; n++) await newSchedule(app, caller)
  app.clock.advance(MINUTE)
  await Promise.all([tick(), tick(other), tick(), tick(other)])
  // What one of them passed by, because another was at it, is done.
  expect(await tick()).toBe(0)
  expect(await runsOf(app, caller)).toHaveLength(20)
})

/** The database breaks off at the n-th statement of the first transaction: its connection is gone, as with kill -9. */
function breakingAt(db: Db, n: number, side: 'before' | 'after'): { db: Db; broke: () => boolean } {
  let count = 0
  const step = async <R>(work: () => Promise<R>): Promise<R> => {
    const mine = ++count === n
    if (mine && side === 'before') throw new Error('killed')
    const result = await work()
    if (mine) throw new Error('killed')
    return result
  }
  const wrapped = (inner: Db): Db => ({
    query: <R>(text: string, params?: readonly Param[]) => step(() => inner.query<R>(text, params)),
    hot: <R>(text: string, params?: readonly Param[]) => step(() => inner.hot<R>(text, params)),
    batch: (statement, item) => step(() => inner.batch(statement, item)),
    transaction: (work) => inner.transaction((tx) => work(wrapped(tx))),
    notify: (channel, payload) => inner.notify(channel, payload),
    listen: (channel, onPayload, onGap) => inner.listen(channel, onPayload, onGap),
  })
  return { db: { ...wrapped(db), hot: (text, params) => db.hot(text, params) }, broke: () => count >= n }
}

for (const side of ['before', 'after'] as const)
  test(`a process that dies ${side} any statement of a time leaves no run, or one with the next time set`, async () => {
    const { id: threadId } = await createThread(app, caller, {})
    await newSchedule(app, caller, { threadId, strategy: 'enqueue' })
    await newSchedule(app, caller)
    let statements = 0
    for (let n = 1; ; n++) {
      app.clock.advance(MINUTE)
      const before = (await runsOf(app, caller)).length
      const dying = breakingAt(app.db, n, side)
      await runDueSchedules({ ...app, db: dying.db }, 100)
      if (!dying.broke()) break
      statements = n
      // One of the two broke off, the other went on.
      expect((await runsOf(app, caller)).length).toBe(before + 1)
      await tick(other)
      expect([(await runsOf(app, caller)).length, await tick(other)]).toEqual([before + 2, 0])
    }
    expect(statements).toBeGreaterThan(5)
  })

test('a commit whose answer is lost is not repeated', async () => {
  await newSchedule(app, caller)
  app.clock.advance(MINUTE)
  app.db.failNext('transaction', 'after')
  expect(await tick().catch((error) => error.code)).toBe('unavailable')
  expect(await tick(other)).toBe(0)
  expect(await runsOf(app, caller)).toHaveLength(1)
})

test('a schedule that is removed while its time begins leaves no run, or had its run before', async () => {
  for (let n = 0; n < 20; n++) {
    const { id } = await newSchedule(app, caller)
    app.clock.advance(MINUTE)
    const before = (await runsOf(app, caller)).length
    const [, gone] = await Promise.all([tick(), deleteSchedule(other, caller, id).then(async () => (await runsOf(app, caller)).length)])
    // Whoever was told that it is gone sees no later run of it.
    expect([(await runsOf(app, caller)).length, gone - before <= 1]).toEqual([gone, true])
  }
})

test('a thread that is removed while its schedule begins a run takes both with it, and neither fails', async () => {
  const failed = app.log.count('schedule.failed')
  for (let n = 0; n < 20; n++) {
    const { id: threadId } = await createThread(app, caller, {})
    await newSchedule(app, caller, { threadId })
    app.clock.advance(MINUTE)
    await Promise.all([tick(), deleteThread(other, caller, threadId)])
  }
  expect(await runsOf(app, caller)).toEqual([])
  expect(await tick()).toBe(0)
  expect(app.log.count('schedule.failed')).toBe(failed)
})

test('a schedule that cannot begin for a reason of its own does not keep the others waiting', async () => {
  const broken = await newSchedule(app, caller)
  await newSchedule(app, caller)
  await app.records.db.query(`update schedule set run = 'no json' where id = $1`, [broken.id])
  app.clock.advance(MINUTE)
  await tick()
  expect(await runsOf(app, caller)).toHaveLength(1)
  expect(app.log.entries.some(({ event, fields }) => event === 'schedule.failed' && JSON.stringify(fields).includes(broken.id))).toBe(true)
})

test('what a time begins is executed, by a worker that polls', async () => {
  const working = await app.replica({ slots: 4, pollMs: 20 })
  await newSchedule(app, caller, { onCompletion: 'keep' })
  app.clock.advance(MINUTE)
  const run = await eventually(async () => (await runsOf(app, caller)).find(({ status }) => status === 'completed'))
  expect(run.call?.input).toEqual({ messages: [{ role: 'user', content: 'hello' }] })
  await working.worker.stop(0)
})
