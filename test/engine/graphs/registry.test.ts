import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BaseMessage } from '@langchain/core/messages'
import { Command, InMemoryStore, MemorySaver } from '@langchain/langgraph'
import { Fault } from '../../../src/core/fault.ts'
import { type GraphRegistry, openRegistry } from '../../../src/engine/graphs/registry.ts'
import { RecordedLog } from '../../support/app.ts'
import { GRAPHS, newProject, type Project } from '../../support/graph-project.ts'

let registry: GraphRegistry
const log = new RecordedLog()
beforeAll(async () => {
  registry = await openRegistry({ graphs: GRAPHS, watch: false }, log)
})
afterAll(() => registry.close())

const open = async (graph: string, configurable: Record<string, string | string[]> = {}) =>
  registry.open({ graph, config: { configurable } })
/** A copy that keeps its state in memory. */
const kept = async (graph: string) => (await open(graph)).with({ checkpointer: new MemorySaver(), store: new InMemoryStore() })
const on = (thread_id: string) => ({ configurable: { thread_id } })
const ask = (content: string) => ({ messages: [{ role: 'user', content }] })

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (error instanceof Fault) return error
  throw new Error(`Not a fault: ${String(error)}`)
}

describe('a project', () => {
  test('is served whole, behind the built-in graph', () => {
    expect(registry.problems).toEqual([])
    expect(log.entries.filter(({ level }) => level === 'error')).toEqual([])
    const [first, ...rest] = registry.list()
    expect(first?.id).toBe('assistant')
    expect(rest.find(({ id }) => id === 'agent')).toEqual({ id: 'agent', description: 'Asks its tools, then answers.' })
    const { graphs } = JSON.parse(readFileSync(join(GRAPHS, 'langgraph.json'), 'utf8')) as { graphs: object }
    expect(rest.map(({ id }) => id)).toEqual(Object.keys(graphs))
    expect([registry.has('assistant'), registry.has('echo'), registry.has('nobody')]).toEqual([true, true, false])
  })

  test('a graph that is not in it is not found', async () => {
    expect(await faultOf(open('nobody'))).toMatchObject({ code: 'not_found', facts: { kind: 'graph' } })
  })

  test('without one the built-in graph is all there is', async () => {
    const bare = await openRegistry({ graphs: null, watch: true }, new RecordedLog())
    expect(bare.list().map(({ id }) => id)).toEqual(['assistant'])
    expect(Object.keys((await bare.open({ graph: 'assistant', config: {} })).compiled.nodes)).toContain('model')
    bare.close()
  })
})

describe('graphs of every kind run', () => {
  test('a compiled one', async () => {
    const { messages } = (await (await kept('echo')).invoke(ask('x'), on('t'))) as { messages: BaseMessage[] }
    expect(messages.map(({ content }) => content)).toEqual(['x', 'message 1'])
  })

  test('a builder, whose model streams tokens', async () => {
    const graph = await kept('tokens')
    const seen: unknown[] = []
    for await (const [message] of await graph.stream(ask('a b'), { ...on('t'), streamMode: 'messages' })) seen.push(message.content)
    expect(seen).toEqual(['You ', 'said: ', 'a ', 'b'])
  })

  test('one in JavaScript, one that is promised, one inside an agent, one that is a default export', async () => {
    expect(await (await kept('plain')).invoke({}, on('t'))).toEqual({ word: 'plainly' })
    expect(await (await kept('promised')).invoke({}, on('t'))).toEqual({ said: ['later'] })
    expect(await (await kept('wrapped')).invoke({}, on('t'))).toEqual({ said: ['inside'] })
    expect(await (await kept('approval')).invoke({ plan: 'p' }, on('t'))).toMatchObject({ plan: 'p' })
  })

  test('an agent that calls several tools at once', async () => {
    const { messages } = (await (await kept('agent')).invoke(ask('weather: Oslo; add: 2 3'), on('t'))) as { messages: BaseMessage[] }
    expect(messages.at(-1)?.content).toBe('The tools say 14 degrees in Oslo and 5.')
  })

  test('with environment, context, store and writer', async () => {
    const seen = (await (await kept('context')).invoke({}, { ...on('t'), context: { user: 'u' } })) as { seen: object; greeting: string }
    expect(seen).toMatchObject({ greeting: 'hello', seen: { context: { user: 'u' }, configurable: { thread_id: 't' } } })
    const memory = await kept('memory')
    await memory.invoke({ user: 'u', note: 'One' }, on('a'))
    expect(await memory.invoke({ user: 'u', note: 'Two' }, on('b'))).toMatchObject({ notes: ['One', 'Two'] })
    const lines: unknown[] = []
    for await (const line of await (await kept('custom')).stream({ lines: ['a'] }, { ...on('t'), streamMode: 'custom' })) lines.push(line)
    expect(lines).toEqual([{ line: 'a' }, 'the end'])
  })
})

describe('functions that make graphs', () => {
  test('are called with the config of each use', async () => {
    const graph = async (nodes: string[]) => (await open('dynamic', { nodes })).compiled
    expect(Object.keys((await graph(['p', 'q'])).nodes)).toEqual(['__start__', 'p', 'q'])
    expect(Object.keys((await graph(['r'])).nodes)).toEqual(['__start__', 'r'])
    expect(Object.keys((await open('dynamic')).compiled.nodes)).toEqual(['__start__', 'only'])
  })

  test('are told of with file, export and cause when they throw', async () => {
    const fault = await faultOf(open('dynamic', { nodes: [] }))
    expect(fault).toMatchObject({ code: 'invalid', facts: { kind: 'graph', id: 'dynamic' } })
    expect(fault.message).toMatch(
      /^Graph 'dynamic' \(made\.ts, export 'dynamic'\) cannot be made with this configuration: RangeError: A graph needs nodes \(made\.ts:\d+:\d+\)\.$/,
    )
    expect(Object.keys((await open('dynamic')).compiled.nodes)).toEqual(['__start__', 'only'])
  })
})

describe('copies', () => {
  test('leave the shared graph as it is', async () => {
    const { compiled, with: lend } = await open('echo')
    const before = { ...compiled }
    const saver = new MemorySaver()
    const copy = lend({ checkpointer: saver })
    expect(copy.checkpointer).toBe(saver)
    expect({ ...compiled }).toEqual(before)
    expect((await open('echo')).compiled).toBe(compiled)
    expect(lend({}).checkpointer).toBeUndefined()
  })

  test('know nothing of each other while they run', async () => {
    const [one, two] = [await kept('echo'), await kept('echo')]
    await Promise.all([one.invoke(ask('a'), on('t')), two.invoke(ask('b'), on('t')), one.invoke(ask('c'), on('u'))])
    const { values } = await two.getState(on('t'))
    expect(values.messages.map(({ content }: BaseMessage) => content)).toEqual(['b', 'message 1'])
  })

  test('carry interrupts out of subgraphs two deep, and answers into them', async () => {
    const graph = await kept('nested')
    await graph.invoke({ topic: 'x' }, on('t'))
    const [outer] = (await graph.getState(on('t'), { subgraphs: true })).tasks
    expect(outer?.interrupts.map(({ value }) => value)).toEqual([{ question: 'Is x good?' }])
    const middle = outer?.state as { next: string[]; tasks: { state: { next: string[] } }[] }
    expect([middle.next, middle.tasks[0]?.state.next]).toEqual([['inner'], ['review']])
    const done = await graph.invoke(new Command({ resume: 'yes' }), on('t'))
    expect(done).toEqual({ topic: 'x', trail: ['open', 'before', 'draft x', 'review yes', 'close'] })
  })

  test('do not use the checkpointer that the author compiled the graph with', async () => {
    const own = `import { Annotation, MemorySaver, START, StateGraph } from '@langchain/langgraph'
      export const saver = new MemorySaver()
      export const graph = new StateGraph(Annotation.Root({ n: Annotation() })).addNode('a', () => ({ n: 1 })).addEdge(START, 'a').compile({ checkpointer: saver })`
    const project = newProject({ 'langgraph.json': { graphs: { own: './own.ts:graph' } }, 'own.ts': own })
    const other = await openRegistry({ graphs: project.manifest, watch: false }, new RecordedLog())
    const loaded = await other.open({ graph: 'own', config: {} })
    expect(await loaded.with({}).invoke({})).toEqual({ n: 1 })
    const { saver } = (await import(`${project.dir}/own.ts`)) as { saver: MemorySaver }
    expect(saver.storage).toEqual({})
    other.close()
    project.remove()
  })
})

const NEEDED = `import { Annotation, START, StateGraph } from '@langchain/langgraph'\n`
const GOOD = `${NEEDED}export const graph = new StateGraph(Annotation.Root({ n: Annotation() })).addNode('a', () => ({ n: 1 })).addEdge(START, 'a')\n`

describe('a graph that does not load', () => {
  let project: Project
  let other: GraphRegistry
  const told = new RecordedLog()
  const graphs = {
    good: './good.ts:graph',
    common: './common.cjs:graph',
    assistant: './good.ts:graph',
    missing: './missing.ts:graph',
    folder: './parts',
    python: './graph.py:graph',
    export: './good.ts:nothing',
    empty: './values.ts:empty',
    number: './values.ts:number',
    rejected: './values.ts:rejected',
    syntax: './syntax.ts:graph',
    several: './imports-several.ts:graph',
    throws: './throws.ts:graph',
    package: './package.ts:graph',
    import: './import.ts:graph',
    host: './host.ts:graph',
  }
  beforeAll(async () => {
    project = newProject({
      'langgraph.json': { graphs },
      'good.ts': GOOD,
      'common.cjs': `const { Annotation, START, StateGraph } = require('@langchain/langgraph')
        exports.graph = new StateGraph(Annotation.Root({ n: Annotation() })).addNode('a', () => ({ n: 2 })).addEdge(START, 'a')`,
      'parts/x.ts': '',
      'graph.py': 'graph = 1',
      'values.ts': `export const empty = null\nexport const number = 5\nexport const rejected = Promise.reject(new TypeError('not now'))\n`,
      'syntax.ts': 'export const graph = 1 +\n',
      'imports-several.ts': `import './parts/several.ts'\nexport const graph = 1`,
      'parts/several.ts': 'export const a = \nlet b = ;\n',
      'throws.ts': `\nthrow new RangeError('no key\\n  in line two')\n`,
      'package.ts': `import thing from 'no-such-package'\nexport const graph = thing\n`,
      'import.ts': `import thing from './nowhere.js'\nexport const graph = thing\n`,
      'host.ts': `import { NoSuchThing } from '@langchain/core/messages'\nexport const graph = NoSuchThing\n`,
    })
    other = await openRegistry({ graphs: project.dir, watch: false }, told)
  })
  afterAll(() => {
    other.close()
    project.remove()
  })

  test.each([
    ['missing', `(missing.ts, export 'graph') cannot be loaded: there is no such file.`],
    ['folder', `(parts, export 'default') cannot be loaded: it is not a file.`],
    [
      'python',
      `(graph.py, export 'graph') cannot be loaded: this server runs graphs in TypeScript and JavaScript; Python is not supported.`,
    ],
    ['export', `(good.ts, export 'nothing') cannot be loaded: the file has no such export; it has graph.`],
    ['empty', `(values.ts, export 'empty') cannot be loaded: it is null, and not a graph, a builder of one, or a function that makes one.`],
    [
      'number',
      `(values.ts, export 'number') cannot be loaded: it is a number, and not a graph, a builder of one, or a function that makes one.`,
    ],
    ['rejected', `(values.ts, export 'rejected') cannot be loaded: TypeError: not now (values.ts:3:44).`],
    ['syntax', `(syntax.ts, export 'graph') cannot be loaded: Unexpected end of file (syntax.ts:1:25).`],
    [
      'several',
      `(imports-several.ts, export 'graph') cannot be loaded: Expected ";" but found "b" (parts/several.ts:2:5); Unexpected = (parts/several.ts:2:7).`,
    ],
    ['throws', `(throws.ts, export 'graph') cannot be loaded: RangeError: no key in line two (throws.ts:2:11).`],
  ])('%s: file, export and cause are told', (id, message) => {
    expect(other.problems.find(({ graph }) => graph === id)?.message).toBe(`Graph '${id}' ${message}`)
  })

  test.each([
    ['package', /Cannot find (?:package|module) 'no-such-package' imported from \S+package\.ts\.$/],
    ['import', /Cannot find module '\.\/nowhere\.js' imported from \S+import\.ts\.$/],
    ['host', /SyntaxError: Export named 'NoSuchThing' not found in module '\S+'/],
  ])('%s: what was not found is told', (id, message) => {
    expect(other.problems.find(({ graph }) => graph === id)?.message).toMatch(message)
  })

  test('is told of once in the log, and the others are served', async () => {
    const errors = told.entries.filter(({ event }) => event === 'graphs.load_failed')
    expect(errors).toHaveLength(Object.keys(graphs).length - 2)
    expect(other.problems).toHaveLength(errors.length)
    for (const [graph, n] of [
      ['good', 1],
      ['common', 2],
    ] as const)
      expect(await (await other.open({ graph, config: {} })).with({}).invoke({})).toEqual({ n })
  })

  test('stays in the list, and its runs get the message', async () => {
    expect(other.has('throws')).toBe(true)
    expect(await faultOf(other.open({ graph: 'throws', config: {} }))).toMatchObject({
      code: 'invalid',
      message: other.problems.find(({ graph }) => graph === 'throws')?.message ?? '',
      facts: { kind: 'graph', id: 'throws' },
    })
  })

  test('keeps the name of the built-in graph for the built-in graph', async () => {
    expect(other.list().filter(({ id }) => id === 'assistant')).toHaveLength(1)
    expect(Object.keys((await other.open({ graph: 'assistant', config: {} })).compiled.nodes)).toContain('model')
  })
})

test('a manifest that cannot be used keeps the registry from opening', async () => {
  const project = newProject({ 'langgraph.json': { graphs: {}, auth: { path: './auth.ts:auth' } } })
  expect((await faultOf(openRegistry({ graphs: project.dir, watch: false }, new RecordedLog()))).message).toContain(
    `'auth' is not supported`,
  )
  const missing = await faultOf(openRegistry({ graphs: `${project.dir}/none.json`, watch: false }, new RecordedLog()))
  expect(missing.message).toContain(`${project.dir}/none.json: it cannot be read: ENOENT`)
  project.remove()
})
