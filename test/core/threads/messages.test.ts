import { afterAll, beforeAll, expect, test } from 'bun:test'
import { cancelRun } from '../../../src/core/runs/stop.ts'
import {
  changeMessage,
  createMessage,
  deleteMessage,
  getMessage,
  listMessages,
  type NewMessage,
} from '../../../src/core/threads/messages.ts'
import { createThread } from '../../../src/core/threads/threads.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { newFile } from '../../support/ingesting.ts'
import { answer, callsFunctions, isText, messagesOf, saysThenHangs, startRun, storyOf, untilEnd, untilEvent } from '../../support/runs.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const append = (threadId: string, message: Partial<NewMessage> = {}, caller = app.one) =>
  createMessage(app, caller, { threadId, message: { role: 'user', content: 'x', ...message } })

test('a message comes back as it was written', async () => {
  const { id } = await createThread(app, app.one, {})
  const odd = 'nul \u0000, half a pair \ud800'
  const parts = [
    { type: 'text', text: odd },
    { type: 'image_url', image_url: { url: 'https://x', detail: 'low' } },
  ]
  const attachments = [{ fileId: await newFile(app, app.one), tools: [] }]
  const written = await append(id, { content: parts, attachments, metadata: { k: 'v' }, role: 'assistant' })
  expect(await getMessage(app, app.one, { threadId: id, id: written.id })).toEqual({ ...written, seq: 1 })
  expect(written).toMatchObject({ status: 'completed', cut: null, runId: null, assistantId: null })
})

test('fifty appends at once lose none, leave no gap, and those of one writer keep their order', async () => {
  const { id } = await createThread(app, app.one, {})
  await Promise.all(
    Array.from({ length: 10 }, async (_, writer) => {
      for (let i = 0; i < 5; i++) await append(id, { content: `${writer}:${i}` })
    }),
  )
  const list = await messagesOf(app, app.one, id)
  expect(list.map((m) => m.seq)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1))
  for (let writer = 0; writer < 10; writer++) {
    const own = list.filter((m) => String(m.content).startsWith(`${writer}:`)).map((m) => m.content)
    expect(own).toEqual([0, 1, 2, 3, 4].map((i) => `${writer}:${i}`))
  }
})

test('appends of fifty requests that share one statement keep the order they were sent in', async () => {
  const { id } = await createThread(app, app.one, {})
  await Promise.all(Array.from({ length: 50 }, (_, i) => append(id, { content: `${i}` })))
  const list = await messagesOf(app, app.one, id)
  expect(list.map((m) => m.content)).toEqual(Array.from({ length: 50 }, (_, i) => `${i}`))
})

test('refused appends of strangers leave no gap in the numbers of the owner', async () => {
  const { id } = await createThread(app, app.one, {})
  const all = Array.from({ length: 20 }, (_, i) => append(id, {}, i % 2 ? app.two : app.one))
  const settled = await Promise.allSettled(all)
  expect(settled.map((s) => s.status)).toEqual(Array.from({ length: 20 }, (_, i) => (i % 2 ? 'rejected' : 'fulfilled')))
  await append(id)
  expect((await messagesOf(app, app.one, id)).map((m) => m.seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
})

test('a run that works holds its thread against appends, and frees it at its end', async () => {
  const started = await startRun(app, { turns: saysThenHangs('half ') })
  const busy = { code: 'busy', facts: { threadId: started.threadId, runId: started.run.id, action: 'append' } }
  await untilEvent(app, started, isText('half '))
  await expect(append(started.threadId)).rejects.toMatchObject(busy)
  await cancelRun(app, app.one, { threadId: started.threadId, id: started.run.id })
  await storyOf(app, started)
  await append(started.threadId, { content: 'after' })
  expect((await messagesOf(app, app.one, started.threadId)).at(-1)?.content).toBe('after')
})

test('a run that waits for outputs holds its thread too', async () => {
  const started = await startRun(app, { turns: [callsFunctions('call_w'), { text: ['end'] }] })
  await storyOf(app, started)
  await expect(append(started.threadId)).rejects.toMatchObject({ code: 'busy', facts: { runId: started.run.id } })
  await answer(app, started, { call_w: '' })
  await untilEnd(app, started)
  await append(started.threadId)
})

test('an append to a thread that is not there is not_found', async () => {
  const { id } = await createThread(app, app.two, {})
  await expect(append(id)).rejects.toMatchObject({ code: 'not_found', facts: { kind: 'thread', id } })
})

test('only metadata of a message can change, and it is replaced as a whole', async () => {
  const { id } = await createThread(app, app.one, {})
  const message = await append(id, { metadata: { a: '1' } })
  const key = { threadId: id, id: message.id }
  expect((await changeMessage(app, app.one, key)).metadata).toEqual({ a: '1' })
  expect(await changeMessage(app, app.one, { ...key, metadata: { b: '2' } })).toEqual({ ...message, seq: 1, metadata: { b: '2' } })
})

test('a deleted message is found by nobody, listed nowhere, and deleted once', async () => {
  const { id: threadId } = await createThread(app, app.one, {})
  const [first, second] = [await append(threadId), await append(threadId)]
  await deleteMessage(app, app.one, { threadId, id: first.id })
  const missing = { code: 'not_found', facts: { kind: 'message', id: first.id } }
  await expect(getMessage(app, app.one, { threadId, id: first.id })).rejects.toMatchObject(missing)
  await expect(deleteMessage(app, app.one, { threadId, id: first.id })).rejects.toMatchObject(missing)
  await expect(changeMessage(app, app.one, { threadId, id: first.id, metadata: {} })).rejects.toMatchObject(missing)
  expect((await messagesOf(app, app.one, threadId)).map((m) => m.id)).toEqual([second.id])
})

test('a message deleted before any run is never read by a model', async () => {
  const { id: threadId } = await createThread(app, app.one, {})
  const secret = await append(threadId, { content: 'secret' })
  await deleteMessage(app, app.one, { threadId, id: secret.id })
  const started = await startRun(app, { threadId, turns: [{ text: ['x'] }], text: 'open' })
  await storyOf(app, started)
  expect(app.models.requestsTo(started.model)[0]?.messages.map((m) => m.content)).toEqual(['open'])
})

test('a message deleted after a run has read it is not read by the next one', async () => {
  const started = await startRun(app, { turns: [{ text: ['answer'] }], text: 'secret' })
  await storyOf(app, started)
  const [secret] = await messagesOf(app, app.one, started.threadId)
  await deleteMessage(app, app.one, { threadId: started.threadId, id: secret?.id ?? '' })
  const next = await startRun(app, { threadId: started.threadId, turns: [{ text: ['x'] }], text: 'open' })
  await storyOf(app, next)
  expect(app.models.requestsTo(next.model)[0]?.messages.map((m) => m.content)).toEqual(['answer', 'open'])
})

test('a list shows user and assistant messages with content only, and can be narrowed to a run', async () => {
  const started = await startRun(app, { turns: [callsFunctions('call_l'), { text: ['end'] }] })
  await storyOf(app, started)
  await answer(app, started, { call_l: 'out' })
  await untilEnd(app, started)
  expect((await messagesOf(app, app.one, started.threadId)).map((m) => [m.role, m.content])).toEqual([
    ['user', 'hello there'],
    ['assistant', 'end'],
  ])
  const page = { limit: 10, order: 'asc' as const }
  const ofRun = await listMessages(app, app.one, { threadId: started.threadId, page, runId: started.run.id })
  expect(ofRun.items.map((m) => m.content)).toEqual(['end'])
})
