import { afterAll, beforeEach, expect, test } from 'bun:test'
import type { FaultCode } from '../../../src/core/fault.ts'
import { openModels } from '../../../src/drivers/models/models.ts'
import { type ModelReply, startModelServer } from '../../support/model-server.ts'
import { adapterContract } from './models.contract.ts'
import { ask, failureOf, KEY, never, providerAt, RecordingLog, RecordingSink } from './recording.ts'

const server = startModelServer()
const log = new RecordingLog()
afterAll(() => server.stop())
beforeEach(() => {
  server.requests.length = 0
  server.script = () => undefined
})

const open = (changes: Parameters<typeof providerAt>[1] = {}) => openModels(providerAt(server.url, changes), { log })
const generate = (changes: Parameters<typeof providerAt>[1] = {}, sink = new RecordingSink()) =>
  open(changes).generate(ask('hi'), sink, never())
const always = (reply: ModelReply) => {
  server.script = () => reply
}
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

adapterContract('openai', {
  models: () => open({ aliases: { echo: 'stub/parrot', vectors: 'stub/vectors' } }),
  chat: 'echo',
  embeddings: 'vectors',
})

test('a turn is asked for as a stream with usage, at exactly the configured address, with the key', async () => {
  await open().generate(
    ask('hi there', { tools: [{ type: 'function', function: { name: 'f' } }], options: { temperature: 0, tool_choice: 'auto' } }),
    new RecordingSink(),
    never(),
  )
  expect(server.requests).toHaveLength(1)
  expect(server.requests[0]).toMatchObject({ method: 'POST', path: '/chat/completions' })
  expect(server.requests[0]?.headers.get('authorization')).toBe(`Bearer ${KEY}`)
  expect(server.requests[0]?.headers.get('idempotency-key')).toBe('run:1')
  expect(server.requests[0]?.body).toEqual({
    model: 'm',
    messages: [{ role: 'user', content: 'hi there' }],
    tools: [{ type: 'function', function: { name: 'f' } }],
    tool_choice: 'auto',
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
  })
})

test('options about tools are left out of a turn without tools', async () => {
  await open().generate(ask('hi', { options: { tool_choice: 'auto', parallel_tool_calls: false } }), new RecordingSink(), never())
  expect(Object.keys(server.requests[0]?.body ?? {})).toEqual(['model', 'messages', 'stream', 'stream_options'])
})

test('a base URL without /v1 or with a slash at its end is used as it is', async () => {
  const paths: string[] = []
  const bare = Bun.serve({
    port: 0,
    fetch(request) {
      paths.push(new URL(request.url).pathname)
      return new Response('data: [DONE]\n\n', { headers: { 'content-type': 'text/event-stream' } })
    },
  })
  for (const path of ['', '/', '/api/v3', '/api/v3/']) {
    await openModels(providerAt(`http://127.0.0.1:${bare.port}${path}`), { log }).generate(ask('hi'), new RecordingSink(), never())
  }
  await bare.stop(true)
  expect(paths).toEqual(['/chat/completions', '/chat/completions', '/api/v3/chat/completions', '/api/v3/chat/completions'])
})

test('no key, no authorization header', async () => {
  const config = providerAt(server.url, { providers: [{ name: 'stub', baseUrl: server.url, apiKey: null, models: [] }] })
  await openModels(config, { log }).generate(ask('hi'), new RecordingSink(), never())
  expect(server.requests[0]?.headers.get('authorization')).toBeNull()
})

test('an answer cut at any byte by the network reads the same', async () => {
  const frame = (delta: object, finish: string | null = null) =>
    `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] })}\r\n\r\n`
  const whole = bytes(`: hi\n\n${frame({ content: 'ü😀' })}${frame({}, 'stop')}data: [DONE]\n\n`)
  const models = open()
  for (let at = 1; at < whole.length; at += 3) {
    always({ body: [whole.slice(0, at), whole.slice(at)] })
    const sink = new RecordingSink()
    expect(await models.generate(ask('hi'), sink, never())).toMatchObject({ text: 'ü😀', finish: 'stop' })
    expect(sink.parts).toEqual(['text: ü😀'])
  }
})

test('a provider that refuses stream_options by name is asked without, from then on', async () => {
  server.script = ({ body }) =>
    'stream_options' in body ? { status: 400, error: { message: "Unknown parameter: 'stream_options'." } } : undefined
  const models = open()
  expect(await models.generate(ask('one two'), new RecordingSink(), never())).toMatchObject({ text: 'one two', usage: null })
  await models.generate(ask('one two'), new RecordingSink(), never())
  expect(server.requests.map(({ body }) => 'stream_options' in body)).toEqual([true, false, false])
})

test('a provider that answers in one piece though asked to stream is understood', async () => {
  const message = { content: 'whole', tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }] }
  always({
    body: JSON.stringify({
      choices: [{ index: 0, message, finish_reason: 'tool_calls' }],
      usage: { prompt_tokens: 1, completion_tokens: 2 },
    }),
  })
  expect(await generate()).toMatchObject({
    text: 'whole',
    calls: [{ id: 'a', name: 'f', arguments: '{}' }],
    finish: 'tool_calls',
    usage: { totalTokens: 3 },
  })
})

const REFUSALS: { status: number; error: ModelReply['error']; code: FaultCode; says: string; facts?: object }[] = [
  { status: 400, error: { message: 'too hot', param: 'temperature' }, code: 'invalid', says: 'too hot', facts: { param: 'temperature' } },
  {
    status: 400,
    error: { message: 'long', code: 'context_length_exceeded' },
    code: 'invalid',
    says: 'long',
    facts: { reason: 'too_long' },
  },
  {
    status: 404,
    error: { message: 'The model `m` does not exist', code: 'model_not_found' },
    code: 'model_not_found',
    says: 'does not exist',
  },
  { status: 404, error: { message: 'model "m" not found, try pulling it first' }, code: 'model_not_found', says: 'not found' },
  { status: 404, error: { message: 'no such thread' }, code: 'invalid', says: 'no such thread' },
  { status: 413, error: 'too big', code: 'invalid', says: 'too big' },
  { status: 422, error: { message: 'bad tool' }, code: 'invalid', says: 'bad tool' },
  {
    status: 401,
    error: { message: `Incorrect API key provided: ${KEY}` },
    code: 'upstream',
    says: "'stub' refused its credentials (HTTP 401): check the provider's api_key",
  },
  { status: 403, error: { message: `no access with ${KEY}` }, code: 'upstream', says: 'api_key' },
  { status: 402, error: { message: 'pay first' }, code: 'upstream', says: 'pay first' },
  { status: 408, error: { message: 'slow' }, code: 'upstream', says: 'slow' },
  { status: 409, error: { message: 'conflict' }, code: 'upstream', says: 'conflict' },
  { status: 429, error: { message: 'slow down' }, code: 'rate_limited', says: 'slow down', facts: { retryAfterMs: 7_000 } },
  { status: 500, error: { message: `boom ${KEY}` }, code: 'upstream', says: "'stub' failed: boom [key]" },
  { status: 503, error: { message: 'overloaded' }, code: 'upstream', says: 'overloaded' },
]

for (const { status, error, code, says, facts } of REFUSALS) {
  test(`HTTP ${status} (${JSON.stringify(error).replaceAll(KEY, 'KEY')}) becomes ${code}`, async () => {
    always({ status, error: error ?? '', headers: { 'retry-after': '7' } })
    const models = open()
    const failures = [
      models.generate(ask('hi'), new RecordingSink(), never()),
      models.complete({ model: 'm', messages: [] }, never()),
      models.completeStream({ model: 'm', messages: [] }, never()),
      models.embed({ model: 'm', input: 'x' }, never()),
    ].map(failureOf)
    for (const failure of await Promise.all(failures)) {
      expect(failure.code).toBe(code)
      expect(failure.message).toContain(says)
      if (facts) expect(failure.facts).toMatchObject(facts)
      expect(`${Bun.inspect(failure)}${failure.stack}`).not.toContain(KEY)
    }
    expect(server.requests).toHaveLength(4)
  })
}

test('error bodies of other shapes give their words', async () => {
  for (const [body, says] of [
    ['{"detail":"field required"}', 'field required'],
    ['{"detail":[{"loc":["body","x"],"msg":"bad"}]}', '"msg":"bad"'],
    ['{"message":"plain"}', 'plain'],
    ['just text', 'just text'],
    ['<html>proxy</html>', 'HTTP 422'],
    ['', 'HTTP 422'],
  ] as const) {
    always({ status: 422, body })
    const failure = await failureOf(generate())
    expect(failure.code).toBe('invalid')
    expect(failure.message).toContain(says)
  }
})

test('an address that is no chat API is named as such', async () => {
  for (const reply of [
    { status: 404, body: '404 page not found' },
    { status: 200, body: '<html></html>', headers: { 'content-type': 'text/html' } },
  ]) {
    always(reply)
    const failure = await failureOf(generate({ retriesMax: 2 }))
    expect(failure).toMatchObject({ code: 'upstream' })
    expect(failure.message).toContain('check its base URL')
  }
  expect(server.requests).toHaveLength(2)
})

test('passing failures are retried as often as allowed, then given up', async () => {
  for (const status of [408, 409, 429, 500, 502, 503]) {
    server.requests.length = 0
    always({ status, error: { message: 'later' }, headers: { 'retry-after-ms': '1' } })
    await failureOf(generate({ retriesMax: 2 }))
    expect(server.requests).toHaveLength(3)
  }
})

test('a retry that succeeds leaves no trace but a line in the log', async () => {
  const replies: ModelReply[] = [{ status: 503, error: { message: KEY }, headers: { 'retry-after-ms': '1' } }, { text: ['ok'] }]
  server.script = () => replies.shift()
  const sink = new RecordingSink()
  expect((await generate({ retriesMax: 2 }, sink)).text).toBe('ok')
  expect(sink.parts).toEqual(['text: ok'])
  expect(log.lines.at(-1)).toBe('models.retry {"provider":"stub","retry":1,"status":503,"waitMs":1}')
})

test('the log learns of failures, but neither key nor message', async () => {
  always({ status: 500, error: { message: `secret words ${KEY}` } })
  await failureOf(generate())
  expect(log.lines.at(-1)).toBe('models.failed {"provider":"stub","tried":1,"status":500,"code":"upstream"}')
})

test('what cannot get better is not retried', async () => {
  for (const reply of [
    { status: 400, error: { message: 'bad' } },
    { status: 429, error: { message: 'no money', code: 'insufficient_quota' } },
    { status: 429, error: { message: 'come back tomorrow' }, headers: { 'retry-after': '86400' } },
  ]) {
    server.requests.length = 0
    always(reply)
    await failureOf(generate({ retriesMax: 2 }))
    expect(server.requests).toHaveLength(1)
  }
})

test('a server that is not there is unreachable, and its address stays private', async () => {
  const failure = await failureOf(
    openModels(providerAt('http://user:pass@127.0.0.1:1/v1'), { log }).generate(ask('hi'), new RecordingSink(), never()),
  )
  expect(failure.message).toMatch(/^Model provider 'stub' cannot be reached \(\w+\)\.$/)
  expect(failure.code).toBe('upstream')
})

test('an answer that breaks before its first part is asked for again', async () => {
  const replies: ModelReply[] = [{ ending: 'break' }, { text: ['ok'] }]
  server.script = () => replies.shift()
  expect((await generate({ retriesMax: 1 })).text).toBe('ok')
  expect(server.requests).toHaveLength(2)
})

test('an answer that breaks after its first part is not asked for again', async () => {
  for (const reply of [
    { text: ['a'], ending: 'break' },
    { text: ['a'], finish: null, ending: 'close' },
    { text: ['a'], streamError: { message: 'overloaded' } },
    { calls: [{ name: 'f', arguments: '{' }], ending: 'break' },
    { reasoning: ['hm'], ending: 'break' },
  ] satisfies ModelReply[]) {
    server.requests.length = 0
    always(reply)
    expect(await failureOf(generate({ retriesMax: 2 }))).toMatchObject({ code: 'upstream' })
    expect(server.requests).toHaveLength(1)
  }
})

test('an error in the stream becomes the fault of its kind, without the key', async () => {
  for (const [error, code] of [
    [{ message: `x ${KEY}`, code: 429 }, 'rate_limited'],
    [{ message: `x ${KEY}`, type: 'rate_limit_exceeded' }, 'rate_limited'],
    [{ message: `x ${KEY}`, code: 'context_length_exceeded' }, 'invalid'],
    [{ message: `x ${KEY}`, type: 'server_error' }, 'upstream'],
  ] as const) {
    always({ text: ['a'], streamError: error })
    const failure = await failureOf(generate())
    expect(failure.code).toBe(code)
    expect(Bun.inspect(failure)).not.toContain(KEY)
  }
})

test('an end without [DONE] is good after a finish reason, with or without usage', async () => {
  always({ text: ['a'], ending: 'close' })
  expect(await generate()).toMatchObject({ text: 'a', finish: 'stop', usage: { totalTokens: 2 } })
  const finish = bytes('data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"length"}]}\n\n')
  always({ body: [finish], ending: 'break' })
  expect(await generate()).toMatchObject({ text: 'a', finish: 'length', usage: null })
})

test('a stream that stays open after [DONE] does not hold the answer back', async () => {
  always({ body: [bytes('data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\ndata: [DONE]\n\n')], ending: 'hang' })
  expect(await generate()).toMatchObject({ text: 'a', finish: 'stop' })
})

test('silence before the answer and inside of it ends the turn', async () => {
  always({ waitMs: 10_000 })
  expect((await failureOf(generate({ connectTimeoutMs: 100 }))).message).toBe("Model provider 'stub' sent nothing for 100 ms.")
  always({ text: ['a', 'b'], ending: 'hang', finish: null })
  const failure = await failureOf(generate({ idleTimeoutMs: 60 }))
  expect(failure).toMatchObject({ code: 'upstream', message: "Model provider 'stub' sent nothing for 60 ms." })
})

test('chunks that keep coming keep a turn alive for longer than the allowed silence', async () => {
  always({ text: Array.from({ length: 8 }, () => 'a '), pauseMs: 40 })
  expect((await generate({ idleTimeoutMs: 150 })).text).toHaveLength(16)
})

test('an aborted turn rejects at once and hangs up', async () => {
  always({ text: ['a', 'b'], ending: 'hang', finish: null })
  const controller = new AbortController()
  const sink = new RecordingSink()
  sink.onPart = () => sink.parts.length === 2 && setTimeout(() => controller.abort(new Error('lease lost')), 10)
  const failure = await failureOf(open({ retriesMax: 2 }).generate(ask('hi'), sink, controller.signal))
  expect(failure.name).toBe('AbortError')
  await Bun.sleep(30)
  expect(server.requests).toHaveLength(1)
  expect(server.requests[0]?.gone).toBe(true)
})

test('an abort before, while connecting, and while waiting for a retry rejects', async () => {
  always({ waitMs: 10_000 })
  expect((await failureOf(open().generate(ask('hi'), new RecordingSink(), AbortSignal.abort()))).name).toBe('AbortError')
  expect(server.requests).toHaveLength(0)
  expect((await failureOf(open().generate(ask('hi'), new RecordingSink(), AbortSignal.timeout(30)))).name).toBe('AbortError')
  always({ status: 500, error: { message: 'x' }, headers: { 'retry-after': '20' } })
  expect((await failureOf(open({ retriesMax: 1 }).complete({ model: 'm', messages: [] }, AbortSignal.timeout(100)))).name).toBe(
    'AbortError',
  )
})

test('an abort from within the sink wins over a whole answer', async () => {
  always({ text: ['a'] })
  const controller = new AbortController()
  const sink = new RecordingSink()
  sink.onPart = () => controller.abort()
  expect((await failureOf(open().generate(ask('hi'), sink, controller.signal))).name).toBe('AbortError')
})
