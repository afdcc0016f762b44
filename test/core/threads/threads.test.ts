import { afterAll, beforeAll, expect, test } from 'bun:test'
import { followRun } from '../../../src/core/runs/journal.ts'
import { changeThread, createThread, deleteThread, getThread } from '../../../src/core/threads/threads.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { isText, messagesOf, saysThenHangs, startRun, until, untilEnd, untilEvent } from '../../support/runs.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

test('a thread comes back as it was made, its messages in order', async () => {
  const resources = { codeInterpreter: { fileIds: [] }, fileSearch: { storeIds: [] } }
  const messages = ['a', 'b', 'c'].map((content) => ({ role: 'user' as const, content }))
  const made = await createThread(app, app.one, { metadata: { k: 'v' }, toolResources: resources, messages })
  expect(await getThread(app, app.one, made.id)).toEqual(made)
  expect(made).toMatchObject({ metadata: { k: 'v' }, toolResources: resources, status: 'idle', runId: null })
  expect((await messagesOf(app, app.one, made.id)).map((m) => [m.seq, m.content])).toEqual([
    [1, 'a'],
    [2, 'b'],
    [3, 'c'],
  ])
})

test('many threads made at once keep each to its own messages', async () => {
  const contents = Array.from({ length: 40 }, (_, i) => `only ${i}`)
  const made = await Promise.all(
    contents.map((content, i) => createThread(app, app.one, i % 3 ? { messages: [{ role: 'user', content }] } : {})),
  )
  const lists = await Promise.all(made.map(({ id }) => messagesOf(app, app.one, id)))
  expect(lists.map((list) => list.map((m) => m.content))).toEqual(contents.map((content, i) => (i % 3 ? [content] : [])))
})

test('a change leaves absent fields alone, replaces metadata as a whole, and null clears', async () => {
  const toolResources = { codeInterpreter: { fileIds: [] } }
  const { id } = await createThread(app, app.one, { metadata: { a: '1' }, toolResources })
  expect(await changeThread(app, app.one, { id, change: {} })).toMatchObject({ metadata: { a: '1' }, toolResources })
  expect(await changeThread(app, app.one, { id, change: { metadata: { b: '2' } } })).toMatchObject({
    metadata: { b: '2' },
    toolResources,
  })
  expect(await changeThread(app, app.one, { id, change: { toolResources: null } })).toMatchObject({
    metadata: { b: '2' },
    toolResources: null,
  })
})

test('a deleted thread is gone with messages, runs, journal and checkpoints', async () => {
  const started = await startRun(app)
  await untilEnd(app, started)
  await deleteThread(app, app.one, started.threadId)
  await expect(getThread(app, app.one, started.threadId)).rejects.toMatchObject({ code: 'not_found', facts: { kind: 'thread' } })
  await expect(deleteThread(app, app.one, started.threadId)).rejects.toMatchObject({ code: 'not_found' })
  for (const table of ['message', 'run', 'checkpoint', 'channel_blob', 'checkpoint_write'])
    expect(await app.records.db.query(`select 1 from ${table} where thread_id = $1`, [started.threadId])).toEqual([])
  for (const table of ['run_event', 'run_step'])
    expect(await app.records.db.query(`select 1 from ${table} where run_id = $1`, [started.run.id])).toEqual([])
})

test('deleting a thread ends the stream of its run at once, and frees its place in the worker', async () => {
  const started = await startRun(app, { turns: saysThenHangs('half ') })
  const reader = followRun(app, app.one, { run: started.run, signal: AbortSignal.timeout(4_000) })
  for (let seen = 0; seen < 4; ) seen += (await reader.next()).value?.events.length ?? 0
  const next = reader.next()
  await untilEvent(app, started, isText('half '))
  const from = performance.now()
  await deleteThread(app, app.one, started.threadId)
  await expect(next).rejects.toMatchObject({ code: 'not_found' })
  expect(performance.now() - from).toBeLessThan(1_500)
  await until(() => app.worker.busy === 0)
})
