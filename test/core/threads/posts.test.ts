import { afterAll, beforeAll, expect, test } from 'bun:test'
import { ownerOf } from '../../../src/core/ownership/ownership.ts'
import { cancelRun } from '../../../src/core/runs/stop.ts'
import { addToDraft } from '../../../src/core/threads/message-drafts.ts'
import { createPost, deletePost, mergeMetadata, metadataOf, type NewPost } from '../../../src/core/threads/posts.ts'
import { createThread } from '../../../src/core/threads/threads.ts'
import { findMessage } from '../../../src/core/threads/transcript.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { messagesOf, saysThenHangs, startRun, storyOf, untilEnd } from '../../support/runs.ts'
import { newUser } from '../../support/users.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const newThread = async () => (await createThread(app, app.one, {})).id
const post = (threadId: string, more: Partial<NewPost> = {}, caller = app.one) =>
  createPost(app, caller, { threadId, role: 'user', content: 'x', metadata: {}, facts: {}, ...more })

test('a message keeps its owner, its facts and all of its metadata', async () => {
  const threadId = await newThread()
  const { user, caller } = await newUser(app, app.one)
  const metadata = { plain: 'text', n: 7, deep: { list: [null, 1.5] }, long: 'l'.repeat(600) }
  const { message, owned } = await post(threadId, { metadata, facts: { senderId: 'me' } }, caller)
  expect(owned).toMatchObject({ id: message.id, userId: user.id, threadId })
  const stored = await findMessage(app, caller, { threadId, id: message.id })
  const held = await ownerOf(app, caller, { kind: 'message', id: message.id })
  expect(held).toEqual(owned)
  expect(metadataOf(stored ?? message, held)).toEqual(metadata)
  // Other dialects show what they have a word for.
  expect((await messagesOf(app, app.one, threadId))[0]?.metadata).toEqual({ plain: 'text' })
})

test('metadata of more pairs than other dialects show is kept whole', async () => {
  const threadId = await newThread()
  const metadata = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, `${i}`]))
  const { message, owned } = await post(threadId, { metadata })
  expect(Object.keys(message.metadata)).toHaveLength(16)
  expect(metadataOf(message, owned)).toEqual(metadata)
})

test('a model reads what a tool came to that no model called', async () => {
  const started = await startRun(app, { turns: [{ text: ['first'] }] })
  await untilEnd(app, started)
  await post(started.threadId, { role: 'tool', content: 'the result' })
  const next = await startRun(app, { threadId: started.threadId, text: null, turns: [{ text: ['second'] }] })
  await untilEnd(app, next)
  const [request] = app.models.requestsTo(next.model)
  expect(request?.messages.map(({ role, content }) => `${role}: ${content}`)).toEqual([
    'user: hello there',
    'assistant: first',
    'user: the result',
  ])
})

test('a thread at work refuses a message, and keeps the draft it was to end', async () => {
  const started = await startRun(app, { turns: saysThenHangs('half') })
  const draft = { threadId: started.threadId, author: 'a' }
  await addToDraft(app, app.one, { ...draft, text: 'be' })
  const last = () => post(started.threadId, { content: 'gin', draft })
  await expect(last()).rejects.toMatchObject({ code: 'busy', facts: { runId: started.run.id, action: 'append' } })
  await cancelRun(app, app.one, { threadId: started.threadId, id: started.run.id })
  await storyOf(app, started)
  expect((await last()).message.content).toBe('begin')
})

test('merges of metadata at the same time lose nothing', async () => {
  const threadId = await newThread()
  const { message } = await post(threadId, { metadata: { kept: 'yes', n: 0 } })
  await Promise.all(
    Array.from({ length: 20 }, (_, i) => mergeMetadata(app, app.one, { threadId, id: message.id, metadata: { [`k${i}`]: i } })),
  )
  const { message: after, owned } = await mergeMetadata(app, app.one, { threadId, id: message.id, metadata: { n: 'text' } })
  const expected = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, i]))
  expect(metadataOf(after, owned)).toEqual({ kept: 'yes', n: 'text', ...expected })
  expect(after.metadata).toEqual({ kept: 'yes', n: 'text' })
})

test('metadata of a message that the engine wrote can be merged too', async () => {
  const started = await startRun(app, { turns: [{ text: ['hello'] }] })
  await untilEnd(app, started)
  const said = (await messagesOf(app, app.one, started.threadId)).find(({ role }) => role === 'assistant')
  const { message, owned } = await mergeMetadata(app, app.one, { threadId: started.threadId, id: said?.id ?? '', metadata: { score: 5 } })
  expect(metadataOf(message, owned)).toEqual({ score: 5 })
  expect(owned.userId).toBeNull()
})

test('a deleted message is gone with what was remembered of it', async () => {
  const threadId = await newThread()
  const { message } = await post(threadId, { role: 'tool' })
  const key = { threadId, id: message.id }
  await expect(deletePost(app, app.two, key)).rejects.toMatchObject({ code: 'not_found' })
  await deletePost(app, app.one, key)
  expect(await findMessage(app, app.one, key)).toBeUndefined()
  expect(await ownerOf(app, app.one, { kind: 'message', id: message.id })).toBeUndefined()
  await expect(deletePost(app, app.one, key)).rejects.toMatchObject({ code: 'not_found' })
})

test("another tenant's thread takes no message", async () => {
  const threadId = await newThread()
  await expect(post(threadId, {}, app.two)).rejects.toMatchObject({ code: 'not_found', facts: { kind: 'thread' } })
  expect(await messagesOf(app, app.one, threadId)).toEqual([])
})
