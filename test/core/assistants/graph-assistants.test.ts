import { afterAll, beforeAll, expect, test } from 'bun:test'
import {
  changeAssistant,
  createAssistant,
  deleteAssistant,
  getAssistant,
  getBuiltInAssistant,
  listAssistants,
} from '../../../src/core/assistants/assistants.ts'
import {
  changeGraphAssistant,
  createGraphAssistant,
  deleteGraphAssistant,
  ensureGraphAssistants,
  graphAssistantId,
  resolveAssistant,
} from '../../../src/core/assistants/graph-assistants.ts'
import { searchAssistants } from '../../../src/core/assistants/search.ts'
import { settingsOf } from '../../../src/core/assistants/settings.ts'
import { newId } from '../../../src/core/id.ts'
import { createThread, getThread } from '../../../src/core/threads/threads.ts'
import { createStore } from '../../../src/core/vector-stores/stores.ts'
import { type Ground, OPEN_MS, openGround } from './kit.ts'

let app: Ground
beforeAll(async () => {
  app = await openGround()
}, OPEN_MS)
afterAll(() => app.close())

const AGENT = 'fe096781-5601-53d2-b2f6-0d3403f7e9ca'
const PAGE = { limit: 100, offset: 0, sortBy: 'id', order: 'asc' } as const
const idsOf = async (on: Ground, caller: Parameters<typeof searchAssistants>[1]) =>
  (await searchAssistants(on, caller, PAGE)).items.map((a) => a.id).toSorted()

test('every graph has an assistant from the beginning, with the same id for every tenant', async () => {
  const [one, two] = [await app.newTenant(), await app.newTenant()]
  const first = await resolveAssistant(app, one, 'agent')
  expect(first).toMatchObject({
    ...{ id: AGENT, graph: 'agent', name: 'agent', description: null, version: 1, settings: {}, context: {} },
    metadata: { created_by: 'system' },
  })
  expect(await resolveAssistant(app, one, AGENT.toUpperCase())).toEqual(first)
  const second = await resolveAssistant(app, two, AGENT)
  expect(second.id).toBe(AGENT)
  expect(second.versionId).not.toBe(first.versionId)
  expect(await idsOf(app, one)).toEqual(['assistant', 'agent', 'described'].map(graphAssistantId).toSorted())
  expect((await resolveAssistant(app, two, 'described')).description).toBe('What it does.')
})

test('many processes make the assistants of a tenant at once, and there is one of each', async () => {
  const caller = await app.newTenant()
  const processes = Array.from({ length: 8 }, () => app.serving('agent', 'described', 'assistant'))
  await Promise.all(processes.map((each) => ensureGraphAssistants(each, caller)))
  expect(await idsOf(app, caller)).toHaveLength(3)
})

test('a graph that is served from now on has its assistant too', async () => {
  const caller = await app.newTenant()
  await ensureGraphAssistants(app, caller)
  const later = app.serving('assistant', 'agent', 'described', 'late')
  expect((await resolveAssistant(later, caller, 'late')).graph).toBe('late')
  expect(await idsOf(later, caller)).toHaveLength(4)
})

test('the assistant of a graph works like any other: it is changed, deleted, and stays deleted', async () => {
  const caller = await app.newTenant()
  const { id } = await resolveAssistant(app, caller, 'agent')
  expect(await changeGraphAssistant(app, caller, { id, change: { name: 'mine' } })).toMatchObject({ name: 'mine', version: 2 })
  await deleteGraphAssistant(app, caller, { id, deleteThreads: false })
  const restarted = app.serving('assistant', 'agent', 'described')
  for (const each of [app, restarted]) {
    await expect(resolveAssistant(each, caller, 'agent')).rejects.toMatchObject({ code: 'not_found', facts: { kind: 'assistant' } })
    expect(await idsOf(each, caller)).not.toContain(id)
  }
  const again = await createGraphAssistant(app, caller, { id, graph: 'agent', name: 'again' })
  expect(again).toMatchObject({ id, version: 1, metadata: {} })
  expect((await resolveAssistant(app, caller, 'agent')).name).toBe('again')
})

test.each(['nothing', 'AGENT', '', 'agent ', `${AGENT}0`, newId()])('%p is neither an assistant nor a graph', async (text) => {
  const caller = await app.newTenant()
  await expect(resolveAssistant(app, caller, text)).rejects.toMatchObject({
    code: 'not_found',
    facts: { kind: 'assistant', id: text },
  })
})

test('an assistant may choose its id, which is its own per tenant', async () => {
  const [one, two] = [await app.newTenant(), await app.newTenant()]
  const id = newId()
  const fields = { id, graph: 'agent', settings: { tags: ['t'] }, context: { c: 1 }, metadata: { m: [1] }, description: 'D' }
  const created = await createGraphAssistant(app, one, fields)
  expect(created).toMatchObject({ ...fields, name: null, version: 1 })
  expect(await getAssistant(app, one, id)).toEqual(created)
  await expect(createGraphAssistant(app, one, { id, graph: 'assistant' })).rejects.toMatchObject({
    code: 'exists',
    facts: { kind: 'assistant', id },
  })
  expect(await createGraphAssistant(app, one, { id, graph: 'assistant', ifExists: 'do_nothing' })).toEqual(created)
  expect((await createGraphAssistant(app, two, { id, graph: 'described' })).graph).toBe('described')
  expect((await getAssistant(app, one, id)).graph).toBe('agent')
})

test('one of many that choose the same id at once gets it', async () => {
  const caller = await app.newTenant()
  const id = newId()
  const tries = Array.from({ length: 20 }, (_, i) => createGraphAssistant(app, caller, { id, graph: 'agent', name: `n${i}` }))
  const done = await Promise.allSettled(tries)
  expect(done.filter((d) => d.status === 'fulfilled')).toHaveLength(1)
  for (const each of done) if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'exists' })
})

test("the id of a graph's own assistant is taken before anybody has asked for it", async () => {
  const caller = await app.newTenant()
  await expect(createGraphAssistant(app, caller, { id: AGENT, graph: 'assistant' })).rejects.toMatchObject({ code: 'exists' })
  const there = await createGraphAssistant(app, caller, { id: AGENT, graph: 'assistant', ifExists: 'do_nothing' })
  expect(there).toMatchObject({ graph: 'agent', metadata: { created_by: 'system' } })
})

test('a graph that is not served is refused, also by a change', async () => {
  const caller = await app.newTenant()
  const missing = { code: 'not_found', facts: { kind: 'graph', id: 'gone' } }
  await expect(createGraphAssistant(app, caller, { graph: 'gone' })).rejects.toMatchObject(missing)
  const { id } = await createGraphAssistant(app, caller, { graph: 'agent' })
  await expect(changeGraphAssistant(app, caller, { id, change: { graph: 'gone' } })).rejects.toMatchObject(missing)
  expect((await getAssistant(app, caller, id)).version).toBe(1)
})

test('a change merges metadata, replaces everything else that is given, and is a version even when it changes nothing', async () => {
  const caller = await app.newTenant()
  const { id, createdAt } = await createGraphAssistant(app, caller, {
    ...{ graph: 'agent', name: 'N', description: 'D', settings: { tags: ['a'], configurable: { k: 1 } }, context: { a: 1 } },
    metadata: { a: { x: 1 }, b: 1 },
  })
  app.clock.time += 1000
  const changed = await changeGraphAssistant(app, caller, {
    id,
    change: { metadata: { a: { y: 2 }, c: null }, settings: { configurable: { l: 2 } }, context: { b: 2 }, name: null },
  })
  expect(changed).toMatchObject({ version: 2, name: 'N', description: 'D', graph: 'agent', createdAt, updatedAt: createdAt + 1000 })
  expect(changed.metadata).toEqual({ a: { y: 2 }, b: 1, c: null })
  expect(changed.settings).toEqual({ configurable: { l: 2 } })
  expect(changed.context).toEqual({ b: 2 })
  const same = await changeGraphAssistant(app, caller, { id, change: {} })
  expect(same).toEqual({ ...changed, version: 3, versionId: same.versionId })
  expect(same.versionId).not.toBe(changed.versionId)
  expect(await getAssistant(app, caller, id)).toEqual(same)
})

test('changes at the same time all take effect, each in a version of its own', async () => {
  const caller = await app.newTenant()
  const { id } = await createGraphAssistant(app, caller, { graph: 'agent' })
  const keys = Array.from({ length: 20 }, (_, i) => `k${i}`)
  const changed = await Promise.all(keys.map((key) => changeGraphAssistant(app, caller, { id, change: { metadata: { [key]: key } } })))
  expect(changed.map((a) => a.version).toSorted((a, b) => a - b)).toEqual(keys.map((_, i) => i + 2))
  expect((await getAssistant(app, caller, id)).metadata).toEqual(Object.fromEntries(keys.map((key) => [key, key])))
})

test('what one dialect says of an assistant of the built-in graph, the other shows', async () => {
  const caller = await app.newTenant()
  const made = await createAssistant(app, caller, { model: 'm', instructions: 'I', temperature: 0.5 })
  expect(settingsOf(made)).toEqual({ configurable: { model: 'm', instructions: 'I', temperature: 0.5 } })
  const change = { settings: { configurable: { model: 'm2', tools: [{ type: 'file_search' }], mine: 1 } } }
  const changed = await changeGraphAssistant(app, caller, { id: made.id, change })
  expect(changed).toMatchObject({ model: 'm2', instructions: null, temperature: null, tools: [{ type: 'file_search' }] })
  const back = await changeAssistant(app, caller, { id: made.id, change: { model: 'm3', tools: [] } })
  expect(settingsOf(back)).toEqual({ configurable: { model: 'm3', mine: 1 } })
  // A change that does not speak of it leaves it.
  expect(settingsOf(await changeGraphAssistant(app, caller, { id: made.id, change: { name: 'x' } }))).toEqual(settingsOf(back))
})

test('an assistant that changes its graph keeps its settings', async () => {
  const caller = await app.newTenant()
  const settings = { configurable: { model: 'm', mine: 1 } }
  const { id } = await createGraphAssistant(app, caller, { graph: 'agent', settings })
  const toBuiltIn = await changeGraphAssistant(app, caller, { id, change: { graph: 'assistant' } })
  expect(toBuiltIn).toMatchObject({ model: 'm', settings: { configurable: { mine: 1 } } })
  const back = await changeGraphAssistant(app, caller, { id, change: { graph: 'agent' } })
  expect(back).toMatchObject({ model: 'default', settings })
})

test('files and stores that are not there are refused wherever they are named', async () => {
  const caller = await app.newTenant()
  const naming = (id: string) => ({ configurable: { tool_resources: { file_search: { vector_store_ids: [id] } } } })
  const foreign = (await createStore(app, await app.newTenant(), {})).id
  const { id } = await createGraphAssistant(app, caller, { graph: 'assistant' })
  for (const store of [newId(), foreign]) {
    const missing = { code: 'not_found', facts: { kind: 'vector_store' } }
    await expect(createGraphAssistant(app, caller, { graph: 'assistant', settings: naming(store) })).rejects.toMatchObject(missing)
    await expect(changeGraphAssistant(app, caller, { id, change: { settings: naming(store) } })).rejects.toMatchObject(missing)
    const other = await createGraphAssistant(app, caller, { graph: 'agent', settings: naming(store) })
    await expect(changeGraphAssistant(app, caller, { id: other.id, change: { graph: 'assistant' } })).rejects.toMatchObject(missing)
  }
  const own = (await createStore(app, caller, {})).id
  const with_ = await createGraphAssistant(app, caller, { graph: 'assistant', settings: naming(own) })
  expect(with_.toolResources).toEqual({ fileSearch: { storeIds: [own] } })
})

test('for dialects that know no graphs, an assistant of another graph is not there', async () => {
  const caller = await app.newTenant()
  const { id } = await createGraphAssistant(app, caller, { graph: 'agent' })
  const own = await createGraphAssistant(app, caller, { graph: 'assistant' })
  const missing = { code: 'not_found', facts: { kind: 'assistant', id } }
  await expect(getBuiltInAssistant(app, caller, id)).rejects.toMatchObject(missing)
  for (const change of [{}, { name: 'x' }]) await expect(changeAssistant(app, caller, { id, change })).rejects.toMatchObject(missing)
  await expect(deleteAssistant(app, caller, id)).rejects.toMatchObject(missing)
  expect((await getAssistant(app, caller, id)).version).toBe(1)
  const page = { limit: 100, order: 'asc' } as const
  expect((await listAssistants(app, caller, page)).items.map((a) => a.id)).toEqual([own.id])
  expect((await getBuiltInAssistant(app, caller, own.id)).model).toBe('default')
  await expect(listAssistants(app, caller, { ...page, after: id })).rejects.toMatchObject({ code: 'invalid' })
})

test("deleting an assistant can take this tenant's threads along that name it", async () => {
  const [caller, other] = [await app.newTenant(), await app.newTenant()]
  const { id } = await createGraphAssistant(app, caller, { graph: 'agent' })
  const named = { assistant_id: id, more: 1 }
  const gone = await Promise.all(Array.from({ length: 5 }, () => createThread(app, caller, { metadata: named })))
  const kept = await Promise.all([
    createThread(app, caller, { metadata: {} }),
    createThread(app, caller, { metadata: { assistant_id: newId() } }),
    createThread(app, caller, { metadata: { assistant_id: { id } } }),
  ])
  const foreign = await createThread(app, other, { metadata: named })
  await deleteGraphAssistant(app, caller, { id, deleteThreads: true })
  for (const thread of gone) await expect(getThread(app, caller, thread.id)).rejects.toMatchObject({ code: 'not_found' })
  for (const thread of kept) expect((await getThread(app, caller, thread.id)).id).toBe(thread.id)
  expect((await getThread(app, other, foreign.id)).id).toBe(foreign.id)
  await expect(deleteGraphAssistant(app, caller, { id, deleteThreads: true })).rejects.toMatchObject({ code: 'not_found' })
})

test('without being asked to, it leaves them', async () => {
  const caller = await app.newTenant()
  const { id } = await createGraphAssistant(app, caller, { graph: 'agent' })
  const thread = await createThread(app, caller, { metadata: { assistant_id: id } })
  await deleteGraphAssistant(app, caller, { id, deleteThreads: false })
  expect((await getThread(app, caller, thread.id)).id).toBe(thread.id)
})

test('reading needs the read scope and writing the write scope', async () => {
  const caller = await app.newTenant()
  const reader = { ...caller, scopes: new Set(['read'] as const) }
  const refused = { code: 'forbidden' }
  const { id } = await resolveAssistant(app, reader, 'agent')
  await expect(createGraphAssistant(app, reader, { graph: 'agent' })).rejects.toMatchObject(refused)
  await expect(changeGraphAssistant(app, reader, { id, change: {} })).rejects.toMatchObject(refused)
  await expect(deleteGraphAssistant(app, reader, { id, deleteThreads: true })).rejects.toMatchObject(refused)
  await expect(resolveAssistant(app, { ...caller, scopes: new Set([]) }, 'agent')).rejects.toMatchObject(refused)
})
