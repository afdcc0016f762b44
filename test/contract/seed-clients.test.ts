import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import OpenAI from 'openai'
import type { JsonObject } from '../../src/core/json.ts'
import { Calls } from '../support/calls.ts'
import { SERVER_START_MS, type Served, serve } from '../support/served.ts'

/** The keys of a run in the order of the seed page, which clients were shown. */
const SEED_KEYS = `id assistant_id cancelled_at completed_at created_at expires_at failed_at incomplete_details instructions last_error
  max_completion_tokens max_prompt_tokens model object parallel_tool_calls required_action started_at status thread_id tools
  truncation_strategy usage temperature top_p`.split(/\s+/)
const OUR_KEYS = ['metadata', 'response_format', 'tool_choice']

/** What each kind of client of the page sends beside the key. */
const CLIENTS: Record<string, Record<string, string>> = {
  "the page's JavaScript": {},
  'Python requests': { 'user-agent': 'python-requests/2.32.3', accept: '*/*', 'accept-encoding': 'gzip, deflate' },
  curl: { 'user-agent': 'curl/8.5.0', accept: '*/*' },
}

let served: Served
let calls: Calls
let threadId: string
let assistantId: string

beforeAll(async () => {
  served = await serve({}, { worker: true })
  calls = new Calls(served)
  assistantId = await calls.assistant('echo')
  threadId = await calls.thread()
}, SERVER_START_MS)
afterAll(() => served.close())

const expectRun = (run: JsonObject): void => {
  expect(SEED_KEYS.length).toBe(24)
  expect(Object.keys(run)).toEqual([...SEED_KEYS, ...OUR_KEYS])
}

for (const [client, headers] of Object.entries(CLIENTS)) {
  describe(client, () => {
    /** As the page's samples are written. */
    const request = async (method: string, path: string, body?: object): Promise<unknown> => {
      const response = await fetch(`${served.url}/v1${path}`, {
        method,
        headers: { Authorization: `Bearer ${served.key}`, ...(body ? { 'Content-Type': 'application/json' } : {}), ...headers },
        ...(body ? { body: JSON.stringify(body) } : {}),
      })
      const data: unknown = await response.json()
      if (response.status !== 200) throw new Error(`${method} ${path} answered ${response.status}: ${JSON.stringify(data)}`)
      return data
    }

    test('a run is created, listed as a bare array, read and updated with nothing', async () => {
      const own = await calls.thread(`for ${client}`)
      const created = (await request('POST', `/threads/${own}/runs`, { assistant_id: assistantId })) as JsonObject
      expectRun(created)
      expect(created).toMatchObject({ object: 'thread.run', status: 'queued', thread_id: own, assistant_id: assistantId })
      await calls.reached(own, String(created.id), ['completed'])

      const data = await request('GET', `/threads/${own}/runs`)
      expect(Array.isArray(data)).toBe(true)
      const [listed] = data as JsonObject[]
      expectRun(listed ?? {})
      const read = (await request('GET', `/threads/${own}/runs/${created.id}`)) as JsonObject
      expectRun(read)
      expect(read).toMatchObject({ id: created.id, status: 'completed' })
      expect(data).toEqual([read])
      const updated = (await request('POST', `/threads/${own}/runs/${created.id}`, {})) as JsonObject
      expect(updated).toEqual(read)
      expectRun(updated)
    })

    test('messages and steps are bare arrays too, and assistants are not', async () => {
      const run = await calls.run(threadId, assistantId)
      await calls.reached(threadId, String(run.id), ['completed'])
      expect(Array.isArray(await request('GET', `/threads/${threadId}/messages`))).toBe(true)
      expect(Array.isArray(await request('GET', `/threads/${threadId}/runs/${run.id}/steps`))).toBe(true)
      expect(await request('GET', '/assistants')).toMatchObject({ object: 'list' })
    })
  })
}

test('what an array cannot say stands in its headers, and the link leads to the next page', async () => {
  const own = await calls.thread(null)
  const runs: string[] = []
  for (let i = 0; i < 3; i++) {
    const run = await calls.run(own, assistantId)
    await calls.reached(own, String(run.id), ['completed'])
    runs.unshift(String(run.id))
  }
  const all = await served.send('GET', `/v1/threads/${own}/runs`)
  expect(Object.fromEntries(['x-has-more', 'x-first-id', 'x-last-id', 'link'].map((name) => [name, all.headers.get(name)]))).toEqual({
    'x-has-more': 'false',
    'x-first-id': runs[0] ?? '',
    'x-last-id': runs[2] ?? '',
    link: null,
  })
  expect(all.headers.get('vary')?.toLowerCase()).toContain('openai-beta')
  const first = await served.send('GET', `/v1/threads/${own}/runs?envelope=false&limit=2`)
  expect(((await first.json()) as JsonObject[]).map(({ id }) => id)).toEqual(runs.slice(0, 2))
  expect(first.headers.get('x-has-more')).toBe('true')
  const next = /<(.+)>; rel="next"/.exec(first.headers.get('link') ?? '')?.[1] ?? ''
  const second = await fetch(next, { headers: { authorization: `Bearer ${served.key}` } })
  expect(((await second.json()) as JsonObject[]).map(({ id }) => id)).toEqual(runs.slice(2))
})

test('the shape follows the beta header, then what is asked for, then the other parameters', async () => {
  const shape = async (query: string, headers: Record<string, string> = {}) => {
    const body: unknown = await (await served.send('GET', `/v1/threads/${threadId}/runs${query}`, undefined, { headers })).json()
    return Array.isArray(body) ? 'array' : (body as JsonObject).object
  }
  expect(await shape('')).toBe('array')
  expect(await shape('', { 'openai-beta': 'assistants=v2' })).toBe('list')
  expect(await shape('?envelope=false', { 'openai-beta': 'assistants=v2' })).toBe('list')
  expect(await shape('?envelope=true')).toBe('list')
  expect(await shape('?envelope=false&limit=5')).toBe('array')
  expect(await shape('', { accept: 'application/json; profile="list"' })).toBe('list')
  expect(await shape('?limit=5', { accept: 'application/json; profile="array"' })).toBe('array')
  for (const query of ['?limit=5', '?order=asc']) expect(await shape(query)).toBe('list')
})

test('the same list is an array for the seed and a page with items for the SDK', async () => {
  const run = await calls.run(threadId, assistantId)
  await calls.reached(threadId, String(run.id), ['completed'])
  const client = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: served.key })
  const page = await client.beta.threads.runs.list(threadId)
  const data = (await (await served.send('GET', `/v1/threads/${threadId}/runs`)).json()) as JsonObject[]
  expect(data.length).toBeGreaterThan(0)
  expect(page.data.map(({ id }) => id)).toEqual(data.map(({ id }) => String(id)))
})

test("the page's sample without a key is refused, and its prose about the status too", async () => {
  const keyless = await fetch(`${served.url}/v1/threads/${threadId}/runs`)
  expect(keyless.status).toBe(401)
  expect(await keyless.json()).toMatchObject({ error: { message: expect.stringContaining('Incorrect API key provided:') } })
  const run = await calls.run(threadId, assistantId)
  await calls.reached(threadId, String(run.id), ['completed'])
  const status = await served.send('POST', `/v1/threads/${threadId}/runs/${run.id}`, { status: 'cancelled' })
  expect(status.status).toBe(400)
  expect(await status.json()).toMatchObject({ error: { code: 'unknown_parameter', param: 'status' } })
})

test('a run without an assistant, and one on an unknown thread, are refused in the envelope', async () => {
  const bare = await served.send('POST', `/v1/threads/${threadId}/runs`, {})
  expect(await bare.json()).toMatchObject({ error: { code: 'missing_required_parameter', param: 'assistant_id' } })
  const unknown = await served.send('POST', `/v1/threads/thread_${'0'.repeat(32)}/runs`, { assistant_id: assistantId })
  expect(unknown.status).toBe(404)
  expect(Object.keys(((await unknown.json()) as { error: object }).error)).toEqual(['message', 'type', 'param', 'code'])
})
