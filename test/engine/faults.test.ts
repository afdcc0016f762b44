import { afterAll, beforeAll, expect, test } from 'bun:test'
import { cancelRun } from '../../src/core/runs/stop.ts'
import { deleteThread } from '../../src/core/threads/threads.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import type { Side } from '../support/faulty-db.ts'
import {
  answer,
  callsFunctions,
  currentRun,
  isText,
  journalOf,
  messagesOf,
  saysThenHangs,
  sketch,
  startRun,
  storyOf,
  until,
  untilEnd,
  untilEvent,
} from '../support/runs.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const ORDINARY = [
  'run queued',
  'run running',
  'step message',
  'text one ',
  'text two',
  'message_end',
  'step_end completed',
  'run completed',
]

const faults: [string, Side][] = [
  ['run.journal', 'before'],
  ['run.journal', 'after'],
  ['run.commit', 'before'],
  ['run.commit', 'after'],
]

test.each(faults)(
  'when %s fails %s it took effect, it is tried again, nothing is doubled, and readers wait for nothing',
  async (name, side) => {
    app.db.failNext(name, side)
    const from = performance.now()
    const started = await startRun(app, { turns: [{ text: ['one ', 'two'], pauseMs: 5 }] })
    const events = await storyOf(app, started)
    expect(performance.now() - from).toBeLessThan(2_000)
    expect(sketch(events)).toEqual(ORDINARY)
    expect(await journalOf(app, started.run.id)).toEqual(events)
    expect((await messagesOf(app, started.caller, started.threadId)).map((m) => m.content)).toEqual(['hello there', 'one two'])
    expect(app.log.count('journal.retry') + app.log.count('commit.retry')).toBeGreaterThan(0)
    expect(app.log.count('run.broke_off')).toBe(0)
  },
)

test.each<Side>(['before', 'after'])(
  'when the commit that begins to wait fails %s it took effect, the run waits once and can be answered',
  async (side) => {
    app.db.failNext('run.commit', side)
    const started = await startRun(app, { turns: [callsFunctions('call_w'), { text: ['end'] }] })
    expect(sketch(await storyOf(app, started)).at(-1)).toBe('run waiting')
    app.db.failNext('run.commit', side)
    await answer(app, started, { call_w: 'out' })
    const events = await storyOf(app, started)
    expect(sketch(events).filter((line) => line.startsWith('run '))).toEqual([
      'run queued',
      'run running',
      'run waiting',
      'run queued',
      'run running',
      'run completed',
    ])
    expect((await currentRun(app, started)).status).toBe('completed')
  },
)

test('a run that is asked to stop in the moment it begins to wait is cancelled, told once', async () => {
  for (const side of ['before', 'after'] as const) {
    const pause = app.db.pauseNext('run.commit', side)
    const started = await startRun(app, { turns: [callsFunctions('call_c')] })
    await pause.reached
    const cancelled = cancelRun(app, started.caller, { threadId: started.threadId, id: started.run.id })
    if (side === 'before') await cancelled
    pause.release()
    await cancelled
    const run = await untilEnd(app, started)
    const lines = sketch(await journalOf(app, started.run.id))
    expect(lines.filter((line) => line === 'run cancelling')).toHaveLength(1)
    expect(lines.slice(-2)).toEqual(['step_end cancelled', 'run cancelled'])
    expect(run).toMatchObject({ status: 'cancelled', calls: null })
  }
})

test('a run that is asked to stop in the moment of its last commit ends once, by that commit', async () => {
  const pause = app.db.pauseNext('run.commit', 'before')
  const started = await startRun(app, { turns: [{ text: ['x'] }] })
  await pause.reached
  await cancelRun(app, started.caller, { threadId: started.threadId, id: started.run.id })
  pause.release()
  const lines = sketch(await storyOf(app, started))
  expect(lines.at(-1)).toBe('run completed')
  expect(await journalOf(app, started.run.id)).toHaveLength(lines.length)
})

test('a run on a thread that is deleted meanwhile stops without a trace', async () => {
  const started = await startRun(app, { turns: saysThenHangs('half ') })
  await untilEvent(app, started, isText('half '))
  await deleteThread(app, started.caller, started.threadId)
  await until(() => app.worker.busy === 0)
  expect(await journalOf(app, started.run.id)).toEqual([])
  expect(app.log.count('run.broke_off')).toBe(0)
})
