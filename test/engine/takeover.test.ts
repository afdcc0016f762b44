import { afterAll, beforeAll, expect, test } from 'bun:test'
import { appendEvents, commitStep } from '../../src/core/runs/commits.ts'
import type { RunEvent } from '../../src/core/runs/events.ts'
import { isEnd } from '../../src/core/runs/status.ts'
import { listSteps } from '../../src/core/runs/steps.ts'
import { cancelRun } from '../../src/core/runs/stop.ts'
import { getThread } from '../../src/core/threads/threads.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import type { Pause } from '../support/faulty-db.ts'
import {
  answer,
  callsFunctions,
  currentRun,
  expireLease,
  isText,
  journalOf,
  messagesOf,
  type Started,
  saysThenHangs,
  sketch,
  startRun,
  storyOf,
  until,
  untilEvent,
} from '../support/runs.ts'

/** Executes nothing: tests look through it. */
let app: TestApp
beforeAll(async () => {
  app = await openTestApp({ shared: true, slots: 0 })
}, OPEN_MS)
afterAll(() => app.close())

const newWorker = () => app.replica({ slots: 8 })

/** The worker of this run is gone without a word, and `heir` finds its lease over. */
async function inherit(owner: TestApp, started: Started, heir: TestApp): Promise<void> {
  owner.die()
  await expireLease(app, started.run.id)
  heir.worker.wake()
}

/** What a reader elsewhere sees: none of it from the memory of a worker. */
const story = (started: Started) => storyOf(app, { caller: started.caller, run: started.run })
const countEnds = (events: RunEvent[]) => events.filter((e) => e.type === 'status' && isEnd(e.status)).length
const steps = async ({ caller, threadId, run }: Started) =>
  (await listSteps(app, caller, { threadId, runId: run.id, page: { limit: 100, order: 'asc' } })).items
const attemptOf = async (started: Started) =>
  (await app.records.db.query<{ attempt: number; fence: number }>('select attempt, fence from run where id = $1', [started.run.id]))[0]

test('a run whose worker died is taken over: its half message is closed and kept, the turn is taken again, and it ends once', async () => {
  const [owner, heir] = [await newWorker(), await newWorker()]
  const started = await startRun(owner, { turns: saysThenHangs('half ') })
  await untilEvent(app, started, isText('half '))
  app.models.rescript(started.model, [{ text: ['whole'] }])
  await inherit(owner, started, heir)
  const events = await story(started)
  expect(sketch(events)).toEqual([
    'run queued',
    'run running',
    'step message',
    'text half ',
    'message_end run_failed',
    'step_end failed',
    'restart 2',
    'step message',
    'text whole',
    'message_end',
    'step_end completed',
    'run completed',
  ])
  expect(await attemptOf(started)).toEqual({ attempt: 2, fence: 2 })
  expect((await messagesOf(app, started.caller, started.threadId)).map((m) => [m.content, m.status, m.cut])).toEqual([
    ['hello there', 'completed', null],
    ['half ', 'incomplete', 'run_failed'],
    ['whole', 'completed', null],
  ])
  expect((await steps(started)).map((s) => [s.kind, s.status])).toEqual([
    ['message', 'failed'],
    ['message', 'completed'],
  ])
})

test('the half message of a dead attempt is read neither by the next attempt nor by the next run', async () => {
  const [owner, heir] = [await newWorker(), await newWorker()]
  const started = await startRun(owner, { turns: saysThenHangs('half ') })
  await untilEvent(app, started, isText('half '))
  app.models.rescript(started.model, [{ text: ['whole'] }])
  await inherit(owner, started, heir)
  await story(started)
  expect(
    app.models
      .requestsTo(started.model)
      .at(-1)
      ?.messages.map((m) => m.content),
  ).toEqual(['hello there'])
  const next = await startRun(heir, { turns: [{ text: ['x'] }], threadId: started.threadId, text: 'on' })
  await story(next)
  expect(app.models.requestsTo(next.model)[0]?.messages.map((m) => m.content)).toEqual(['hello there', 'whole', 'on'])
})

test('a worker that was too slow writes nothing under its old fence, and its run ends once', async () => {
  const [slow, heir] = [await newWorker(), await newWorker()]
  const pause = slow.db.pauseNext('run.commit', 'before')
  const started = await startRun(slow, { turns: [{ text: ['said'] }] })
  await pause.reached
  await expireLease(app, started.run.id)
  heir.worker.wake()
  const events = await story(started)
  const rows = await messagesOf(app, started.caller, started.threadId)
  pause.release()
  await until(() => slow.worker.busy === 0)
  expect(await journalOf(app, started.run.id)).toEqual(events)
  expect(countEnds(events)).toBe(1)
  expect(await messagesOf(app, started.caller, started.threadId)).toEqual(rows)
  expect(slow.log.count('run.broke_off')).toBe(0)
})

test('a journal insert and a commit under an old fence write nothing', async () => {
  const [owner, heir] = [await newWorker(), await newWorker()]
  const started = await startRun(owner, { turns: saysThenHangs('half ') })
  await untilEvent(app, started, isText('half '))
  app.models.rescript(started.model, saysThenHangs('other '))
  await inherit(owner, started, heir)
  await untilEvent(app, started, isText('other '))
  const before = await journalOf(app, started.run.id)
  const { id: runId, tenantId, threadId } = started.run
  const segment = { seq: before.length + 1, events: [{ type: 'text' as const, text: 'ghost' }] }
  expect(await appendEvents(app, { runId, fence: 1, ...segment })).toBe(false)
  const nothing = { messages: [], checkpoints: [], blobs: [], writes: [], steps: [], toolCalls: [] }
  const commit = { runId, tenantId, threadId, fence: 1, at: app.clock.now(), usage: null, error: null, incomplete: null, calls: null }
  const rest = {
    headId: null,
    headSeq: null,
    nextSeq: 99,
    keepResume: false,
    segment,
    ...nothing,
    job: null,
    journalKeepMs: null,
    temporaryKeepMs: 0,
  }
  expect(await commitStep(app, { ...commit, ...rest, status: 'completed' })).toBeUndefined()
  expect((await currentRun(app, started)).status).toBe('running')
  expect(await journalOf(app, runId)).toEqual(before)
})

test('a worker that dies when its last commit has taken effect leaves an ended run that nobody takes again', async () => {
  const [owner, heir] = [await newWorker(), await newWorker()]
  const pause = owner.db.pauseNext('run.commit', 'after')
  const started = await startRun(owner, { turns: [{ text: ['said'] }] })
  await pause.reached
  await inherit(owner, started, heir)
  const events = await story(started)
  expect(sketch(events).at(-1)).toBe('run completed')
  expect(await attemptOf(started)).toEqual({ attempt: 1, fence: 1 })
})

test('a worker that dies before its last commit leaves no end: the turn is taken again', async () => {
  const [owner, heir] = [await newWorker(), await newWorker()]
  const pause = owner.db.pauseNext('run.commit', 'before')
  const started = await startRun(owner, { turns: [{ text: ['said'] }] })
  await pause.reached
  await inherit(owner, started, heir)
  const events = await story(started)
  expect(countEnds(events)).toBe(1)
  expect(sketch(events).filter((line) => line.startsWith('restart') || line.startsWith('run '))).toEqual([
    'run queued',
    'run running',
    'restart 2',
    'run completed',
  ])
})

/** A run that was just given the outputs of its call, by a worker that stands before its first commit since. */
async function answeredAndStuck(): Promise<{ owner: TestApp; started: Started }> {
  const owner = await newWorker()
  const started = await startRun(owner, { turns: [callsFunctions('call_r'), { text: ['the end'] }] })
  await story(started)
  const pause = owner.db.pauseNext('run.commit', 'before')
  await answer(owner, started, { call_r: 'the output' })
  await pause.reached
  return { owner, started }
}

function expectAnsweredOnce(started: Started, events: RunEvent[]): void {
  expect(countEnds(events)).toBe(1)
  expect(sketch(events).at(-1)).toBe('run completed')
  expect(sketch(events).filter((line) => line === 'step tool_calls')).toHaveLength(1)
  const last = app.models
    .requestsTo(started.model)
    .at(-1)
    ?.messages.filter((m) => m.role === 'tool')
  expect(last?.map((m) => m.content)).toEqual(['the output'])
}

test('outputs survive a crash between their submission and the first commit', async () => {
  const { owner, started } = await answeredAndStuck()
  const heir = await newWorker()
  await inherit(owner, started, heir)
  expectAnsweredOnce(started, await story(started))
})

test('outputs survive two such crashes in a row', async () => {
  const { owner, started } = await answeredAndStuck()
  const [first, second] = [await newWorker(), await newWorker()]
  const takeover = first.db.pauseNext('run.commit', 'after')
  await inherit(owner, started, first)
  await takeover.reached
  const next = first.db.pauseNext('run.commit', 'before')
  takeover.release()
  await next.reached
  await inherit(first, started, second)
  expectAnsweredOnce(started, await story(started))
  expect((await steps(started)).map((s) => [s.kind, s.status, s.calls[0]?.output])).toEqual([
    ['tool_calls', 'completed', 'the output'],
    ['message', 'completed', undefined],
  ])
})

/** Lets `n - 1` statements of this name pass, once `act` has begun, and holds the next. */
async function hold(worker: TestApp, [name, n]: [string, number], act: () => Promise<unknown>): Promise<Pause> {
  let pause = worker.db.pauseNext(name, 'before')
  await act()
  for (let passed = 1; passed < n; passed++) {
    await pause.reached
    const next = worker.db.pauseNext(name, 'before')
    pause.release()
    pause = next
  }
  await pause.reached
  return pause
}

test('a crash between a turn and the wait for its calls loses neither: the run waits for them once, and they can be answered', async () => {
  const [owner, heir] = [await newWorker(), await newWorker()]
  const started = await startRun(owner, { turns: [callsFunctions('call_1'), callsFunctions('call_2'), { text: ['end'] }] })
  await story(started)
  // The outputs are in the state, the second turn is, and the wait is not.
  await hold(owner, ['run.commit', 3], () => answer(owner, started, { call_1: 'one' }))
  await inherit(owner, started, heir)
  const events = await story(started)
  expect(sketch(events).filter((line) => line.startsWith('call'))).toEqual(['call 0 call_1 look', 'call 0 call_2 look'])
  expect(sketch(events).at(-1)).toBe('run waiting')
  expect(await currentRun(app, started)).toMatchObject({ status: 'waiting', calls: [{ id: 'call_2' }] })
  await answer(heir, started, { call_2: 'two' })
  expect(sketch(await story(started)).at(-1)).toBe('run completed')
  const seen = app.models
    .requestsTo(started.model)
    .at(-1)
    ?.messages.flatMap((m) => (m.role === 'tool' ? [m.content] : []))
  expect(seen).toEqual(['one', 'two'])
})

test('a crash in the second round keeps the first: its call is asked for once', async () => {
  const [owner, heir] = [await newWorker(), await newWorker()]
  const started = await startRun(owner, { turns: [callsFunctions('call_1'), ...saysThenHangs('half ')] })
  await story(started)
  await answer(owner, started, { call_1: 'one' })
  await untilEvent(app, started, isText('half '))
  app.models.rescript(started.model, [callsFunctions('call_1'), { text: ['whole'] }])
  await inherit(owner, started, heir)
  const events = await story(started)
  expect(sketch(events).filter((line) => line.startsWith('call'))).toEqual(['call 0 call_1 look'])
  expect(sketch(events).slice(-5)).toEqual(['step message', 'text whole', 'message_end', 'step_end completed', 'run completed'])
  const seen = app.models
    .requestsTo(started.model)
    .at(-1)
    ?.messages.map((m) => m.content)
  expect(seen).toEqual(['hello there', null, 'one'])
})

test('after three attempts a run is failed, and its thread is free', async () => {
  let owner = await newWorker()
  const started = await startRun(owner, { turns: saysThenHangs('half ') })
  for (const attempt of [1, 2, 3]) {
    await until(async () => sketch(await journalOf(app, started.run.id)).filter((line) => line === 'text half ').length === attempt)
    const heir = await newWorker()
    await inherit(owner, started, heir)
    owner = heir
  }
  const events = await story(started)
  expect(sketch(events).at(-1)).toBe('run failed server_error')
  expect(sketch(events).filter((line) => line === 'text half ')).toHaveLength(3)
  expect(countEnds(events)).toBe(1)
  expect((await currentRun(app, started)).error?.message).toContain('3 times')
  expect(await getThread(app, started.caller, started.threadId)).toMatchObject({ runId: null, status: 'error' })
  const next = await startRun(owner, { threadId: started.threadId })
  expect(sketch(await story(next)).at(-1)).toBe('run completed')
})

test('a run that was asked to stop while its worker was dead is cancelled by the next one, told once', async () => {
  const [owner, heir] = [await newWorker(), await newWorker()]
  const started = await startRun(owner, { turns: saysThenHangs('half ') })
  await untilEvent(app, started, isText('half '))
  owner.die()
  await cancelRun(app, started.caller, { threadId: started.threadId, id: started.run.id })
  await inherit(owner, started, heir)
  const lines = sketch(await story(started))
  expect(lines.filter((line) => line === 'run cancelling')).toHaveLength(1)
  expect(lines.at(-1)).toBe('run cancelled')
  expect((await messagesOf(app, started.caller, started.threadId)).at(-1)).toMatchObject({ content: 'half ', status: 'incomplete' })
})

test('a cancellation that the dead worker had told already is not told again', async () => {
  const [owner, heir] = [await newWorker(), await newWorker()]
  const started = await startRun(owner, { turns: saysThenHangs('half ') })
  await untilEvent(app, started, isText('half '))
  owner.die()
  await cancelRun(app, started.caller, { threadId: started.threadId, id: started.run.id })
  const told = { type: 'status' as const, status: 'cancelling' as const, at: app.clock.now() }
  const seq = (await journalOf(app, started.run.id)).length + 1
  expect(await appendEvents(app, { runId: started.run.id, fence: 1, seq, events: [told] })).toBe(true)
  await inherit(owner, started, heir)
  const lines = sketch(await story(started))
  expect(lines.filter((line) => line === 'run cancelling')).toHaveLength(1)
  expect(lines.at(-1)).toBe('run cancelled')
})

test('a cancellation that is heard while the story of a dead worker is read is told once, after its repair', async () => {
  const [owner, heir] = [await newWorker(), await newWorker()]
  const started = await startRun(owner, { turns: saysThenHangs('half ') })
  await untilEvent(app, started, isText('half '))
  // The claim takes two statements, the third reads the journal.
  const pause = await hold(heir, ['hot', 3], () => inherit(owner, started, heir))
  await app.records.db.query(`update run set status = 'cancelling' where id = $1`, [started.run.id])
  expect(heir.worker.cancel(started.run.id)).toBe(true)
  pause.release()
  const lines = sketch(await story(started))
  expect(lines.slice(3)).toEqual([
    'text half ',
    'message_end run_failed',
    'step_end failed',
    'restart 2',
    'run cancelling',
    'run cancelled',
  ])
})

test('two workers that look at once take each run once', async () => {
  const [one, two] = [await newWorker(), await newWorker()]
  const started = await Promise.all(Array.from({ length: 12 }, () => startRun(app, { turns: [{ text: ['x'] }] })))
  one.worker.wake()
  two.worker.wake()
  for (const run of started) expect(sketch(await story(run)).filter((line) => line === 'run running')).toHaveLength(1)
  expect(started.map((run) => app.models.requestsTo(run.model).length)).toEqual(started.map(() => 1))
})
