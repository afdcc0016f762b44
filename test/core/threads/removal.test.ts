import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Caller } from '../../../src/core/caller.ts'
import { newId } from '../../../src/core/id.ts'
import { createGraphRun, type NewGraphCall } from '../../../src/core/runs/graph-runs.ts'
import { promoteRuns } from '../../../src/core/runs/promotion.ts'
import { cancelRun } from '../../../src/core/runs/stop.ts'
import { patchThread } from '../../../src/core/threads/graph-threads.ts'
import { deleteExpiredThreads, deleteThreads, pruneThreads } from '../../../src/core/threads/removal.ts'
import { createThread, getThread, type Thread } from '../../../src/core/threads/threads.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { messagesOf, saysThenHangs, startRun, until, untilEnd } from '../../support/runs.ts'
import { graphOn, rowsOf } from './kit.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const isThere = async (id: string, caller: Caller = app.one): Promise<boolean> =>
  getThread(app, caller, id).then(
    () => true,
    () => false,
  )
const set = (id: string, assignments: string) => app.records.db.query(`update thread set ${assignments} where id = $1`, [id])
const NONE = { message: 0, run: 0, checkpoint: 0, channel_blob: 0, checkpoint_write: 0 }

async function talked(turns: string[], caller: Caller = app.one): Promise<Thread> {
  const thread = await createThread(app, caller, {})
  const graph = graphOn(app, caller)
  for (const turn of turns) {
    await graph.say(thread.id, turn)
    await graph.answer(thread.id, `yes, ${turn}`)
  }
  return thread
}

test('threads removed together take everything with them, and their runs lose their places', async () => {
  const running = await startRun(app, { turns: saysThenHangs('half ') })
  await until(() => app.worker.busy === 1)
  const { id } = await talked(['a'])
  const other = await createThread(app, app.two, {})
  expect(await deleteThreads(app, app.one, [id, running.threadId, id, newId(), other.id])).toBe(2)
  expect(await isThere(id)).toBe(false)
  expect(await isThere(other.id, app.two)).toBe(true)
  expect(await rowsOf(app, id)).toEqual(NONE)
  expect(await rowsOf(app, running.threadId)).toEqual(NONE)
  await until(() => app.worker.busy === 0)
})

test('many threads are removed, whatever their number', async () => {
  const made = await Promise.all(Array.from({ length: 130 }, () => createThread(app, app.one, {})))
  const ids = made.map(({ id }) => id)
  const both = await Promise.all([deleteThreads(app, app.one, ids), deleteThreads(app, app.one, ids.toReversed())])
  expect(both[0] + both[1]).toBe(130)
})

test('of a pruned thread the newest state stays as it was, and nothing else of its history', async () => {
  const { id } = await talked(['a', 'b', 'c'])
  const graph = graphOn(app, app.one)
  const { values, next, tasks } = await graph.state(id)
  const before = await rowsOf(app, id)
  expect(await pruneThreads(app, app.one, { ids: [id], strategy: 'keep_latest' })).toBe(1)
  expect(await graph.story(id)).toHaveLength(1)
  expect(await graph.state(id)).toMatchObject({ values, next, tasks })
  const after = await rowsOf(app, id)
  expect(after).toMatchObject({ checkpoint: 1, checkpoint_write: 0, message: before.message })
  expect(after.channel_blob).toBeLessThan(before.channel_blob as number)
  await graph.say(id, 'd')
  const said = (await graph.state(id)).values.messages.map((m: { text: string }) => m.text)
  expect(said).toEqual(['a', 're: a', 'b', 're: b', 'c', 're: c', 'd', 're: d'])
})

test('a pruned thread that waits for an answer still takes it, inside its subgraph too', async () => {
  const { id } = await talked(['a'])
  const graph = graphOn(app, app.one)
  await graph.say(id, 'b')
  expect(await pruneThreads(app, app.one, { ids: [id], strategy: 'keep_latest' })).toBe(1)
  const [task] = (await graph.state(id)).tasks
  expect(task?.interrupts[0]?.value).toEqual({ question: 'really?' })
  await graph.answer(id, 'sure')
  expect((await graph.state(id)).values.answers.at(-1)).toBe('sure')
})

test('pruning twice changes nothing more, and a thread without history stays', async () => {
  const { id } = await talked(['a'])
  const empty = await createThread(app, app.one, {})
  const ids = [id, empty.id]
  expect(await pruneThreads(app, app.one, { ids, strategy: 'keep_latest' })).toBe(2)
  const rows = await rowsOf(app, id)
  expect(await pruneThreads(app, app.one, { ids, strategy: 'keep_latest' })).toBe(2)
  expect(await rowsOf(app, id)).toEqual(rows)
})

test('a thread at work, and another tenant’s, keep their history', async () => {
  const busy = await startRun(app)
  await untilEnd(app, busy)
  const again = await startRun(app, { threadId: busy.threadId, turns: saysThenHangs('half ') })
  const foreign = await talked(['a'], app.two)
  const before = [await rowsOf(app, busy.threadId), await rowsOf(app, foreign.id)]
  expect(await pruneThreads(app, app.one, { ids: [busy.threadId, foreign.id, newId()], strategy: 'keep_latest' })).toBe(0)
  expect([await rowsOf(app, busy.threadId), await rowsOf(app, foreign.id)]).toEqual(before)
  expect(await pruneThreads(app, app.one, { ids: [again.threadId], strategy: 'delete' })).toBe(1)
})

test('a thread whose time is over is removed, another is not', async () => {
  const over = await createThread(app, app.one, { ttlMinutes: 5 })
  const kept = await createThread(app, app.one, { ttlMinutes: 7 })
  const ever = await createThread(app, app.one, {})
  app.clock.advance(5 * 60_000)
  expect(await deleteExpiredThreads(app, 100)).toBe(1)
  expect([await isThere(over.id), await isThere(kept.id), await isThere(ever.id)]).toEqual([false, true, true])
  await patchThread(app, app.one, { id: kept.id, patch: { ttlMinutes: null } })
  app.clock.advance(60 * 60_000)
  await deleteExpiredThreads(app, 100)
  expect(await isThere(kept.id)).toBe(true)
})

test('the time to live is counted from the last use', async () => {
  const { id } = await createThread(app, app.one, { ttlMinutes: 10 })
  app.clock.advance(9 * 60_000)
  await set(id, `state_at = to_timestamp(${app.clock.now()} / 1000.0)`)
  app.clock.advance(9 * 60_000)
  expect(await deleteExpiredThreads(app, 100)).toBe(1)
  expect(await isThere(id)).toBe(true)
  app.clock.advance(60_000)
  expect(await deleteExpiredThreads(app, 100)).toBe(1)
  expect(await isThere(id)).toBe(false)
})

test('a thread at work is not removed until it is done, and does not stand in the way of others', async () => {
  const running = await startRun(app, { turns: saysThenHangs('half ') })
  await patchThread(app, app.one, { id: running.threadId, patch: { ttlMinutes: 1 } })
  const { id } = await createThread(app, app.one, { ttlMinutes: 1 })
  app.clock.advance(2 * 60_000)
  expect(await deleteExpiredThreads(app, 1)).toBe(1)
  expect(await deleteExpiredThreads(app, 1)).toBe(1)
  expect(await deleteExpiredThreads(app, 1)).toBe(0)
  expect([await isThere(running.threadId), await isThere(id)]).toEqual([true, false])
  await set(running.threadId, `status = 'idle', run_id = null`)
  app.clock.advance(60_000)
  expect(await deleteExpiredThreads(app, 1)).toBe(1)
  expect(await isThere(running.threadId)).toBe(false)
})

test('temporary threads go at their time, with all they held, by hundreds', async () => {
  const made = await Promise.all(Array.from({ length: 300 }, (_, i) => createThread(app, i % 2 ? app.one : app.two, {})))
  const { id } = await talked(['a'])
  const ids = `{${[...made.map((t) => t.id), id].join(',')}}`
  await app.records.db.query(
    `update thread set temporary = true, expires_at = to_timestamp($2::float8 / 1000.0) where id = any($1::text::uuid[])`,
    [ids, app.clock.now() + 1000],
  )
  expect(await deleteExpiredThreads(app, 200)).toBe(0)
  app.clock.advance(1000)
  // Two replicas at the same time take different ones.
  const both = await Promise.all([deleteExpiredThreads(app, 200), deleteExpiredThreads(app, 200)])
  expect(both[0] + both[1]).toBe(301)
  expect(await app.records.db.query(`select id from thread where id = any($1::text::uuid[])`, [ids])).toEqual([])
  expect(await rowsOf(app, id)).toEqual(NONE)
})

const call: NewGraphCall = {
  ...{ input: { messages: [] }, command: null, modes: [], subgraphs: false, resumable: false },
  ...{ interruptBefore: null, interruptAfter: null, checkpoint: null, durability: 'async', webhook: null },
}

test('a temporary thread goes too when its run never began, but not before its time', async () => {
  const delayed = { assistantId: 'assistant', call, delayMs: 3_600_000 }
  const { run } = await createGraphRun(app, app.one, { thread: { temporary: true }, run: delayed })
  const stays = await createGraphRun(app, app.one, { thread: { temporary: true }, run: delayed })
  await cancelRun(app, app.one, { threadId: run.threadId, id: run.id })
  await promoteRuns(app, 100)
  app.clock.advance(10 * 60_000)
  while ((await deleteExpiredThreads(app, 100)) > 0);
  expect([await isThere(run.threadId), await isThere(stays.run.threadId)]).toEqual([false, true])
  expect(await app.records.db.query(`select id from thread where id = $1`, [run.threadId])).toEqual([])
  await cancelRun(app, app.one, { threadId: stays.run.threadId, id: stays.run.id })
  await promoteRuns(app, 100)
  app.clock.advance(10 * 60_000)
  await deleteExpiredThreads(app, 100)
  expect(await app.records.db.query(`select id from thread where id = $1`, [stays.run.threadId])).toEqual([])
})

test('a thread of the same id in another tenant stays', async () => {
  const id = newId()
  await createThread(app, app.one, { id, ttlMinutes: 1, messages: [{ role: 'user', content: 'mine' }] })
  await createThread(app, app.two, { id, messages: [{ role: 'user', content: 'theirs' }] })
  await graphOn(app, app.two).say(id, 'x')
  const before = await graphOn(app, app.two).story(id)
  const log = await messagesOf(app, app.two, id)
  app.clock.advance(60_000)
  expect(await deleteExpiredThreads(app, 100)).toBe(1)
  expect([await isThere(id), await isThere(id, app.two)]).toEqual([false, true])
  expect(await graphOn(app, app.two).story(id)).toEqual(before)
  expect(log.length).toBeGreaterThan(0)
  expect(await messagesOf(app, app.two, id)).toEqual(log)
})
