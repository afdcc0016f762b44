import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { Client } from '@langchain/langgraph-sdk'
import { Client as OldClient } from 'sdk-2'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'

let served: Served
let base: string
beforeAll(async () => {
  served = await serve()
  base = served.app.config.langgraph.prefix
}, SERVER_START_MS)
afterAll(() => served.close())

const send = (method: string, path: string, body?: unknown, key?: string) =>
  served.send(method, `${base}/store${path}`, body, key === undefined ? {} : { key })
const put = (body: object, key?: string) => send('PUT', '/items', body, key)
const search = async (body: object, key?: string) => {
  const response = await send('POST', '/items/search', body, key)
  expect(response.status).toBe(200)
  return ((await response.json()) as { items: { namespace: string[]; key: string }[] }).items
}
const refusal = async (response: Response) => {
  const { detail } = (await response.json()) as { detail: string | { loc: (string | number)[] }[] }
  return { status: response.status, at: typeof detail === 'string' ? detail : detail[0]?.loc.join('.') }
}

describe.each([
  ['1.15.0', Client],
  ['2.0.0', OldClient as unknown as typeof Client],
])('the client of langgraph-sdk %s', (version, Sdk) => {
  const root = `sdk ${version}`.replaceAll('.', '-')
  const open = () => new Sdk({ apiUrl: `${served.url}${base}`, apiKey: served.key, callerOptions: { maxRetries: 0 } })

  test('puts, gets and deletes an item', async () => {
    const { store } = open()
    await store.putItem([root, 'u'], 'k', { name: 'Ada', deep: { list: [1, null] } })
    const item = await store.getItem([root, 'u'], 'k')
    expect(item).toMatchObject({ namespace: [root, 'u'], key: 'k', value: { name: 'Ada', deep: { list: [1, null] } } })
    expect(Date.parse(item?.createdAt ?? '')).toBeGreaterThan(0)
    await store.deleteItem([root, 'u'], 'k')
    expect(await store.getItem([root, 'u'], 'k')).toBeNull()
  })

  test('searches with a filter and a page, and lists namespaces', async () => {
    const { store } = open()
    for (const n of [1, 2, 3]) await store.putItem([root, 'list', `ns${n}`], 'k', { n }, { index: false, ttl: 5 })
    const { items } = await store.searchItems([root, 'list'], { filter: { n: { $gte: 2 } }, limit: 5, refreshTtl: true })
    expect(items.map((item) => item.value.n).toSorted()).toEqual([2, 3])
    expect((await store.searchItems([root, 'list'], { limit: 2, offset: 2 })).items).toHaveLength(1)
    expect(await store.listNamespaces({ prefix: [root, '*'], suffix: ['ns2'] })).toEqual({ namespaces: [[root, 'list', 'ns2']] })
    expect(await store.listNamespaces({ prefix: [root], maxDepth: 2 })).toEqual({ namespaces: [[root, 'list']] })
  })

  test('is told why an item is refused', async () => {
    await expect(open().store.putItem([], 'k', {})).rejects.toThrow('Namespace is required')
    await expect(open().store.searchItems([root], { query: 'meaning' })).rejects.toThrow('no index of meanings')
  })
})

test('an item that is not there is the JSON null, with status 200', async () => {
  const response = await send('GET', '/items?namespace=nobody&key=k')
  expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
    200,
    expect.stringContaining('application/json'),
    'null',
  ])
})

test('putting and deleting answer 204 without a body, also where there is nothing to delete', async () => {
  for (const response of [
    await put({ namespace: ['a'], key: 'k', value: {} }),
    await send('DELETE', '/items', { namespace: ['a'], key: 'k' }),
    await send('DELETE', '/items', { namespace: ['a'], key: 'k' }),
  ]) {
    expect([response.status, await response.text()]).toEqual([204, ''])
  }
})

test('an item has five fields, with times in ISO 8601', async () => {
  await put({ namespace: ['shape', 's'], key: 'k', value: { x: 1 }, index: null, ttl: null })
  const item = (await (await send('GET', '/items?namespace=shape.s&key=k&refresh_ttl=false')).json()) as Record<string, string>
  expect(Object.keys(item).toSorted()).toEqual(['created_at', 'key', 'namespace', 'updated_at', 'value'])
  expect(item).toMatchObject({ namespace: ['shape', 's'], key: 'k', value: { x: 1 } })
  expect(item.created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
})

test('labels and keys may hold anything but periods, in queries too', async () => {
  const namespace = ['ü b', 'a/b&c=d', 'user:7']
  await put({ namespace, key: 'k?&=+ %', value: { there: true } })
  const query = new URLSearchParams({ namespace: namespace.join('.'), key: 'k?&=+ %' })
  expect(await (await send('GET', `/items?${query}`)).json()).toMatchObject({ namespace, key: 'k?&=+ %' })
})

test('a search of everything without limits answers ten', async () => {
  const key = await served.newKey('plenty')
  for (let i = 0; i < 12; i++) await put({ namespace: ['p', String(i % 3)], key: String(i), value: {} }, key)
  expect(await search({}, key)).toHaveLength(10)
  expect(await search({ namespace_prefix: [], limit: null, offset: 10, filter: null, query: null, refresh_ttl: null }, key)).toHaveLength(2)
})

test('what is wrong with a request is told with its place', async () => {
  const value = {}
  expect(await refusal(await put({ namespace: [], key: 'k', value }))).toEqual({ status: 400, at: 'Namespace is required' })
  expect(await refusal(await send('GET', '/items?key=k'))).toEqual({ status: 400, at: 'Namespace is required' })
  expect(await refusal(await send('DELETE', '/items', { namespace: [], key: 'k' }))).toMatchObject({ status: 400 })
  expect(await refusal(await put({ namespace: ['a.b'], key: 'k', value }))).toEqual({ status: 422, at: 'body.namespace.0' })
  expect(await refusal(await put({ namespace: ['a', ''], key: 'k', value }))).toEqual({ status: 422, at: 'body.namespace.1' })
  expect(await refusal(await send('GET', '/items?namespace=a..b&key=k'))).toEqual({ status: 422, at: 'query.namespace' })
  expect(await refusal(await send('GET', '/items?namespace=a'))).toEqual({ status: 422, at: 'query.key' })
  expect(await refusal(await put({ namespace: ['langgraph'], key: 'k', value }))).toEqual({ status: 422, at: 'body.namespace.0' })
  expect(await refusal(await put({ namespace: ['a'], key: 'k' }))).toEqual({ status: 422, at: 'body.value' })
  expect(await refusal(await put({ namespace: ['a'], key: 'k', value: null }))).toEqual({ status: 422, at: 'body.value' })
  expect(await refusal(await put({ namespace: ['a'], key: 'k', value: [1] }))).toEqual({ status: 422, at: 'body.value' })
  expect(await refusal(await put({ namespace: ['a'], key: 'k', value, ttl: 0 }))).toEqual({ status: 422, at: 'body.ttl' })
  expect(await refusal(await put({ namespace: ['a'], key: 'k', value, index: ['x'] }))).toEqual({ status: 422, at: 'body.index' })
  const find = async (body: object) => refusal(await send('POST', '/items/search', body))
  expect(await find({ namespace_prefix: ['a.b'] })).toEqual({ status: 422, at: 'body.namespace_prefix.0' })
  expect(await find({ query: 'meaning' })).toEqual({ status: 422, at: 'body.query' })
  expect(await find({ limit: 0 })).toEqual({ status: 422, at: 'body.limit' })
  expect(await find({ filter: { a: { $like: 'x' } } })).toEqual({ status: 422, at: 'body.filter.a.$like' })
  expect(await refusal(await send('POST', '/namespaces', { max_depth: 0 }))).toEqual({ status: 422, at: 'body.max_depth' })
})

test('a request without a key is refused, and another tenant sees and changes nothing', async () => {
  await put({ namespace: ['private'], key: 'k', value: { secret: 1 } })
  expect((await served.send('GET', `${base}/store/items?namespace=private&key=k`, undefined, { key: null })).status).toBe(401)
  const other = served.otherKey
  expect(await (await send('GET', '/items?namespace=private&key=k', undefined, other)).json()).toBeNull()
  expect(await search({ namespace_prefix: ['private'] }, other)).toEqual([])
  expect(await (await send('POST', '/namespaces', { prefix: ['private'] }, other)).json()).toEqual({ namespaces: [] })
  expect((await send('DELETE', '/items', { namespace: ['private'], key: 'k' }, other)).status).toBe(204)
  expect(await (await send('GET', '/items?namespace=private&key=k')).json()).toMatchObject({ value: { secret: 1 } })
})

test('a key that may only read reads and puts nothing', async () => {
  const key = await served.newKey('one', { scopes: ['read'] })
  expect((await put({ namespace: ['a'], key: 'k', value: {} }, key)).status).toBe(403)
  expect((await send('GET', '/items?namespace=a&key=k', undefined, key)).status).toBe(200)
})
