import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { RunEvent } from '../../src/core/runs/events.ts'
import { listSteps } from '../../src/core/runs/steps.ts'
import { isEnd } from '../../src/core/runs/status.ts'
import { cancelRun } from '../../src/core/runs/stop.ts'
import { getThread } from '../../src/core/threads/threads.ts'
import { openTestApp, type TestApp } from '../support/app.ts'
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

/** Claims nothing by itself: tests look through it. */
let app: TestApp
beforeAll(async () => {
  app = await openTestApp({ shared: true, slots: 0 })
})
afterAll(() => app.close())

const newWorker = () => app.replica({ slots: 8 })

/** The worker of this run is gone without a word; `heir` finds its lease over. */
async function killed(owner: TestApp, started: Started, heir: TestApp): Promise<void> {
  owner.die()
  await expireLease(app, started.run.id)
  heir.worker.wake()
}

const ends = (events: RunEvent[]): RunEvent[] => events.filter((e) => e.type === 'status' && isEnd(e.status))

const stepsOf = async (started: Started) =>
  (await listSteps(app, started.caller, { threadId: started.threadId, runId: started.run.id, page: { limit: 100, order: 'asc' } })).items

test('a run whose worker died is taken over: its half message is closed and kept, the turn is taken again, and it ends once', async () => {
  const [owner, heir] = [await newWorker(), await newWorker()]
  const gate = Promise.withResolvers<void>()
  const started = await startRun(owner, { turns: [{ text: ['half ', 'never'], pauseMs: 3_600_000 }] })
  await untilEvent(app, started, isText('half '))
  owner.models.script([], gate.promise) // another script: the heir says something else under the same name
  Reflect.set(heir.models, 'generate', async (_: unknown, sink: { text(part: string): void }) => {
    sink.text('whole')
    return { text: 'whole', refusal: '', calls: [], finish: 'stop', usage: null }
  })
  await killed(owner, started, heir)
  const events = await storyOf(app, started)
  expect(sketch(events)).toEqual([])
})
