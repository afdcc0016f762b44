import { afterAll, beforeAll, expect, test } from 'bun:test'
import { cancelRun } from '../../src/core/runs/stop.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import type { Pause } from '../support/faulty-db.ts'
import {
  answer,
  callsFunctions,
  currentRun,
  expireLease,
  isText,
  messagesOf,
  type Start,
  type Started,
  saysThenHangs,
  sketch,
  startRun,
  storyOf,
  untilEvent,
} from '../support/runs.ts'
import { citedIn, foundIn, library, searches, searching, stepEnds, stepsOf, toldByTools } from '../support/searching.ts'

/** Executes no runs: tests look through it. */
let app: TestApp
let store: string
beforeAll(async () => {
  app = await openTestApp({ shared: true, slots: 0, jobs: true })
  store = await library(app, app.one, { 'policy.md': 'The warranty lasts thirty months.' })
}, OPEN_MS)
afterAll(() => app.close())

const newWorker = () => app.replica({ slots: 8, jobs: false })
const SEARCH = searches(['warranty'])
const MIXED = { calls: [...(callsFunctions('call_f').calls ?? []), ...(SEARCH.calls ?? [])] }
const CITES = { text: ['Thirty months', '【0:0†policy.md】'] }

async function inherit(owner: TestApp, started: Started, heir: TestApp): Promise<void> {
  owner.die()
  await expireLease(app, started.run.id)
  heir.worker.wake()
}
const story = (started: Started) => storyOf(app, { caller: started.caller, run: started.run })

/** A run whose worker stands before its n-th commit. */
async function stuck(owner: TestApp, n: number, start: Start): Promise<Started> {
  let pause: Pause = owner.db.pauseNext('run.commit', 'before')
  const started = await startRun(owner, { assistant: searching(store), ...start })
  for (let passed = 1; passed < n; passed++) {
    await pause.reached
    const next = owner.db.pauseNext('run.commit', 'before')
    pause.release()
    pause = next
  }
  await pause.reached
  return started
}

test('a search that was committed is not repeated: the next worker answers from what it found', async () => {
  const [owner, heir] = [await newWorker(), await newWorker()]
  const started = await startRun(owner, { assistant: searching(store), turns: [SEARCH, ...saysThenHangs('half【0:0†x】')] })
  await untilEvent(app, started, isText('【0:0†x】'))
  app.models.rescript(started.model, [SEARCH, CITES])
  await inherit(owner, started, heir)
  const lines = sketch(await story(started))
  expect(lines).toEqual([
    'run queued',
    'run running',
    'step tool_calls',
    'call 0 call_s0 file_search',
    'arguments 0 {"queries":["warranty"]}',
    'step_end completed',
    'step message',
    'text half',
    'text 【0:0†x】',
    'message_end run_failed',
    'step_end failed',
    'restart 2',
    'step message',
    'text Thirty months',
    'text 【0:0†policy.md】',
    'message_end',
    'step_end completed',
    'run completed',
  ])
  const [, half, whole] = await messagesOf(app, started.caller, started.threadId)
  expect([half?.status, ...citedIn(half?.content).map((c) => c.cut)]).toEqual(['incomplete', '【0:0†x】'])
  expect(citedIn(whole?.content).map((c) => c.cut)).toEqual(['【0:0†policy.md】'])
  expect((await stepsOf(app, started)).map((s) => [s.kind, s.status])).toEqual([
    ['tool_calls', 'completed'],
    ['message', 'failed'],
    ['message', 'completed'],
  ])
})

test('a search whose commit was lost is done again, and its step ends once', async () => {
  const [owner, heir] = [await newWorker(), await newWorker()]
  // The first commit has the model's turn, the second what was found.
  const started = await stuck(owner, 2, { turns: [SEARCH, CITES] })
  await inherit(owner, started, heir)
  const events = await story(started)
  const lines = sketch(events)
  expect(lines.filter((line) => /^(call|step_end|restart|run)/.test(line))).toEqual([
    'run queued',
    'run running',
    'call 0 call_s0 file_search',
    'restart 2',
    'step_end completed',
    'step_end completed',
    'run completed',
  ])
  expect(foundIn(stepEnds(events)[0]?.calls ?? [])).toEqual({ call_s0: ['policy.md'] })
  expect(stepEnds(events)[0]?.calls).toMatchObject([{ arguments: '{"queries":["warranty"]}' }])
  expect((await stepsOf(app, started))[0]?.calls).toEqual(stepEnds(events)[0]?.calls ?? [])
  expect(toldByTools(app, started.model)).toHaveLength(1)
})

test('a search that was half asked for is closed as failed, and the turn is taken again', async () => {
  const [owner, heir] = [await newWorker(), await newWorker()]
  const argumentChunks = ['{"queries":', '["warranty"]}']
  const hangs = { calls: (SEARCH.calls ?? []).map((call) => ({ ...call, argumentChunks })), pauseMs: 3_600_000 }
  const started = await startRun(owner, { assistant: searching(store), turns: [hangs] })
  await untilEvent(app, started, (event) => event.type === 'call')
  app.models.rescript(started.model, [SEARCH, CITES])
  await inherit(owner, started, heir)
  const events = await story(started)
  expect(stepEnds(events).map((e) => e.status)).toEqual(['failed', 'completed', 'completed'])
  expect(sketch(events).at(-1)).toBe('run completed')
  expect((await stepsOf(app, started)).map((s) => [s.kind, s.status])).toEqual([
    ['tool_calls', 'failed'],
    ['tool_calls', 'completed'],
    ['message', 'completed'],
  ])
})

/** A mixed turn whose search is committed, and whose worker died before the run waited. */
async function mixedAndInherited(): Promise<{ started: Started; heir: TestApp }> {
  const [owner, heir] = [await newWorker(), await newWorker()]
  const started = await stuck(owner, 3, { turns: [MIXED, CITES] })
  await inherit(owner, started, heir)
  expect(sketch(await story(started)).slice(-2)).toEqual(['restart 2', 'run waiting'])
  return { started, heir }
}

test('a crash between a search and the wait for functions asks for the functions once, and keeps what was found', async () => {
  const { started, heir } = await mixedAndInherited()
  expect(await currentRun(app, started)).toMatchObject({ status: 'waiting', calls: [{ id: 'call_f' }] })
  await answer(heir, started, { call_f: 'looked' })
  const events = await story(started)
  expect(sketch(events).filter((line) => line.startsWith('call'))).toHaveLength(2)
  const [end] = stepEnds(events)
  expect(end?.calls?.map((c) => [c.id, c.output])).toEqual([
    ['call_f', 'looked'],
    ['call_s0', null],
  ])
  expect(foundIn(end?.calls ?? [])).toEqual({ call_s0: ['policy.md'] })
  expect(citedIn((await messagesOf(app, started.caller, started.threadId)).at(-1)?.content).map((c) => c.cut)).toEqual([
    '【0:0†policy.md】',
  ])
})

test('a run that was taken over between a search and its functions keeps what was found when it is cancelled', async () => {
  const { started } = await mixedAndInherited()
  await cancelRun(app, started.caller, { threadId: started.threadId, id: started.run.id })
  const [step] = await stepsOf(app, started)
  expect(step?.status).toBe('cancelled')
  expect(foundIn(step?.calls ?? [])).toEqual({ call_s0: ['policy.md'] })
})
