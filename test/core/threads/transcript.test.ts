import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createPost } from '../../../src/core/threads/posts.ts'
import { createThread } from '../../../src/core/threads/threads.ts'
import { findMessage, listTranscript } from '../../../src/core/threads/transcript.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { answer, callsFunctions, startRun, storyOf, UNKNOWN_ID, untilEnd } from '../../support/runs.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const said = async (threadId: string, page: { order?: 'asc' | 'desc'; limit?: number } = {}) =>
  (await listTranscript(app, app.one, { threadId, order: 'asc', limit: 100, ...page })).map(
    ({ role, content, calls }) => `${role}: ${calls.length > 0 ? calls.map(({ name }) => name).join() : content}`,
  )

const write = (threadId: string, content: string, role: 'user' | 'system' | 'tool' | 'assistant' = 'user') =>
  createPost(app, app.one, { threadId, role, content, metadata: {}, facts: {} })

test('a transcript holds every role in the order of the conversation, with calls and their outputs', async () => {
  const started = await startRun(app, { turns: [callsFunctions('c1'), { text: ['found'] }] })
  await storyOf(app, started)
  await answer(app, started, { c1: 'here' })
  await untilEnd(app, started)
  await write(started.threadId, 'be brief', 'system')
  expect(await said(started.threadId)).toEqual([
    'user: hello there',
    'assistant: look',
    'tool: here',
    'assistant: found',
    'system: be brief',
  ])
  const [, call, output] = await listTranscript(app, app.one, { threadId: started.threadId, order: 'asc', limit: 3 })
  expect(call?.calls).toEqual([{ id: 'c1', name: 'look', args: { for: 'c1' } }])
  expect(output).toMatchObject({ callId: 'c1', runId: started.run.id })
})

test('a transcript begins where it is asked to, and holds no more than that', async () => {
  const { id } = await createThread(app, app.one, {})
  for (const word of ['a', 'b', 'c']) await write(id, word)
  expect(await said(id, { limit: 2 })).toEqual(['user: a', 'user: b'])
  expect(await said(id, { limit: 2, order: 'desc' })).toEqual(['user: c', 'user: b'])
  expect(await said(id, { limit: 0 })).toEqual([])
})

test('messages that hold too much together are not read', async () => {
  const { id } = await createThread(app, app.one, {})
  await write(id, 'x'.repeat(100))
  await write(id, 'x'.repeat(100))
  const ask = (limit: number) => listTranscript(app, app.one, { threadId: id, order: 'asc', limit, bytesMax: 150 })
  expect(await ask(1)).toHaveLength(1)
  await expect(ask(2)).rejects.toMatchObject({ code: 'too_large' })
})

test('where a state says what belongs to the conversation, its list comes first, whatever the role', async () => {
  const started = await startRun(app, { turns: [callsFunctions('c1'), { text: ['found'] }] })
  await storyOf(app, started)
  await answer(app, started, { c1: 'here' })
  await untilEnd(app, started)
  await app.records.db.query('update thread set by_head = true where id = $1', [started.threadId])
  await write(started.threadId, 'more', 'tool')
  expect(await said(started.threadId)).toEqual(['user: hello there', 'assistant: look', 'tool: here', 'assistant: found', 'tool: more'])
  expect(await said(started.threadId, { order: 'desc', limit: 2 })).toEqual(['tool: more', 'assistant: found'])
  const { id } = await createThread(app, app.one, {})
  await app.records.db.query('update thread set by_head = true where id = $1', [id])
  expect(await said(id)).toEqual([])
})

test("another tenant's transcript and messages are not there", async () => {
  const { id } = await createThread(app, app.one, {})
  const { message } = await write(id, 'mine')
  const key = { threadId: id, id: message.id }
  await expect(listTranscript(app, app.two, { threadId: id, order: 'asc', limit: 10 })).rejects.toMatchObject({ code: 'not_found' })
  expect(await findMessage(app, app.two, key)).toBeUndefined()
  expect(await findMessage(app, app.one, { ...key, threadId: UNKNOWN_ID })).toBeUndefined()
  expect(await findMessage(app, app.one, key)).toMatchObject({ content: 'mine', seq: 1 })
})
