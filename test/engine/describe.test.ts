import { afterAll, beforeAll, expect, test } from 'bun:test'
import { z } from 'zod'
import type { Fault } from '../../src/core/fault.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import { GRAPHS } from '../support/graph-runs.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp({ slots: 0, graphs: GRAPHS })
}, OPEN_MS)
afterAll(() => app.close())

const fault = (work: Promise<unknown>): Promise<Fault> =>
  work.then(
    () => expect.unreachable(),
    (error: Fault) => error,
  )
const drawing = (graph: string, xray: boolean | number = false, configurable = {}) =>
  app.graphs.drawing(app.one, { graph, config: { configurable }, xray })
const schemas = (graph: string) => app.graphs.schemas(app.one, { graph, config: {} })
const subgraphs = (graph: string, recurse: boolean, namespace?: string) =>
  app.graphs.subgraphs(app.one, { graph, config: {}, recurse, ...(namespace ? { namespace } : {}) })

test('a drawing has nodes and edges, the ends among them', async () => {
  const { nodes, edges } = await drawing('steps')
  expect(nodes.map((n) => [n.id, n.type])).toEqual([
    ['__start__', 'schema'],
    ['one', 'runnable'],
    ['two', 'runnable'],
    ['three', 'runnable'],
    ['__end__', 'schema'],
  ])
  expect(nodes[1]).toMatchObject({ data: { id: ['langgraph', 'RunnableCallable'], name: 'one' } })
  expect(edges).toContainEqual({ source: 'one', target: 'two', conditional: false })
  expect((await drawing('assistant')).edges).toContainEqual({ source: 'model', target: 'functions', conditional: true })
})

test('xray shows the inside of subgraphs as deep as it says', async () => {
  const ids = async (xray: boolean | number) => (await drawing('nested', xray)).nodes.map((n) => n.id)
  expect(await ids(false)).toContain('middle')
  expect(await ids(1)).toEqual(expect.arrayContaining(['middle:before', 'middle:inner']))
  expect(await ids(true)).toEqual(expect.arrayContaining(['middle:inner:draft', 'middle:inner:review']))
})

test('a graph that is made for each use is drawn as it is made', async () => {
  expect((await drawing('dynamic', false, { nodes: ['a', 'b'] })).nodes.map((n) => n.id)).toEqual(['__start__', 'a', 'b', '__end__'])
  expect(await fault(drawing('dynamic', false, { nodes: [] }))).toMatchObject({ code: 'invalid', facts: { kind: 'graph', id: 'dynamic' } })
  expect(await fault(drawing('nobody'))).toMatchObject({ code: 'not_found', facts: { kind: 'graph' } })
})

test('graphs over Zod say their schemas, graphs over annotations nothing', async () => {
  const { input, output, state } = await schemas('steps')
  const trail = { type: 'array', items: { type: 'string' } }
  expect(state).toMatchObject({ type: 'object', properties: { start: { type: 'number' }, trail } })
  expect(output).toMatchObject({ required: ['start', 'trail'] })
  expect(input?.required).toBeUndefined()
  expect(await schemas('echo')).toEqual({})
})

test('what a graph is configured with is said too', async () => {
  const { config, context } = await schemas('context')
  expect(config).toMatchObject({ properties: { user: { type: 'string' }, tone: { type: 'string', default: 'plain' } } })
  expect(context).toEqual(config as never)
  expect(z.object({ type: z.literal('object') }).safeParse(config).success).toBe(true)
})

test('subgraphs by namespace, nested ones only when they are asked for', async () => {
  expect(Object.keys(await subgraphs('nested', false))).toEqual(['middle'])
  expect(Object.keys(await subgraphs('nested', true)).sort()).toEqual(['middle', 'middle|inner'])
  expect(Object.keys(await subgraphs('nested', false, 'middle|inner'))).toEqual(['middle|inner'])
  expect(await subgraphs('steps', true)).toEqual({})
  expect(await fault(subgraphs('nested', true, 'nobody'))).toMatchObject({ code: 'not_found', facts: { kind: 'graph' } })
})
