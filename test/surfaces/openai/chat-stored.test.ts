import { afterAll, beforeAll, expect, test } from 'bun:test'
import OpenAI, { NotFoundError } from 'openai'
import type { JsonObject } from '../../../src/core/json.ts'
import { readData, type Served, serve } from '../../support/served.ts'

let served: Served
let client: OpenAI
let stranger: OpenAI

beforeAll(async () => {
  served = await serve()
  client = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: served.key, maxRetries: 0 })
  stranger = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: served.otherKey, maxRetries: 0 })
})
afterAll(() => served.close())

const ID = /^chatcmpl-[0-9a-f]{32}$/
const messages = [
  { role: 'system' as const, content: 'be kind' },
  { role: 'user' as const, content: 'one two' },
]
const store = (metadata: Record<string, string> = {}) => client.chat.completions.create({ model: 'echo', messages, store: true, metadata })

test('a stored completion is known by the id of its answer', async () => {
  const created = await store({ topic: 'a' })
  expect(created.id).toMatch(ID)
  const found = await client.chat.completions.retrieve(created.id)
  expect(found).toEqual({ ...created, metadata: { topic: 'a' } })
})

test('every chunk of a stored stream has the id under which the whole is found', async () => {
  const response = await served.send('POST', '/v1/chat/completions', { model: 'echo', messages, store: true, stream: true })
  const chunks = (await readData(response)).slice(0, -1).map((text) => JSON.parse(text) as { id: string })
  const ids = new Set(chunks.map((chunk) => chunk.id))
  expect(ids.size).toBe(1)
  const [id = ''] = ids
  expect(id).toMatch(ID)
  const found = await client.chat.completions.retrieve(id)
  expect(found).toMatchObject({ id, object: 'chat.completion', choices: [{ message: { content: 'one two' }, finish_reason: 'stop' }] })
})

test('what was not to be stored is not found', async () => {
  const { id } = await client.chat.completions.create({ model: 'echo', messages })
  const response = await served.send('GET', `/v1/chat/completions/${id}`)
  expect(response.status).toBe(404)
  expect(await response.json()).toMatchObject({ error: { message: `No completion found with id '${id}'.` } })
})

test('the list goes from old to new, page by page, filtered by model and metadata', async () => {
  const ids: string[] = []
  for (let i = 0; i < 3; i++) ids.push((await store({ list: 'yes', i: String(i) })).id)
  const listed: string[] = []
  for await (const item of client.chat.completions.list({ metadata: { list: 'yes' }, limit: 2 })) listed.push(item.id)
  expect(listed).toEqual(ids)
  const newest = await client.chat.completions.list({ metadata: { list: 'yes' }, order: 'desc', limit: 1 })
  expect(newest.data.map((item) => item.id)).toEqual([ids[2] ?? ''])
  expect(newest.has_more).toBe(true)
  expect((await client.chat.completions.list({ metadata: { list: 'yes', i: '1' } })).data.map((item) => item.id)).toEqual([ids[1] ?? ''])
  expect((await client.chat.completions.list({ model: 'other' })).data).toEqual([])
})

test('an empty list is an envelope with null ids', async () => {
  const response = await served.send('GET', '/v1/chat/completions?model=none')
  expect(await response.json()).toEqual({ object: 'list', data: [], first_id: null, last_id: null, has_more: false })
})

test('parameters and cursors that mean nothing are refused by name', async () => {
  const problem = async (query: string) => {
    const response = await served.send('GET', `/v1/chat/completions?${query}`)
    expect(response.status).toBe(400)
    return ((await response.json()) as { error: JsonObject }).error
  }
  expect(await problem('before=chatcmpl-1')).toMatchObject({ code: 'unknown_parameter', param: 'before' })
  expect(await problem('metadata=a')).toMatchObject({ code: 'invalid_type', param: 'metadata' })
  expect(await problem('limit=101')).toMatchObject({ code: 'integer_above_max_value', param: 'limit' })
  expect(await problem('order=up')).toMatchObject({ code: 'invalid_value', param: 'order' })
  expect(await problem(`after=chatcmpl-${'0'.repeat(32)}`)).toMatchObject({ param: 'after' })
  expect(await problem('after=thread_1')).toMatchObject({ param: 'after' })
})

test('metadata is replaced, and nothing else can be changed', async () => {
  const { id } = await store({ a: '1' })
  expect((await client.chat.completions.update(id, { metadata: { b: '2' } })).metadata).toEqual({ b: '2' })
  expect((await client.chat.completions.update(id, { metadata: null })).metadata).toEqual({})
  const response = await served.send('POST', `/v1/chat/completions/${id}`, { metadata: {}, model: 'x' })
  expect(await response.json()).toMatchObject({ error: { code: 'unknown_parameter', param: 'model' } })
})

test('a deleted completion is gone', async () => {
  const { id } = await store()
  expect(await client.chat.completions.delete(id)).toEqual({ id, object: 'chat.completion.deleted', deleted: true })
  expect(await client.chat.completions.retrieve(id).catch((error: unknown) => error)).toBeInstanceOf(NotFoundError)
})

test('the messages that were asked with are listed, by page and in both orders', async () => {
  const { id } = await store()
  const { data } = await client.chat.completions.messages.list(id)
  expect(data as unknown[]).toEqual([
    { id: `${id}-0`, role: 'system', content: 'be kind', refusal: null, content_parts: null },
    { id: `${id}-1`, role: 'user', content: 'one two', refusal: null, content_parts: null },
  ])
  const paged: string[] = []
  for await (const message of client.chat.completions.messages.list(id, { limit: 1, order: 'desc' })) paged.push(message.id)
  expect(paged).toEqual([`${id}-1`, `${id}-0`])
  const response = await served.send('GET', `/v1/chat/completions/${id}/messages?after=${id}-7x`)
  expect(response.status).toBe(400)
})

test('the parts of a message are listed as parts', async () => {
  const content = [
    { type: 'text' as const, text: 'look' },
    { type: 'image_url' as const, image_url: { url: 'data:,' } },
  ]
  const { id } = await client.chat.completions.create({ model: 'echo', messages: [{ role: 'user', content }], store: true })
  const { data } = await client.chat.completions.messages.list(id)
  expect(data[0]).toMatchObject({ content: null, content_parts: content })
})

test('another tenant gets the answer for an id that does not exist', async () => {
  const { id } = await store()
  const unknown = `chatcmpl-${'0'.repeat(32)}`
  const paths = ['', '/messages']
  for (const [method, body] of [['GET'], ['POST', { metadata: {} }], ['DELETE']] as const) {
    for (const path of method === 'GET' ? paths : ['']) {
      const answer = async (of: string) => {
        const response = await served.send(method, `/v1/chat/completions/${of}${path}`, body, { key: served.otherKey })
        return [response.status, (await response.text()).replaceAll(of, 'ID')]
      }
      expect(await answer(id)).toEqual(await answer(unknown))
    }
  }
  expect((await stranger.chat.completions.list()).data).toEqual([])
  expect((await client.chat.completions.retrieve(id)).id).toBe(id)
})

test('an id of another kind is refused for its spelling', async () => {
  const response = await served.send('GET', '/v1/chat/completions/thread_1')
  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ error: { param: 'completion_id', code: 'invalid_value' } })
})
