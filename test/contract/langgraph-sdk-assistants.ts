import { expect } from 'bun:test'
import { newThread, type Plays, refusal } from './langgraph-sdk-stage.ts'

/** Made of the graph's name, and the same on every server. */
const AGENT = 'fe096781-5601-53d2-b2f6-0d3403f7e9ca'
const NOBODY = '00000000-0000-4000-8000-000000000000'

const named = (prefix: string): string => `${prefix} ${crypto.randomUUID()}`

export const assistantPlays: Plays = {
  'an assistant is made, read, and removed with its threads': async ({ client }) => {
    const assistantId = crypto.randomUUID()
    const name = named('bookkeeper')
    const made = await client.assistants.create({
      ...{ graphId: 'context', assistantId, name, description: 'keeps books', metadata: { team: name } },
      config: { tags: ['a'], recursion_limit: 7, configurable: { currency: 'EUR' } },
      context: { tone: 'dry' },
    })
    expect(made).toMatchObject({
      ...{ assistant_id: assistantId, graph_id: 'context', name, description: 'keeps books', version: 1, metadata: { team: name } },
      config: { tags: ['a'], recursion_limit: 7, configurable: { currency: 'EUR' } },
      context: { tone: 'dry' },
    })
    expect(await client.assistants.get(assistantId)).toEqual(made)
    const { thread_id } = await client.threads.create({ metadata: { assistant_id: assistantId } })
    await client.assistants.delete(assistantId, { deleteThreads: true })
    expect(await refusal(client.assistants.get(assistantId))).toBe('HTTP 404: {"detail":"Assistant not found"}')
    expect(await refusal(client.threads.get(thread_id))).toBe(`HTTP 404: {"detail":"Thread with ID ${thread_id} not found"}`)
  },

  'an assistant that is there already is refused, or answered': async ({ client }) => {
    const { assistant_id: assistantId, created_at } = await client.assistants.create({ graphId: 'echo' })
    const again = { graphId: 'echo', assistantId, name: 'another' }
    expect(await refusal(client.assistants.create(again))).toBe('HTTP 409: {"detail":"Assistant already exists"}')
    expect(await client.assistants.create({ ...again, ifExists: 'do_nothing' })).toMatchObject({ created_at, name: 'Untitled' })
    expect(await refusal(client.assistants.create({ graphId: 'nothing' }))).toContain('HTTP 404: ')
  },

  'every graph has an assistant of its own name': async ({ client }) => {
    const byName = await client.assistants.get('agent')
    expect(byName).toMatchObject({ assistant_id: AGENT, graph_id: 'agent', name: 'agent', metadata: { created_by: 'system' }, version: 1 })
    expect(await client.assistants.get(AGENT)).toEqual(byName)
  },

  'assistants are found by what they are, page by page': async ({ client, beyond }) => {
    const family = named('family')
    for (const name of ['a', 'b', 'c']) await client.assistants.create({ graphId: 'echo', name: `${name} ${family}`, metadata: { family } })
    await client.assistants.create({ graphId: 'steps', name: `d ${family}`, metadata: { family } })
    const search = { metadata: { family }, sortBy: 'name', sortOrder: 'asc' } as const
    const first = await client.assistants.search({ ...search, limit: 3, includePagination: true })
    expect([first.assistants.map(({ name }) => name[0]), first.next]).toEqual([['a', 'b', 'c'], '3'])
    const rest = await client.assistants.search({ ...search, limit: 3, offset: Number(first.next), includePagination: true })
    expect([rest.assistants.map(({ name }) => name[0]), rest.next]).toEqual([['d'], null])
    expect((await client.assistants.search({ ...search, graphId: 'steps' })).map(({ name }) => name[0])).toEqual(['d'])
    expect(await beyond.assistants.search({ name: `B ${family}`, select: ['graph_id', 'name'] })).toEqual([
      { graph_id: 'echo', name: `b ${family}` },
    ] as never)
    expect(await client.assistants.count({ metadata: { family } })).toBe(4)
    expect(await client.assistants.count({ metadata: { family }, graphId: 'echo', name: `c ${family}` })).toBe(1)
    expect(await client.assistants.count({ metadata: { family: 'none' } })).toBe(0)
  },

  'every change of an assistant is a version, and an older one can be the current one again': async ({ client }) => {
    const { assistant_id: id } = await client.assistants.create({ graphId: 'context', metadata: { a: 1 }, context: { tone: 'plain' } })
    const changed = await client.assistants.update(id, { metadata: { b: 2 }, context: { tone: 'loud' }, name: 'second', description: 'x' })
    expect(changed).toMatchObject({ version: 2, metadata: { a: 1, b: 2 }, context: { tone: 'loud' }, name: 'second', description: 'x' })
    expect((await client.assistants.getVersions(id)).map(({ version, name }) => [version, name])).toEqual([
      [2, 'second'],
      [1, 'Untitled'],
    ])
    expect(await client.assistants.getVersions(id, { limit: 1, offset: 1 })).toMatchObject([{ version: 1 }])
    expect(await client.assistants.getVersions(id, { metadata: { b: 2 } })).toMatchObject([{ version: 2 }])
    expect(await client.assistants.setLatest(id, 1)).toMatchObject({ version: 1, context: { tone: 'plain' }, name: 'Untitled' })
    expect(await client.runs.wait(null, id, { input: {} })).toMatchObject({ seen: { context: { tone: 'plain' } } })
    expect(await client.assistants.update(id, { graphId: 'echo' })).toMatchObject({ version: 3, graph_id: 'echo' })
    expect(await refusal(client.assistants.setLatest(id, 9))).toContain('HTTP 404: ')
    expect(await refusal(client.assistants.update(NOBODY, {}))).toBe('HTTP 404: {"detail":"Assistant not found"}')
  },

  'a graph is drawn, with its subgraphs as deep as one likes': async ({ client }) => {
    const names = async (xray?: boolean | number) =>
      (await client.assistants.getGraph('nested', xray === undefined ? {} : { xray })).nodes.map(({ id }) => id)
    expect(await names()).toEqual(['__start__', 'open', 'middle', 'close', '__end__'])
    expect(await names(false)).toEqual(await names())
    expect(await names(1)).toEqual(expect.arrayContaining(['middle:before', 'middle:inner']))
    expect(await names(true)).toEqual(expect.arrayContaining(['middle:before', 'middle:inner:draft', 'middle:inner:review']))
    const { edges } = await client.assistants.getGraph('approval')
    expect(edges.filter(({ source }) => source === 'ask').map(({ target, conditional }) => [target, conditional])).toEqual([
      ['act', true],
      ['drop', true],
    ])
  },

  'a graph says what it takes and what it answers': async ({ client }) => {
    const schemas = await client.assistants.getSchemas('context')
    expect(schemas.graph_id).toBe('context')
    expect(schemas.input_schema).toMatchObject({ properties: { greeting: { type: 'string' } } })
    expect(schemas.context_schema).toMatchObject({ properties: { user: { type: 'string' } } })
    const flat = await client.assistants.getSubgraphs('nested')
    expect(Object.keys(flat)).toEqual(['middle'])
    expect(Object.keys(await client.assistants.getSubgraphs('nested', { recurse: true })).sort()).toEqual(['middle', 'middle|inner'])
    const named = { namespace: 'middle|inner', recurse: false }
    expect(Object.keys(await client.assistants.getSubgraphs('nested', named))).toEqual(['middle|inner'])
  },

  'a run of an assistant that nobody knows is told so': async (stage) => {
    const threadId = await newThread(stage)
    const told = await refusal(stage.client.runs.create(threadId, 'nobody', { input: {} }))
    expect(told).toStartWith('HTTP 404: {"detail":"No assistant found for \\"nobody\\".')
  },
}
