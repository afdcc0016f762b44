import { afterAll, beforeAll, expect, test } from 'bun:test'
import { newId } from '../../../src/core/id.ts'
import { copyThread } from '../../../src/core/threads/copies.ts'
import { createThread, deleteThread, getThread } from '../../../src/core/threads/threads.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { isText, messagesOf, saysThenHangs, startRun, untilEnd, untilEvent } from '../../support/runs.ts'
import { graphOn, rowsOf } from './kit.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

/** Two turns: the first was confirmed, the second waits for its answer. */
async function interrupted(): Promise<string> {
  const { id } = await createThread(app, app.one, { metadata: { k: 'v' } })
  const graph = graphOn(app, app.one)
  await graph.say(id, 'first')
  await graph.answer(id, 'yes')
  await graph.say(id, 'second')
  return id
}

const messageIds = async (threadId: string): Promise<string[]> =>
  (await app.records.db.query<{ id: string }>(`select id from message where thread_id = $1 order by seq`, [threadId])).map((r) => r.id)

test('a copy has every state of the original, subgraphs and open questions too, on messages of its own', async () => {
  const id = await interrupted()
  const graph = graphOn(app, app.one)
  const copy = await copyThread(app, app.one, id)
  expect(copy).toMatchObject({ status: 'idle', runId: null, behind: false, temporary: false, metadata: { k: 'v', thread_id: copy.id } })
  expect(await getThread(app, app.one, copy.id)).toEqual(copy)
  const story = await graph.story(id)
  expect(story.length).toBeGreaterThan(8)
  expect(await graph.story(copy.id)).toEqual(story)
  const nested = (await graph.state(copy.id)).tasks[0]?.state
  expect(nested && 'values' in nested ? nested.tasks[0]?.interrupts[0]?.value : undefined).toEqual({ question: 'really?' })
  expect(await rowsOf(app, copy.id)).toEqual(await rowsOf(app, id))
  const [theirs, own] = [await messageIds(id), await messageIds(copy.id)]
  expect(own.length).toBe(theirs.length)
  expect(own.filter((message) => theirs.includes(message))).toEqual([])
})

test('a message inside other values is copied with it, and text that looks like one stays as it is', async () => {
  const id = await interrupted()
  const copy = await copyThread(app, app.one, id)
  const { box } = (await graphOn(app, app.one).state(copy.id)).values as { box: { kept: { text: string; id: string }; note: string } }
  expect(box.kept.text).toBe('re: second')
  expect(box.note).toBe(`"$m":"${box.kept.id}" and {"$m":"01890000-0000-7000-8000-000000000000"}`)
  const named = await app.records.db.query<{ data: string }>(`select data from channel_blob where thread_id = $1 and channel = 'box'`, [
    copy.id,
  ])
  const [theirs, own] = [await messageIds(id), await messageIds(copy.id)]
  for (const { data } of named) {
    expect(theirs.filter((message) => data.includes(message))).toEqual([])
    expect(own.filter((message) => data.includes(message))).toHaveLength(1)
  }
})

test('the copy goes on by itself, and outlives the original', async () => {
  const id = await interrupted()
  const graph = graphOn(app, app.one)
  const copy = await copyThread(app, app.one, id)
  const before = await graph.story(id)
  await graph.answer(copy.id, 'no')
  expect((await graph.state(copy.id)).values.answers).toEqual(['yes', 'no'])
  expect(await graph.story(id)).toEqual(before)
  await deleteThread(app, app.one, id)
  await graph.say(copy.id, 'third')
  expect((await graph.state(copy.id)).values.messages.map((m: { text: string }) => m.text)).toEqual([
    ...['first', 're: first', 'second', 're: second'],
    ...['third', 're: third'],
  ])
})

test('a copy of a copy is whole too', async () => {
  const id = await interrupted()
  const graph = graphOn(app, app.one)
  const once = await copyThread(app, app.one, id)
  const twice = await copyThread(app, app.one, once.id)
  expect(await graph.story(twice.id)).toEqual(await graph.story(id))
  expect(twice.metadata.thread_id).toBe(twice.id)
})

test('messages of clients and of runs are copied without their runs, and the next run reads them', async () => {
  const started = await startRun(app, { text: 'hello' })
  await untilEnd(app, started)
  const copy = await copyThread(app, app.one, started.threadId)
  const [theirs, own] = [await messagesOf(app, app.one, started.threadId), await messagesOf(app, app.one, copy.id)]
  const told = (list: typeof own) => list.map(({ role, content, seq, assistantId }) => ({ role, content, seq, assistantId }))
  expect(told(own)).toEqual(told(theirs))
  expect(own.map((m) => m.runId)).toEqual(own.map(() => null))
  expect((await rowsOf(app, copy.id)).run).toBe(0)
  const next = await startRun(app, { threadId: copy.id, text: 'again', turns: [{ text: ['done'] }] })
  await untilEnd(app, next)
  const sent: unknown = app.models.requestsTo(next.model)[0]?.messages.map((m) => m.content)
  expect(sent).toEqual([...theirs.map((m) => m.content), 'again'])
})

test('a thread with a run at work is copied as it stands, and the copy is idle', async () => {
  const started = await startRun(app, { turns: saysThenHangs('half ') })
  await untilEvent(app, started, isText('half '))
  const copy = await copyThread(app, app.one, started.threadId)
  expect(copy).toMatchObject({ status: 'idle', runId: null })
  expect((await messagesOf(app, app.one, copy.id)).map((m) => m.content)).toEqual(['hello there'])
  await deleteThread(app, app.one, started.threadId)
})

test('a time to live begins anew, and a config that names the thread names the copy', async () => {
  const { id } = await createThread(app, app.one, { ttlMinutes: 5, graph: 'echo' })
  const config = { tags: ['a'], configurable: { thread_id: id, model: 'm' } }
  await app.records.db.query(`update thread set config = $2 where id = $1`, [id, JSON.stringify(config)])
  app.clock.advance(60_000)
  const copy = await copyThread(app, app.one, id)
  expect(copy).toMatchObject({ graph: 'echo', ttlMinutes: 5, expiresAt: app.clock.now() + 300_000, createdAt: app.clock.now() })
  expect(copy.config).toEqual({ tags: ['a'], configurable: { thread_id: copy.id, model: 'm' } })
})

test('a thread that is not there, or is another tenant’s, cannot be copied', async () => {
  const missing = newId()
  await expect(copyThread(app, app.one, missing)).rejects.toMatchObject({ code: 'not_found', facts: { kind: 'thread', id: missing } })
  const { id } = await createThread(app, app.two, {})
  await expect(copyThread(app, app.one, id)).rejects.toMatchObject({ code: 'not_found', facts: { kind: 'thread', id } })
})
