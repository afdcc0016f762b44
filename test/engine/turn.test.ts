import { afterAll, beforeAll, expect, test } from 'bun:test'
import { cancelRun } from '../../src/core/runs/stop.ts'
import type { ScriptTurn } from '../../src/drivers/models/port.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import { type ModelReply, type ModelServer, startModelServer } from '../support/model-server.ts'
import {
  answer,
  callsFunctions,
  currentRun,
  FUNCTION,
  messagesOf,
  type Start,
  sketch,
  startRun,
  storyOf,
  untilEnd,
} from '../support/runs.ts'

let app: TestApp
let server: ModelServer
beforeAll(async () => {
  server = startModelServer()
  const stub = { name: 'stub', baseUrl: server.url, apiKey: null, models: ['stub'] }
  app = await openTestApp({ models: { providers: [stub], retriesMax: 0 }, contextTokens: 4_000 })
}, OPEN_MS)
afterAll(async () => {
  await app.close()
  await server.stop()
})

/** Runs against the HTTP server, which gives `replies` in turn; answers what it was asked. */
async function runOverHttp(replies: ModelReply[], start: Start = {}) {
  const from = server.requests.length
  server.script = () => replies[server.requests.length - from - 1]
  const started = await startRun(app, { ...start, assistant: { model: 'stub', ...start.assistant } })
  const events = await storyOf(app, started)
  return { started, events, asked: () => server.requests.slice(from).map((request) => request.body) }
}
const calls = (...ids: string[]): ModelReply => ({ calls: ids.map((id) => ({ id, name: 'look', arguments: '{}' })) })

test('a forced tool choice is sent with the first turn of a run only', async () => {
  const { started, asked } = await runOverHttp([calls('c1'), { text: ['x'] }], { options: { toolChoice: 'required' } })
  await answer(app, started, { c1: 'out' })
  expect((await untilEnd(app, started)).status).toBe('completed')
  expect(asked().map((body) => body.tool_choice)).toEqual(['required', undefined])
})

test('a forced tool choice is sent with the first turn also when nobody spoke since the last run', async () => {
  const first = await runOverHttp([{ text: ['said'] }])
  const toolChoice = { type: 'function', function: { name: 'look' } }
  const { asked } = await runOverHttp([{ text: ['x'] }], { threadId: first.started.threadId, text: null, options: { toolChoice } })
  expect(asked().map((body) => body.tool_choice)).toEqual([toolChoice])
})

test("a tool choice of 'none' is sent with every turn, and 'auto' with none", async () => {
  const none = await runOverHttp([{ text: ['x'] }], { options: { toolChoice: 'none' } })
  const auto = await runOverHttp([{ text: ['x'] }], { options: { toolChoice: 'auto' } })
  expect([none.asked()[0]?.tool_choice, auto.asked()[0]?.tool_choice]).toEqual(['none', undefined])
})

test('with parallel calls switched off the provider is told so, and only the first call is kept', async () => {
  const { started, asked } = await runOverHttp([calls('c1', 'c2'), { text: ['x'] }], { options: { parallelToolCalls: false } })
  expect(asked()[0]?.parallel_tool_calls).toBe(false)
  expect((await currentRun(app, started)).calls?.map((call) => call.id)).toEqual(['c1'])
  await answer(app, started, { c1: 'out' })
  expect((await untilEnd(app, started)).status).toBe('completed')
  const [, calling, output] = (asked()[1]?.messages ?? []) as { role: string; tool_call_id?: string; tool_calls?: { id: string }[] }[]
  expect(calling?.tool_calls?.map((call) => call.id)).toEqual(['c1'])
  expect(output).toMatchObject({ role: 'tool', tool_call_id: 'c1' })
})

test("the run's options and its assistant's reach the provider, instructions first and tools as they are", async () => {
  const format = { type: 'json_object' }
  const { asked } = await runOverHttp([{ text: ['x'] }], {
    assistant: { instructions: 'be brief', temperature: 0.5, topP: 0.1, reasoningEffort: 'low' },
    options: { additionalInstructions: 'and kind', temperature: 1.5, responseFormat: format },
  })
  expect(asked()[0]).toMatchObject({
    model: 'stub',
    temperature: 1.5,
    top_p: 0.1,
    reasoning_effort: 'low',
    response_format: format,
    tools: [FUNCTION],
    messages: [
      { role: 'system', content: 'be brief\nand kind' },
      { role: 'user', content: 'hello there' },
    ],
  })
})

test('reasoning travels as events and is not part of the message', async () => {
  const { started, events } = await runOverHttp([{ reasoning: ['hm'], text: ['answer'] }])
  expect(sketch(events)).toContain('reasoning hm')
  expect((await messagesOf(app, started.caller, started.threadId)).at(-1)?.content).toBe('answer')
})

test('text that follows a call opens no second step, and every step that opened is closed', async () => {
  const chunk = (delta: object) => ({ object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: null }] })
  const { started, events } = await runOverHttp([{ ...calls('c1'), chunks: [chunk({ content: 'late' }) as never] }, { text: ['x'] }])
  expect(sketch(events).filter((line) => line.startsWith('step '))).toEqual(['step tool_calls'])
  await answer(app, started, { c1: 'out' })
  const story = await storyOf(app, started)
  const opened = story.flatMap((e) => (e.type === 'step' ? [e.id] : []))
  const closed = story.flatMap((e) => (e.type === 'step_end' ? [e.id] : []))
  expect(closed).toEqual(opened)
})

test('a provider that counts no tokens gets an estimate, so that usage is never zero', async () => {
  const { started } = await runOverHttp([
    { text: ['some words'], chunks: [], finish: 'stop', ending: 'close', usage: { prompt_tokens: 0 } },
  ])
  expect((await currentRun(app, started)).usage).toBeTruthy()
})

test('a completion budget is for the whole run: each turn is told what is left, and a spent one ends it as incomplete', async () => {
  const usage = (completion: number) => ({ prompt_tokens: 10, completion_tokens: completion, total_tokens: 10 + completion })
  const replies = [{ ...calls('c1'), usage: usage(200) }, { ...calls('c2'), usage: usage(100) }, { text: ['never'] }]
  const { started, asked } = await runOverHttp(replies, { options: { maxCompletionTokens: 300 } })
  await answer(app, started, { c1: '' })
  await untilEnd(app, started)
  await answer(app, started, { c2: '' })
  const run = await untilEnd(app, started)
  expect(asked().map((body) => body.max_completion_tokens)).toEqual([300, 100])
  expect(run).toMatchObject({ status: 'incomplete', incomplete: 'max_completion_tokens', usage: { completionTokens: 300 } })
})

test('an answer cut by the completion budget is kept as incomplete, its step is completed, and the run is incomplete', async () => {
  const started = await startRun(app, { turns: [{ text: ['a ', 'b ', 'c '] }], options: { maxCompletionTokens: 2 } })
  const events = await storyOf(app, started)
  expect(sketch(events).slice(3)).toEqual([
    'text a ',
    'text b ',
    'message_end max_tokens',
    'step_end completed',
    'run incomplete max_completion_tokens',
  ])
  expect((await messagesOf(app, started.caller, started.threadId)).at(-1)).toMatchObject({
    content: 'a b ',
    status: 'incomplete',
    cut: 'max_tokens',
  })
})

test('calls of a cut answer are closed and asked of nobody', async () => {
  const turns: ScriptTurn[] = [{ ...callsFunctions('call_l'), finish: 'length' }]
  const started = await startRun(app, { turns })
  const run = await untilEnd(app, started)
  expect(run).toMatchObject({ status: 'incomplete', incomplete: 'max_completion_tokens', calls: null })
  expect(sketch(await storyOf(app, started)).slice(-2)).toEqual(['step_end completed', 'run incomplete max_completion_tokens'])
})

test('a prompt that does not fit its budget ends the run as incomplete before the model is asked', async () => {
  const started = await startRun(app, { turns: [{ text: ['x'] }], text: 'long '.repeat(400), options: { maxPromptTokens: 100 } })
  const run = await untilEnd(app, started)
  expect(run).toMatchObject({ status: 'incomplete', incomplete: 'max_prompt_tokens' })
  expect(app.models.requestsTo(started.model)).toHaveLength(0)
})

test('a prompt budget is for the whole run: what the first turn used is gone for the second', async () => {
  const turns = [{ ...callsFunctions('call_p'), usage: { prompt: 250, completion: 1 } }, { text: ['never'] }]
  const started = await startRun(app, { turns, options: { maxPromptTokens: 256 } })
  expect((await untilEnd(app, started)).status).toBe('waiting')
  await answer(app, started, { call_p: 'out' })
  expect(await untilEnd(app, started)).toMatchObject({ status: 'incomplete', incomplete: 'max_prompt_tokens' })
  expect(app.models.requestsTo(started.model)).toHaveLength(1)
})

test('a run that ends for its budget does not wait for calls that an earlier run left unanswered', async () => {
  const left = await startRun(app, { turns: [callsFunctions('call_left')] })
  await storyOf(app, left)
  await cancelRun(app, left.caller, { threadId: left.threadId, id: left.run.id })
  const started = await startRun(app, { turns: [{ text: ['x'] }], threadId: left.threadId, text: null, options: { maxPromptTokens: 1 } })
  expect(await untilEnd(app, started)).toMatchObject({ status: 'incomplete', incomplete: 'max_prompt_tokens' })
})

test('a long thread is shortened to the context of the model, newest question kept', async () => {
  const first = await startRun(app, { turns: [{ text: ['x'] }], text: `oldest ${'a'.repeat(8_000)}` })
  await storyOf(app, first)
  const second = await startRun(app, { turns: [{ text: ['y'] }], threadId: first.threadId, text: `middle ${'b'.repeat(8_000)}` })
  await storyOf(app, second)
  const third = await startRun(app, { turns: [{ text: ['z'] }], threadId: first.threadId, text: `newest ${'c'.repeat(7_000)}` })
  expect((await untilEnd(app, third)).status).toBe('completed')
  const texts = app.models.requestsTo(third.model)[0]?.messages.map((m) => String(m.content).split(' ')[0])
  expect(texts).toEqual(['oldest', 'x', 'y', 'newest'])
})

test('a prompt budget above the context of the model does not lift the context', async () => {
  const first = await startRun(app, { turns: [{ text: ['x'] }], text: `oldest ${'a'.repeat(12_000)}` })
  await storyOf(app, first)
  const options = { maxPromptTokens: 1_000_000 }
  const second = await startRun(app, { turns: [{ text: ['y'] }], threadId: first.threadId, text: `newest ${'c'.repeat(8_000)}`, options })
  expect((await untilEnd(app, second)).status).toBe('completed')
  expect(app.models.requestsTo(second.model)[0]?.messages.map((m) => String(m.content).split(' ')[0])).toEqual(['newest'])
})

test('last_messages limits what the model reads, and nothing is lost from the thread', async () => {
  const first = await startRun(app, { turns: [{ text: ['one'] }], text: 'q1' })
  await storyOf(app, first)
  const options = { truncation: { type: 'last_messages' as const, lastMessages: 2 } }
  const second = await startRun(app, { turns: [{ text: ['two'] }], threadId: first.threadId, text: 'q2', options })
  await storyOf(app, second)
  expect(app.models.requestsTo(second.model)[0]?.messages.map((m) => m.content)).toEqual(['one', 'q2'])
  expect((await messagesOf(app, first.caller, first.threadId)).map((m) => m.content)).toEqual(['q1', 'one', 'q2', 'two'])
})

test('calls that a cancelled run left unanswered reach the next model with a stand-in output', async () => {
  const left = await startRun(app, { turns: [callsFunctions('call_x')] })
  await storyOf(app, left)
  await cancelRun(app, left.caller, { threadId: left.threadId, id: left.run.id })
  const next = await startRun(app, { turns: [{ text: ['x'] }], threadId: left.threadId, text: 'again' })
  expect((await untilEnd(app, next)).status).toBe('completed')
  const seen = app.models.requestsTo(next.model)[0]?.messages.map((m) => [m.role, m.tool_call_id ?? m.content])
  expect(seen).toEqual([
    ['user', 'hello there'],
    ['assistant', null],
    ['tool', 'call_x'],
    ['user', 'again'],
  ])
})
