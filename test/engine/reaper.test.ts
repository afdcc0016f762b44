import { afterAll, beforeAll, expect, test } from 'bun:test'
import { once } from '../../src/core/idempotency/idempotency.ts'
import { takeLimit } from '../../src/core/rates/rates.ts'
import { addToDraft, DRAFT_KEEP_MS } from '../../src/core/threads/message-drafts.ts'
import { createThread } from '../../src/core/threads/threads.ts'
import { expire, purge, sweep } from '../../src/engine/reaper.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import { currentRun, journalOf, startRun, untilEnd } from '../support/runs.ts'

let app: TestApp
let idle: TestApp
beforeAll(async () => {
  app = await openTestApp()
  idle = await app.replica({ slots: 0 })
}, OPEN_MS)
afterAll(() => app.close())

async function reap(by: TestApp, keep: { journalKeepMs: number }): Promise<void> {
  await expire(by)
  await purge(by, keep)
}

test('housekeeping ends runs whose time is over and removes old answers and journals, each at its time', async () => {
  const [done, queued] = [await startRun(app), await startRun(idle)]
  await untilEnd(app, done)
  await once(app, app.one, { key: 'k', route: 'r', body: 1 }, async () => 1)
  const keptMs = 200_000_000
  const keys = async () => (await app.records.db.query('select key from idempotency')).length
  await reap(app, { journalKeepMs: keptMs })
  expect([(await currentRun(app, queued)).status, await keys(), (await journalOf(app, done.run.id)).length > 0]).toEqual([
    'queued',
    1,
    true,
  ])
  app.clock.advance(600_001)
  await reap(app, { journalKeepMs: keptMs })
  expect([(await currentRun(app, queued)).status, await keys()]).toEqual(['expired', 1])
  app.clock.advance(86_400_001)
  await reap(app, { journalKeepMs: keptMs })
  expect([await keys(), (await journalOf(app, done.run.id)).length > 0]).toEqual([0, true])
  app.clock.advance(keptMs)
  await reap(app, { journalKeepMs: 0 })
  expect((await journalOf(app, done.run.id)).length).toBeGreaterThan(0)
  await reap(app, { journalKeepMs: keptMs })
  expect(await journalOf(app, done.run.id)).toEqual([])
})

test('replicas that do it at the same time do it once', async () => {
  const started = await Promise.all([startRun(idle), startRun(idle), startRun(idle)])
  app.clock.advance(600_001)
  await Promise.all([reap(app, { journalKeepMs: 0 }), reap(idle, { journalKeepMs: 0 }), reap(app, { journalKeepMs: 0 })])
  for (const run of started) expect(await journalOf(app, run.run.id)).toHaveLength(2)
})

test('messages whose author went away before the last piece are dropped', async () => {
  const { id: threadId } = await createThread(app, app.one, {})
  const parts = async () => (await app.records.db.query('select n from message_draft_part where thread_id = $1', [threadId])).length
  await addToDraft(app, app.one, { threadId, author: 'a', text: 'x' })
  await sweep(app, () => false)
  expect(await parts()).toBe(1)
  app.clock.advance(DRAFT_KEEP_MS + 1)
  await sweep(app, () => false)
  expect(await parts()).toBe(0)
})

test('counts of limits whose time is over are dropped, others stay', async () => {
  for (const windowMs of [60_000, 86_400_000]) await takeLimit(app, [{ name: 'test', key: `${windowMs}`, max: 1, windowMs }])
  app.clock.advance(60_000)
  await sweep(app, () => false)
  expect((await app.records.db.query('select bucket from rate_window')).length).toBe(1)
})
