import { afterAll, beforeAll, expect, test } from 'bun:test'
import { AIMessage } from '@langchain/core/messages'
import { Annotation, END, type LangGraphRunnableConfig, START, StateGraph } from '@langchain/langgraph'
import { type BaseStore, InMemoryStore, type Item, type Operation } from '@langchain/langgraph-checkpoint'
import type { Caller } from '../../src/core/caller.ts'
import { searchItems } from '../../src/core/items/items.ts'
import { openGraphStore } from '../../src/engine/graph-store.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

async function openPair(): Promise<{ caller: Caller; ours: BaseStore; library: BaseStore }> {
  const caller = await app.newTenant()
  return { caller, ours: openGraphStore(app, caller.tenantId), library: new InMemoryStore() }
}

const isItem = (value: unknown): value is Item => typeof value === 'object' && value !== null && 'createdAt' in value
/** Times are each store's own; the order of a search is compared in a test of its own. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) {
    const list = value.map(comparable)
    return list.every(isPath) ? list.toSorted((a, b) => (pathOf(a) < pathOf(b) ? -1 : 1)) : list
  }
  if (!isItem(value)) return value
  expect(value.createdAt).toBeInstanceOf(Date)
  expect(value.updatedAt).toBeInstanceOf(Date)
  const { createdAt: _, updatedAt: __, ...rest } = value
  return rest
}
interface Path {
  namespace: string[]
  key: string
}
const isPath = (value: unknown): value is Path => typeof value === 'object' && value !== null && 'key' in value
const pathOf = ({ namespace, key }: Path): string => [...namespace, key].join('/')

/** What it answers or throws, in a form in which two stores can be compared. */
const told = (work: () => Promise<unknown>) =>
  work().then(
    (value) => ({ value: comparable(value) }),
    (error: Error) => ({ name: error.name, message: error.message }),
  )

const ITEMS: [namespace: string[], key: string, value: Record<string, unknown>][] = [
  [['users', '1'], 'name', { name: 'Ada', age: 36 }],
  [['users', '1'], 'tags', { tags: ['x', 'y'], age: 10 }],
  [['users', '1', 'notes'], 'n1', { text: 'a', score: 1.5 }],
  [['users', '2'], 'name', { name: 'Bob', age: 7 }],
  [['users', '22'], 'name', { name: 'Eve', age: 99 }],
  [['usersx'], 'name', { name: 'X' }],
  [['docs', 'v1', 'public'], 'd', { v: 1 }],
  [['docs', 'v2', 'public'], 'd', { v: 2 }],
]

async function openFilled() {
  const pair = await openPair()
  for (const store of [pair.ours, pair.library]) for (const item of ITEMS) await store.put(...item)
  return pair
}

const SAME: Record<string, (store: BaseStore) => Promise<unknown>> = {
  'an item that is there': (s) => s.get(['users', '1'], 'name'),
  'an item that is not there': (s) => s.get(['users', '1'], 'nothing'),
  'an item above another': (s) => s.get(['users'], 'name'),
  everything: (s) => s.search([], { limit: 100 }),
  'a prefix': (s) => s.search(['users', '2']),
  'a prefix that is a namespace and has some below': (s) => s.search(['users', '1']),
  'a prefix of nothing': (s) => s.search(['user']),
  'a filter': (s) => s.search(['users'], { filter: { name: 'Ada' } }),
  'a filter with operators': (s) => s.search([], { filter: { age: { $gte: 10, $lt: 99 } } }),
  'a query, without an index': (s) => s.search(['users', '1'], { query: 'who is Ada' }),
  'how many a limit lets through': async (s) => (await s.search([], { limit: 3 })).length,
  'how many are behind an offset': async (s) => (await s.search([], { limit: 100, offset: 5 })).length,
  namespaces: (s) => s.listNamespaces(),
  'namespaces of a prefix': (s) => s.listNamespaces({ prefix: ['users'] }),
  'namespaces with wildcards': (s) => s.listNamespaces({ prefix: ['docs', '*'], suffix: ['public'] }),
  'namespaces cut to a depth': (s) => s.listNamespaces({ maxDepth: 1 }),
  'namespaces of a page': (s) => s.listNamespaces({ prefix: ['users'], limit: 2, offset: 1 }),
  'nothing put under the empty namespace': (s) => s.put([], 'k', {}),
  'a label with a dot': (s) => s.put(['a.b'], 'k', {}),
  'a label with a colon': (s) => s.get(['a:b'], 'k'),
  'an empty label': (s) => s.search(['']),
  "the library's own root": (s) => s.put(['langgraph'], 'k', {}),
  'getting under the empty namespace': (s) => s.get([], 'k'),
  'deleting under the empty namespace': (s) => s.delete([], 'k'),
  'an empty batch': (s) => s.batch([]),
}

test("each call answers or throws what the library's own store does", async () => {
  const { ours, library } = await openFilled()
  for (const [name, call] of Object.entries(SAME)) {
    expect({ name, ...(await told(() => call(ours))) }).toEqual({ name, ...(await told(() => call(library))) })
  }
})

test("a batch answers in order, reads before it writes, and lets the last write count, as the library's store does", async () => {
  const { ours, library } = await openFilled()
  const [namespace, key] = [['users', '1'], 'name']
  const batch: Operation[] = [
    { namespace, key, value: { name: 'first' } },
    { namespacePrefix: ['users'], filter: { age: { $gt: 30 } }, limit: 10, offset: 0 },
    { namespace, key, value: { name: 'second' } },
    { matchConditions: [{ matchType: 'prefix', path: ['docs', '*'] }], maxDepth: 2, limit: 10, offset: 0 },
    { namespace: ['docs', 'v1', 'public'], key: 'd', value: null },
    { namespace: ['docs', 'v1', 'public'], key: 'd' },
    { namespace: ['nobody'], key: 'k' },
    { namespace: ['langgraph', 'inner'], key: 'k', value: { kept: true } },
  ]
  expect(comparable(await ours.batch(structuredClone(batch)))).toEqual(comparable(await library.batch(structuredClone(batch))))
  // The library would give its own object, changed by now.
  const read = await ours.batch([
    { namespace, key, value: { name: 'third' } },
    { namespace, key },
  ] as Operation[])
  expect(read).toMatchObject([null, { value: { name: 'second' } }] as object)
  await ours.put(namespace, key, { name: 'second' })
  for (const store of [ours, library]) {
    expect((await store.get(namespace, key))?.value).toEqual({ name: 'second' })
    expect(await store.get(['docs', 'v1', 'public'], 'd')).toBeNull()
    expect((await store.get(['langgraph', 'inner'], 'k'))?.value).toEqual({ kept: true })
  }
})

test('the times of an item are those of its first and its last write, and a search answers the latest first', async () => {
  const { ours } = await openPair()
  for (const key of ['a', 'b', 'c']) {
    app.clock.advance(1)
    await ours.put(['t'], key, { n: 1 })
  }
  const created = app.clock.now() - 2
  app.clock.advance(1)
  await ours.put(['t'], 'a', { n: 2 })
  const items = await ours.search(['t'])
  expect(items.map((item) => item.key)).toEqual(['a', 'c', 'b'])
  expect(items[0]).toMatchObject({ createdAt: new Date(created), updatedAt: new Date(app.clock.now()) })
})

test('stores of two tenants hold nothing in common', async () => {
  const [one, two] = [await openPair(), await openPair()]
  await one.ours.put(['same'], 'k', { of: 'one' })
  expect(await two.ours.get(['same'], 'k')).toBeNull()
  expect(await two.ours.search([])).toEqual([])
  expect(await two.ours.listNamespaces()).toEqual([])
  await two.ours.delete(['same'], 'k')
  expect((await one.ours.get(['same'], 'k'))?.value).toEqual({ of: 'one' })
})

test('what JSON writes in its own way is stored like that, and what it would lose is refused with its place', async () => {
  const { ours } = await openPair()
  await ours.put(['v'], 'k', { at: new Date(0), gone: undefined, url: new URL('https://example.com/'), said: new AIMessage('hi') })
  const stored = (await ours.get(['v'], 'k'))?.value
  expect(stored).toMatchObject({ at: '1970-01-01T00:00:00.000Z', url: 'https://example.com/', said: { kwargs: { content: 'hi' } } })
  expect(stored).not.toHaveProperty('gone')
  const circle: Record<string, unknown> = {}
  circle.self = circle
  const refused: [Record<string, unknown>, RegExp][] = [
    [{ a: [{ b: new Map([['x', 1]]) }] }, /value\.a\[0\]\.b.*a Map/],
    [{ s: new Set([1]) }, /value\.s.*a Set/],
    [{ n: 1n }, /value\.n.*BigInt/],
    [{ bytes: new Uint8Array(3) }, /value\.bytes.*a Uint8Array/],
    [{ buffer: Buffer.from('x') }, /value\.buffer.*a Buffer/],
    [circle, /inside itself/],
    [{ text: 'nul \0' }, /value\.text.*cannot be stored/],
    [{ text: new AIMessage('half \ud800') }, /value\.text.*cannot be stored/],
  ]
  for (const [value, words] of refused) await expect(ours.put(['v'], 'bad', value)).rejects.toThrow(words)
  expect(await ours.get(['v'], 'bad')).toBeNull()
})

test('a refused operation of a batch leaves nothing of the batch', async () => {
  const { ours } = await openPair()
  const batch: Operation[] = [
    { namespace: ['b'], key: 'good', value: { n: 1 } },
    { namespace: ['b'], key: 'bad', value: { text: '\0' } },
  ]
  await expect(ours.batch(batch)).rejects.toThrow(/value\.text/)
  expect(await ours.get(['b'], 'good')).toBeNull()
})

test('a filter whose value is undefined finds only items without the key, and never more', async () => {
  const { ours, library } = await openFilled()
  const filter = { age: undefined }
  expect(comparable(await ours.search(['users'], { filter }))).toEqual(comparable(await library.search(['users'], { filter })))
})

test('a graph reads and writes the store of its tenant, also many items at once', async () => {
  const { caller, ours } = await openPair()
  const State = Annotation.Root({ seen: Annotation<number> })
  const graph = new StateGraph(State)
    .addNode('write', async (_: unknown, config: LangGraphRunnableConfig) => {
      await Promise.all(Array.from({ length: 300 }, (_, i) => config.store?.put(['memories', 'u'], `m${i}`, { i })))
      return {}
    })
    .addNode('read', async (_: unknown, config: LangGraphRunnableConfig) => {
      const items = (await config.store?.search(['memories'], { limit: 1_000, filter: { i: { $gte: 100 } } })) ?? []
      const one = await config.store?.get(['memories', 'u'], 'm7')
      return { seen: items.length * 1_000 + (one?.value.i as number) }
    })
    .addEdge(START, 'write')
    .addEdge('write', 'read')
    .addEdge('read', END)
    .compile({ store: ours })
  expect(await graph.invoke({})).toEqual({ seen: 200_007 })
  expect(await searchItems(app, caller, { prefix: ['memories', 'u'], limit: 1_000 })).toHaveLength(300)
})
