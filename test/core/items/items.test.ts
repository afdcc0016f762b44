import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Caller, Scope } from '../../../src/core/caller.ts'
import { Fault } from '../../../src/core/fault.ts'
import {
  deleteExpiredItems,
  deleteItem,
  getItem,
  getItems,
  type ItemSearch,
  listNamespaces,
  putItem,
  searchItems,
  writeItems,
} from '../../../src/core/items/items.ts'
import type { JsonObject } from '../../../src/core/json.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'

const MINUTE = 60_000

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const put = (caller: Caller, path: string, value: JsonObject = {}, ttlMinutes: number | null = null) => {
  const labels = path.split('/')
  return putItem(app, caller, { namespace: labels.slice(0, -1), key: labels.at(-1) ?? '', value, ttlMinutes })
}
const get = (caller: Caller, path: string, refresh?: boolean) => {
  const labels = path.split('/')
  return getItem(app, caller, { namespace: labels.slice(0, -1), key: labels.at(-1) ?? '', ...(refresh === undefined ? {} : { refresh }) })
}
const found = async (caller: Caller, search: ItemSearch) =>
  (await searchItems(app, caller, search)).map((item) => [...item.namespace, item.key].join('/'))
const faultOf = async (work: Promise<unknown>): Promise<Fault> => {
  const fault = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(fault instanceof Fault)) throw new Error(`no fault, but ${String(fault)}`)
  return fault
}
const paramOf = async (work: Promise<unknown>) => {
  const { code, facts } = await faultOf(work)
  return [code, facts.param]
}

test('an item comes back as it was put, with the times of its first and its last write', async () => {
  const caller = await app.newTenant()
  const value = { text: 'ü 🐎', deep: { list: [1, null, { x: true }], tiny: 1e-300, big: 9007199254740991 }, '': '' }
  await put(caller, 'users/7/name', value)
  const first = app.clock.now()
  expect(await get(caller, 'users/7/name')).toEqual({ namespace: ['users', '7'], key: 'name', value, createdAt: first, updatedAt: first })
  app.clock.advance(5)
  await put(caller, 'users/7/name', { other: 1 })
  const second = await get(caller, 'users/7/name')
  expect(second).toMatchObject({ value: { other: 1 }, createdAt: first, updatedAt: first + 5 })
})

test('what was deleted or never put is null, and deleting it again does nothing', async () => {
  const caller = await app.newTenant()
  await put(caller, 'a/k')
  await deleteItem(app, caller, { namespace: ['a'], key: 'k' })
  expect(await get(caller, 'a/k')).toBeNull()
  await deleteItem(app, caller, { namespace: ['a'], key: 'k' })
  expect(await get(caller, 'other/k')).toBeNull()
})

test('labels and keys that look like each other stay apart', async () => {
  const caller = await app.newTenant()
  const paths = [
    { namespace: ['a', 'b'], key: 'c' },
    { namespace: ['a'], key: 'b.c' },
    { namespace: ['a'], key: 'b\nc' },
    { namespace: ['a', '\nb'], key: 'c' },
    { namespace: ['a'], key: '\nb.\nc' },
    { namespace: ['a:b'], key: 'c' },
    { namespace: ['a'], key: '' },
    { namespace: ['*', "'; drop table item --", '%_\\'], key: '"' },
  ]
  await writeItems(
    app,
    caller,
    paths.map((path, n) => ({ ...path, value: { n } })),
  )
  const items = await getItems(app, caller, { paths: [...paths, { namespace: ['a', 'b'], key: 'd' }] })
  expect(items.map((item) => item?.value ?? null)).toEqual([...paths.map((_, n) => ({ n })), null])
  expect(items.slice(0, -1).map((item) => ({ namespace: item?.namespace, key: item?.key }))).toEqual(paths)
})

test('a batch writes all or nothing, and the last write of a path counts', async () => {
  const caller = await app.newTenant()
  const namespace = ['batch']
  await writeItems(app, caller, [
    { namespace, key: 'a', value: { n: 1 } },
    { namespace, key: 'a', value: { n: 2 } },
    { namespace, key: 'b', value: { n: 3 } },
    { namespace, key: 'b', value: null },
  ])
  expect(await found(caller, { prefix: namespace })).toEqual(['batch/a'])
  expect((await get(caller, 'batch/a'))?.value).toEqual({ n: 2 })
  const broken = writeItems(app, caller, [
    { namespace, key: 'c', value: {} },
    { namespace: ['with.dot'], key: 'd', value: {} },
  ])
  expect(await paramOf(broken)).toEqual(['invalid', 'namespace[0]'])
  expect(await get(caller, 'batch/c')).toBeNull()
})

test('writers of the same items at the same time all succeed', async () => {
  const caller = await app.newTenant()
  const keys = Array.from({ length: 20 }, (_, i) => `k${i}`)
  const writers = Array.from({ length: 30 }, (_, n) => {
    const order = n % 2 === 0 ? keys : keys.toReversed()
    return writeItems(
      app,
      caller,
      order.map((key) => ({ namespace: ['race'], key, value: n % 5 === 4 ? null : { n } })),
    )
  })
  await Promise.all(writers)
  const rest = await searchItems(app, caller, { prefix: ['race'], limit: 100 })
  expect(new Set(rest.map((item) => item.value.n)).size).toBeLessThanOrEqual(1)
})

test('a search finds the items of a namespace and below it, the latest change first, page by page', async () => {
  const caller = await app.newTenant()
  for (const path of ['docs/a', 'docs/x/b', 'docs/x/y/c', 'docsx/d', 'docs-/e', 'other/f']) {
    app.clock.advance(1)
    await put(caller, path)
  }
  expect(await found(caller, { prefix: ['docs'] })).toEqual(['docs/x/y/c', 'docs/x/b', 'docs/a'])
  expect(await found(caller, { prefix: ['docs', 'x'] })).toEqual(['docs/x/y/c', 'docs/x/b'])
  expect(await found(caller, { prefix: [] })).toHaveLength(6)
  app.clock.advance(1)
  await put(caller, 'docs/a', { changed: true })
  expect(await found(caller, { prefix: ['docs'], limit: 2 })).toEqual(['docs/a', 'docs/x/y/c'])
  expect(await found(caller, { prefix: ['docs'], limit: 2, offset: 2 })).toEqual(['docs/x/b'])
  expect(await found(caller, { prefix: ['docs'], limit: 0 })).toEqual([])
})

test('namespaces are listed by prefix and suffix with wildcards, cut to a depth, in order and once each', async () => {
  const caller = await app.newTenant()
  for (const path of ['a/1/x/k', 'a/1/x/k2', 'a/1/y/k', 'a/2/x/k', 'a/k', 'a-b/1/x/k', 'b/1/x/deep/k', 'c/k']) await put(caller, path)
  const list = async (input: Parameters<typeof listNamespaces>[2]) => (await listNamespaces(app, caller, input)).map((ns) => ns.join('/'))
  const prefix = (...labels: string[]) => ({ side: 'prefix' as const, labels })
  const suffix = (...labels: string[]) => ({ side: 'suffix' as const, labels })
  expect(await list({})).toEqual(['a-b/1/x', 'a', 'a/1/x', 'a/1/y', 'a/2/x', 'b/1/x/deep', 'c'])
  expect(await list({ matches: [prefix('a')] })).toEqual(['a', 'a/1/x', 'a/1/y', 'a/2/x'])
  expect(await list({ matches: [prefix('*', '1')] })).toEqual(['a-b/1/x', 'a/1/x', 'a/1/y', 'b/1/x/deep'])
  expect(await list({ matches: [suffix('x')] })).toEqual(['a-b/1/x', 'a/1/x', 'a/2/x'])
  expect(await list({ matches: [suffix('1', '*')] })).toEqual(['a-b/1/x', 'a/1/x', 'a/1/y'])
  expect(await list({ matches: [prefix('a'), suffix('x')] })).toEqual(['a/1/x', 'a/2/x'])
  expect(await list({ maxDepth: 1 })).toEqual(['a-b', 'a', 'b', 'c'])
  expect(await list({ maxDepth: 2 })).toEqual(['a-b/1', 'a', 'a/1', 'a/2', 'b/1', 'c'])
  expect(await list({ matches: [suffix('y')], maxDepth: 2 })).toEqual(['a/1'])
  expect(await list({ maxDepth: 1, limit: 2, offset: 1 })).toEqual(['a', 'b'])
  expect(await list({ maxDepth: 2 ** 40, limit: 1 })).toEqual(['a-b/1/x'])
  expect(await list({ matches: [prefix()], limit: 1, offset: 6 })).toEqual(['c'])
  await deleteItem(app, caller, { namespace: ['c'], key: 'k' })
  expect(await list({ matches: [prefix('c')] })).toEqual([])
})

test('an item lives by its use: reading and searching prolong its life unless they say otherwise', async () => {
  const caller = await app.newTenant()
  await put(caller, 'ttl/k', {}, 10)
  app.clock.advance(6 * MINUTE)
  expect(await get(caller, 'ttl/k')).not.toBeNull()
  app.clock.advance(6 * MINUTE)
  expect(await found(caller, { prefix: ['ttl'] })).toEqual(['ttl/k'])
  app.clock.advance(6 * MINUTE)
  expect(await found(caller, { prefix: ['ttl'], refresh: false })).toEqual(['ttl/k'])
  expect(await get(caller, 'ttl/k', false)).not.toBeNull()
  app.clock.advance(4 * MINUTE)
  expect(await get(caller, 'ttl/k')).toBeNull()
})

test('an expired item is gone at once, put again it is a new one, and put without a time it stays', async () => {
  const caller = await app.newTenant()
  await put(caller, 'ttl/k', {}, 1)
  app.clock.advance(MINUTE)
  expect(await get(caller, 'ttl/k')).toBeNull()
  expect(await found(caller, { prefix: ['ttl'] })).toEqual([])
  expect(await listNamespaces(app, caller, {})).toEqual([])
  await put(caller, 'ttl/k', { again: true }, 1)
  expect(await get(caller, 'ttl/k')).toMatchObject({ createdAt: app.clock.now(), updatedAt: app.clock.now() })
  await put(caller, 'ttl/k', { forever: true })
  app.clock.advance(1_000 * MINUTE)
  expect((await get(caller, 'ttl/k'))?.value).toEqual({ forever: true })
})

test('housekeeping removes expired items, as many at a time as it is told, and no others', async () => {
  const caller = await app.newTenant()
  await deleteExpiredItems(app, 100)
  for (const key of ['a', 'b', 'c']) await put(caller, `old/${key}`, {}, 1)
  await put(caller, 'old/young', {}, 60)
  await put(caller, 'old/forever')
  app.clock.advance(2 * MINUTE)
  expect(await deleteExpiredItems(app, 2)).toBe(2)
  expect(await deleteExpiredItems(app, 2)).toBe(1)
  expect(await deleteExpiredItems(app, 2)).toBe(0)
  expect((await found(caller, { prefix: ['old'] })).toSorted()).toEqual(['old/forever', 'old/young'])
})

test("two tenants with the same namespace and key never see or change what is the other one's", async () => {
  const [one, two] = [await app.newTenant(), await app.newTenant()]
  await put(one, 'same/k', { of: 'one' })
  expect(await get(two, 'same/k')).toBeNull()
  await put(two, 'same/k', { of: 'two' })
  expect((await get(one, 'same/k'))?.value).toEqual({ of: 'one' })
  await put(one, 'mine/k')
  expect(await listNamespaces(app, two, {})).toEqual([['same']])
  expect(await found(two, { prefix: [] })).toEqual(['same/k'])
  await deleteItem(app, two, { namespace: ['same'], key: 'k' })
  expect((await get(one, 'same/k'))?.value).toEqual({ of: 'one' })
})

test('reading needs the scope to read, and writing the one to write', async () => {
  const caller = await app.newTenant()
  const held = (...scopes: Scope[]): Caller => ({ ...caller, scopes: new Set(scopes) })
  expect((await faultOf(put(held('read'), 'a/k'))).code).toBe('forbidden')
  expect((await faultOf(deleteItem(app, held('read'), { namespace: ['a'], key: 'k' }))).code).toBe('forbidden')
  expect((await faultOf(get(held(), 'a/k'))).code).toBe('forbidden')
  expect((await faultOf(searchItems(app, held(), { prefix: [] }))).code).toBe('forbidden')
  expect((await faultOf(listNamespaces(app, held(), {}))).code).toBe('forbidden')
  expect(await get(held('read'), 'a/k')).toBeNull()
})

test('a path that cannot be one is refused by name', async () => {
  const caller = await app.newTenant()
  const at = (namespace: string[], key = 'k') => paramOf(putItem(app, caller, { namespace, key, value: {} }))
  expect(await at([])).toEqual(['invalid', 'namespace'])
  expect(await at(['a', ''])).toEqual(['invalid', 'namespace[1]'])
  expect(await at(['a', 'b.c'])).toEqual(['invalid', 'namespace[1]'])
  expect(await at(['nul\0'])).toEqual(['invalid', 'namespace[0]'])
  expect(await at(['langgraph', 'x'])).toEqual(['invalid', 'namespace[0]'])
  expect(await at([7 as unknown as string])).toEqual(['invalid', 'namespace[0]'])
  expect(await at(Array.from({ length: 65 }, () => 'x'))).toEqual(['invalid', 'namespace'])
  expect(await at(['x'.repeat(1_600)])).toEqual(['invalid', 'namespace'])
  expect(await at(['a'], '\ud800')).toEqual(['invalid', 'key'])
  expect(await at(['a'], 'x'.repeat(1_001))).toEqual(['invalid', 'key'])
})

test('the longest namespace with the longest key is stored', async () => {
  const caller = await app.newTenant()
  // Text that no compression makes shorter.
  const noise = (bytes: number) => Array.from({ length: bytes }, (_, i) => ((i * 7919 + (i >> 3) * 104729) % 36).toString(36)).join('')
  const path = { namespace: [noise(1_599)], key: noise(1_000) }
  await putItem(app, caller, { ...path, value: { there: true } })
  expect((await getItem(app, caller, path))?.value).toEqual({ there: true })
  expect(await listNamespaces(app, caller, {})).toEqual([path.namespace])
})

test('a value that Postgres cannot hold or that is too large is refused, with the place of what is wrong', async () => {
  const caller = await app.newTenant()
  const at = (value: unknown) => paramOf(put(caller, 'a/k', value as JsonObject))
  expect(await at({ a: [{ b: 'x\0' }] })).toEqual(['invalid', 'value.a[0].b'])
  expect(await at({ a: 'half \ud83d' })).toEqual(['invalid', 'value.a'])
  expect(await at({ 'k\0': 1 })).toEqual(['invalid', 'value'])
  expect(await at([1])).toEqual(['invalid', 'value'])
  expect(await at('text')).toEqual(['invalid', 'value'])
  expect(await at({ text: 'x'.repeat(8 * 1024 * 1024) })).toEqual(['too_large', undefined])
  expect(await get(caller, 'a/k')).toBeNull()
  // The letters of an escape, and a whole pair.
  await put(caller, 'a/k', { text: '\\u0000 \\ud800 😀' })
  expect((await get(caller, 'a/k'))?.value).toEqual({ text: '\\u0000 \\ud800 😀' })
})

test('a page that would be too large is refused, and fewer items are answered', async () => {
  const caller = await app.newTenant()
  const text = 'x'.repeat(7 * 1024 * 1024)
  for (let i = 0; i < 10; i++) await put(caller, `large/${i}`, { text })
  expect((await faultOf(searchItems(app, caller, { prefix: ['large'] }))).code).toBe('too_large')
  expect(await found(caller, { prefix: ['large'], limit: 2 })).toHaveLength(2)
}, 60_000)

test('limits, offsets, depths and times that cannot be are refused by name', async () => {
  const caller = await app.newTenant()
  const search = (page: Partial<ItemSearch>) => paramOf(searchItems(app, caller, { prefix: [], ...page }))
  expect(await search({ limit: -1 })).toEqual(['invalid', 'limit'])
  expect(await search({ limit: 10_001 })).toEqual(['invalid', 'limit'])
  expect(await search({ limit: 1.5 })).toEqual(['invalid', 'limit'])
  expect(await search({ offset: -1 })).toEqual(['invalid', 'offset'])
  expect(await search({ offset: Number.POSITIVE_INFINITY })).toEqual(['invalid', 'offset'])
  expect(await paramOf(listNamespaces(app, caller, { maxDepth: 0 }))).toEqual(['invalid', 'max_depth'])
  expect(await paramOf(listNamespaces(app, caller, { matches: [{ side: 'suffix', labels: ['a.b'] }] }))).toEqual(['invalid', 'suffix[0]'])
  for (const ttl of [0, -1, Number.NaN, 1e12]) expect(await paramOf(put(caller, 'a/k', {}, ttl))).toEqual(['invalid', 'ttl'])
})
