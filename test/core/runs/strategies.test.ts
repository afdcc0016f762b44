import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Strategy } from '../../../src/core/runs/call.ts'
import { promoteRuns } from '../../../src/core/runs/promotion.ts'
import { deleteRun } from '../../../src/core/runs/removal.ts'
import { findRun, searchRuns } from '../../../src/core/runs/runs.ts'
import { isEnd } from '../../../src/core/runs/status.ts'
import { cancelRun } from '../../../src/core/runs/stop.ts'
import { createThread, getThread } from '../../../src/core/threads/threads.ts'
import { openTestApp, type TestApp } from '../../support/app.ts'
import { GRAPHS, type GraphStart, type StartedGraph, startGraph, toldBy } from '../../support/graph-runs.ts'
import { until } from '../../support/runs.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp({ graphs: GRAPHS })
})
afterAll(() => app.close())

const FOREVER = { delay_ms: 3_600_000 }
const on = (threadId: string, rest: Partial<GraphStart> & Pick<GraphStart, 'graph'>): Promise<StartedGraph> =>
  startGraph(app, { thread: { id: threadId, create: false }, ...rest })
const says = (text: string, strategy: Strategy = 'reject') => ({ graph: 'echo', input: { messages: [text] }, run: { strategy } })
const newThread = async (): Promise<string> => (await createThread(app, app.one, {})).id
const statusOf = async (started: StartedGraph) => (await findRun(app, app.one, started.run.id)).status
const threadOf = (id: string) => getThread(app, app.one, id)
const valuesOf = async (id: string) => (await app.graphs.state(app.one, { thread: await threadOf(id), at: {}, subgraphs: false })).values
const contentsOf = async (id: string): Promise<string[]> =>
  ((await valuesOf(id)) as { messages: { content: string }[] }).messages.map(({ content }) => content)
const slowOn = async (threadId: string): Promise<StartedGraph> => {
  const slow = await on(threadId, { graph: 'delay', input: FOREVER })
  await until(async () => (await statusOf(slow)) === 'running')
  return slow
}

test('a taken thread refuses a run that rejects, and keeps nothing of it', async () => {
  const thread = await newThread()
  const slow = await slowOn(thread)
  expect(on(thread, says('late'))).rejects.toMatchObject({ code: 'busy', facts: { runId: slow.run.id, action: 'create_run' } })
  expect(await searchRuns(app, app.one, { threadId: thread, limit: 9, offset: 0 })).toHaveLength(1)
  await cancelRun(app, app.one, { threadId: thread, id: slow.run.id })
})

test('runs that queue begin one after the other, in the order they came', async () => {
  const thread = await newThread()
  const slow = await on(thread, { graph: 'delay', input: { delay_ms: 50 } })
  const queued = [
    await on(thread, says('one', 'enqueue')),
    await on(thread, says('two', 'enqueue')),
    await on(thread, says('three', 'enqueue')),
  ]
  expect((await threadOf(thread)).behind).toBe(true)
  for (const run of queued) expect((await toldBy(app, run)).at(-1)).toBe('completed')
  expect(await statusOf(slow)).toBe('completed')
  expect(await contentsOf(thread)).toEqual(['one', 'message 1', 'two', 'message 3', 'three', 'message 5'])
  expect(await threadOf(thread)).toMatchObject({ status: 'idle', runId: null, behind: false })
})

test('a run that interrupts cancels the one at work and those that wait', async () => {
  const thread = await newThread()
  const slow = await slowOn(thread)
  const waiting = await on(thread, says('never', 'enqueue'))
  const last = await on(thread, says('now', 'interrupt'))
  expect((await toldBy(app, last)).at(-1)).toBe('completed')
  expect([await statusOf(slow), await statusOf(waiting)]).toEqual(['cancelled', 'cancelled'])
  expect(await valuesOf(thread)).toMatchObject({ messages: [{ content: 'now' }, { content: 'message 1' }] })
})

test('a run that rolls back removes what was at work, with its checkpoints and messages', async () => {
  const thread = await newThread()
  await toldBy(app, await on(thread, says('kept')))
  const before = await threadOf(thread)
  const slow = await on(thread, { graph: 'slow-talk', input: { messages: ['gone'], delay_ms: 3_600_000 } })
  await until(async () => (await statusOf(slow)) === 'running')
  const waiting = await on(thread, says('never', 'enqueue'))
  const last = await on(thread, says('now', 'rollback'))
  expect((await toldBy(app, last)).at(-1)).toBe('completed')
  for (const { run } of [slow, waiting]) expect(findRun(app, app.one, run.id)).rejects.toMatchObject({ code: 'not_found' })
  expect(await contentsOf(thread)).toEqual(['kept', 'message 1', 'now', 'message 3'])
  const rows = await app.records.db.query<{ content: string }>(`select content from message where thread_id = $1 order by seq`, [thread])
  expect(rows.map(({ content }) => JSON.parse(content))).toEqual(['kept', 'message 1', 'now', 'message 3'])
  const history = await app.graphs.history(app.one, { thread: await threadOf(thread), filter: { limit: 50 } })
  expect(history.map(({ metadata }) => metadata?.run_id)).not.toContain(slow.run.id)
  expect(history.map(({ checkpoint }) => checkpoint?.id)).toContain(before.headId as string)
})

test('a rolled back run of another graph leaves the thread to the graph before it', async () => {
  const thread = await newThread()
  await toldBy(app, await on(thread, says('kept')))
  const slow = await on(thread, { graph: 'nested', input: { topic: 'x' } })
  await toldBy(app, slow)
  expect((await threadOf(thread)).graph).toBe('nested')
  await deleteRun(app, app.one, { threadId: thread, id: slow.run.id })
  expect((await threadOf(thread)).graph).toBe('echo')
  expect(await contentsOf(thread)).toEqual(['kept', 'message 1'])
})

test('a cancelled run that shall leave nothing leaves the thread as it was', async () => {
  const thread = await newThread()
  await toldBy(app, await on(thread, says('kept')))
  const before = await threadOf(thread)
  const slow = await slowOn(thread)
  await cancelRun(app, app.one, { threadId: thread, id: slow.run.id, rollback: true })
  await until(async () => (await threadOf(thread)).runId === null)
  expect(findRun(app, app.one, slow.run.id)).rejects.toMatchObject({ code: 'not_found' })
  expect((await threadOf(thread)).headId).toBe(before.headId)
})

test('a run that is put off begins at its time, and the thread is taken until then', async () => {
  const thread = await newThread()
  const later = await on(thread, { graph: 'echo', input: { messages: ['later'] }, run: { delayMs: 60_000 } })
  expect(await statusOf(later)).toBe('queued')
  expect(await threadOf(thread)).toMatchObject({ behind: true, runId: null })
  expect(on(thread, says('early'))).rejects.toMatchObject({ code: 'busy' })
  await promoteRuns(app, 10)
  expect(await statusOf(later)).toBe('queued')
  app.clock.advance(60_001)
  await promoteRuns(app, 10)
  expect((await toldBy(app, later)).at(-1)).toBe('completed')
})

test('a put-off run on a thread that is not there yet makes it', async () => {
  const id = crypto.randomUUID()
  const later = await startGraph(app, { graph: 'echo', input: {}, thread: { id, create: true }, run: { delayMs: 60_000 } })
  expect(await statusOf(later)).toBe('queued')
  await cancelRun(app, app.one, { threadId: id, id: later.run.id })
  expect(await threadOf(id)).toMatchObject({ runId: null, behind: false })
})

test('a cancelled run that waited lets the others go on', async () => {
  const thread = await newThread()
  const slow = await slowOn(thread)
  const [first, second] = [await on(thread, says('no', 'enqueue')), await on(thread, says('yes', 'enqueue'))]
  await cancelRun(app, app.one, { threadId: thread, id: first.run.id })
  expect(await statusOf(first)).toBe('cancelled')
  await cancelRun(app, app.one, { threadId: thread, id: slow.run.id })
  expect((await toldBy(app, second)).at(-1)).toBe('completed')
})

test('a queued run takes over from one that waits for an answer', async () => {
  const thread = await newThread()
  const slow = await on(thread, { graph: 'delay', input: { delay_ms: 30 } })
  const asking = await on(thread, { graph: 'approval', input: { plan: 'x' }, run: { strategy: 'enqueue' } })
  const next = await on(thread, says('next', 'enqueue'))
  expect((await toldBy(app, next)).at(-1)).toBe('completed')
  expect([await statusOf(slow), await statusOf(asking)]).toEqual(['completed', 'completed'])
})

test('a deleted run takes its checkpoints along, and the thread stands where it stood before', async () => {
  const thread = await newThread()
  await toldBy(app, await on(thread, says('first')))
  const second = await on(thread, says('second'))
  await toldBy(app, second)
  await deleteRun(app, app.one, { threadId: thread, id: second.run.id })
  expect(await contentsOf(thread)).toEqual(['first', 'message 1'])
  expect(findRun(app, app.one, second.run.id)).rejects.toMatchObject({ code: 'not_found' })
  await toldBy(app, await on(thread, says('again')))
  expect(await contentsOf(thread)).toEqual(['first', 'message 1', 'again', 'message 3'])
})

test('a deleted run that others went on from leaves their state whole', async () => {
  const thread = await newThread()
  const first = await on(thread, says('first'))
  await toldBy(app, first)
  await toldBy(app, await on(thread, says('second')))
  await deleteRun(app, app.one, { threadId: thread, id: first.run.id })
  expect(await contentsOf(thread)).toEqual(['first', 'message 1', 'second', 'message 3'])
})

test('an earlier run is not deleted while another is at work, which may build on it', async () => {
  const thread = await newThread()
  const first = await on(thread, says('first'))
  await toldBy(app, first)
  const slow = await slowOn(thread)
  expect(deleteRun(app, app.one, { threadId: thread, id: first.run.id })).rejects.toMatchObject({
    code: 'busy',
    facts: { runId: slow.run.id },
  })
  await cancelRun(app, app.one, { threadId: thread, id: slow.run.id })
  await toldBy(app, slow)
  await deleteRun(app, app.one, { threadId: thread, id: first.run.id })
})

test('a run at work cannot be deleted', async () => {
  const thread = await newThread()
  const slow = await slowOn(thread)
  expect(deleteRun(app, app.one, { threadId: thread, id: slow.run.id })).rejects.toMatchObject({
    code: 'wrong_state',
    facts: { action: 'delete' },
  })
  await cancelRun(app, app.one, { threadId: thread, id: slow.run.id })
})

const ROUNDS = 5
const AT_ONCE = 20

/** What is documented of each strategy, for runs that come at once on one thread. */
const OUTCOMES: Record<Strategy, (statuses: (string | undefined)[], started: number) => void> = {
  reject: (statuses, started) => {
    expect(started).toBeGreaterThanOrEqual(1)
    for (const status of statuses) expect(['completed', 'none']).toContain(status ?? 'none')
  },
  enqueue: (statuses, started) => {
    expect(started).toBe(AT_ONCE)
    expect(statuses).toEqual(Array.from({ length: AT_ONCE }, () => 'completed'))
  },
  interrupt: (statuses, started) => {
    expect(started).toBe(AT_ONCE)
    expect(statuses.filter((status) => status === 'completed').length).toBeGreaterThanOrEqual(1)
    for (const status of statuses) expect(['completed', 'cancelled']).toContain(status ?? 'none')
  },
  rollback: (statuses, started) => {
    expect(started).toBe(AT_ONCE)
    expect(statuses.filter((status) => status === 'completed').length).toBeGreaterThanOrEqual(1)
    for (const status of statuses) expect(['completed', 'none']).toContain(status ?? 'none')
  },
}

test.each(Object.keys(OUTCOMES) as Strategy[])('many runs at once that %s end as documented, and one works at a time', async (strategy) => {
  for (let round = 0; round < ROUNDS; round++) {
    const thread = await newThread()
    const tries = Array.from({ length: AT_ONCE }, (_, i) =>
      on(thread, says(`${i}`, strategy)).catch((error: { code: string }) => error.code),
    )
    const started = await Promise.all(tries)
    expect(started.filter((each) => typeof each === 'string' && each !== 'busy')).toEqual([])
    await until(async () => {
      const { runId, behind } = await threadOf(thread)
      return runId === null && !behind
    })
    const left = await searchRuns(app, app.one, { threadId: thread, limit: AT_ONCE, offset: 0 })
    const statuses = started.map((each) => (typeof each === 'string' ? undefined : left.find(({ id }) => id === each.run.id)?.status))
    OUTCOMES[strategy](statuses, started.filter((each) => typeof each !== 'string').length)
    expect(left.every(({ status }) => isEnd(status))).toBe(true)
    // Each answer counts the messages before it: two writers would have counted alike.
    const contents = await contentsOf(thread)
    for (const [at, text] of contents.entries()) if (text.startsWith('message ')) expect(text).toBe(`message ${at}`)
    expect(contents.filter((text) => text.startsWith('message ')).length).toBeGreaterThanOrEqual(
      left.filter(({ status }) => status === 'completed').length,
    )
  }
})
