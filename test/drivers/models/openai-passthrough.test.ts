import { afterAll, beforeEach, expect, test } from 'bun:test'
import type { JsonObject } from '../../../src/core/json.ts'
import { openModels } from '../../../src/drivers/models/models.ts'
import { type ModelReply, startModelServer } from '../../support/model-server.ts'
import { failureOf, KEY, never, providerAt, RecordingLog } from './recording.ts'

const server = startModelServer()
afterAll(() => server.stop())
beforeEach(() => {
  server.requests.length = 0
  server.script = () => undefined
})

const open = (changes: Parameters<typeof providerAt>[1] = {}) => openModels(providerAt(server.url, changes), { log: new RecordingLog() })
const always = (reply: ModelReply) => {
  server.script = () => reply
}
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const BODY: JsonObject = { model: 'm', messages: [{ role: 'user', content: 'hi' }] }

async function collect(chunks: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = []
  for await (const chunk of chunks) all.push(chunk)
  return all
}

test('a completion passes through with every field it has', async () => {
  const answer = { id: 'x', model: 'm-2024-08-06', choices: [], strange: { deep: [1, null] } }
  always({ body: JSON.stringify(answer) })
  const body = { ...BODY, temperature: 0.5, unknown_field: { a: 1 } }
  expect(await open().complete(body, never())).toEqual(answer)
  expect(server.requests[0]?.body).toEqual(body)
})

test('a renamed model is put back, in the answer and in each chunk', async () => {
  const models = open({ aliases: { 'my "best"': 'stub/org/model' } })
  const body = { ...BODY, model: 'my "best"' }
  expect(await models.complete(body, never())).toMatchObject({ model: 'my "best"' })
  const { chunks } = await models.completeStream({ ...body, stream: true }, never())
  for (const chunk of await collect(chunks)) expect(JSON.parse(chunk)).toMatchObject({ model: 'my "best"', id: 'chatcmpl-stub' })
  expect(server.requests.map((request) => request.body.model)).toEqual(['org/model', 'org/model'])
})

test('chunks pass through byte for byte when nothing was renamed', async () => {
  const odd = ['{"a": 1,  "model":"other","choices":[]}', '{"choices":[{"delta":{"content":"\\"error\\""},"finish_reason": "stop"}]}']
  always({ body: [bytes(odd.map((data) => `data: ${data}\n\n`).join('')), bytes('data: [DONE]\n\ndata: {"late":1}\n\n')] })
  const { chunks } = await open().completeStream(BODY, never())
  expect(await collect(chunks)).toEqual(odd)
})

test('text that looks like a model member stays when the model is renamed', async () => {
  const said = { model: 'up', choices: [{ delta: { content: 'say "model":"up" and $1 $&' }, finish_reason: 'stop' }] }
  always({ body: [bytes(`data: ${JSON.stringify(said)}\n\ndata: [DONE]\n\n`)] })
  const { chunks } = await open({ aliases: { a$1: 'up' } }).completeStream({ ...BODY, model: 'a$1' }, never())
  expect((await collect(chunks)).map((chunk) => JSON.parse(chunk))).toEqual([{ ...said, model: 'a$1' }])
})

test('a stream that fails before its first chunk fails as a whole, after retries', async () => {
  always({ body: [bytes('data: {"error":{"message":"busy","code":503}}\n\n')] })
  expect(await failureOf(open({ retriesMax: 1 }).completeStream(BODY, never()))).toMatchObject({ code: 'upstream' })
  expect(server.requests).toHaveLength(2)
})

test('a stream that fails later throws where it is read', async () => {
  const first = 'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
  for (const [rest, code] of [
    [`data: {"error":{"message":"slow down ${KEY}","code":429}}\n\n`, 'rate_limited'],
    ['', 'upstream'],
  ] as const) {
    always({ body: [bytes(first), bytes(rest)], ending: 'close' })
    const { chunks } = await open({ retriesMax: 2 }).completeStream(BODY, never())
    const failure = await failureOf(collect(chunks))
    expect(failure.code).toBe(code)
    expect(failure.message).not.toContain(KEY)
  }
  expect(server.requests).toHaveLength(2)
})

test('a stream without [DONE] ends well after its finish reason, also with usage behind it', async () => {
  for (const usage of [false, true]) {
    always({ text: ['a'], ending: 'close' })
    const { chunks } = await open().completeStream({ ...BODY, stream_options: { include_usage: usage } }, never())
    expect(await collect(chunks)).toHaveLength(usage ? 4 : 3)
  }
})

test('a stream that is left, or aborted while a chunk is awaited, hangs up', async () => {
  always({ text: ['a'], finish: null, ending: 'hang' })
  const left = await open().completeStream(BODY, never())
  for await (const _ of left.chunks) break
  const controller = new AbortController()
  const aborted = await open().completeStream(BODY, controller.signal)
  setTimeout(() => controller.abort(), 30)
  expect((await failureOf(collect(aborted.chunks))).name).toBe('AbortError')
  const asleep = (await open().completeStream(BODY, never())).chunks[Symbol.asyncIterator]()
  await asleep.next()
  await asleep.next()
  const pending = asleep.next()
  await asleep.return?.()
  await Promise.allSettled([pending])
  await Bun.sleep(30)
  expect(server.requests.map((request) => request.gone)).toEqual([true, true, true])
})

test('a stream may be silent while nobody reads it, but not while somebody waits', async () => {
  always({ text: ['a'], finish: null, ending: 'hang' })
  const chunks = (await open({ idleTimeoutMs: 80 }).completeStream(BODY, never())).chunks[Symbol.asyncIterator]()
  await Bun.sleep(120)
  expect((await chunks.next()).done).toBe(false)
  expect((await chunks.next()).done).toBe(false)
  expect((await failureOf(chunks.next())).message).toContain('sent nothing for 80 ms')
})

test('answers that are no answers are upstream faults', async () => {
  for (const body of ['', 'oops', 'null', '{"error":{"message":"hidden behind 200"}}']) {
    always({ body })
    expect(await failureOf(open().complete(BODY, never()))).toMatchObject({ code: 'upstream' })
    expect(await failureOf(open().embed({ model: 'm', input: 'x' }, never()))).toMatchObject({ code: 'upstream' })
  }
})

test('vectors are converted from whatever the provider sends', async () => {
  const base64 = Buffer.from(new Float32Array([1.5, -2, 0.1]).buffer).toString('base64')
  const data = [{ object: 'embedding', index: 0, embedding: base64, extra: true }]
  always({ body: JSON.stringify({ object: 'list', data, model: 'm' }) })
  const floats = await open().embed({ model: 'm', input: 'x' }, never())
  expect(floats).toEqual({ object: 'list', data: [{ ...data[0], embedding: [1.5, -2, Math.fround(0.1)] }] as never, model: 'm' })
  expect(await open().embed({ model: 'm', input: 'x', encoding_format: 'base64' }, never())).toMatchObject({
    data: [{ embedding: base64 }],
  })
  for (const embedding of ['AAA', null, 7]) {
    always({ body: JSON.stringify({ data: [{ embedding }] }) })
    expect(await failureOf(open().embed({ model: 'm', input: 'x' }, never()))).toMatchObject({ code: 'upstream' })
  }
})

test('a provider that refuses encoding_format by name still serves base64', async () => {
  server.script = ({ body }) =>
    'encoding_format' in body ? { status: 400, error: { message: 'encoding_format is not supported' } } : undefined
  const models = open()
  for (let i = 0; i < 2; i++) {
    const answer = await models.embed({ model: 'm', input: 'abc', encoding_format: 'base64' }, never())
    expect(answer).toMatchObject({ data: [{ embedding: Buffer.from(new Float32Array([3, 0.5, -0.25]).buffer).toString('base64') }] })
  }
  expect(server.requests).toHaveLength(3)
})
