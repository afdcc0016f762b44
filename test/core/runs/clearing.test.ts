import { afterAll, beforeAll, expect, test } from 'bun:test'
import { onIdleThread } from '../../../src/core/runs/clearing.ts'
import { createPost } from '../../../src/core/threads/posts.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { callsFunctions, currentRun, isText, messagesOf, saysThenHangs, startRun, storyOf, until, untilEvent } from '../../support/runs.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const append = (threadId: string, how: { patienceMs?: number; waiting?: 'yields' | 'refuses' } = {}) =>
  onIdleThread(app, app.one, {
    ...{ patienceMs: 5_000, waiting: 'yields', ...how },
    effect: () => createPost(app, app.one, { threadId, role: 'user', content: 'next', metadata: {}, facts: {} }),
  })

const wordsOf = async (threadId: string) => (await messagesOf(app, app.one, threadId)).map(({ content }) => content)

test('a message waits for a run at work, and stands behind its answer', async () => {
  const gate = Promise.withResolvers<void>()
  const started = await startRun(app, { turns: [{ text: ['answer'] }], gate: gate.promise })
  let isAppended = false
  const appended = append(started.threadId).then(() => {
    isAppended = true
  })
  await until(() => app.models.requestsTo(started.model).length === 1)
  expect(isAppended).toBe(false)
  gate.resolve()
  await appended
  expect(await wordsOf(started.threadId)).toEqual(['hello there', 'answer', 'next'])
  expect((await currentRun(app, started)).status).toBe('completed')
})

test('a message does not wait for ever', async () => {
  const started = await startRun(app, { turns: saysThenHangs('half') })
  await untilEvent(app, started, isText('half'))
  await expect(append(started.threadId, { patienceMs: 50 })).rejects.toMatchObject({ code: 'busy', facts: { runId: started.run.id } })
  expect((await currentRun(app, started)).status).toBe('running')
  expect(await wordsOf(started.threadId)).toEqual(['hello there'])
})

test('a run that waits for its client makes way', async () => {
  const started = await startRun(app, { turns: [callsFunctions('c1')] })
  await storyOf(app, started)
  await append(started.threadId)
  expect((await currentRun(app, started)).status).toBe('cancelled')
  expect(await wordsOf(started.threadId)).toEqual(['hello there', 'next'])
})

test('what is no answer to a waiting run is refused where it would have to be one', async () => {
  const started = await startRun(app, { turns: [callsFunctions('c1')] })
  await storyOf(app, started)
  await expect(append(started.threadId, { waiting: 'refuses' })).rejects.toMatchObject({
    code: 'wrong_state',
    facts: { id: started.run.id },
  })
  expect((await currentRun(app, started)).status).toBe('waiting')
})

test('two messages at once both stand behind a run that made way', async () => {
  const started = await startRun(app, { turns: [callsFunctions('c1')] })
  await storyOf(app, started)
  await Promise.all([append(started.threadId), append(started.threadId)])
  expect(await wordsOf(started.threadId)).toEqual(['hello there', 'next', 'next'])
})

test('any other fault is not waited for', async () => {
  const started = await startRun(app, {})
  await storyOf(app, started)
  const gone = onIdleThread(app, app.one, { patienceMs: 5_000, waiting: 'yields', effect: () => Promise.reject(new Error('no')) })
  await expect(gone).rejects.toThrow('no')
})
