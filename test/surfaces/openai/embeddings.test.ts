import { afterAll, beforeAll, expect, test } from 'bun:test'
import OpenAI from 'openai'
import OpenAI4 from 'openai-4'
import { type ModelServer, startModelServer } from '../../support/model-server.ts'
import { type Served, serve } from '../../support/served.ts'

let upstream: ModelServer
let served: Served

beforeAll(async () => {
  upstream = startModelServer()
  served = await serve({ providers: [{ name: 'stub', baseUrl: upstream.url, apiKey: 'secret', models: [] }], defaultProvider: 'stub' })
})
afterAll(async () => {
  await served.close()
  await upstream.stop()
})

const ask = (body: unknown): Promise<Response> => served.send('POST', '/v1/embeddings', body)

async function problem(body: unknown): Promise<unknown> {
  const response = await ask(body)
  expect(response.status).toBe(400)
  return ((await response.json()) as { error: unknown }).error
}

test('both SDK generations, which ask for base64, read the floats of the provider', async () => {
  const options = { baseURL: `${served.url}/v1`, apiKey: served.key }
  for (const client of [new OpenAI(options), new OpenAI4(options)]) {
    const { data, model } = await client.embeddings.create({ model: 'stub-embed', input: ['a', 'four'] })
    expect(data.map((item) => [item.index, item.embedding])).toEqual([
      [0, [1, 0.5, -0.25]],
      [1, [4, 0.5, -0.25]],
    ])
    expect(model).toBe('stub-embed')
  }
})

test('without a format the vectors are lists of numbers', async () => {
  const response = await ask({ model: 'stub-embed', input: 'abc' })
  expect(await response.json()).toMatchObject({
    object: 'list',
    data: [{ object: 'embedding', index: 0, embedding: [3, 0.5, -0.25] }],
    usage: { prompt_tokens: expect.any(Number), total_tokens: expect.any(Number) },
  })
})

test('the built-in model works without a provider, in both formats', async () => {
  const floats = (await (await ask({ model: 'lexical-hash', input: 'blue whale' })).json()) as { data: { embedding: number[] }[] }
  const packed = (await (await ask({ model: 'lexical-hash', input: 'blue whale', encoding_format: 'base64' })).json()) as {
    data: { embedding: string }[]
  }
  const bytes = Uint8Array.from(Buffer.from(packed.data[0]?.embedding ?? '', 'base64'))
  expect([...new Float32Array(bytes.buffer)]).toEqual(floats.data[0]?.embedding ?? [])
  expect(floats.data[0]?.embedding.length).toBeGreaterThan(0)
})

test('dimensions and token inputs reach the provider as they came', async () => {
  await ask({ model: 'stub-embed', input: [[1, 2], [3]], dimensions: 3, user: 'u' })
  expect(upstream.requests.at(-1)?.body).toMatchObject({ input: [[1, 2], [3]], dimensions: 3, user: 'u', model: 'stub-embed' })
  await ask({ model: 'stub-embed', input: [1, 2, 3] })
  expect(upstream.requests.at(-1)?.body.input).toEqual([1, 2, 3])
})

test('what breaks the schema is refused by name and does not reach the provider', async () => {
  const before = upstream.requests.length
  expect(await problem({ input: 'a' })).toMatchObject({ code: 'missing_required_parameter', param: 'model' })
  expect(await problem({ model: 'stub-embed' })).toMatchObject({ code: 'missing_required_parameter', param: 'input' })
  expect(await problem({ model: 'stub-embed', input: [] })).toMatchObject({ code: 'array_below_min_length', param: 'input' })
  expect(await problem({ model: 'stub-embed', input: 5 })).toMatchObject({ code: 'invalid_type', param: 'input' })
  expect(await problem({ model: 'stub-embed', input: ['a', 5] })).toMatchObject({ code: 'invalid_type' })
  expect(await problem({ model: 'stub-embed', input: 'a', dimensions: 0 })).toMatchObject({
    code: 'integer_below_min_value',
    param: 'dimensions',
  })
  expect(await problem({ model: 'stub-embed', input: 'a', encoding_format: 'hex' })).toMatchObject({
    code: 'invalid_value',
    param: 'encoding_format',
  })
  expect(await problem({ model: 'stub-embed', input: 'a', extra: 1 })).toMatchObject({ code: 'unknown_parameter', param: 'extra' })
  expect(await problem({ model: 'stub-embed', input: new Array(2049).fill('a') })).toMatchObject({
    code: 'array_above_max_length',
    param: 'input',
  })
  expect(upstream.requests.length).toBe(before)
})

test('a refusal of the provider is told, without its key', async () => {
  const { script } = upstream
  upstream.script = () => ({ status: 400, error: { message: 'bad input for key secret', type: 'invalid_request_error', param: 'input' } })
  const response = await ask({ model: 'stub-embed', input: 'a' })
  upstream.script = script
  expect(response.status).toBe(400)
  const text = await response.text()
  expect(text).toContain('bad input')
  expect(text).not.toContain('secret')
})

test('a repeated request with the same key is answered without asking again', async () => {
  const headers = { 'idempotency-key': 'embed-once' }
  const send = () => served.send('POST', '/v1/embeddings', { model: 'stub-embed', input: 'once' }, { headers })
  const before = upstream.requests.length
  const [first, second] = [await (await send()).json(), await (await send()).json()]
  expect(second).toEqual(first)
  expect(upstream.requests.length).toBe(before + 1)
})

test('nobody without a key makes embeddings', async () => {
  const response = await served.send('POST', '/v1/embeddings', { model: 'lexical-hash', input: 'a' }, { key: null })
  expect(response.status).toBe(401)
})
