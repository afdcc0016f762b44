import { afterAll, beforeAll, expect, test } from 'bun:test'
import { openTestApp, type TestApp } from '../support/app.ts'
import { sketch, startRun, storyOf } from '../support/runs.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
})
afterAll(() => app.close())

test('a text run tells queued, running, its message with every chunk, and completed, in this order', async () => {
  const started = await startRun(app, { turns: [{ text: ['one ', 'two'] }] })
  const events = await storyOf(app, started)
  expect(sketch(events)).toEqual([
    'run queued', 'run running', 'step message', 'text one ', 'text two', 'message_end', 'step_end completed', 'run completed',
  ])
})
