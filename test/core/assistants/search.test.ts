import { afterAll, beforeAll, expect, test } from 'bun:test'
import { changeGraphAssistant, createGraphAssistant, deleteGraphAssistant } from '../../../src/core/assistants/graph-assistants.ts'
import { type AssistantFilter, type AssistantSearch, countAssistants, searchAssistants } from '../../../src/core/assistants/search.ts'
import type { Caller } from '../../../src/core/caller.ts'
import { type Ground, OPEN_MS, openGround } from './kit.ts'

let app: Ground
let caller: Caller
beforeAll(async () => {
  app = (await openGround()).serving()
  caller = await app.newTenant()
  const serving = app.serving('agent', 'other')
  const make = (name: string | null, graph: string, metadata = {}) => {
    app.clock.time += 1000
    return createGraphAssistant(serving, caller, { graph, metadata, ...(name === null ? {} : { name }) })
  }
  await make('Alpha 100%', 'agent', { team: { id: 1 }, tags: ['a', 'b'] })
  await make('beta_x', 'other', { team: { id: 1, extra: true } })
  const gamma = await make('gamma', 'agent', { team: { id: 2 } })
  await make(null, 'other')
  const gone = await make('alpha gone', 'agent')
  await deleteGraphAssistant(app, caller, { id: gone.id, deleteThreads: false })
  app.clock.time += 1000
  await changeGraphAssistant(app, caller, { id: gamma.id, change: { name: 'Delta\\y' } })
}, OPEN_MS)
afterAll(() => app.close())

const ALL = ['Alpha 100%', 'beta_x', 'Delta\\y', null]
const search = async (input: Partial<AssistantSearch> = {}) => {
  const { items, total } = await searchAssistants(app, caller, { limit: 10, offset: 0, sortBy: 'createdAt', order: 'asc', ...input })
  return { names: items.map((a) => a.name), total }
}

test.each<[string, AssistantFilter, (string | null)[]]>([
  ['nothing', {}, ALL],
  ['a graph', { graph: 'agent' }, ['Alpha 100%', 'Delta\\y']],
  ['a graph that nobody has', { graph: 'gone' }, []],
  ['a part of the name in another case', { name: 'ALPHA' }, ['Alpha 100%']],
  ['the name that is shown where there is none', { name: 'untitled' }, [null]],
  ['a per cent sign', { name: '%' }, ['Alpha 100%']],
  ['an underscore', { name: '_' }, ['beta_x']],
  ['a backslash', { name: '\\' }, ['Delta\\y']],
  ['an empty name', { name: '' }, ALL],
  ['metadata inside metadata', { metadata: { team: { id: 1 } } }, ['Alpha 100%', 'beta_x']],
  ['one of a list', { metadata: { tags: ['b'] } }, ['Alpha 100%']],
  ['empty metadata', { metadata: {} }, ALL],
  ['everything at once', { graph: 'other', name: 'b', metadata: { team: { extra: true } } }, ['beta_x']],
])('a search by %s finds and counts what has it', async (_, filter, names) => {
  expect(await search(filter)).toEqual({ names, total: names.length })
  expect(await countAssistants(app, caller, filter)).toBe(names.length)
})

test.each<[AssistantSearch['sortBy'], (string | null)[]]>([
  ['createdAt', ALL],
  ['updatedAt', ['Alpha 100%', 'beta_x', null, 'Delta\\y']],
  ['name', ['Alpha 100%', 'beta_x', 'Delta\\y', null]],
])('found assistants are sorted by %s, in both directions', async (sortBy, names) => {
  expect((await search({ sortBy })).names).toEqual(names)
  expect((await search({ sortBy, order: 'desc' })).names).toEqual(names.toReversed())
})

test('sorted by id or graph, equal ones have an order of their own', async () => {
  const byGraph = await searchAssistants(app, caller, { limit: 10, offset: 0, sortBy: 'graph', order: 'asc' })
  const keys = byGraph.items.map((a) => a.graph + a.id)
  expect(keys).toEqual(keys.toSorted())
  const byId = await searchAssistants(app, caller, { limit: 10, offset: 0, sortBy: 'id', order: 'desc' })
  expect(byId.items.map((a) => a.id)).toEqual(
    byGraph.items
      .map((a) => a.id)
      .toSorted()
      .toReversed(),
  )
})

test('pages follow each other without gap or repeat, and each says how many there are', async () => {
  expect(await search({ limit: 3 })).toEqual({ names: ALL.slice(0, 3), total: 4 })
  expect(await search({ limit: 3, offset: 3 })).toEqual({ names: ALL.slice(3), total: 4 })
  expect(await search({ limit: 3, offset: 4 })).toEqual({ names: [], total: 4 })
})

test('another tenant finds nothing of it', async () => {
  const other = await app.newTenant()
  const found = await searchAssistants(app, other, { limit: 10, offset: 0, sortBy: 'createdAt', order: 'asc' })
  expect(found).toEqual({ items: [], total: 0 })
})

test('a search needs the read scope', async () => {
  const stranger = { ...caller, scopes: new Set([]) }
  await expect(countAssistants(app, stranger, {})).rejects.toMatchObject({ code: 'forbidden' })
})
