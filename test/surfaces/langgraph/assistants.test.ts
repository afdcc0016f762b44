import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { Client } from '@langchain/langgraph-sdk'
import { Client as OldClient } from 'sdk-2'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { ROOT } from '../../support/source-tree.ts'

let served: Served
let base: string
beforeAll(async () => {
  served = await serve({}, { langgraph: { graphs: join(ROOT, 'test/support/graphs/langgraph.json') } })
  base = served.app.config.langgraph.prefix
}, SERVER_START_MS)
afterAll(() => served.close())

interface Shown {
  assistant_id: string
  graph_id: string
  config: Record<string, unknown>
  context: Record<string, unknown>
  created_at: string
  updated_at: string
  metadata: Record<string, unknown>
  version: number
  name: string
  description: string | null
}

const AGENT = 'fe096781-5601-53d2-b2f6-0d3403f7e9ca'
const send = (method: string, path: string, body?: unknown, key?: string) =>
  served.send(method, `${base}/assistants${path}`, body, key === undefined ? {} : { key })
const ok = async <T = Shown>(method: string, path: string, body?: unknown, key?: string): Promise<T> => {
  const response = await send(method, path, body, key)
  expect([response.status, await response.clone().text()]).toEqual([200, expect.any(String)])
  return (await response.json()) as T
}
const refusal = async (method: string, path: string, body?: unknown) => {
  const response = await send(method, path, body)
  const { detail } = (await response.json()) as { detail: string | { loc: (string | number)[] }[] }
  return { status: response.status, detail: typeof detail === 'string' ? detail : detail[0]?.loc.join('.') }
}
const create = (body: object = {}) => ok('POST', '', { graph_id: 'agent', ...body })

describe.each([
  ['1.15.0', Client],
  ['2.0.0', OldClient as unknown as typeof Client],
])('the client of langgraph-sdk %s', (version, Sdk) => {
  const open = () => new Sdk({ apiUrl: `${served.url}${base}`, apiKey: served.key, callerOptions: { maxRetries: 0 } }).assistants

  test('goes through the life of an assistant', async () => {
    const client = open()
    const made = await client.create({
      ...{ graphId: 'agent', name: `life ${version}`, description: 'D', metadata: { of: version }, context: { c: 1 } },
      config: { tags: ['t'], recursion_limit: 5, configurable: { k: { deep: [null] } } },
    })
    expect(made).toMatchObject({
      ...{ graph_id: 'agent', version: 1, name: `life ${version}`, description: 'D', metadata: { of: version }, context: { c: 1 } },
      config: { tags: ['t'], recursion_limit: 5, configurable: { k: { deep: [null] } } },
    })
    const id = made.assistant_id
    expect(await client.get(id)).toEqual(made)
    const changed = await client.update(id, { graphId: 'steps', metadata: { more: true } })
    expect(changed).toMatchObject({ version: 2, graph_id: 'steps', metadata: { of: version, more: true }, config: made.config })
    expect((await client.getVersions(id)).map((v) => [v.version, v.graph_id])).toEqual([
      [2, 'steps'],
      [1, 'agent'],
    ])
    expect(await client.getVersions(id, { metadata: { more: true }, limit: 5 })).toHaveLength(1)
    expect(await client.setLatest(id, 1)).toMatchObject({ version: 1, graph_id: 'agent', metadata: { of: version } })
    expect((await client.search({ metadata: { of: version }, graphId: 'agent' })).map((a) => a.assistant_id)).toEqual([id])
    expect(await client.count({ metadata: { of: version } })).toBe(1)
    await client.delete(id)
    await expect(client.get(id)).rejects.toThrow('HTTP 404')
    expect(await client.search({ metadata: { of: version } })).toEqual([])
  })

  test('is told by a repeated creation what it asked for', async () => {
    const client = open()
    const { assistant_id: assistantId } = await client.create({ graphId: 'echo' })
    await expect(client.create({ graphId: 'echo', assistantId })).rejects.toThrow('HTTP 409')
    expect((await client.create({ graphId: 'steps', assistantId, ifExists: 'do_nothing' })).graph_id).toBe('echo')
  })

  test('draws graphs and reads schemas and subgraphs', async () => {
    const client = open()
    const drawn = await client.getGraph('nested')
    expect(drawn.nodes.map((node) => node.id)).toContain('middle')
    const deep = await client.getGraph('nested', { xray: true })
    expect(deep.nodes.map((node) => node.id)).toContain('middle:inner:review')
    const flat = await client.getGraph('nested', { xray: 1 })
    expect(flat.nodes.map((node) => node.id)).toContain('middle:inner')
    expect(await client.getSchemas('context')).toMatchObject({ graph_id: 'context', state_schema: { type: 'object' } })
    expect(Object.keys(await client.getSubgraphs('nested'))).toEqual(['middle'])
    expect(Object.keys(await client.getSubgraphs('nested', { recurse: true }))).toEqual(['middle', 'middle|inner'])
    const one = await client.getSubgraphs('nested', { namespace: 'middle|inner' })
    expect(Object.keys(one)).toEqual(['middle|inner'])
  })
})

test('every graph is there as an assistant, under its own id and under one that is the same everywhere', async () => {
  const byGraph = await ok('GET', '/agent')
  expect(byGraph).toEqual(await ok('GET', `/${AGENT}`))
  expect(byGraph).toMatchObject({
    ...{ assistant_id: AGENT, graph_id: 'agent', name: 'agent', description: 'Asks its tools, then answers.', version: 1 },
    ...{ metadata: { created_by: 'system' }, config: {}, context: {} },
  })
  const key = await served.newKey('fresh')
  const all = await ok<Shown[]>('POST', '/search', { metadata: { created_by: 'system' }, limit: 1000 }, key)
  expect(all.map((a) => a.graph_id).toSorted()).toEqual(
    served.app.graphs
      .list()
      .map((graph) => graph.id)
      .toSorted(),
  )
  expect(all.map((a) => a.graph_id)).toContain('assistant')
  expect(await ok<number>('POST', '/count', {}, key)).toBe(all.length)
})

test('what was not given has its default, and null is not given', async () => {
  const nothing = { name: null, description: null, config: null, context: null, metadata: null, assistant_id: null, if_exists: null }
  for (const body of [{}, nothing]) {
    const made = await create(body)
    expect(made).toMatchObject({ name: 'Untitled', description: null, config: {}, context: {}, metadata: {}, version: 1 })
    expect(new Date(made.created_at).toISOString()).toBe(made.created_at)
    expect(made.updated_at).toBe(made.created_at)
    const same = await ok('PATCH', `/${made.assistant_id}`, body)
    expect(same).toEqual({ ...made, version: 2, updated_at: same.updated_at })
  }
})

test('fields that the server does not know are ignored', async () => {
  const made = await create({ brand_new: 1, config: { run_name: 'x', configurable: { a: 1 } } })
  expect(made.config).toEqual({ configurable: { a: 1 } })
})

test('an id in capitals is the same id', async () => {
  const { assistant_id: id } = await create()
  expect((await ok('GET', `/${id.toUpperCase()}`)).assistant_id).toBe(id)
  const chosen = crypto.randomUUID().toUpperCase()
  expect((await create({ assistant_id: chosen })).assistant_id).toBe(chosen.toLowerCase())
})

test.each<[string, string, string, unknown, { status: number; detail: string }]>([
  ['a creation without a graph', 'POST', '', {}, { status: 422, detail: 'body.graph_id' }],
  ['a creation for no graph', 'POST', '', { graph_id: 'gone' }, { status: 404, detail: "Graph 'gone' not found" }],
  ['a chosen id that is none', 'POST', '', { graph_id: 'agent', assistant_id: 'x' }, { status: 422, detail: 'body.assistant_id' }],
  ['another if_exists', 'POST', '', { graph_id: 'agent', if_exists: 'replace' }, { status: 422, detail: 'body.if_exists' }],
  ['metadata that is a list', 'POST', '', { graph_id: 'agent', metadata: [] }, { status: 422, detail: 'body.metadata' }],
  [
    'a recursion limit of nothing',
    'POST',
    '',
    { graph_id: 'agent', config: { recursion_limit: 0 } },
    { status: 422, detail: 'body.config.recursion_limit' },
  ],
  [
    'a setting that the built-in graph cannot read',
    'POST',
    '',
    { graph_id: 'assistant', config: { configurable: { tools: [{ type: 'x' }] } } },
    { status: 422, detail: 'body.config.configurable.tools.0.type' },
  ],
  ['an assistant that is not there', 'GET', '/nobody', undefined, { status: 404, detail: 'Assistant not found' }],
  ['a change of one that is not there', 'PATCH', `/${crypto.randomUUID()}`, {}, { status: 404, detail: 'Assistant not found' }],
  ['a removal of one that is not there', 'DELETE', `/${crypto.randomUUID()}`, undefined, { status: 404, detail: 'Assistant not found' }],
  ['versions of one that is not there', 'POST', '/nobody/versions', {}, { status: 404, detail: 'Assistant not found' }],
  ['a version that is not there', 'POST', '/agent/latest', { version: 99 }, { status: 404, detail: 'Assistant not found' }],
  ['a version that is no number', 'POST', '/agent/latest', { version: '1' }, { status: 422, detail: 'body.version' }],
  ['the drawing of one that is not there', 'GET', '/nobody/graph', undefined, { status: 404, detail: 'Assistant not found' }],
  ['an xray that is neither depth nor truth', 'GET', '/agent/graph?xray=deep', undefined, { status: 422, detail: 'query.xray' }],
  ['too large a page', 'POST', '/search', { limit: 1001 }, { status: 422, detail: 'body.limit' }],
  ['an empty page', 'POST', '/search', { limit: 0 }, { status: 422, detail: 'body.limit' }],
  ['another order', 'POST', '/search', { sort_by: 'graph' }, { status: 422, detail: 'body.sort_by' }],
  ['a selection of nothing known', 'POST', '/search', { select: ['assistant_id', 'secret'] }, { status: 422, detail: 'body.select.1' }],
])('%s is refused by name', async (_, method, path, body, expected) => {
  expect(await refusal(method, path, body)).toEqual(expected)
})

test('a page says where the next one begins and how many there are', async () => {
  for (const n of [1, 2, 3]) await create({ name: `page ${n}`, metadata: { paged: true } })
  const search = async (body: object) => {
    const response = await send('POST', '/search', { metadata: { paged: true }, ...body })
    const [total, next] = [response.headers.get('x-pagination-total'), response.headers.get('x-pagination-next')]
    return { names: ((await response.json()) as Shown[]).map((a) => a.name), total, next }
  }
  expect(await search({ limit: 2 })).toEqual({ names: ['page 3', 'page 2'], total: '3', next: '2' })
  expect(await search({ limit: 2, offset: 2 })).toEqual({ names: ['page 1'], total: '3', next: null })
  expect(await search({ limit: 3 })).toEqual({ names: ['page 3', 'page 2', 'page 1'], total: '3', next: null })
  expect(await search({ offset: 9 })).toEqual({ names: [], total: '3', next: null })
  expect((await search({ sort_by: 'name', sort_order: 'asc', limit: 1, name: 'PAGE' })).names).toEqual(['page 1'])
})

test('a selection leaves the other fields out, and the headers stay', async () => {
  const { assistant_id: id } = await create({ metadata: { selected: 1 } })
  const response = await send('POST', '/search', { metadata: { selected: 1 }, select: ['assistant_id', 'version'] })
  expect(await response.json()).toEqual([{ assistant_id: id, version: 1 }])
  expect(response.headers.get('x-pagination-total')).toBe('1')
})

test('deleting answers the id, also where the graph was named, and takes the threads along that name it', async () => {
  const { assistant_id: id } = await create()
  const thread = (await (await served.send('POST', `${base}/threads`, { metadata: { assistant_id: id } })).json()) as { thread_id: string }
  expect(await ok<string[]>('DELETE', `/${id}?delete_threads=true`)).toEqual([id])
  expect((await served.send('GET', `${base}/threads/${thread.thread_id}`)).status).toBe(404)
  const key = await served.newKey('deleting')
  expect(await ok<string[]>('DELETE', '/agent?delete_threads=false', undefined, key)).toEqual([AGENT])
  expect((await send('GET', '/agent', undefined, key)).status).toBe(404)
  expect((await send('GET', '/agent')).status).toBe(200)
})

test('a graph is drawn and described as the assistant configures it', async () => {
  const { assistant_id: id } = await create({ graph_id: 'dynamic', config: { configurable: { nodes: ['first', 'second'] } } })
  const drawn = await ok<{ nodes: { id: string }[]; edges: unknown[] }>('GET', `/${id}/graph`)
  expect(drawn.nodes.map((node) => node.id)).toEqual(expect.arrayContaining(['__start__', 'first', 'second', '__end__']))
  const plain = await ok<{ nodes: { id: string }[] }>('GET', '/dynamic/graph')
  expect(plain.nodes.map((node) => node.id)).toContain('only')
  const broken = await create({ graph_id: 'dynamic', config: { configurable: { nodes: [] } } })
  const response = await send('GET', `/${broken.assistant_id}/graph`)
  expect(response.status).toBe(422)
  expect(await response.text()).toContain('A graph needs nodes')
})

test('schemas keep the keys that the first clients required, and subgraphs have both spellings', async () => {
  for (const graph of ['assistant', 'agent', 'nested', 'plain', 'context']) {
    const schemas = await ok<Record<string, unknown>>('GET', `/${graph}/schemas`)
    expect(schemas).toMatchObject({ graph_id: graph, state_schema: expect.any(Object), config_schema: expect.any(Object) })
  }
  const { middle } = await ok<Record<string, Record<string, unknown>>>('GET', '/nested/subgraphs?recurse=false')
  expect(middle).toMatchObject({ state: expect.any(Object), config: expect.any(Object) })
  for (const name of ['state', 'config', 'input', 'output']) expect(middle?.[`${name}_schema`]).toEqual(middle?.[name])
})

test("what a chat dialect calls an assistant's own fields are settings of the built-in graph here", async () => {
  const openai = async (method: string, path: string, body?: unknown) => {
    const response = await served.send(method, `${served.app.config.openai.prefix}/assistants${path}`, body)
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  const made = await openai('POST', '', { model: 'gpt', instructions: 'Be brief.', temperature: 0.5, metadata: { a: '1' } })
  const id = String(made.body.id)
  const uuid = id.replace(/^asst_(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  const shown = await ok('GET', `/${uuid}`)
  expect(shown).toMatchObject({ graph_id: 'assistant', name: 'Untitled' })
  expect(shown.config).toEqual({ configurable: { model: 'gpt', instructions: 'Be brief.', temperature: 0.5 } })
  const changed = await ok('PATCH', `/${uuid}`, {
    metadata: { b: { deep: [1] }, c: null },
    config: { configurable: { model: 'gpt-2', response_format: { type: 'json_object' }, reasoning_effort: 'high' } },
  })
  expect(changed.version).toBe(2)
  expect((await openai('GET', `/${id}`)).body).toMatchObject({
    ...{ model: 'gpt-2', instructions: null, temperature: 1, response_format: { type: 'json_object' }, reasoning_effort: 'high' },
    metadata: { a: '1', b: '{"deep":[1]}', c: 'null' },
  })
  const other = await create({ graph_id: 'agent' })
  const spelled = `/asst_${other.assistant_id.replaceAll('-', '')}`
  expect((await openai('GET', spelled)).status).toBe(404)
  expect((await openai('POST', spelled, { name: 'x' })).status).toBe(404)
  expect((await openai('DELETE', spelled)).status).toBe(404)
  expect((await ok('GET', `/${other.assistant_id}`)).version).toBe(1)
})

test('more metadata than the chat dialect takes is shown there nevertheless', async () => {
  const metadata = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`${'k'.repeat(70)}${i}`, 'v'.repeat(600)]))
  const { assistant_id: id } = await create({ graph_id: 'assistant', metadata })
  const path = `${served.app.config.openai.prefix}/assistants/asst_${id.replaceAll('-', '')}`
  const shown = (await (await served.send('GET', path)).json()) as { metadata: object; model: string }
  expect(shown).toMatchObject({ metadata, model: 'default' })
})

test("another tenant's assistant is not there", async () => {
  const { assistant_id: id } = await create({ metadata: { whose: 'one' } })
  const theirs = (method: string, path: string, body?: unknown) => send(method, path, body, served.otherKey)
  for (const [method, path, body] of [
    ['GET', ''],
    ['PATCH', '', { name: 'x' }],
    ['DELETE', '?delete_threads=true'],
    ['POST', '/versions', {}],
    ['POST', '/latest', { version: 1 }],
    ['GET', '/graph'],
    ['GET', '/schemas'],
    ['GET', '/subgraphs'],
    ['GET', '/subgraphs/x'],
  ] as [string, string, object?][]) {
    const response = await theirs(method, `/${id}${path}`, body)
    expect([method, path, response.status, await response.json()]).toEqual([method, path, 404, { detail: 'Assistant not found' }])
  }
  expect(await (await theirs('POST', '/search', { metadata: { whose: 'one' } })).json()).toEqual([])
  expect(await (await theirs('POST', '/count', { metadata: { whose: 'one' } })).json()).toBe(0)
  expect((await theirs('POST', '', { graph_id: 'agent', assistant_id: id })).status).toBe(200)
  expect((await ok('GET', `/${id}`)).metadata).toEqual({ whose: 'one' })
})

test('a repeated creation with the same idempotency key makes one assistant', async () => {
  const body = { graph_id: 'agent', metadata: { once: true } }
  const again = () =>
    served.send('POST', `${base}/assistants`, body, { key: served.key, headers: { 'idempotency-key': 'assistants-once' } })
  const [first, second] = [await again(), await again()]
  expect(await second.json()).toEqual(await first.json())
  expect(await ok<number>('POST', '/count', { metadata: { once: true } })).toBe(1)
})
