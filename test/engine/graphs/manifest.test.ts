import { describe, expect, test } from 'bun:test'
import { Fault } from '../../../src/core/fault.ts'
import { parseManifest } from '../../../src/engine/graphs/manifest.ts'

const parse = (content: unknown) => parseManifest('/p/langgraph.json', typeof content === 'string' ? content : JSON.stringify(content))
const graphs = { a: './a.ts:graph' }

function mistakes(content: unknown): string {
  try {
    parse(content)
  } catch (error) {
    if (error instanceof Fault && error.facts.kind === 'graph') return error.message
    throw error
  }
  throw new Error('It was accepted.')
}

describe('graphs', () => {
  test('are named by path and export, with or without a description', () => {
    const { graphs } = parse({ graphs: { a: './sub/a.ts:graph', b: { path: '../b.js:default', description: 'B' } } })
    expect(graphs).toEqual([
      { id: 'a', dir: '/p', file: '/p/sub/a.ts', name: 'graph', description: null },
      { id: 'b', dir: '/p', file: '/b.js', name: 'default', description: 'B' },
    ])
  })

  test.each([
    ['./a.ts', '/p/a.ts', 'default'],
    ['./a:b/c.ts:graph', '/p/a:b/c.ts', 'graph'],
    ['./a:b/c.ts', '/p/a:b/c.ts', 'default'],
    ['/abs/a.mjs:$über', '/abs/a.mjs', '$über'],
  ])('%s is a file and an export', (path, file, name) => {
    expect(parse({ graphs: { a: path } }).graphs[0]).toMatchObject({ file, name })
  })

  test('a name that the server needs itself is refused, the others are kept', () => {
    const { graphs, problems } = parse({ graphs: { assistant: './a.ts:graph', b: './b.ts' } })
    expect(graphs.map(({ id }) => id)).toEqual(['b'])
    expect(problems).toEqual([
      {
        graph: 'assistant',
        message: "Graph 'assistant' cannot be served: 'assistant' is the name of the graph that every server has. Choose another one.",
      },
    ])
  })

  test.each(['fe096781-5601-53d2-b2f6-0d3403f7e9ca', 'a/b', '', ' a', 'x'.repeat(129), 'a\n'])('the name %j is refused', (id) => {
    expect(parse({ graphs: { [id]: './a.ts' } })).toMatchObject({ graphs: [], problems: [{ graph: id }] })
  })
})

describe('fields', () => {
  test('that build and place a project are nothing to this server', () => {
    const { ignored } = parse({
      graphs,
      node_version: '20',
      dependencies: ['.'],
      dockerfile_lines: [],
      $schema: 'x',
      http: { disable_mcp: true },
    })
    expect(ignored).toEqual([])
  })

  test('that are unknown, or that need a server with pages, are named', () => {
    expect(parse({ graphs, ui: { a: './ui.tsx' }, novelty: 1, http: { novelty: 1 } }).ignored).toEqual(['ui', 'novelty', 'http.novelty'])
  })

  test.each(['auth', 'encryption', 'store', 'checkpointer', 'webhooks'])('%s is refused by name, unless it is empty', (field) => {
    expect(mistakes({ graphs, [field]: { path: 'x' } })).toContain(`'${field}' is not supported`)
    expect(parse({ graphs, [field]: {} }).graphs).toHaveLength(1)
  })

  test.each(['app', 'cors', 'configurable_headers', 'disable_runs', 'disable_store', 'mount_prefix'])(
    'http.%s is refused by name',
    (field) => {
      expect(mistakes({ graphs, http: { [field]: field.startsWith('disable') ? true : { x: 1 } } })).toContain(
        `'http.${field}' is not supported`,
      )
      expect(parse({ graphs, http: { [field]: false } }).graphs).toHaveLength(1)
    },
  )

  test('all mistakes are told at once, each with the file', () => {
    expect(mistakes({ graphs: { a: 1, b: './b.ts' }, auth: { path: 'x' }, env: ['A'] }).split('\n')).toEqual([
      `/p/langgraph.json: 'graphs.a' must be a text like "./agent.ts:graph", or {"path": ...}.`,
      `/p/langgraph.json: 'auth' is not supported: people are let in by API keys here (tetraport key create). Take it out to serve the graphs without it.`,
      `/p/langgraph.json: 'env' must be the name of a file, or an object of variables.`,
    ])
  })

  test.each([
    ['{', 'it is not JSON'],
    ['[]', 'it must hold an object'],
    ['{}', `'graphs' is missing`],
    ['{"graphs": []}', `'graphs' must be an object`],
  ])('%s is refused', (content, reason) => {
    expect(mistakes(content)).toContain(reason)
  })
})

test('env is a file beside the manifest, or variables as text', () => {
  expect(parse({ graphs, env: '.env' }).env).toBe('/p/.env')
  expect(parse({ graphs, env: { A: 'x', B: 2, C: true } }).env).toEqual({ A: 'x', B: '2', C: 'true' })
  expect(mistakes({ graphs, env: { A: { b: 1 } } })).toContain(`'env.A' must be a text.`)
})
