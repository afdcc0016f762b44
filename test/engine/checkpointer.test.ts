import { afterAll, beforeAll, expect, test } from 'bun:test'
import {
  AIMessage,
  AIMessageChunk,
  type BaseMessage,
  ChatMessage,
  FunctionMessage,
  HumanMessage,
  RemoveMessage,
  SystemMessage,
  ToolMessage,
} from '@langchain/core/messages'
import type { RunnableConfig } from '@langchain/core/runnables'
import type { StateSnapshot } from '@langchain/langgraph'
import { emptyCheckpoint, uuid6 } from '@langchain/langgraph-checkpoint'
import type { Caller } from '../../src/core/caller.ts'
import { createThread, deleteThread, getThread } from '../../src/core/threads/threads.ts'
import { Checkpointer } from '../../src/engine/checkpointer.ts'
import { openAssistantGraph } from '../../src/engine/graphs/built-in.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import { answer, callsFunctions, messagesOf, saysThenHangs, startRun, storyOf, untilEnd } from '../support/runs.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const saverOf = (caller: Caller) => new Checkpointer(app, { tenantId: caller.tenantId, runId: null, assistantId: null })
/** The state API as a surface uses it. */
const graphOf = (caller: Caller) => openAssistantGraph().with(saverOf(caller))
const at = (threadId: string): RunnableConfig => ({ configurable: { thread_id: threadId } })
const newThread = async () => (await createThread(app, app.one, {})).id
const stateOf = (config: RunnableConfig): Promise<StateSnapshot> => graphOf(app.one).getState(config)
const valuesOf = async (config: RunnableConfig): Promise<BaseMessage[]> => (await stateOf(config)).values.messages ?? []
const update = (config: RunnableConfig, ...messages: BaseMessage[]) => graphOf(app.one).updateState(config, { messages }, 'model')
const history = (threadId: string, filter?: Record<string, unknown>) =>
  Array.fromAsync(saverOf(app.one).list(at(threadId), filter ? { filter } : {}))

/** Everything LangChain keeps of a message, without the copy of its arguments. */
const fields = (message: BaseMessage) => JSON.parse(JSON.stringify({ ...message, lc_kwargs: 0 }))

const ODD = 'nul \u0000, half a pair \ud800, a whole one \u{1f600}'
const RICH: [string, BaseMessage][] = [
  ['system', new SystemMessage({ id: 's', content: ODD, name: ODD, additional_kwargs: { a: [1, { b: null }], [ODD]: ODD } })],
  [
    'human',
    new HumanMessage({
      id: 'h',
      content: [
        { type: 'text', text: ODD },
        { type: 'image_url', image_url: { url: 'data:x' } },
      ],
      response_metadata: { z: 1 },
    }),
  ],
  [
    'ai with calls',
    Object.assign(
      new AIMessage({
        id: 'a',
        content: '',
        tool_calls: [{ id: '1', name: 'f', args: { deep: { x: [1, ODD] } }, type: 'tool_call' }],
        invalid_tool_calls: [{ name: 'q', args: '{', error: 'bad', type: 'invalid_tool_call' }],
        response_metadata: { finish_reason: 'tool_calls' },
      }),
      { usage_metadata: { input_tokens: 1, output_tokens: 2, total_tokens: 3, input_token_details: { cache_read: 1 } } },
    ),
  ],
  ['ai', new AIMessage({ id: 'b', content: [{ type: 'text', text: 'x', annotations: [{ kind: 'y' }] }], name: 'me' })],
  [
    'tool',
    new ToolMessage({
      id: 't',
      content: 'out',
      tool_call_id: '1',
      name: 'f',
      status: 'error',
      artifact: { big: [ODD] },
      additional_kwargs: { k: 1 },
    }),
  ],
  ['function', new FunctionMessage({ id: 'f', content: 'r', name: 'f' })],
  ['chat', new ChatMessage({ id: 'c', content: 'said', role: 'judge' })],
  ['empty', new HumanMessage({ id: 'e', content: '' })],
  ['no id', new HumanMessage('from nowhere')],
]

test.each(RICH)('a message of every kind comes back as it went: %s', async (_, message) => {
  const threadId = await newThread()
  await update(at(threadId), new HumanMessage('before'), message)
  const [, back] = await valuesOf(at(threadId))
  expect(back?.constructor).toBe(message.constructor)
  expect({ ...fields(back as BaseMessage), id: message.id }).toEqual({ ...fields(message), id: message.id })
  if (message.id) expect(back?.id).toBe(message.id)
  expect((await valuesOf(at(threadId))).map((m) => m.id)).toEqual((await valuesOf(at(threadId))).map((m) => m.id))
})

test('all of them in one update keep their order, and a second reading is the same', async () => {
  const threadId = await newThread()
  await update(at(threadId), ...RICH.map(([, message]) => message))
  const [first, second] = [await valuesOf(at(threadId)), await valuesOf(at(threadId))]
  expect(first.map((m) => m.getType())).toEqual(RICH.map(([, m]) => m.getType()))
  expect(second.map(fields)).toEqual(first.map(fields))
})

test('the same message object in two threads is two rows', async () => {
  const [a, b] = [await newThread(), await newThread()]
  const shared = new HumanMessage({ id: 'shared', content: 'x' })
  await update(at(a), shared)
  await update(at(b), shared)
  await deleteThread(app, app.one, a)
  expect((await valuesOf(at(b))).map((m) => m.content)).toEqual(['x'])
})

test("an id that a client chose names no row: it cannot reach another thread's message", async () => {
  const [a, b] = [await newThread(), await newThread()]
  await update(at(a), new HumanMessage({ content: 'first' }))
  const [row] = await app.records.db.query<{ id: string }>('select id from message where thread_id = $1', [a])
  await update(at(b), new HumanMessage({ id: row?.id ?? '', content: 'second' }))
  expect((await valuesOf(at(a))).map((m) => m.content)).toEqual(['first'])
  expect((await valuesOf(at(b))).map((m) => [m.id, m.content])).toEqual([[row?.id, 'second']])
})

test('a message that was changed in place becomes another row, and the old checkpoint keeps the old one', async () => {
  const threadId = await newThread()
  const message = new HumanMessage({ id: 'm', content: 'old' })
  const before = await update(at(threadId), message)
  message.content = 'new'
  await update(at(threadId), message)
  expect((await valuesOf(before)).map((m) => m.content)).toEqual(['old'])
  expect((await valuesOf(at(threadId))).map((m) => m.content)).toEqual(['new'])
})

test('an update on an old checkpoint forks: both branches keep their own values', async () => {
  const threadId = await newThread()
  const root = await update(at(threadId), new HumanMessage({ id: '1', content: 'root' }))
  const left = await update(root, new HumanMessage({ id: '2', content: 'left' }))
  const right = await update(root, new HumanMessage({ id: '3', content: 'right' }), new HumanMessage({ id: '4', content: 'more' }))
  const texts = async (config: RunnableConfig) => (await valuesOf(config)).map((m) => m.content)
  expect(await texts(left)).toEqual(['root', 'left'])
  expect(await texts(right)).toEqual(['root', 'right', 'more'])
  expect(await texts(root)).toEqual(['root'])
  expect(await texts(at(threadId))).toEqual(['root', 'right', 'more'])
  expect((await stateOf(right)).parentConfig?.configurable?.checkpoint_id).toBe(root.configurable?.checkpoint_id)
})

test('forks from one checkpoint give the same version to different values at no time', async () => {
  const threadId = await newThread()
  const root = await update(at(threadId), new HumanMessage({ id: '0', content: 'root' }))
  const branches: RunnableConfig[] = []
  for (let i = 1; i <= 12; i++) branches.push(await update(root, new HumanMessage({ id: `${i}`, content: `branch ${i}` })))
  for (const [i, branch] of branches.entries()) expect((await valuesOf(branch)).map((m) => m.content)).toEqual(['root', `branch ${i + 1}`])
})

test('a message with a known id replaces the old one in place, keeping the id, and the past keeps the old one', async () => {
  const threadId = await newThread()
  const before = await update(at(threadId), new HumanMessage({ id: 'a', content: 'one' }), new HumanMessage({ id: 'b', content: 'two' }))
  await update(at(threadId), new HumanMessage({ id: 'a', content: 'replaced' }))
  expect((await valuesOf(at(threadId))).map((m) => [m.id, m.content])).toEqual([
    ['a', 'replaced'],
    ['b', 'two'],
  ])
  expect((await valuesOf(before)).map((m) => m.content)).toEqual(['one', 'two'])
})

test('a removed message is gone from the state, and the past keeps it', async () => {
  const threadId = await newThread()
  const before = await update(at(threadId), new HumanMessage({ id: 'a', content: 'one' }), new HumanMessage({ id: 'b', content: 'two' }))
  await update(at(threadId), new RemoveMessage({ id: 'a' }))
  expect((await valuesOf(at(threadId))).map((m) => m.id)).toEqual(['b'])
  expect((await valuesOf(before)).map((m) => m.id)).toEqual(['a', 'b'])
})

test('messages of an update are numbered after those of the thread, and the next run reads them', async () => {
  const started = await startRun(app, { turns: [{ text: ['answer'] }], text: 'question' })
  await untilEnd(app, started)
  await update(at(started.threadId), new HumanMessage('put in'))
  const list = await messagesOf(app, app.one, started.threadId)
  expect(list.map((m) => [m.seq, m.content])).toEqual([
    [1, 'question'],
    [2, 'answer'],
    [3, 'put in'],
  ])
  const next = await startRun(app, { turns: [{ text: ['x'] }], threadId: started.threadId, text: 'more' })
  await storyOf(app, next)
  expect(app.models.requestsTo(next.model)[0]?.messages.map((m) => m.content)).toEqual(['question', 'answer', 'put in', 'more'])
})

test('an update is refused while a run holds the thread, and leaves nothing', async () => {
  const started = await startRun(app, { turns: saysThenHangs('x') })
  const count = () => app.records.db.query('select id from checkpoint where thread_id = $1', [started.threadId])
  await expect(update(at(started.threadId), new HumanMessage('no'))).rejects.toThrow('a run holds it')
  expect(await count()).toEqual([])
})

test('a run that waits shows its calls as an interrupt of the state, and what comes next', async () => {
  const started = await startRun(app, { turns: [callsFunctions('call_1', 'call_2'), { text: ['end'] }] })
  await storyOf(app, started)
  const waiting = await stateOf(at(started.threadId))
  expect(waiting.next).toEqual(['functions'])
  expect(waiting.tasks[0]?.interrupts[0]?.value).toMatchObject({
    type: 'submit_tool_outputs',
    tool_calls: [{ id: 'call_1' }, { id: 'call_2' }],
  })
  await answer(app, started, { call_1: 'a', call_2: 'b' })
  await untilEnd(app, started)
  const done = await stateOf(at(started.threadId))
  expect(done.next).toEqual([])
  expect((done.values.messages as BaseMessage[]).map((m) => m.getType())).toEqual(['human', 'ai', 'tool', 'tool', 'ai'])
})

test('the history of a run is whole: steps follow each other, every checkpoint has its parent, and filters narrow it', async () => {
  const started = await startRun(app, { turns: [callsFunctions('call_h'), { text: ['end'] }] })
  await storyOf(app, started)
  await answer(app, started, { call_h: 'a' })
  await untilEnd(app, started)
  const own = await history(started.threadId)
  expect(own.map((t) => t.metadata?.step)).toEqual([2, 1, 0, -1])
  const parents = own.map((t) => t.parentConfig?.configurable?.checkpoint_id)
  expect(parents).toEqual([...own.slice(1).map((t) => t.checkpoint.id), undefined])
  const next = await startRun(app, { turns: [{ text: ['x'] }], threadId: started.threadId, text: 'more' })
  await storyOf(app, next)
  const runOf = async (runId: string) => (await history(started.threadId, { run_id: runId })).map((t) => t.checkpoint.id)
  expect(await runOf(started.run.id)).toEqual(own.map((t) => t.checkpoint.id))
  expect((await runOf(next.run.id)).length).toBeGreaterThan(0)
  expect((await history(started.threadId, { source: 'input' })).every((t) => t.metadata?.source === 'input')).toBe(true)
  expect((await history(started.threadId, { step: 1 })).every((t) => t.metadata?.step === 1)).toBe(true)
})

test('the head of the thread is the newest checkpoint, also after an update', async () => {
  const started = await startRun(app)
  await untilEnd(app, started)
  const head = async () =>
    (await app.records.db.query<{ head_id: string }>('select head_id from thread where id = $1', [started.threadId]))[0]?.head_id
  expect(await head()).toBe((await history(started.threadId))[0]?.checkpoint.id)
  const config = await update(at(started.threadId), new HumanMessage('x'))
  expect(await head()).toBe(config.configurable?.checkpoint_id)
})

test('deleteThread removes every checkpoint of the thread and leaves its messages and other threads', async () => {
  const started = await startRun(app)
  await untilEnd(app, started)
  const other = await newThread()
  await update(at(other), new HumanMessage('stays'))
  await saverOf(app.one).deleteThread(started.threadId)
  expect(await history(started.threadId)).toEqual([])
  for (const table of ['channel_blob', 'checkpoint_write'])
    expect(await app.records.db.query(`select 1 from ${table} where thread_id = $1`, [started.threadId])).toEqual([])
  expect(await messagesOf(app, app.one, started.threadId)).toHaveLength(2)
  expect((await valuesOf(at(other))).map((m) => m.content)).toEqual(['stays'])
  const next = await startRun(app, { turns: [{ text: ['x'] }], threadId: started.threadId, text: 'again' })
  expect((await untilEnd(app, next)).status).toBe('completed')
})

test('threads updated at the same time do not mix', async () => {
  const ids = await Promise.all(Array.from({ length: 20 }, newThread))
  await Promise.all(
    ids.map(async (id, i) => {
      for (let n = 0; n < 3; n++) await update(at(id), new HumanMessage({ id: 'same', content: `${i}:${n}` }), new AIMessage(`${i}!${n}`))
    }),
  )
  const texts = await Promise.all(ids.map(async (id) => (await valuesOf(at(id))).map((m) => m.content)))
  expect(texts).toEqual(ids.map((_, i) => [`${i}:2`, `${i}!0`, `${i}!1`, `${i}!2`]))
})

test("another tenant's checkpoints are neither read, listed, written nor deleted", async () => {
  const started = await startRun(app)
  await untilEnd(app, started)
  const foreign = saverOf(app.two)
  expect(await foreign.getTuple(at(started.threadId))).toBeUndefined()
  expect(await Array.fromAsync(foreign.list(at(started.threadId)))).toEqual([])
  const meta = { source: 'update' as const, step: 9, parents: {} }
  await expect(foreign.put(at(started.threadId), emptyCheckpoint(), meta, {})).rejects.toThrow()
  const before = await history(started.threadId)
  await foreign.deleteThread(started.threadId)
  expect(await history(started.threadId)).toEqual(before)
  expect(await getThread(app, app.one, started.threadId)).toMatchObject({ status: 'idle' })
})

test('channels that are no messages come back as they went, messages inside them included', async () => {
  const threadId = await newThread()
  const message = new HumanMessage({ id: 'inside', content: ODD })
  const nested = { a: { messages: [message] as BaseMessage[], also: message as BaseMessage } }
  const values: Record<string, unknown> = {
    text: ODD,
    number: 1.5,
    none: null,
    yes: true,
    list: [1, 'a', null, [ODD]],
    nested,
    bytes: new Uint8Array([0, 1, 255]),
    set: new Set([1, 'a']),
    chunk: [new AIMessageChunk({ id: 'chunk', content: 'c' })],
    dollar: { $m: 'not a message' },
    empty: [],
  }
  const plain = ['text', 'number', 'none', 'yes', 'list', 'bytes', 'dollar', 'empty']
  const versions = Object.fromEntries(Object.keys(values).map((name) => [name, 1]))
  const checkpoint = { ...emptyCheckpoint(), id: uuid6(0), channel_values: values, channel_versions: versions }
  const config = await saverOf(app.one).put(at(threadId), checkpoint, { source: 'loop', step: 0, parents: {} }, versions)
  const back = (await saverOf(app.one).getTuple(config))?.checkpoint.channel_values as typeof values
  expect(plain.map((name) => back[name])).toEqual(plain.map((name) => values[name]))
  const { a } = back.nested as typeof nested
  expect(a.messages[0]).toBeInstanceOf(HumanMessage)
  expect([fields(a.messages[0] as BaseMessage), fields(a.also)]).toEqual([fields(message), fields(message)])
  expect(back.set).toEqual(values.set)
  expect((back.chunk as BaseMessage[])[0]?.content).toBe('c')
})
