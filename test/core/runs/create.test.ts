import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createAssistant, deleteAssistant } from '../../../src/core/assistants/assistants.ts'
import { createRun, createThreadRun } from '../../../src/core/runs/create.ts'
import { getRun, listRuns, type NewRun } from '../../../src/core/runs/runs.ts'
import { cancelRun } from '../../../src/core/runs/stop.ts'
import { createThread, getThread } from '../../../src/core/threads/threads.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import {
  callsFunctions,
  currentRun,
  expireLease,
  journalOf,
  messagesOf,
  saysThenHangs,
  sketch,
  startRun,
  storyOf,
  UNKNOWN_ID,
  until,
  untilEnd,
} from '../../support/runs.ts'

let app: TestApp
/** On the same database, executes nothing. */
let idle: TestApp
let assistantId: string
beforeAll(async () => {
  app = await openTestApp()
  idle = await app.replica({ slots: 0 })
  assistantId = (await createAssistant(app, app.one, { model: 'echo' })).id
}, OPEN_MS)
afterAll(() => app.close())

const newThread = async () => (await createThread(app, app.one, {})).id
const create = (by: TestApp, threadId: string, run: Partial<NewRun> = {}) =>
  createRun(by, app.one, { threadId, run: { assistantId, options: {}, ...run } })
const busyWith = (threadId: string, runId: string) => ({ code: 'busy', facts: { threadId, runId, action: 'create_run' } })
const countRuns = async (threadId: string) => (await listRuns(app, app.one, { threadId, page: { limit: 100, order: 'asc' } })).items.length

test('a run shows as queued to its creator, whether or not it has started, and holds its thread', async () => {
  const threadId = await newThread()
  const { run, first } = await create(idle, threadId, { metadata: { k: 'v' } })
  expect(run).toMatchObject({ status: 'queued', threadId, assistantId, metadata: { k: 'v' }, startedAt: null, endedAt: null, usage: null })
  expect(run.expiresAt).toBe(run.createdAt + 600_000)
  expect(sketch(first.events)).toEqual(['run queued'])
  expect(await getThread(app, app.one, threadId)).toMatchObject({ status: 'busy', runId: run.id })
  expect(await currentRun(app, { caller: app.one, run })).toEqual(run)
  const here = await create(app, await newThread())
  expect(here.run.status).toBe('queued')
  expect(sketch(here.first.events)).toEqual(['run queued', 'run running'])
})

test('the first segment of a new run is the beginning of its journal', async () => {
  const threadId = await newThread()
  const { run, first } = await create(idle, threadId)
  expect(first).toEqual({ seq: 1, events: await journalOf(app, run.id) })
})

test('a missing thread and a missing assistant are told apart, and the thread comes first', async () => {
  const threadId = await newThread()
  await expect(create(app, UNKNOWN_ID)).rejects.toMatchObject({ code: 'not_found', facts: { kind: 'thread', id: UNKNOWN_ID } })
  await expect(create(app, UNKNOWN_ID, { assistantId: UNKNOWN_ID })).rejects.toMatchObject({ facts: { kind: 'thread' } })
  await expect(create(app, threadId, { assistantId: UNKNOWN_ID })).rejects.toMatchObject({
    code: 'not_found',
    facts: { kind: 'assistant', id: UNKNOWN_ID },
  })
})

test('a wrong or deleted assistant leaves the thread free, without the messages that came along', async () => {
  const threadId = await newThread()
  const deleted = await createAssistant(app, app.one, { model: 'echo' })
  await deleteAssistant(app, app.one, deleted.id)
  for (const wrong of [UNKNOWN_ID, deleted.id])
    await expect(create(app, threadId, { assistantId: wrong, messages: [{ role: 'user', content: 'lost' }] })).rejects.toMatchObject({
      code: 'not_found',
    })
  expect(await getThread(app, app.one, threadId)).toMatchObject({ status: 'idle', runId: null })
  expect(await messagesOf(app, app.one, threadId)).toEqual([])
  expect(await countRuns(threadId)).toBe(0)
  await until(() => app.worker.busy === 0)
})

test('a thread with a queued, working or waiting run refuses another one, naming the run that holds it', async () => {
  const queued = await newThread()
  const first = await create(idle, queued)
  await expect(create(idle, queued)).rejects.toMatchObject(busyWith(queued, first.run.id))
  const waiting = await startRun(app, { turns: [callsFunctions('call_b')] })
  await storyOf(app, waiting)
  await expect(create(app, waiting.threadId)).rejects.toMatchObject(busyWith(waiting.threadId, waiting.run.id))
})

test('a refused run leaves none of its messages', async () => {
  const threadId = await newThread()
  await create(idle, threadId, { messages: [{ role: 'user', content: 'first' }] })
  await expect(create(idle, threadId, { messages: [{ role: 'user', content: 'second' }] })).rejects.toMatchObject({ code: 'busy' })
  expect((await messagesOf(app, app.one, threadId)).map((m) => m.content)).toEqual(['first'])
})

async function letGo(threadId: string): Promise<void> {
  const { runId } = await getThread(app, app.one, threadId)
  await cancelRun(app, app.one, { threadId, id: runId ?? '' })
}
/** A run of this holds its thread until it is let go. */
const hanging = async () => (await createAssistant(app, app.one, { model: app.models.script(saysThenHangs('x')) })).id

test('of many runs created at once on one thread exactly one is there', async () => {
  const run = { assistantId: await hanging() }
  for (const by of [app, idle]) {
    const threadId = await newThread()
    const settled = await Promise.allSettled(Array.from({ length: 12 }, () => create(by, threadId, run)))
    const won = settled.flatMap((s) => (s.status === 'fulfilled' ? [s.value] : []))
    const lost = settled.flatMap((s) => (s.status === 'rejected' ? [s.reason] : []))
    expect(lost.map((fault) => fault.code)).toEqual(Array.from({ length: 11 }, () => 'busy'))
    expect(won.map((w) => w.run.id)).toEqual([(await getThread(app, app.one, threadId)).runId ?? ''])
    expect(await countRuns(threadId)).toBe(1)
    await letGo(threadId)
  }
})

test('of runs created at once by two processes on one thread exactly one is there', async () => {
  const run = { assistantId: await hanging() }
  for (let round = 0; round < 10; round++) {
    const threadId = await newThread()
    const settled = await Promise.allSettled([create(idle, threadId, run), create(app, threadId, run)])
    expect(settled.map((s) => s.status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(await countRuns(threadId)).toBe(1)
    await letGo(threadId)
  }
})

test('many runs created at once on threads of their own are all there and all complete', async () => {
  const started = await Promise.all(Array.from({ length: 30 }, (_, i) => startRun(app, { text: `number ${i}` })))
  for (const [i, run] of started.entries()) {
    await untilEnd(app, run)
    expect((await messagesOf(app, app.one, run.threadId)).map((m) => m.content)).toEqual([`number ${i}`, `number ${i}`])
  }
})

test('messages that come with a run are in the thread, after the earlier ones, and are read by it', async () => {
  const messages = [
    { role: 'user' as const, content: 'two' },
    { role: 'assistant' as const, content: 'three' },
    { role: 'user' as const, content: 'four', metadata: { k: 'v' } },
  ]
  const started = await startRun(app, { turns: [{ text: ['five'] }], text: 'one', messages })
  await storyOf(app, started)
  const list = await messagesOf(app, app.one, started.threadId)
  expect(list.map((m) => [m.content, m.runId])).toEqual([
    ['one', null],
    ['two', null],
    ['three', null],
    ['four', null],
    ['five', started.run.id],
  ])
  expect(list.map((m) => m.seq)).toEqual([1, 2, 3, 4, 5])
  expect(list[3]?.metadata).toEqual({ k: 'v' })
  expect(app.models.requestsTo(started.model)[0]?.messages.map((m) => m.content)).toEqual(['one', 'two', 'three', 'four'])
})

test('a thread and its first run are made together, and the run says that the thread is new', async () => {
  const made = await createThreadRun(app, app.one, {
    assistantId,
    options: {},
    thread: { metadata: { t: '1' }, messages: [{ role: 'user', content: 'hi' }] },
    messages: [{ role: 'user', content: 'there' }],
  })
  expect(made.run.threadId).toBe(made.thread.id)
  expect(made.first.events[0]).toMatchObject({ status: 'queued', newThread: true })
  await storyOf(app, { caller: app.one, ...made })
  expect((await messagesOf(app, app.one, made.thread.id)).map((m) => m.content)).toEqual(['hi', 'there', 'there'])
})

test('a thread whose first run cannot be made is not made either', async () => {
  const caller = await app.newTenant()
  const count = () => app.records.db.query('select 1 from thread where tenant_id = $1', [caller.tenantId])
  const attempt = (run: Partial<NewRun>) =>
    createThreadRun(app, caller, { assistantId: UNKNOWN_ID, options: {}, thread: { messages: [{ role: 'user', content: 'x' }] }, ...run })
  await expect(attempt({})).rejects.toMatchObject({ code: 'not_found', facts: { kind: 'assistant' } })
  await expect(attempt({ options: { model: 'nobody' } })).rejects.toMatchObject({ code: 'model_not_found' })
  expect(await count()).toEqual([])
  await until(() => app.worker.busy === 0)
})

test('a run that asks for a model nobody serves is refused and leaves the thread free', async () => {
  const threadId = await newThread()
  await expect(create(app, threadId, { options: { model: 'nobody' } })).rejects.toMatchObject({ code: 'model_not_found' })
  expect((await getThread(app, app.one, threadId)).status).toBe('idle')
  await until(() => app.worker.busy === 0)
})

test("a run's options win over its assistant's, and additional instructions come after", async () => {
  const { id } = await createAssistant(app, app.one, { model: 'echo', instructions: 'I', temperature: 0.5, tools: [{ type: 'a' }] })
  const of = async (options: NewRun['options']) => (await create(idle, await newThread(), { assistantId: id, options })).run.config
  expect(await of({})).toMatchObject({
    instructions: 'I',
    temperature: 0.5,
    tools: [{ type: 'a' }],
    toolChoice: 'auto',
    parallelToolCalls: true,
    maxPromptTokens: null,
    truncation: { type: 'auto', lastMessages: null },
  })
  expect(await of({ instructions: 'J', additionalInstructions: 'K', temperature: 0, tools: [] })).toMatchObject({
    instructions: 'J\nK',
    temperature: 0,
    tools: [],
  })
  expect(await of({ instructions: '', additionalInstructions: 'K' })).toMatchObject({ instructions: 'K' })
})

test('a run whose creator never heard of its commit is executed when its lease is over', async () => {
  const threadId = await newThread()
  app.db.failNext('run.create', 'after')
  await expect(create(app, threadId)).rejects.toMatchObject({ code: 'unavailable' })
  const { runId } = await getThread(app, app.one, threadId)
  const run = await getRun(app, app.one, { threadId, id: runId ?? '' })
  expect(run.status).toBe('running')
  await until(() => app.worker.busy === 0)
  await expireLease(app, run.id)
  app.worker.wake()
  expect((await untilEnd(app, { caller: app.one, run })).status).toBe('completed')
})

test('a database that fails while a run is created gives the place back', async () => {
  const threadId = await newThread()
  app.db.failNext('run.create', 'before')
  await expect(create(app, threadId)).rejects.toMatchObject({ code: 'unavailable' })
  await until(() => app.worker.busy === 0)
  await untilEnd(app, { caller: app.one, ...(await create(app, threadId)) })
})
