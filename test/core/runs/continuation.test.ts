import { afterAll, beforeAll, expect, test } from 'bun:test'
import { completeToolOutput } from '../../../src/core/actions/actions.ts'
import { goOn, newestStretch } from '../../../src/core/runs/continuation.ts'
import { cancelRun } from '../../../src/core/runs/stop.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { look, settled } from '../../support/planned.ts'
import { callsFunctions, storyOf } from '../../support/runs.ts'

let app: TestApp
let idle: TestApp
beforeAll(async () => {
  app = await openTestApp({ shared: true })
  idle = await app.replica({ slots: 0 })
}, OPEN_MS)
afterAll(() => app.close())

type Waiting = Awaited<ReturnType<typeof settled>>

const waiting = (): Promise<Waiting> => settled(app, { turns: [callsFunctions('call_1'), { text: ['the end'] }] })
const never = () => new AbortController().signal

async function answer(by: TestApp, planned: Waiting): Promise<void> {
  for (const { id } of (await look(by, planned)).actions)
    await completeToolOutput(by, planned.caller, { threadId: planned.threadId, toolId: id, content: 'x' })
}

test('the newest stretch begins where a run waited last', async () => {
  const planned = await waiting()
  const first = await newestStretch(app, planned.run)
  expect(first).toEqual({ after: first.last, waits: true, last: first.last })
  await answer(app, planned)
  expect(await goOn(app, planned.caller, { run: planned.run, after: first.after, signal: never() })).toBe(true)
  await storyOf(app, planned)
  expect(await newestStretch(app, planned.run)).toMatchObject({ after: first.after, waits: false })
  const plain = await settled(app, { turns: [{ text: ['at once'] }] })
  expect(await newestStretch(app, plain.run)).toMatchObject({ after: 0, waits: false })
})

test('whoever waits for outputs goes on when they are there, also those given to another server, and the run goes on once', async () => {
  const planned = await waiting()
  const { after } = await newestStretch(app, planned.run)
  const waits = [app, idle, app].map((by) => goOn(by, planned.caller, { run: planned.run, after, signal: never() }))
  await answer(idle, planned)
  expect(await Promise.all(waits)).toEqual([true, true, true])
  const story = await storyOf(app, planned)
  expect(story.filter(({ type }) => type === 'text')).toHaveLength(1)
})

test('a run that ends meanwhile is waited for no longer, nor one whose reader leaves', async () => {
  const planned = await waiting()
  const { after } = await newestStretch(app, planned.run)
  const stop = new AbortController()
  const left = goOn(app, planned.caller, { run: planned.run, after, signal: stop.signal })
  stop.abort()
  expect(await left).toBe(false)
  const cancelled = goOn(idle, planned.caller, { run: planned.run, after, signal: never() })
  await cancelRun(app, planned.caller, { threadId: planned.threadId, id: planned.id })
  expect(await cancelled).toBe(true)
})
