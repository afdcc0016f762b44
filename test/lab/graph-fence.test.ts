import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { claimRuns, renewRuns } from '../../src/core/runs/claims.ts'
import { appendEvents, type Commit, commitStep } from '../../src/core/runs/commits.ts'
import { deleteRun } from '../../src/core/runs/removal.ts'
import { type ClaimedRun, findRun } from '../../src/core/runs/runs.ts'
import { cancelRun } from '../../src/core/runs/stop.ts'
import { getThread } from '../../src/core/threads/threads.ts'
import { openTestApp, type TestApp } from '../support/app.ts'
import { type GraphStart, type StartedGraph, startGraph, toldBy } from '../support/graph-runs.ts'
import { temporaryFolder } from '../support/postgres.ts'
import { expireLease, journalOf, until } from '../support/runs.ts'
import { fanTask, workTask } from './graph-kinds.ts'
import { GRAPH_PROJECT } from './graph-lab.ts'

setDefaultTimeout(30_000)

const folder = temporaryFolder()
/** Claims nothing by itself: tests look through it. */
let app: TestApp
beforeAll(async () => {
  process.env.LAB_FOLDER = folder
  app = await openTestApp({ shared: true, slots: 0, graphs: GRAPH_PROJECT })
})
afterAll(async () => {
  await app.close()
  rmSync(folder, { recursive: true, force: true })
})

const quick = (): GraphStart => ({ graph: 'work', input: workTask(crypto.randomUUID(), { steps: 1, pauseMs: 0 }).input })

/** Runs of a worker that does nothing with them, in the order of their ids. */
async function claimed(count: number, workerId: string): Promise<ClaimedRun[]> {
  for (let n = 0; n < count; n++) await startGraph(app, quick())
  const runs = await claimRuns(app, { workerId, leaseMs: 60_000, limit: count })
  return runs.sort((a, b) => (a.run.id < b.run.id ? -1 : 1))
}

const NOTHING = { messages: [], checkpoints: [], blobs: [], writes: [], steps: [], toolCalls: [] }

const stepOf = ({ run, fence, nextEvent }: ClaimedRun, text: string): Commit => ({
  ...{ runId: run.id, tenantId: run.tenantId, threadId: run.threadId, fence, status: 'running', at: app.clock.now() },
  ...{ usage: null, error: null, incomplete: null, calls: null, headId: null, headSeq: null, nextSeq: 1, keepResume: false, ...NOTHING },
  ...{ segment: { seq: nextEvent, events: [{ type: 'text', text }] }, job: null, journalKeepMs: null, temporaryKeepMs: 0 },
})

/** Whether `work` on both runs, of which another transaction holds the first, keeps the second from anybody. */
async function holdsSecond([first, second]: string[], work: () => Promise<unknown>): Promise<boolean> {
  const { db } = app.records
  const [held, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const other = db.transaction(async (tx) => {
    await tx.query('select 1 from run where id = $1 for update', [first ?? ''])
    held.resolve()
    await go.promise
  })
  await held.promise
  const waiting = work()
  const stuck = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
  await until(async () => (await db.query(stuck)).length > 0)
  const free = await db.query('select 1 from run where id = $1 for update nowait', [second ?? '']).then(
    () => true,
    () => false,
  )
  go.resolve()
  await Promise.all([other, waiting])
  return !free
}

test('renewals and commits of several runs lock them in one order, so that neither waits for the other', async () => {
  const workerId = crypto.randomUUID()
  const runs = await claimed(2, workerId)
  const ids = runs.map(({ run }) => run.id)
  const backwards = ids.toReversed()
  expect(await holdsSecond(ids, () => renewRuns(app, { workerId, leaseMs: 60_000, ids: backwards }))).toBe(false)
  expect(await holdsSecond(ids, () => Promise.all(runs.toReversed().map((run) => commitStep(app, stepOf(run, 'x')))))).toBe(false)
})

test('of two owners of a run whose writes meet in one statement only the later one is told that it wrote', async () => {
  const [early] = await claimed(1, crypto.randomUUID())
  if (!early) throw new Error('no run')
  await expireLease(app, early.run.id)
  const [late] = await claimRuns(app, { workerId: crypto.randomUUID(), leaseMs: 60_000, limit: 1 })
  if (!late) throw new Error('not claimed again')
  const committed = await Promise.all([commitStep(app, stepOf(early, 'early')), commitStep(app, stepOf(late, 'late'))])
  expect(committed).toEqual([undefined, { status: 'running', behind: false }])
  const next = { runId: late.run.id, seq: late.nextEvent + 1 }
  const kept = await Promise.all([
    appendEvents(app, { ...next, fence: early.fence, events: [{ type: 'text', text: 'early' }] }),
    appendEvents(app, { ...next, fence: late.fence, events: [{ type: 'text', text: 'later' }] }),
  ])
  expect(kept).toEqual([false, true])
  const texts = (await journalOf(app, late.run.id)).flatMap((event) => (event.type === 'text' ? [event.text] : []))
  expect(texts).toEqual(['late', 'later'])
})

/** On a worker of its own, at its first step until the gate is opened. */
async function atWork(): Promise<{ owner: TestApp; started: StartedGraph; open(): void }> {
  const owner = await app.replica({ slots: 8 })
  const gate = crypto.randomUUID()
  const started = await startGraph(owner, { graph: 'work', input: workTask(crypto.randomUUID(), { steps: 1, pauseMs: 0, gate }).input })
  return { owner, started, open: () => writeFileSync(join(folder, gate), '') }
}

test('a run that waits for its turn can be removed while another one is at work', async () => {
  const { owner, started, open } = await atWork()
  const thread = { id: started.threadId, create: false }
  const behind = await startGraph(owner, { ...quick(), thread, run: { strategy: 'enqueue' } })
  await cancelRun(owner, owner.one, { threadId: started.threadId, id: behind.run.id, rollback: true })
  expect(findRun(app, app.one, behind.run.id)).rejects.toMatchObject({ code: 'not_found' })
  open()
  expect((await toldBy(owner, started)).at(-1)).toBe('completed')
  await until(async () => !(await getThread(app, app.one, started.threadId)).behind)
  expect(await getThread(app, app.one, started.threadId)).toMatchObject({ runId: null, status: 'idle' })
})

test('a run that ended while somebody was about to remove it from the queue stays', async () => {
  const [by, worker] = [await app.replica({ slots: 0 }), await app.replica({ slots: 8 })]
  const started = await startGraph(app, quick())
  const look = by.db.pauseNext('run.read', 'after')
  const removing = cancelRun(by, by.one, { threadId: started.threadId, id: started.run.id, rollback: true })
  await look.reached
  worker.worker.wake()
  expect((await toldBy(worker, started)).at(-1)).toBe('completed')
  look.release()
  await expect(removing).rejects.toMatchObject({ code: 'wrong_state', facts: { status: 'completed' } })
  expect(await findRun(app, app.one, started.run.id)).toMatchObject({ status: 'completed' })
})

const stateOf = async (by: TestApp, id: string) =>
  (await by.graphs.state(by.one, { thread: await getThread(by, by.one, id), at: {}, subgraphs: false })).values
const graphOf = async (thread: string) => (await getThread(app, app.one, thread)).graph

test('a run that is removed before its first step gives the thread back to the graph before it', async () => {
  const { owner, started: first, open } = await atWork()
  open()
  await toldBy(owner, first)
  const thread = { id: first.threadId, create: false }
  const { input } = fanTask('gone', { steps: 1, pauseMs: 20_000 })
  const gone = await startGraph(owner, { graph: 'fan', input, thread })
  expect(await graphOf(first.threadId)).toBe('fan')
  await cancelRun(owner, owner.one, { threadId: first.threadId, id: gone.run.id, rollback: true })
  await until(async () => (await getThread(app, app.one, first.threadId)).runId === null)
  expect(await graphOf(first.threadId)).toBe('work')
})

test('a run that waits for its turn is not the graph of the thread before it has it', async () => {
  const { owner, started, open } = await atWork()
  const thread = { id: started.threadId, create: false }
  const later = { graph: 'fan', input: fanTask('later', { steps: 1, pauseMs: 0 }).input, thread, run: { strategy: 'enqueue' as const } }
  const cancelled = await startGraph(owner, later)
  const next = await startGraph(owner, later)
  await cancelRun(owner, owner.one, { threadId: started.threadId, id: cancelled.run.id })
  expect(await graphOf(started.threadId)).toBe('work')
  open()
  expect((await toldBy(owner, next)).at(-1)).toBe('completed')
  expect(await graphOf(started.threadId)).toBe('fan')
})

test('a state whose run is removed while it is read is read again', async () => {
  const { owner, started, open } = await atWork()
  open()
  await toldBy(owner, started)
  const { lines } = (await stateOf(app, started.threadId)) as { lines: string[] }
  const second = await startGraph(owner, { ...quick(), thread: { id: started.threadId, create: false } })
  await toldBy(owner, second)
  const reader = await app.replica({ slots: 0 })
  const thread = await getThread(reader, reader.one, started.threadId)
  const look = reader.db.pauseNext('hot', 'after')
  const reading = reader.graphs.state(reader.one, { thread, at: {}, subgraphs: false })
  await look.reached
  await deleteRun(owner, owner.one, { threadId: started.threadId, id: second.run.id })
  look.release()
  expect(await reading).toMatchObject({ values: { lines } })
})

test('a graph that finds the database away does not fail: its run goes on where the next owner finds it', async () => {
  const [owner, heir] = [await app.replica({ slots: 8 }), await app.replica({ slots: 8 })]
  const { input, lines } = fanTask('away', { steps: 2, pauseMs: 0 })
  owner.db.failNext('item.write', 'before')
  const started = await startGraph(owner, { graph: 'fan', input })
  await until(() => owner.worker.busy === 0)
  expect(await findRun(app, app.one, started.run.id)).toMatchObject({ status: 'running', error: null })
  await expireLease(app, started.run.id)
  heir.worker.wake()
  expect((await toldBy(heir, started)).at(-1)).toBe('completed')
  expect(await stateOf(app, started.threadId)).toMatchObject({ lines })
  expect(owner.log.count('run.database_away')).toBe(1)
})
