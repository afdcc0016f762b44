import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import OpenAI, { APIError } from 'openai'
import type { JsonObject } from '../../../src/core/json.ts'
import { type ModelReply, type ModelServer, startModelServer } from '../../support/model-server.ts'
import { readData, type SendInit, type Served, serve } from '../../support/served.ts'

let upstream: ModelServer
let served: Served
let client: OpenAI

beforeAll(async () => {
  upstream = startModelServer()
  const provider = { name: 'stub', baseUrl: upstream.url, apiKey: 'secret-of-the-stub', models: [] }
  served = await serve({ providers: [provider], defaultProvider: 'stub', retriesMax: 0, aliases: { house: 'stub/inner' } })
  client = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: served.key, maxRetries: 0 })
})
afterAll(async () => {
  await served.close()
  await upstream.stop()
})
afterEach(() => reply(undefined))

const PATH = '/v1/chat/completions'
const messages = [{ role: 'user' as const, content: 'one two' }]
const body = { model: 'any', messages }

const reply = (next: ModelReply | undefined): void => {
  upstream.script = () => next
}
const ask = (rest: JsonObject = {}, init: SendInit = {}): Promise<Response> => served.send('POST', PATH, { ...body, ...rest }, init)

async function problem(sent: unknown): Promise<JsonObject> {
  const response = await served.send('POST', PATH, sent)
  expect(response.status).toBe(400)
  return ((await response.json()) as { error: JsonObject }).error
}

test('an answer goes through with the name that was asked for', async () => {
  const answer = await client.chat.completions.create({ model: 'house', messages })
  expect(answer).toMatchObject({ object: 'chat.completion', model: 'house', choices: [{ index: 0, finish_reason: 'stop' }] })
  expect(answer.choices[0]?.message).toMatchObject({ role: 'assistant', content: 'one two', refusal: null })
  expect(upstream.requests.at(-1)?.body).toEqual({ model: 'inner', messages })
})

test('what the contract requires and the provider left out is null in the answer', async () => {
  reply({
    body: JSON.stringify({ id: 'p', object: 'x', created: 1, model: 'any', choices: [{ message: { content: 'hi' } }], timings: { ms: 3 } }),
  })
  expect(await (await ask()).json()).toEqual({
    id: 'p',
    object: 'chat.completion',
    created: 1,
    model: 'any',
    choices: [{ index: 0, logprobs: null, finish_reason: 'stop', message: { role: 'assistant', content: 'hi', refusal: null } }],
    timings: { ms: 3 },
  })
})

test('known fields reach the provider, and so do fields only it knows', async () => {
  const sent = { temperature: 0.5, stop: ['x'], seed: 7, metadata: { a: 'b' }, top_k: 40, guided: { deep: [1, null] } }
  await ask({ ...sent, store: false, messages: [{ role: 'user', content: 'hi', cache: true }] })
  expect(upstream.requests.at(-1)?.body).toEqual({ model: 'any', messages: [{ role: 'user', content: 'hi', cache: true }], ...sent })
})

test('a stream is unnamed frames that end with the finish reason, the usage if asked for, and [DONE]', async () => {
  const response = await ask({ stream: true, stream_options: { include_usage: true } })
  expect(response.headers.get('content-type')).toStartWith('text/event-stream')
  const data = await readData(response)
  expect(data.at(-1)).toBe('[DONE]')
  const chunks = data.slice(0, -1).map((text) => JSON.parse(text))
  expect(chunks[0].choices[0].delta.role).toBe('assistant')
  expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe('one two')
  expect(chunks.at(-2).choices[0].finish_reason).toBe('stop')
  expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: expect.any(Number) } })
})

test('a chunk that the provider wrote over several lines arrives on one', async () => {
  const lines = 'data: {"id":"p",\ndata: "choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
  reply({ body: [new TextEncoder().encode(lines)] })
  const [chunk = '', end] = await readData(await ask({ stream: true }))
  expect(JSON.parse(chunk)).toMatchObject({ id: 'p', choices: [{ delta: { content: 'hi' } }] })
  expect(end).toBe('[DONE]')
})

test('a chunk that is no JSON breaks a stream that is to be stored with an error frame', async () => {
  reply({ body: [new TextEncoder().encode('data: not json\n\ndata: [DONE]\n\n')] })
  const data = await readData(await ask({ stream: true, store: true }))
  expect(JSON.parse(data.at(-1) ?? '')).toMatchObject({ error: { code: 'upstream_error' } })
})

test('the SDK puts streamed tool calls together', async () => {
  reply({ calls: [{ id: 'call_1', name: 'weather', arguments: ['{"city":', '"Oslo"}'] }] })
  const final = await client.chat.completions.stream({ model: 'any', messages }).finalChatCompletion()
  expect(final.choices[0]?.finish_reason).toBe('tool_calls')
  expect(final.choices[0]?.message.tool_calls?.[0]).toMatchObject({
    id: 'call_1',
    function: { name: 'weather', arguments: '{"city":"Oslo"}' },
  })
})

test('an error in the middle of a stream is an error frame, which the SDK raises', async () => {
  reply({ text: ['so far '], streamError: { message: 'ran out of memory', type: 'server_error' } })
  const data = await readData(await ask({ stream: true }))
  expect(JSON.parse(data.at(-1) ?? '')).toEqual({
    error: { message: expect.stringContaining('ran out of memory'), type: 'server_error', param: null, code: 'upstream_error' },
  })
  const read = async () => {
    for await (const chunk of await client.chat.completions.create({ model: 'any', messages, stream: true })) if (!chunk) break
  }
  const error = await read().catch((cause: unknown) => cause)
  expect(error).toBeInstanceOf(APIError)
})

test('an error before the first chunk has a status of its own, also for a stream', async () => {
  reply({ status: 400, error: { message: 'too hot, secret-of-the-stub', type: 'invalid_request_error', param: 'temperature' } })
  const response = await ask({ stream: true })
  expect(response.status).toBe(400)
  const text = await response.text()
  expect(text).toContain('too hot')
  expect(text).not.toContain('secret-of-the-stub')
})

test('a model that nobody serves is model_not_found', async () => {
  const response = await ask({ model: 'scripted/nothing' })
  expect(response.status).toBe(404)
  expect(await response.json()).toMatchObject({ error: { code: 'model_not_found', param: 'model' } })
})

test('the provider is left when the client goes, with and without a stream', async () => {
  for (const stream of [true, false]) {
    const asked = Promise.withResolvers<void>()
    const gone = Promise.withResolvers<void>()
    upstream.script = async (request) => {
      asked.resolve()
      while (!request.gone && !stream) await Bun.sleep(5)
      if (!stream) gone.resolve()
      return stream ? { text: new Array(1000).fill('x'), pauseMs: 5 } : undefined
    }
    const stop = new AbortController()
    const answer = ask({ stream }, { signal: stop.signal }).catch(() => undefined)
    await asked.promise
    const request = upstream.requests.at(-1)
    if (stream) await (await answer)?.body?.getReader().read()
    stop.abort()
    await answer
    if (!stream) await gone.promise
    while (!request?.gone) await Bun.sleep(5)
    expect(request.gone).toBe(true)
  }
})

test('what breaks the schema is refused by name', async () => {
  expect(await problem({ messages })).toMatchObject({ code: 'missing_required_parameter', param: 'model' })
  expect(await problem({ model: 'any' })).toMatchObject({ code: 'missing_required_parameter', param: 'messages' })
  expect(await problem({ model: 'any', messages: [] })).toMatchObject({ code: 'array_below_min_length', param: 'messages' })
  expect(await problem({ ...body, temperature: 3 })).toMatchObject({ code: 'decimal_above_max_value', param: 'temperature' })
  expect(await problem({ ...body, n: 'two' })).toMatchObject({ code: 'invalid_type', param: 'n' })
  expect(await problem({ ...body, logit_bias: { 5: 'x' } })).toMatchObject({ code: 'invalid_type', param: 'logit_bias.5' })
  expect(await problem({ ...body, messages: [{ role: 'nobody', content: 'x' }] })).toMatchObject({
    code: 'invalid_value',
    param: 'messages[0].role',
  })
  expect(await problem({ ...body, messages: [{ role: 'user' }] })).toMatchObject({ param: 'messages[0].content' })
  expect(await problem({ ...body, messages: [{ role: 'user', content: [{ type: 'image_url' }] }] })).toMatchObject({
    param: 'messages[0].content[0].image_url',
  })
  expect(await problem({ ...body, tools: [{ type: 'function', function: {} }] })).toMatchObject({ param: 'tools[0].function.name' })
  expect(await problem({ ...body, tool_choice: 'maybe' })).toMatchObject({ code: 'invalid_value', param: 'tool_choice' })
  expect(await problem({ ...body, store: true, metadata: { a: 'x'.repeat(513) } })).toMatchObject({ param: 'metadata.a' })
})

test('every content part of the contract is passed on', async () => {
  const content = [
    { type: 'text', text: 'see' },
    { type: 'image_url', image_url: { url: 'data:image/png;base64,', detail: 'low' } },
    { type: 'input_audio', input_audio: { data: '', format: 'wav' } },
    { type: 'file', file: { file_data: '' } },
  ]
  expect((await ask({ messages: [{ role: 'user', content }] })).status).toBe(200)
  expect(upstream.requests.at(-1)?.body.messages).toEqual([{ role: 'user', content }])
})

test('a repeated request with the same key gets the same answer without asking again', async () => {
  for (const stream of [false, true]) {
    const init = { headers: { 'idempotency-key': `chat-${stream}` } }
    const before = upstream.requests.length
    const first = await (await ask({ stream }, init)).text()
    expect(await (await ask({ stream }, init)).text()).toBe(first)
    expect(upstream.requests.length).toBe(before + 1)
    const other = await ask({ stream, temperature: 1 }, init)
    expect(other.status).toBe(400)
    expect(await other.json()).toMatchObject({ error: { code: 'idempotency_key_reused' } })
  }
})

test('nobody without a key reaches a model', async () => {
  const before = upstream.requests.length
  expect((await ask({}, { key: null })).status).toBe(401)
  expect((await ask({ stream: true }, { key: 'wrong' })).status).toBe(401)
  expect(upstream.requests.length).toBe(before)
})
