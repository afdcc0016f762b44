import { expect, test } from 'bun:test'
import type { JsonObject } from '../../../src/core/json.ts'
import { lexicalHash, wordsOf } from '../../../src/drivers/models/lexical-hash.ts'
import { openModels } from '../../../src/drivers/models/models.ts'
import type { ChatMessage, ScriptTurn } from '../../../src/drivers/models/port.ts'
import { adapterContract } from './models.contract.ts'
import { ask, failureOf, modelsConfig, never, RecordingLog, RecordingSink } from './recording.ts'

const open = (scripts: Record<string, ScriptTurn[]> = {}) => openModels(modelsConfig({ scripts }), { log: new RecordingLog() })

adapterContract('scripted', { models: () => open(), chat: 'echo', embeddings: 'lexical-hash' })

const user: ChatMessage = { role: 'user', content: 'hi' }
const assistant: ChatMessage = { role: 'assistant', content: null, tool_calls: [] }
const tool: ChatMessage = { role: 'tool', content: 'x', tool_call_id: 'c' }

test('echo repeats the last user message, also from parts, and counts words', async () => {
  const messages: ChatMessage[] = [
    { role: 'system', content: 'be kind' },
    { role: 'user', content: 'first' },
    { role: 'assistant', content: 'ok' },
    {
      role: 'user',
      content: [
        { type: 'text', text: ' two\nwords' },
        { type: 'image_url', image_url: {} },
      ],
    },
    tool,
  ]
  const sink = new RecordingSink()
  expect(await open().generate(ask('', { model: 'echo', messages }), sink, never())).toEqual({
    text: ' two\nwords',
    refusal: '',
    calls: [],
    finish: 'stop',
    usage: { promptTokens: 7, completionTokens: 2, totalTokens: 9 },
  })
  expect(sink.parts).toEqual(['text:  two\n', 'text: words'])
  expect(await open().generate(ask('', { model: 'scripted/echo', messages: [] }), sink, never())).toMatchObject({ text: '' })
})

test('the turn is the number of assistant messages since the last user message', async () => {
  const models = open({ s: [{ text: ['a'] }, { text: ['b'] }] })
  const textFor = async (...messages: ChatMessage[]) =>
    (await models.generate(ask('', { model: 's', messages }), new RecordingSink(), never())).text
  expect(await textFor(user)).toBe('a')
  expect(await textFor(user, assistant, tool)).toBe('b')
  expect(await textFor(user, assistant, tool, assistant, tool)).toBe('done')
  expect(await textFor(user, assistant, tool, user)).toBe('a')
  expect(await textFor()).toBe('a')
})

test('a turn does all that its script says, in order', async () => {
  const turn: ScriptTurn = {
    text: ['a ', 'b'],
    refusal: 'no',
    calls: [
      { id: 'c1', name: 'f', arguments: { x: 1 } },
      { name: 'g', arguments: {}, argumentChunks: ['{"y"', ':2}'] },
      { name: 'h', arguments: '{"broken' },
    ],
    usage: { prompt: 10, completion: 20 },
  }
  const sink = new RecordingSink()
  const generated = await open({ s: [turn] }).generate(ask('', { model: 's' }), sink, never())
  const [, second, third] = generated.calls
  expect(second?.id).toMatch(/^call_\w+$/)
  expect(second?.id).not.toBe(third?.id)
  expect(sink.parts).toEqual([
    'text: a ',
    'text: b',
    'refusal: no',
    'call: 0 c1 f',
    'arguments 0: {"x":1}',
    `call: 1 ${second?.id} g`,
    'arguments 1: {"y"',
    'arguments 1: :2}',
    `call: 2 ${third?.id} h`,
    'arguments 2: {"broken',
  ])
  expect(generated).toMatchObject({
    text: 'a b',
    refusal: 'no',
    calls: [{ id: 'c1', arguments: '{"x":1}' }, { arguments: '{"y":2}' }, { arguments: '{"broken' }],
    finish: 'tool_calls',
    usage: { promptTokens: 10, completionTokens: 20, totalTokens: 30 },
  })
})

test('an attempt has the same call ids each time, another attempt others', async () => {
  const models = open({ s: [{ calls: [{ name: 'f', arguments: {} }] }] })
  const idOf = async (attemptKey: string) =>
    (await models.generate(ask('', { model: 's', attemptKey }), new RecordingSink(), never())).calls[0]?.id
  expect(await idOf('k1')).toBe((await idOf('k1')) ?? '')
  expect(await idOf('k1')).not.toBe(await idOf('k2'))
})

test('a failing turn says its text, then fails as a provider with that status would', async () => {
  for (const [status, code] of [
    [429, 'rate_limited'],
    [400, 'invalid'],
    [401, 'upstream'],
    [500, 'upstream'],
  ] as const) {
    const models = open({ s: [{ text: ['a'], fail: { status, message: 'so it goes' } }] })
    const sink = new RecordingSink()
    expect(await failureOf(models.generate(ask('', { model: 's' }), sink, never()))).toMatchObject({ code })
    expect(sink.parts).toEqual(['text: a'])
    const body = { model: 's', messages: [] }
    expect(await failureOf(models.complete(body, never()))).toMatchObject({ code })
    const chunks: string[] = []
    const reading = (async () => {
      for await (const chunk of (await models.completeStream(body, never())).chunks) chunks.push(chunk)
    })()
    expect(await failureOf(reading)).toMatchObject({ code })
    expect(chunks).toHaveLength(2)
  }
})

test('a turn that fails at once fails the stream as a whole', async () => {
  const models = open({ s: [{ fail: { status: 503, message: 'down' } }] })
  expect(await failureOf(models.completeStream({ model: 's', messages: [] }, never()))).toMatchObject({ code: 'upstream' })
})

test('waits and pauses end at once when aborted', async () => {
  for (const turn of [{ waitMs: 60_000 }, { text: ['a', 'b'], pauseMs: 60_000 }]) {
    const models = open({ s: [turn] })
    expect((await failureOf(models.generate(ask('', { model: 's' }), new RecordingSink(), AbortSignal.timeout(20)))).name).toBe(
      'AbortError',
    )
  }
  const long = open().generate(ask('', { model: 'scripted/t999999-d0' }), new RecordingSink(), AbortSignal.timeout(20))
  expect((await failureOf(long)).name).toBe('AbortError')
})

test('a model name can be a script of its own', async () => {
  const sink = new RecordingSink()
  const generated = await open().generate(ask('', { model: 'scripted/t40-d0' }), sink, never())
  expect(sink.parts).toHaveLength(40)
  expect(sink.parts[39]).toBe('text: tok39 ')
  expect(generated.usage?.completionTokens).toBe(40)
  expect((await open().generate(ask('', { model: 'scripted/t2-d1' }), sink, never())).text).toBe('tok0 tok1 ')
})

test('a token limit cuts the text', async () => {
  for (const name of ['max_tokens', 'max_completion_tokens']) {
    const generated = await open().generate(ask('one two three', { model: 'echo', options: { [name]: 2 } }), new RecordingSink(), never())
    expect(generated).toMatchObject({ text: 'one two ', finish: 'length' })
  }
})

test('calls appear in completions as OpenAI spells them', async () => {
  const models = open({ s: [{ calls: [{ id: 'c1', name: 'f', arguments: { x: 1 }, argumentChunks: ['{"x"', ':1}'] }] }] })
  const body: JsonObject = { model: 's', messages: [] }
  const call = { id: 'c1', type: 'function', function: { name: 'f', arguments: '{"x":1}' } }
  expect(await models.complete(body, never())).toMatchObject({
    choices: [{ message: { content: null, tool_calls: [call] }, finish_reason: 'tool_calls' }],
  })
  const deltas: unknown[] = []
  for await (const chunk of (await models.completeStream(body, never())).chunks) deltas.push(JSON.parse(chunk).choices[0].delta.tool_calls)
  expect(deltas).toEqual([
    undefined,
    [{ index: 0, ...call, function: { name: 'f', arguments: '' } }],
    [{ index: 0, function: { arguments: '{"x"' } }],
    [{ index: 0, function: { arguments: ':1}' } }],
    undefined,
  ])
})

test('lexical-hash is stable, of length 1, and brings texts with common words together', () => {
  const embed = (text: string) => lexicalHash(wordsOf(text))
  const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0)
  const cat = embed('The cat sat on the mat.')
  expect(cat).toHaveLength(256)
  expect(dot(cat, cat)).toBeCloseTo(1, 5)
  expect(dot(cat, embed('the CAT sat on a mat'))).toBeGreaterThan(0.8)
  expect(Math.abs(dot(cat, embed('quarterly revenue grew')))).toBeLessThan(0.3)
  expect([...embed('')]).toEqual([1, ...Array<number>(255).fill(0)])
  // Stored vectors depend on this: a change here needs a new model name.
  const positions = (text: string) =>
    [...embed(text).entries()].filter(([, value]) => value !== 0).map(([at, value]) => Math.sign(value) * at)
  expect(positions('cat')).toEqual([157])
  expect(positions('ünïcode 42')).toEqual([-13, 35, -45, -123, -167, 216, -222])
})

test('embeddings take texts and tokens, and refuse what they cannot do', async () => {
  const models = open()
  const embed = (body: JsonObject) => models.embed({ model: 'lexical-hash', ...body }, never())
  expect((await embed({ input: 'a b' })).usage).toEqual({ prompt_tokens: 2, total_tokens: 2 })
  expect((await embed({ input: [1, 2, 3] })).data).toHaveLength(1)
  expect((await embed({ input: [[1, 2], [3]] })).data).toHaveLength(2)
  for (const input of [[], 7, null, [{}], Array(2049).fill('x')])
    expect(await failureOf(embed({ input }))).toMatchObject({ code: 'invalid' })
  expect(await failureOf(embed({ input: 'a', dimensions: 64 }))).toMatchObject({ code: 'invalid', facts: { param: 'dimensions' } })
  expect(await failureOf(models.embed({ model: 'echo', input: 'a' }, never()))).toMatchObject({ code: 'model_not_found' })
  expect(await failureOf(models.complete({ model: 'lexical-hash', messages: [] }, never()))).toMatchObject({ code: 'model_not_found' })
})
