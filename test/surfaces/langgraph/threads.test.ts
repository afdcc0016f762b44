import { afterAll, beforeAll, expect, test } from 'bun:test'
import { Client } from '@langchain/langgraph-sdk'
import { Client as Client2 } from 'sdk-2'
import { newId } from '../../../src/core/id.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'

let served: Served
let client: Client
beforeAll(async () => {
  served = await serve()
  client = new Client({ apiUrl: `${served.url}/langgraph`, apiKey: served.key, callerOptions: { maxRetries: 0 } })
}, SERVER_START_MS)
afterAll(() => served.close())

const send = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
  served.send(method, `/langgraph/threads${path}`, body, headers ? { headers } : {})
const detailOf = async (response: Response): Promise<unknown> => ((await response.json()) as { detail: unknown }).detail
const MISSING = newId()
const says = (type: string, content: string) => ({ messages: [{ type, content }] })
/** A thread that was spoken in, without a run. */
const spoken = (text: string, metadata: Record<string, unknown> = {}) =>
  client.threads.create({
    graphId: 'assistant',
    metadata,
    supersteps: [
      { updates: [{ values: says('human', text), asNode: '__start__' }] },
      { updates: [{ values: says('ai', `re: ${text}`), asNode: 'model' }] },
    ],
  })

test('a new thread has every field that clients of any year read', async () => {
  const thread = await client.threads.create({ metadata: { a: { b: [1] } } })
  expect(thread).toEqual({
    thread_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    updated_at: thread.created_at,
    state_updated_at: thread.created_at,
    metadata: { a: { b: [1] } },
    status: 'idle',
    config: {},
    values: null as never,
    interrupts: {},
  })
  expect(await client.threads.get(thread.thread_id)).toEqual(thread)
})

test('a chosen id is taken once', async () => {
  const threadId = newId()
  await client.threads.create({ threadId, metadata: { n: 1 } })
  const again = await send('POST', '', { thread_id: threadId.toUpperCase(), if_exists: 'raise' })
  expect([again.status, await detailOf(again)]).toEqual([409, 'Thread already exists'])
  expect((await client.threads.create({ threadId, metadata: { n: 2 }, ifExists: 'do_nothing' })).metadata).toEqual({ n: 1 })
})

test('a thread may begin with a state', async () => {
  const thread = await spoken('hello', { k: 'v' })
  expect(thread).toMatchObject({ status: 'idle', metadata: { k: 'v', graph_id: 'assistant' } })
  expect((thread.values as { messages: unknown[] }).messages).toMatchObject([
    { type: 'human', content: 'hello' },
    { type: 'ai', content: 're: hello' },
  ])
  expect(Date.parse(thread.state_updated_at)).toBeGreaterThanOrEqual(Date.parse(thread.created_at))
})

test('a state that cannot be is refused, and leaves no thread', async () => {
  const threadId = newId()
  const updates = [{ values: says('human', 'x'), as_node: 'nobody' }]
  const refused = await send('POST', '', { thread_id: threadId, metadata: { graph_id: 'assistant' }, supersteps: [{ updates }] })
  expect(refused.status).toBe(422)
  expect((await send('GET', `/${threadId}`)).status).toBe(404)
})

test('a missing thread is 404 in the words of the original, whatever is asked of it', async () => {
  const asked: [string, string, unknown?][] = [
    ['GET', `/${MISSING}`],
    ['PATCH', `/${MISSING}`, {}],
    ['DELETE', `/${MISSING}`],
    ['POST', `/${MISSING}/copy`],
  ]
  for (const [method, path, body] of asked) {
    const response = await send(method, path, body)
    expect([method, response.status, await detailOf(response)]).toEqual([method, 404, `Thread with ID ${MISSING} not found`])
  }
})

test('what is no UUID is refused in the path and in bodies', async () => {
  const inPath = await send('GET', '/not-an-id')
  expect([inPath.status, await detailOf(inPath)]).toMatchObject([422, [{ loc: ['path', 'thread_id'], type: 'uuid_parsing' }]])
  const inBody = await send('POST', '/prune', { thread_ids: ['x'] })
  expect([inBody.status, await detailOf(inBody)]).toMatchObject([422, [{ loc: ['body', 'thread_ids', 0] }]])
})

test('a patch merges metadata, and answers nothing where nothing is wanted', async () => {
  const { thread_id: id } = await client.threads.create({ metadata: { a: 1, b: 1 } })
  expect((await client.threads.update(id, { metadata: { b: 2, c: 3 } })).metadata).toEqual({ a: 1, b: 2, c: 3 })
  const minimal = await send('PATCH', `/${id}`, { metadata: { d: 4 } }, { prefer: 'respond-async, return=minimal' })
  expect([minimal.status, await minimal.text()]).toEqual([204, ''])
  expect((await client.threads.get(id)).metadata).toEqual({ a: 1, b: 2, c: 3, d: 4 })
  expect(await client.threads.update(id, { metadata: { e: 5 }, returnMinimal: true } as never)).toBeUndefined()
})

test('a time to live is told where it is asked for', async () => {
  const { thread_id: id } = await client.threads.create({ ttl: 90 })
  const plain = (await client.threads.get(id)) as unknown as { ttl?: unknown; updated_at: string }
  expect(plain.ttl).toBeUndefined()
  const { ttl } = (await client.threads.get(id, { include: ['ttl'] })) as unknown as { ttl: unknown }
  expect(ttl).toEqual({ strategy: 'delete', ttl_minutes: 90, expires_at: new Date(Date.parse(plain.updated_at) + 5_400_000).toISOString() })
  for (const include of ['ttl', '["ttl"]', 'ttl&include=ttl'])
    expect((await (await send('GET', `/${id}?include=${include}`)).json()) as object).toHaveProperty('ttl')
  const refused = await send('GET', `/${id}?include=nothing`)
  expect([refused.status, await detailOf(refused)]).toMatchObject([422, [{ loc: ['query', 'include', 0] }]])
  await send('PATCH', `/${id}`, { ttl: null })
  expect(((await client.threads.get(id, { include: ['ttl'] })) as unknown as { ttl: unknown }).ttl).toBeNull()
})

test.each([
  [{ ttl: 0 }, 'ttl'],
  [{ ttl: { ttl: 5, strategy: 'keep' } }, 'ttl'],
  [{ metadata: [] }, 'metadata'],
  [{ if_exists: 'maybe' }, 'if_exists'],
  [{ supersteps: [{ updates: [] }] }, 'supersteps'],
])('a wrong field of a new thread is named: %j', async (body, field) => {
  const response = await send('POST', '', body)
  expect(response.status).toBe(422)
  expect(await detailOf(response)).toMatchObject([{ loc: expect.arrayContaining(['body', field]) }])
})

test('a deleted thread is gone, and the answer is empty', async () => {
  const { thread_id: id } = await client.threads.create()
  const response = await send('DELETE', `/${id}`)
  expect([response.status, await response.text()]).toEqual([204, ''])
  expect((await send('GET', `/${id}`)).status).toBe(404)
  const { thread_id: other } = await client.threads.create()
  expect(await client.threads.delete(other)).toBeUndefined()
})

test('a copy has the state of the original, and a life of its own', async () => {
  const original = await spoken('to be copied')
  const copy = (await client.threads.copy(original.thread_id)) as typeof original
  expect(copy).toMatchObject({
    status: 'idle',
    values: original.values as never,
    metadata: { graph_id: 'assistant', thread_id: copy.thread_id },
  })
  await client.threads.delete(original.thread_id)
  expect((await client.threads.getState(copy.thread_id)).values).toEqual(original.values as never)
})

test('threads are found by metadata, ids, status and values, page by page', async () => {
  const mark = newId()
  const threads = [await spoken('one', { mark }), await spoken('two', { mark }), await client.threads.create({ metadata: { mark } })]
  const ids = threads.map((t) => t.thread_id).toReversed()
  const found = async (query: Parameters<Client['threads']['search']>[0]) => (await client.threads.search(query)).map((t) => t.thread_id)
  expect(await found({ metadata: { mark } })).toEqual(ids)
  expect(await found({ metadata: { mark }, sortBy: 'created_at', sortOrder: 'asc' })).toEqual(ids.toReversed())
  expect(await found({ metadata: { mark }, limit: 1, offset: 1 })).toEqual(ids.slice(1, 2))
  expect(await found({ ids: ids.slice(0, 1).map((id) => id.toUpperCase()) })).toEqual(ids.slice(0, 1))
  expect(await found({ metadata: { mark }, status: 'busy' })).toEqual([])
  expect(await found({ metadata: { mark }, values: { messages: [{ content: 're: one' }] } })).toEqual(ids.slice(2))
  expect(await client.threads.count({ metadata: { mark } })).toBe(3)
  expect(await client.threads.count({ metadata: { mark }, values: { messages: [{ type: 'ai' }] } })).toBe(2)
})

test('a page says how many there are, and where the next begins', async () => {
  const mark = newId()
  for (let i = 0; i < 3; i++) await client.threads.create({ metadata: { mark } })
  const page = async (limit: number, offset: number) => {
    const { headers } = await send('POST', '/search', { metadata: { mark }, limit, offset })
    return [headers.get('x-pagination-total'), headers.get('x-pagination-next')]
  }
  expect(await page(2, 0)).toEqual(['3', '2'])
  expect(await page(2, 2)).toEqual(['3', null])
  expect(await page(3, 0)).toEqual(['3', null])
  const selected = await send('POST', '/search', { metadata: { mark }, limit: 1, select: ['thread_id'] })
  expect(selected.headers.get('x-pagination-next')).toBe('1')
})

test('of a thread only what was selected is told, and what was extracted beside it', async () => {
  const mark = newId()
  await spoken('deep', { mark })
  const [found] = await client.threads.search({
    metadata: { mark },
    select: ['status', 'metadata'],
    extract: { last: 'values.messages[-1].content', who: 'metadata.mark', none: 'values.nobody[0].x' },
  })
  expect(found as object).toEqual({
    status: 'idle',
    metadata: { mark, graph_id: 'assistant' },
    extracted: { last: 're: deep', who: mark, none: null },
  })
  const [bare] = await client.threads.search({ metadata: { mark }, select: ['thread_id'] })
  expect(Object.keys(bare ?? {})).toEqual(['thread_id'])
})

test.each([
  [{ limit: 0 }, 'limit'],
  [{ limit: 1001 }, 'limit'],
  [{ offset: -1 }, 'offset'],
  [{ status: 'done' }, 'status'],
  [{ sort_by: 'name' }, 'sort_by'],
  [{ select: ['nobody'] }, 'select'],
  [{ extract: { x: 'nobody.here' } }, 'extract'],
  [{ extract: { x: 'values[' } }, 'extract'],
  [{ extract: Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`x${i}`, 'values'])) }, 'extract'],
  [{ ids: ['x'] }, 'ids'],
])('a wrong field of a search is named: %j', async (body, field) => {
  const response = await send('POST', '/search', body)
  expect(response.status).toBe(422)
  expect(await detailOf(response)).toMatchObject([{ loc: expect.arrayContaining(['body', field]) }])
})

test('pruned threads are gone, or have only their newest state', async () => {
  const [gone, kept] = [await spoken('gone'), await spoken('kept')]
  expect(await client.threads.prune([gone.thread_id, MISSING])).toEqual({ pruned_count: 1 })
  expect((await send('GET', `/${gone.thread_id}`)).status).toBe(404)
  expect(await client.threads.prune([kept.thread_id], { strategy: 'keep_latest' })).toEqual({ pruned_count: 1 })
  expect(await client.threads.getHistory(kept.thread_id)).toHaveLength(1)
  expect((await client.threads.get(kept.thread_id)).values).toEqual(kept.values)
})

test('the client of 2.0.0 creates, finds, changes and deletes threads', async () => {
  const old = new Client2({ apiUrl: `${served.url}/langgraph`, apiKey: served.key, callerOptions: { maxRetries: 0 } })
  const made = await old.threads.create({ metadata: { by: 'old' }, graphId: 'assistant', ttl: 5 })
  expect(await old.threads.get(made.thread_id)).toEqual(made)
  expect((await old.threads.update(made.thread_id, { metadata: { more: 1 } })).metadata).toMatchObject({ by: 'old', more: 1 })
  expect((await old.threads.search({ metadata: { by: 'old' } })).map((t) => t.thread_id)).toEqual([made.thread_id])
  expect(await old.threads.count({ metadata: { by: 'old' } })).toBe(1)
  await old.threads.delete(made.thread_id)
  expect(await old.threads.count({ metadata: { by: 'old' } })).toBe(0)
})

test('a request that comes again with its Idempotency-Key makes no second thread', async () => {
  const headers = { 'idempotency-key': newId() }
  const mark = newId()
  const create = () => send('POST', '', { metadata: { mark } }, headers)
  const [a, b] = [(await (await create()).json()) as { thread_id: string }, (await (await create()).json()) as { thread_id: string }]
  expect(b.thread_id).toBe(a.thread_id)
  expect(await client.threads.count({ metadata: { mark } })).toBe(1)
})

test('another tenant sees, finds and changes nothing', async () => {
  const mark = newId()
  const { thread_id: id } = await spoken('secret', { mark })
  const other = new Client({ apiUrl: `${served.url}/langgraph`, apiKey: served.otherKey, callerOptions: { maxRetries: 0 } })
  expect(await other.threads.search({ ids: [id] })).toEqual([])
  expect(await other.threads.search({ metadata: { mark } })).toEqual([])
  expect(await other.threads.count({ values: { messages: [{ content: 'secret' }] } })).toBe(0)
  expect(await other.threads.prune([id])).toEqual({ pruned_count: 0 })
  const { threads } = other
  const asked = [() => threads.get(id), () => threads.copy(id), () => threads.update(id, { metadata: {} }), () => threads.delete(id)]
  for (const ask of asked) await expect(ask()).rejects.toThrow(`HTTP 404: {"detail":"Thread with ID ${id} not found"}`)
  expect((await other.threads.create({ threadId: id })).metadata).toEqual({})
  expect((await client.threads.get(id)).metadata).toMatchObject({ mark })
})

test('a key that may only read changes nothing', async () => {
  const key = await served.newKey('one', { scopes: ['read'] })
  const { thread_id: id } = await client.threads.create()
  const as = (method: string, path: string, body?: unknown) => served.send(method, `/langgraph/threads${path}`, body, { key })
  expect((await as('GET', `/${id}`)).status).toBe(200)
  expect((await as('POST', '/search', {})).status).toBe(200)
  const changes: [string, string, unknown?][] = [
    ['POST', '', {}],
    ['PATCH', `/${id}`, {}],
    ['DELETE', `/${id}`],
    ['POST', `/${id}/copy`],
    ['POST', '/prune', { thread_ids: [id] }],
    ['POST', `/${id}/state`, { values: {} }],
    ['PATCH', `/${id}/state`, { metadata: {} }],
  ]
  for (const [method, path, body] of changes) expect([method, path, (await as(method, path, body)).status]).toEqual([method, path, 403])
})
