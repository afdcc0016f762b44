import { afterAll, beforeAll, expect, test } from 'bun:test'
import OpenAI, { NotFoundError, PermissionDeniedError } from 'openai'
import { type ModelServer, startModelServer } from '../../support/model-server.ts'
import { type Served, serve } from '../../support/served.ts'

let upstream: ModelServer
let served: Served
let client: OpenAI

beforeAll(async () => {
  upstream = startModelServer()
  const provider = { name: 'stub', baseUrl: upstream.url, apiKey: 'secret', models: [] }
  served = await serve({ providers: [provider], defaultProvider: 'stub', aliases: { 'team/small': 'echo' } })
  client = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: served.key, maxRetries: 0 })
})
afterAll(async () => {
  await served.close()
  await upstream.stop()
})

test('the list holds aliases, built-in models and what a provider lists', async () => {
  const { data } = await client.models.list()
  const ids = data.map((model) => model.id)
  for (const id of ['echo', 'team/small', 'stub-t20-d0']) expect(ids).toContain(id)
  for (const model of data)
    expect(model).toEqual({ id: expect.any(String), object: 'model', created: expect.any(Number), owned_by: expect.any(String) })
})

test('a model whose id holds a slash is found by its percent-encoded path', async () => {
  expect(await client.models.retrieve('team/small')).toMatchObject({ id: 'team/small', object: 'model' })
})

test('an unknown model answers 404 in the envelope', async () => {
  const response = await served.send('GET', '/v1/models/scripted%2Fnothing')
  expect(response.status).toBe(404)
  expect(await response.json()).toEqual({
    error: {
      message: "The model 'scripted/nothing' does not exist.",
      type: 'invalid_request_error',
      param: 'model',
      code: 'model_not_found',
    },
  })
})

test('a configured model is not deleted but refused, an unknown one is not found', async () => {
  const refused = (id: string) => client.models.delete(id).catch((error: unknown) => error)
  expect(await refused('echo')).toBeInstanceOf(PermissionDeniedError)
  expect(await refused('scripted/nothing')).toBeInstanceOf(NotFoundError)
  expect((await client.models.retrieve('echo')).id).toBe('echo')
})

test('nobody without a key sees a model', async () => {
  for (const [method, path] of [
    ['GET', '/v1/models'],
    ['GET', '/v1/models/echo'],
    ['DELETE', '/v1/models/echo'],
  ] as const) {
    expect((await served.send(method, path, undefined, { key: null })).status).toBe(401)
    expect((await served.send(method, path, undefined, { key: 'wrong' })).status).toBe(401)
  }
})

test('a parameter that the list does not have is refused by name', async () => {
  const response = await served.send('GET', '/v1/models?limit=3')
  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ error: { code: 'unknown_parameter', param: 'limit' } })
})
