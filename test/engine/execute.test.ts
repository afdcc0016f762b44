import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { RunEvent, StepCall } from '../../src/core/runs/events.ts'
import { listSteps } from '../../src/core/runs/steps.ts'
import { cancelRun } from '../../src/core/runs/stop.ts'
import { getThread } from '../../src/core/threads/threads.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import {
  answer,
  callsFunctions,
  currentRun,
  isText,
  journalOf,
  messagesOf,
  type Start,
  type Started,
  saysThenHangs,
  sketch,
  startRun,
  storyOf,
  untilEnd,
  untilEvent,
} from '../support/runs.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const stepsOf = async ({ caller, threadId, run }: Started) =>
  (await listSteps(app, caller, { threadId, runId: run.id, page: { limit: 100, order: 'asc' } })).items

const waitingRun = async (start: Start): Promise<Started> => {
  const started = await startRun(app, start)
  expect((await untilEnd(app, started)).status).toBe('waiting')
  return started
}

test('a text run tells queued, running, its message with every chunk, and completed, in this order', async () => {
  const started = await startRun(app, { turns: [{ text: ['one ', 'two'], usage: { prompt: 5, completion: 2 } }] })
  const events = await storyOf(app, started)
  const expected = 'run queued/run running/step message/text one /text two/message_end/step_end completed/run completed'
  expect(sketch(events).join('/')).toBe(expected)
  expect(await journalOf(app, started.run.id)).toEqual(events)
  expect(events.at(-1)).toMatchObject({ usage: { promptTokens: 5, completionTokens: 2, totalTokens: 7 } })
})

test('ids of steps and messages agree between events, rows and lists', async () => {
  const started = await startRun(app, { turns: [{ text: ['hi'] }] })
  const events = await storyOf(app, started)
  const step = events.find((e) => e.type === 'step')
  const [row] = await stepsOf(started)
  const [, message] = await messagesOf(app, started.caller, started.threadId)
  expect(step).toMatchObject({ id: row?.id, messageId: message?.id })
  expect(row).toMatchObject({ kind: 'message', status: 'completed', messageId: message?.id })
  expect(events.find((e) => e.type === 'message_end')).toMatchObject({ id: message?.id })
  expect(message).toMatchObject({
    role: 'assistant',
    content: 'hi',
    status: 'completed',
    runId: started.run.id,
    assistantId: started.assistant.id,
  })
})

test('the end of a run is seen by a reader only after its rows are there', async () => {
  const started = await startRun(app, { turns: [{ text: ['whole'] }] })
  await untilEvent(app, started, (event) => event.type === 'message_end')
  expect((await messagesOf(app, started.caller, started.threadId)).map((m) => m.content)).toEqual(['hello there', 'whole'])
  expect((await getThread(app, started.caller, started.threadId)).status).toBe('idle')
})

test('text, then two parallel calls: the message is closed before the tool step opens, which stays open while the run waits', async () => {
  const started = await startRun(app, { turns: [{ text: ['look'], ...callsFunctions('call_a', 'call_b') }, { text: ['done'] }] })
  const events = await storyOf(app, started)
  expect(sketch(events)).toEqual([
    'run queued',
    'run running',
    'step message',
    'text look',
    'message_end',
    'step_end completed',
    'step tool_calls',
    'call 0 call_a look',
    'arguments 0 {"for":"call_a"}',
    'call 1 call_b look',
    'arguments 1 {"for":"call_b"}',
    'run waiting',
  ])
  const calls = ['call_a', 'call_b'].map((id) => ({ id, name: 'look', arguments: `{"for":"${id}"}` }))
  expect(events.at(-1)).toMatchObject({ calls })
  expect((await currentRun(app, started)).calls).toEqual(calls)
  expect((await getThread(app, started.caller, started.threadId)).status).toBe('interrupted')
})

test('two rounds of calls: each answer closes its step with the outputs, and the model sees them in order', async () => {
  const turns = [callsFunctions('call_1', 'call_2'), callsFunctions('call_3'), { text: ['the end'] }]
  const started = await waitingRun({ turns })
  const first = await answer(app, started, { call_1: 'out one', call_2: 'out two' })
  expect((await storyOf(app, started)).slice(first.after).map((e) => e.type)).toEqual([
    'step_end',
    'status',
    'status',
    'step',
    'call',
    'arguments',
    'status',
  ])
  await answer(app, started, { call_3: 'out three' })
  const events = await storyOf(app, started)
  expect(sketch(events)).toEqual([
    'run queued',
    'run running',
    'step tool_calls',
    'call 0 call_1 look',
    'arguments 0 {"for":"call_1"}',
    'call 1 call_2 look',
    'arguments 1 {"for":"call_2"}',
    'run waiting',
    'step_end completed',
    'run queued',
    'run running',
    'step tool_calls',
    'call 0 call_3 look',
    'arguments 0 {"for":"call_3"}',
    'run waiting',
    'step_end completed',
    'run queued',
    'run running',
    'step message',
    'text the end',
    'message_end',
    'step_end completed',
    'run completed',
  ])
  const outputs = events.flatMap((e) => (e.type === 'step_end' ? (e.calls ?? []).map((c: StepCall) => c.output) : []))
  expect(outputs).toEqual(['out one', 'out two', 'out three'])
  const seen = app.models
    .requestsTo(started.model)
    .at(-1)
    ?.messages.filter((m) => m.role === 'tool')
  expect(seen?.map((m) => [m.tool_call_id, m.content])).toEqual([
    ['call_1', 'out one'],
    ['call_2', 'out two'],
    ['call_3', 'out three'],
  ])
})

test('usage is the sum over all turns and rounds, and each step has that of its turn', async () => {
  const turns = [
    { text: ['a'], ...callsFunctions('call_u'), usage: { prompt: 10, completion: 1 } },
    { text: ['b'], usage: { prompt: 20, completion: 2 } },
  ]
  const started = await waitingRun({ turns })
  await answer(app, started, { call_u: '' })
  const ended = await untilEnd(app, started)
  expect(ended.usage).toEqual({ promptTokens: 30, completionTokens: 3, totalTokens: 33 })
  expect((await stepsOf(started)).map((s) => [s.kind, s.usage?.totalTokens])).toEqual([
    ['message', 0],
    ['tool_calls', 11],
    ['message', 22],
  ])
})

test('a repeated, empty or unstorable call id is replaced, so that each call of a run can be answered', async () => {
  const turns = [
    { calls: ['same', 'same', '', 'nul\u0000', 'half\ud800'].map((id) => ({ id, name: 'look', arguments: {} })) },
    { calls: [{ id: 'same', name: 'look', arguments: {} }] },
    { text: ['all answered'] },
  ]
  const started = await waitingRun({ turns })
  const ids = (await currentRun(app, started)).calls?.map((c) => c.id) ?? []
  expect(ids).toHaveLength(5)
  expect(new Set(ids).size).toBe(5)
  expect(ids[0]).toBe('same')
  expect(ids.slice(1).every((id) => /^call_\w+$/.test(id))).toBe(true)
  await answer(app, started, Object.fromEntries(ids.map((id, i) => [id, `out ${i}`])))
  await storyOf(app, started)
  const [again] = (await currentRun(app, started)).calls ?? []
  expect(again?.id).not.toBe('same')
  await answer(app, started, { [again?.id ?? '']: 'last' })
  expect((await untilEnd(app, started)).status).toBe('completed')
})

test('what a model says is kept whatever characters it holds', async () => {
  const odd = 'nul \u0000, half a pair \ud800, a whole one \u{1f600}'
  const started = await waitingRun({
    turns: [{ text: [odd], calls: [{ id: 'call_o', name: 'lo\u0000ok', arguments: odd }] }, { text: [odd] }],
  })
  expect((await currentRun(app, started)).calls?.[0]?.arguments).toBe(odd)
  await answer(app, started, { call_o: odd })
  expect((await untilEnd(app, started)).status).toBe('completed')
  expect((await messagesOf(app, started.caller, started.threadId)).map((m) => m.content).slice(1)).toEqual([odd, odd])
  const last = app.models.requestsTo(started.model).at(-1)?.messages ?? []
  expect(last.find((m) => m.role === 'tool')?.content).toBe(odd)
  expect(last.find((m) => m.tool_calls)?.tool_calls?.[0]?.function.arguments).toBe(odd)
})

test('the next run of a thread sees the whole conversation, once and in order', async () => {
  const started = await startRun(app, { turns: [{ text: ['first answer'] }], text: 'first question' })
  await storyOf(app, started)
  const next = await startRun(app, { turns: [{ text: ['x'] }], threadId: started.threadId, text: 'second question' })
  await storyOf(app, next)
  const [request] = app.models.requestsTo(next.model)
  expect(request?.messages.map((m) => [m.role, m.content])).toEqual([
    ['user', 'first question'],
    ['assistant', 'first answer'],
    ['user', 'second question'],
  ])
})

test.each([
  [400, 'invalid_prompt'],
  [429, 'rate_limit_exceeded'],
  [500, 'server_error'],
])('a model that fails with %d ends the run as failed with last error %s', async (status, code) => {
  const started = await startRun(app, { turns: [{ fail: { status, message: 'said why' } }] })
  const run = await untilEnd(app, started)
  expect(run).toMatchObject({ status: 'failed', error: { code }, calls: null })
  expect(run.error?.message).toContain('said why')
  expect((await getThread(app, started.caller, started.threadId)).runId).toBeNull()
})

test('a model that nobody serves ends the run as failed with invalid_prompt', async () => {
  const started = await startRun(app, { assistant: { model: 'nobody-has-this' } })
  expect(await untilEnd(app, started)).toMatchObject({ status: 'failed', error: { code: 'invalid_prompt' } })
})

test('a content filter ends the run as failed, and its half message says why it was cut', async () => {
  const started = await startRun(app, { turns: [{ text: ['some'], finish: 'content_filter' }] })
  expect(await untilEnd(app, started)).toMatchObject({ status: 'failed', error: { code: 'server_error' } })
  expect((await messagesOf(app, started.caller, started.threadId)).at(-1)).toMatchObject({
    content: 'some',
    status: 'incomplete',
    cut: 'content_filter',
  })
})

const cuts: [string, Start, (started: Started) => Promise<unknown>, string[]][] = [
  [
    'cancelled',
    { turns: saysThenHangs('half ') },
    (started) => cancelRun(app, started.caller, { threadId: started.threadId, id: started.run.id }),
    ['run cancelling', 'message_end run_cancelled', 'step_end cancelled', 'run cancelled'],
  ],
  [
    'failed',
    { turns: [{ text: ['half '], fail: { status: 500, message: 'broke' } }] },
    () => Promise.resolve(),
    ['message_end run_failed', 'step_end failed', 'run failed server_error'],
  ],
]

test.each(cuts)('the half message of a %s run is kept as incomplete and is read by the next run', async (status, start, stop, ending) => {
  const started = await startRun(app, start)
  await untilEvent(app, started, isText('half '))
  await stop(started)
  const events = await storyOf(app, started)
  expect(sketch(events)).toEqual(['run queued', 'run running', 'step message', 'text half ', ...ending])
  const [, half] = await messagesOf(app, started.caller, started.threadId)
  expect(half).toMatchObject({ content: 'half ', status: 'incomplete', cut: `run_${status}`, runId: started.run.id })
  const [step] = await stepsOf(started)
  expect(step).toMatchObject({ status, messageId: half?.id })
  const next = await startRun(app, { turns: [{ text: ['x'] }], threadId: started.threadId, text: 'go on' })
  await storyOf(app, next)
  const seen = app.models.requestsTo(next.model)[0]?.messages.map((m) => m.content)
  expect(seen).toEqual(['hello there', 'half ', 'go on'])
})

test('a run whose time is over while the model speaks expires with its half message kept', async () => {
  const brief = await app.replica({ runExpiryMs: 300 })
  const started = await startRun(brief, { turns: saysThenHangs('half ') })
  const events = await storyOf(brief, started)
  expect(sketch(events).slice(3)).toEqual(['text half ', 'message_end run_expired', 'step_end expired', 'run expired'])
  expect((await messagesOf(app, started.caller, started.threadId)).at(-1)).toMatchObject({ cut: 'run_expired', status: 'incomplete' })
  expect((await getThread(app, started.caller, started.threadId)).runId).toBeNull()
  const next = await startRun(app, { turns: [{ text: ['x'] }], threadId: started.threadId, text: 'go on' })
  await storyOf(app, next)
  expect(app.models.requestsTo(next.model)[0]?.messages.map((m) => m.content)).toEqual(['hello there', 'half ', 'go on'])
})

test('a call that is cut off half way is in the ended step, and no message is made of it', async () => {
  const turns = [{ calls: [{ id: 'call_h', name: 'look', arguments: '', argumentChunks: ['{"a":', '1}'] }], pauseMs: 3_600_000 }]
  const started = await startRun(app, { turns })
  await untilEvent(app, started, (event) => event.type === 'call')
  await cancelRun(app, started.caller, { threadId: started.threadId, id: started.run.id })
  const end = (await storyOf(app, started)).find((e): e is Extract<RunEvent, { type: 'step_end' }> => e.type === 'step_end')
  expect(end).toMatchObject({ status: 'cancelled', calls: [{ id: 'call_h', output: null }] })
  expect(await stepsOf(started)).toMatchObject([{ kind: 'tool_calls', status: 'cancelled', calls: [{ id: 'call_h', output: null }] }])
  expect(await messagesOf(app, started.caller, started.threadId)).toHaveLength(1)
})

test('a refusal is told as such and kept as a refusal part', async () => {
  const started = await startRun(app, { turns: [{ refusal: 'I will not' }] })
  expect(sketch(await storyOf(app, started))).toContain('refusal I will not')
  expect((await messagesOf(app, started.caller, started.threadId)).at(-1)?.content).toEqual([{ type: 'refusal', refusal: 'I will not' }])
})

test('a model that says nothing completes the run without a message', async () => {
  const started = await startRun(app, { turns: [{ text: [] }] })
  expect(sketch(await storyOf(app, started))).toEqual(['run queued', 'run running', 'run completed'])
  expect(await messagesOf(app, started.caller, started.threadId)).toHaveLength(1)
})
