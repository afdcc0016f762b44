import { afterAll, beforeAll, expect, test } from 'bun:test'
import { Command } from '@langchain/langgraph'
import type { Fault } from '../../src/core/fault.ts'
import type { StateUpdate } from '../../src/core/graphs/graphs.ts'
import { newId } from '../../src/core/id.ts'
import type { Json } from '../../src/core/json.ts'
import { createMessage } from '../../src/core/threads/messages.ts'
import { createThread, deleteThread, getThread } from '../../src/core/threads/threads.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import { GRAPHS } from '../support/graph-runs.ts'
import { messagesOf, saysThenHangs, startRun, untilEnd } from '../support/runs.ts'
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
const rows = async (threadId: string): Promise<unknown> => {
  const count = (table: string) => `(select count(*)::int from ${table} where thread_id = $1) as ${table}`
  const tables = ['checkpoint', 'channel_blob', 'checkpoint_write', 'message'].map(count).join(', ')
  const head = '(select head_id from thread where id = $1::uuid) as head, (select next_seq from thread where id = $1::uuid) as seq'
  return (await app.records.db.query(`select ${tables}, ${head}`, [threadId]))[0]
}
const stepsThread = async (): Promise<string> => {
  const threadId = await newThread(app, 'steps')
  await callGraph(app, { graph: 'steps', threadId, input: { start: 0 } })
  return threadId
}

test('an update is a checkpoint of its own, says what comes next, and leaves the status of the thread', async () => {
  const threadId = await newThread(app, 'approval')
  await callGraph(app, { graph: 'approval', threadId, input: { plan: 'jump' } })
  await app.records.db.query(`update thread set status = 'interrupted' where id = $1`, [threadId])
  const { state, update, thread } = on(app, threadId)
  const before = await state()
  app.clock.advance(5_000)
  const made = await update({ values: { plan: 'sit' } })
  expect(await state()).toMatchObject({
    ...{ values: { plan: 'sit' }, next: ['ask'], checkpoint: made, parent: before.checkpoint },
    metadata: { source: 'update', step: 1, graph_id: 'approval', thread_id: threadId },
  })
  expect(await thread()).toMatchObject({ status: 'interrupted', headId: made.id, stateAt: app.clock.now(), updatedAt: app.clock.now() })
  expect((await on(app, threadId).history()).map((s) => s.metadata?.source)).toEqual(['update', 'loop', 'input'])
  await callGraph(app, { graph: 'approval', threadId, input: new Command({ resume: { approved: true } }) })
  expect((await state()).values).toMatchObject({ done: 'did sit' })
})

test('as_node says whose edges are followed; null skips a node', async () => {
  const { state, update } = on(app, await stepsThread())
  await update({ values: { start: 10 }, asNode: 'one' })
  expect(await state()).toMatchObject({ next: ['two'], values: { start: 10 } })
  await update({ values: null, asNode: 'two' })
  expect(await state()).toMatchObject({ next: ['three'], values: { start: 10 } })
  await update({ values: null, asNode: '__end__' })
  expect((await state()).next).toEqual([])
})

test('without as_node the last writer is meant, in an empty thread the input; of several updates each must say it', async () => {
  const { state, update, replay } = on(app, await stepsThread())
  await update({ values: { start: 10 } })
  expect((await state()).next).toEqual([])
  const fresh = on(app, await newThread(app, 'steps'))
  await fresh.update({ values: { start: 1 } })
  expect((await fresh.state()).next).toEqual(['one'])
  expect(await fault(replay([{ values: {} }, { values: {} }]))).toMatchObject({ code: 'invalid', facts: { param: 'as_node' } })
})

test('a run goes on from an update', async () => {
  const threadId = await stepsThread()
  await on(app, threadId).update({ values: { start: 10, trail: [] }, asNode: 'one' })
  await callGraph(app, { graph: 'steps', threadId, input: null })
  expect((await on(app, threadId).state()).values).toEqual({ start: 12, trail: ['two 10', 'three 11'] })
})

test('an update at an older checkpoint is a fork: it becomes the head and the other branch stays', async () => {
  const threadId = await stepsThread()
  const { state, update, history } = on(app, threadId)
  const [end, , two] = await history()
  const made = await update({ values: { start: 50 }, asNode: 'one' }, two?.checkpoint ?? {})
  expect(await state()).toMatchObject({ checkpoint: made, parent: two?.checkpoint, next: ['two'], values: { start: 50, trail: ['one 0'] } })
  expect(await state(end?.checkpoint ?? {})).toMatchObject({ values: { start: 3 }, next: [] })
})

test('an update inside a subgraph changes that one only, and its run goes on from there', async () => {
  const threadId = await newThread(app, 'nested')
  await callGraph(app, { graph: 'nested', threadId, input: { topic: 'cats' } })
  const { state, update, thread } = on(app, threadId)
  const before = await state({}, true)
  const ns = before.tasks[0]?.state?.tasks[0]?.state?.checkpoint?.ns ?? ''
  expect((await update({ values: { topic: 'dogs' } }, { ns })).ns).toBe(ns)
  expect((await thread()).headId).toBe(before.checkpoint?.id as string)
  expect(await state({ ns })).toMatchObject({ values: { topic: 'dogs' }, next: ['review'] })
  expect((await state()).values).toMatchObject({ topic: 'cats' })
  await callGraph(app, { graph: 'nested', threadId, input: new Command({ resume: 'fine' }) })
  expect((await state()).values).toMatchObject({ topic: 'dogs' })
  expect(await fault(update({ values: { topic: 'x' } }, { ns: 'nobody:1' }))).toMatchObject({
    code: 'invalid',
    facts: { param: 'checkpoint_ns' },
  })
})

test('a command says values and where to go', async () => {
  const threadId = await newThread(app, 'approval')
  await callGraph(app, { graph: 'approval', threadId, input: { plan: 'jump' } })
  await on(app, threadId).update({ command: { goto: 'drop', update: { plan: 'nothing' } }, asNode: 'ask' })
  expect(await on(app, threadId).state()).toMatchObject({ next: ['drop'], values: { plan: 'nothing' } })
})

const REFUSED: [string, Json, string | undefined, object][] = [
  ['a node that is not there', { start: 1 }, 'four', { param: 'as_node', reason: 'value' }],
  ['a channel that takes no such value', { messages: [{ no: 'message' }] }, 'answer', { param: 'values' }],
]
test.each(REFUSED)('an update the graph does not take is refused and leaves nothing: %s', async (_, values, asNode, facts) => {
  const graph = asNode === 'answer' ? 'echo' : 'steps'
  const threadId = await newThread(app, graph)
  const before = await rows(threadId)
  expect(await fault(on(app, threadId).update({ values, ...(asNode ? { asNode } : {}) }))).toMatchObject({ code: 'invalid', facts })
  expect(await rows(threadId)).toEqual(before)
})

test('a thread without a graph, an unknown checkpoint and a graph that is not here are refused', async () => {
  const bare = on(app, (await createThread(app, app.one, {})).id)
  expect(await fault(bare.update({ values: {} }))).toMatchObject({ code: 'invalid', facts: { param: 'thread_id' } })
  const id = newId()
  const { update } = on(app, await stepsThread())
  expect(await fault(update({ values: {}, asNode: 'one' }, { id }))).toMatchObject({ code: 'not_found', facts: { kind: 'checkpoint', id } })
  const lost = on(app, (await createThread(app, app.one, { graph: 'gone' })).id)
  expect(await fault(lost.update({ values: {} }))).toMatchObject({ code: 'not_found', facts: { kind: 'graph' } })
})

test('while a run is at work or waits for its time, an update is refused, also when it begins in between', async () => {
  const threadId = await stepsThread()
  const thread = await getThread(app, app.one, threadId)
  const update = () => app.graphs.update(app.one, { thread, at: {}, update: { values: { start: 9 }, asNode: 'one' } })
  const before = await rows(threadId)
  for (const set of [`status = 'busy'`, `status = 'idle', next_at = now()`]) {
    await app.records.db.query(`update thread set ${set} where id = $1`, [threadId])
    expect(await fault(update())).toMatchObject({ code: 'busy', facts: { threadId } })
    expect(await fault(on(app, threadId).update({ values: {}, asNode: 'one' }))).toMatchObject({ code: 'busy' })
  }
  expect(await rows(threadId)).toEqual(before)
  const running = await startRun(app, { turns: saysThenHangs('x') })
  await app.records.db.query(`update thread set graph = 'assistant' where id = $1`, [running.threadId])
  expect(await fault(on(app, running.threadId).update({ values: { messages: 'no' } }))).toMatchObject({ code: 'busy' })
})

test('a thread that is deleted in between is missing', async () => {
  const threadId = await stepsThread()
  const thread = await getThread(app, app.one, threadId)
  const pause = app.db.pauseNext('transaction', 'before')
  const update = fault(app.graphs.update(app.one, { thread, at: {}, update: { values: {}, asNode: 'one' } }))
  await pause.reached
  await deleteThread(app, app.one, threadId)
  pause.release()
  expect(await update).toMatchObject({ code: 'not_found', facts: { kind: 'thread' } })
})

test('an update whose transaction fails leaves nothing of its rows', async () => {
  const threadId = await newThread(app, 'echo')
  await callGraph(app, { graph: 'echo', threadId, input: { messages: 'hi' } })
  const before = await rows(threadId)
  app.db.failNext('transaction', 'before')
  expect(await fault(on(app, threadId).update({ values: { messages: 'x' } }))).toMatchObject({ code: 'unavailable' })
  expect(await rows(threadId)).toEqual(before)
})

test('updates at the same time come one after the other, here and on another replica, and none is lost', async () => {
  const threadId = await newThread(app, 'echo')
  await callGraph(app, { graph: 'echo', threadId, input: { messages: 'hi' } })
  const other = await app.replica({ slots: 0 })
  const thread = await getThread(app, app.one, threadId)
  const update = (on: TestApp, n: number) =>
    on.graphs.update(app.one, { thread, at: {}, update: { values: { messages: [{ role: 'user', content: `n${n}` }] }, asNode: 'answer' } })
  await Promise.all(Array.from({ length: 24 }, (_, n) => update(n % 8 === 0 ? other : app, n)))
  const state = await on(app, threadId).state()
  expect(texts(state).slice(2).sort()).toEqual(Array.from({ length: 24 }, (_, n) => `n${n}`).sort())
  const chain = await on(app, threadId).history()
  expect(chain.map((s) => s.parent?.id)).toEqual([...chain.slice(1).map((s) => s.checkpoint?.id), undefined])
})

test('what the other dialect appended is in the updated state once, and a run of that dialect reads all of it once', async () => {
  const started = await startRun(app, { turns: [{ text: ['answer'] }], text: 'question' })
  await untilEnd(app, started)
  const { threadId } = started
  await app.records.db.query(`update thread set graph = 'assistant' where id = $1`, [threadId])
  await say(threadId, 'appended')
  await on(app, threadId).update({ values: { messages: [{ role: 'user', content: 'put in' }] } })
  const all = ['question', 'answer', 'appended', 'put in']
  expect(texts(await on(app, threadId).state())).toEqual(all)
  expect((await messagesOf(app, app.one, threadId)).map((m) => [m.seq, m.content])).toEqual(all.map((content, i) => [i + 1, content]))
  await on(app, threadId).update({ values: null, asNode: 'model' })
  expect(texts(await on(app, threadId).state())).toEqual(all)
  const next = await startRun(app, { turns: [{ text: ['x'] }], threadId, text: 'more' })
  await untilEnd(app, next)
  expect(app.models.requestsTo(next.model)[0]?.messages.map((m) => m.content)).toEqual([...all, 'more'])
})

test('an update that does not touch the messages takes in what was appended all the same', async () => {
  const threadId = await newThread(app, 'echo')
  await callGraph(app, { graph: 'echo', threadId, input: { messages: 'hi' } })
  await say(threadId, 'appended')
  await on(app, threadId).update({ values: null, asNode: 'answer' })
  const [head] = await on(app, threadId).history({ limit: 1 })
  expect(texts(head)).toEqual(['hi', 'message 1', 'appended'])
})

test('in a thread that has only appended messages they come before the update', async () => {
  const threadId = await newThread(app, 'echo')
  await say(threadId, 'appended')
  await on(app, threadId).update({ values: { messages: 'put in' }, asNode: 'answer' })
  const history = await on(app, threadId).history()
  expect(texts(history[0])).toEqual(['appended', 'put in'])
  expect(history.map((s) => s.next)).toEqual([[], ['answer']])
})

test('an append between reading and writing is not swallowed', async () => {
  const threadId = await newThread(app, 'echo')
  await callGraph(app, { graph: 'echo', threadId, input: { messages: 'hi' } })
  const pause = app.db.pauseNext('transaction', 'before')
  const update = on(app, threadId).update({ values: { messages: 'put in' } })
  await pause.reached
  await say(threadId, 'just now')
  pause.release()
  await update
  expect(texts(await on(app, threadId).state())).toEqual(['hi', 'message 1', 'just now', 'put in'])
})

test('steps are replayed in order, into an empty thread too, all or none', async () => {
  const threadId = await newThread(app, 'echo')
  const { replay, state, history } = on(app, threadId)
  const values = { messages: [{ role: 'user', content: 'q', id: 'q' }] }
  const [input, start]: [StateUpdate[], StateUpdate[]] = [[{ values, asNode: '__input__' }], [{ values, asNode: '__start__' }]]
  const broken = await fault(replay(input, start, [{ values: { messages: 'a' }, asNode: 'nobody' }]))
  expect(broken).toMatchObject({ code: 'invalid', facts: { param: 'as_node' } })
  expect(await rows(threadId)).toMatchObject({ checkpoint: 0, message: 0, head: null })
  const made = await replay(input, start, [{ values: { messages: [{ role: 'assistant', content: 'a', id: 'a' }] }, asNode: 'answer' }])
  expect(await state()).toMatchObject({ checkpoint: made, next: [], values: { messages: [{ id: 'q' }, { id: 'a', type: 'ai' }] } })
  expect((await history()).map((s) => [s.metadata?.source, s.metadata?.step, s.next])).toEqual([
    ['update', 1, []],
    ['update', 0, ['answer']],
    ['input', -1, ['__start__']],
  ])
  expect(await replay()).toBeNull()
})

test('several tasks of one step are replayed together', async () => {
  const threadId = await newThread(app, 'parallel')
  const { replay, state } = on(app, threadId)
  await replay([{ values: { jobs: ['a', 'b'] }, asNode: '__input__' }], [{ values: { jobs: ['a', 'b'] }, asNode: '__start__' }])
  expect((await state()).next).toEqual(['work', 'work'])
  await replay([
    { values: { done: ['a'] }, asNode: 'work' },
    { values: { done: ['b'] }, asNode: 'work' },
  ])
  expect(await state()).toMatchObject({ next: ['gather'], values: { done: ['a', 'b'] } })
})

test('a thread that had no graph has the one it was updated with', async () => {
  const { id } = await createThread(app, app.one, {})
  const thread = { ...(await getThread(app, app.one, id)), graph: 'echo' }
  await app.graphs.replay(app.one, { thread, steps: [[{ values: { messages: 'hi' }, asNode: '__input__' }]] })
  expect(await getThread(app, app.one, id)).toMatchObject({ graph: 'echo' })
})

test('an update of the state belongs to no run, also when it is made of a state that a run left', async () => {
  const threadId = await newThread(app, 'echo')
  const runId = newId()
  await callGraph(app, { graph: 'echo', threadId, runId, input: { messages: 'hi' } })
  await on(app, threadId).update({ values: null, asNode: '__end__' })
  const [head] = await on(app, threadId).history({ limit: 1 })
  expect(head?.metadata?.run_id).toBeUndefined()
  expect(await app.records.db.query('select run_id from checkpoint where id = $1', [head?.checkpoint?.id ?? ''])).toEqual([
    { run_id: null },
  ])
})
