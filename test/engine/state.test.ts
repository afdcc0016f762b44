import { afterAll, beforeAll, expect, test } from 'bun:test'
import { HumanMessage } from '@langchain/core/messages'
import { Command } from '@langchain/langgraph'
import type { Fault } from '../../src/core/fault.ts'
import { newId } from '../../src/core/id.ts'
import { createMessage, deleteMessage } from '../../src/core/threads/messages.ts'
import { createThread, getThread } from '../../src/core/threads/threads.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import { GRAPHS } from '../support/graph-runs.ts'
import { startRun, untilEnd } from '../support/runs.ts'
import { callGraph, newThread, on, texts } from './graph-threads.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp({ graphs: GRAPHS })
}, OPEN_MS)
afterAll(() => app.close())

const fault = (work: Promise<unknown>): Promise<Fault> =>
  work.then(
    () => expect.unreachable(),
    (error: Fault) => error,
  )
const say = (threadId: string, content: string) => createMessage(app, app.one, { threadId, message: { role: 'user', content } })

test('a thread without checkpoints has an empty state and no history', async () => {
  for (const threadId of [await newThread(app, 'echo'), (await createThread(app, app.one, {})).id]) {
    const empty = { values: {}, next: [], tasks: [], metadata: null, createdAt: null, checkpoint: null, parent: null }
    expect(await on(app, threadId).state()).toEqual(empty)
    expect(await on(app, threadId).history()).toEqual([])
  }
})

test('a state has flat messages, what made it, and where it comes from', async () => {
  const threadId = await newThread(app, 'echo')
  const runId = newId()
  await callGraph(app, { graph: 'echo', threadId, runId, input: { messages: [{ role: 'user', content: 'hi', id: 'mine' }] } })
  const state = await on(app, threadId).state()
  expect(state.values).toMatchObject({
    messages: [
      { type: 'human', content: 'hi', id: 'mine' },
      { type: 'ai', content: 'message 1' },
    ],
  })
  expect(state.metadata).toEqual({ source: 'loop', step: 1, parents: {}, thread_id: threadId, run_id: runId, graph_id: 'echo' })
  expect([state.next, state.tasks]).toEqual([[], []])
  expect(Math.abs((state.createdAt ?? 0) - Date.now())).toBeLessThan(60_000)
  const history = await on(app, threadId).history()
  expect(history.map((s) => s.metadata?.step)).toEqual([1, 0, -1])
  expect(history[0]).toEqual(state)
  expect(history.map((s) => s.parent?.id)).toEqual([history[1]?.checkpoint?.id, history[2]?.checkpoint?.id, undefined])
  expect(history[1]).toMatchObject({
    next: ['answer'],
    tasks: [{ name: 'answer', result: { messages: [{ content: 'message 1' }] }, error: null }],
  })
})

test('an unknown checkpoint is a missing one, whatever it looks like', async () => {
  const threadId = await newThread(app, 'echo')
  await callGraph(app, { graph: 'echo', threadId, input: { messages: 'hi' } })
  for (const id of [newId(), 'nothing'])
    expect(await fault(on(app, threadId).state({ id }))).toMatchObject({ code: 'not_found', facts: { kind: 'checkpoint', id } })
})

test('the state at a checkpoint is what it was then', async () => {
  const threadId = await newThread(app, 'steps')
  await callGraph(app, { graph: 'steps', threadId, input: { start: 5 } })
  const history = await on(app, threadId).history()
  const two = history.find((s) => s.next[0] === 'two')
  expect(two?.values).toEqual({ start: 6, trail: ['one 5'] })
  expect(await on(app, threadId).state({ id: two?.checkpoint?.id ?? '' })).toEqual(two as never)
})

test('a task that failed tells its error as JSON text, and is the next one', async () => {
  const threadId = await newThread(app, 'failing')
  await callGraph(app, { graph: 'failing', threadId, input: {} }).catch(() => undefined)
  expect(await on(app, threadId).state()).toMatchObject({
    ...{ values: { count: 1 }, next: ['boo'] },
    tasks: [{ name: 'boo', error: '{"message":"Boo!","name":"CustomError"}', interrupts: [], checkpoint: null, state: null }],
  })
})

test('what waits in a subgraph two deep: its namespace, or with subgraphs its state', async () => {
  const threadId = await newThread(app, 'nested')
  await callGraph(app, { graph: 'nested', threadId, input: { topic: 'cats' } })
  const flat = await on(app, threadId).state()
  const interrupts = [{ id: expect.any(String), value: { question: 'Is cats good?' } }]
  expect(flat).toMatchObject({ next: ['middle'], tasks: [{ name: 'middle', path: ['__pregel_pull', 'middle'], interrupts, state: null }] })
  const ns = flat.tasks[0]?.checkpoint?.ns ?? ''
  expect(ns).toBe(`middle:${flat.tasks[0]?.id}`)
  const deep = await on(app, threadId).state({}, true)
  const middle = deep.tasks[0]
  const inner = middle?.state?.tasks[0]
  expect(middle).toMatchObject({ checkpoint: null, state: { next: ['inner'], checkpoint: { ns }, values: { trail: ['open', 'before'] } } })
  expect(inner).toMatchObject({
    checkpoint: null,
    interrupts,
    state: { next: ['review'], values: { trail: ['open', 'before', 'draft cats'] } },
  })
  const own = await on(app, threadId).state({ ns })
  expect(own).toMatchObject({ next: ['inner'], checkpoint: { ns }, metadata: { parents: { '': flat.checkpoint?.id } } })
  expect((await on(app, threadId).history({ ns })).map((s) => s.metadata?.step)).toEqual([1, 0, -1])
  expect(await on(app, threadId).state({ ns, id: own.parent?.id ?? '' })).toMatchObject({ next: ['before'] })
})

test('answering the interrupt moves on, and the history keeps the question', async () => {
  const threadId = await newThread(app, 'nested')
  await callGraph(app, { graph: 'nested', threadId, input: { topic: 'cats' } })
  await callGraph(app, { graph: 'nested', threadId, input: new Command({ resume: 'fine' }) })
  const { state, history } = on(app, threadId)
  expect(await state()).toMatchObject({ next: [], tasks: [], values: { trail: ['open', 'before', 'draft cats', 'review fine', 'close'] } })
  expect((await history()).find((s) => s.next[0] === 'middle')?.tasks[0]?.interrupts[0]?.value).toEqual({ question: 'Is cats good?' })
})

test('finished branches of a step that is not over count in the newest state', async () => {
  const threadId = await newThread(app, 'parallel')
  await callGraph(app, { graph: 'parallel', threadId, input: { jobs: ['a', 'ask b'] } })
  const state = await on(app, threadId).state()
  expect(state).toMatchObject({ values: { done: ['a'] }, next: ['work'] })
  expect(state.tasks.map((t) => [t.name, t.result, t.interrupts.length])).toEqual([
    ['work', { done: ['a'] }, 0],
    ['work', null, 1],
  ])
})

test('history by limit, before, metadata and checkpoint', async () => {
  const threadId = await newThread(app, 'echo')
  const runs = [newId(), newId(), newId()]
  for (const runId of runs) await callGraph(app, { graph: 'echo', threadId, runId, input: { messages: 'hi' } })
  const { history } = on(app, threadId)
  const all = await history()
  const ids = (list: typeof all) => list.map((s) => s.checkpoint?.id)
  expect(all).toHaveLength(9)
  expect(ids(all)).toEqual(ids(all).sort().reverse())
  expect(ids(await history({ limit: 2 }))).toEqual(ids(all.slice(0, 2)))
  expect(ids(await history({ limit: 3, before: all[3]?.checkpoint?.id ?? '' }))).toEqual(ids(all.slice(4, 7)))
  expect(ids(await history({ metadata: { run_id: runs[1] ?? '' } }))).toEqual(ids(all.slice(3, 6)))
  expect(ids(await history({ metadata: { source: 'input' } }))).toEqual([all[2], all[5], all[8]].map((s) => s?.checkpoint?.id))
  expect(ids(await history({ metadata: { step: 1, graph_id: 'echo' } }))).toEqual([all[6]?.checkpoint?.id])
  expect(ids(await history({ metadata: { thread_id: threadId }, limit: 1 }))).toEqual([all[0]?.checkpoint?.id])
  expect(ids(await history({ id: all[4]?.checkpoint?.id ?? '' }))).toEqual([all[4]?.checkpoint?.id])
  const none: Parameters<typeof history>[0][] = [
    { before: all[8]?.checkpoint?.id ?? '' },
    { metadata: { run_id: 'x' } },
    { metadata: { step: 'one' } },
    { metadata: { graph_id: 'other' } },
    { metadata: { thread_id: newId() } },
    { before: 'x' },
    { limit: 0 },
  ]
  for (const filter of none) expect(await history(filter)).toEqual([])
})

test('a graph that is made for each use is made as the last run had it', async () => {
  const threadId = await newThread(app, 'dynamic')
  const config = { configurable: { nodes: ['left', 'right'] } }
  await callGraph(app, { graph: 'dynamic', threadId, config, input: {} })
  await app.records.db.query('update thread set config = $2 where id = $1', [threadId, JSON.stringify(config)])
  const history = await on(app, threadId).history()
  expect(history.flatMap((s) => s.next)).toEqual(['right', 'left', '__start__'])
  expect((await on(app, threadId).state()).values).toEqual({ said: ['left', 'right'] })
})

test('without its graph a thread still shows what it holds, but not what comes next', async () => {
  const threadId = await newThread(app, 'nested')
  await callGraph(app, { graph: 'nested', threadId, input: { topic: 'cats' } })
  const before = await on(app, threadId).state()
  await app.records.db.query(`update thread set graph = 'gone' where id = $1`, [threadId])
  const state = await on(app, threadId).state()
  expect(state).toEqual({ ...before, next: [], tasks: [] })
  expect((await on(app, threadId).history({ limit: 1 }))[0]).toEqual(state)
})

test('messages appended through the other dialect are part of the newest state only, and withdrawn ones are not', async () => {
  const threadId = await newThread(app, 'echo')
  await say(threadId, 'first')
  expect(texts(await on(app, threadId).state())).toEqual(['first'])
  await callGraph(app, { graph: 'echo', threadId, input: { messages: 'second' } })
  const { id } = await say(threadId, 'gone')
  await say(threadId, 'third')
  await deleteMessage(app, app.one, { threadId, id })
  const state = await on(app, threadId).state()
  expect(texts(state).at(-1)).toBe('third')
  expect(texts(state)).not.toContain('gone')
  const checkpoint = { id: state.checkpoint?.id ?? '' }
  expect(texts(await on(app, threadId).state(checkpoint))).toEqual(texts(state).slice(0, -1))
})

test('a thread of the other dialect has the state of the built-in graph', async () => {
  const started = await startRun(app, { text: 'hello there' })
  await untilEnd(app, started)
  await app.records.db.query(`update thread set graph = 'assistant' where id = $1 and graph is null`, [started.threadId])
  const state = await on(app, started.threadId).state()
  expect(state.values).toMatchObject({ messages: [{ type: 'human', content: 'hello there' }, { type: 'ai' }] })
  expect(state.metadata).toMatchObject({ run_id: started.run.id, source: 'loop' })
  expect((await on(app, started.threadId).history()).length).toBeGreaterThan(1)
})

test('reading a state again reads no message again, and a reader never changes what another one gets', async () => {
  const threadId = await newThread(app, 'echo')
  await callGraph(app, { graph: 'echo', threadId, input: { messages: [new HumanMessage({ id: 'm', content: 'hi' })] } })
  const first = await on(app, threadId).state()
  const statements = app.db.sent.length
  const again = await app.graphs.state(app.one, { thread: await getThread(app, app.one, threadId), at: {}, subgraphs: false })
  expect(again).toEqual(first)
  expect(app.db.sent.slice(statements).filter((name) => name === 'hot')).toHaveLength(1)
})

test("another tenant's thread has no state, even by an id it chose itself", async () => {
  const id = newId()
  for (const caller of [app.one, app.two]) await createThread(app, caller, { id, graph: 'echo' })
  await callGraph(app, { graph: 'echo', threadId: id, input: { messages: 'secret' } })
  const theirs = on(app, id, app.two)
  expect((await theirs.state()).checkpoint).toBeNull()
  expect(await theirs.history()).toEqual([])
  expect((await theirs.head())?.values).toBeNull()
  const checkpoint = (await on(app, id).state()).checkpoint?.id ?? ''
  expect(await fault(theirs.state({ id: checkpoint }))).toMatchObject({ code: 'not_found' })
  expect(await fault(theirs.update({ values: { messages: 'x' } }, { id: checkpoint }))).toMatchObject({ code: 'not_found' })
})
