import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from '@langchain/langgraph-sdk'
import { hasShared, SHARED } from '../../contract/shared.ts'
import { KEY, refusedStart, type ServerProcess, startServer } from '../../lab/server-process.ts'
import { eventually } from '../../support/eventually.ts'
import { copyGraphs, newProject, type Project } from '../../support/graph-project.ts'
import { cloneDatabase, type TestDatabase } from '../../support/postgres.ts'

// The program as people start it, on a project as they have it: from the sources, or the executable that LAB_EXECUTABLE
// names (.ci/run does that with the one it has built).

const START_MS = 60_000

interface Message {
  type: string
  content: string
  id: string
}

class Started {
  private constructor(
    readonly project: Project,
    private readonly database: TestDatabase,
    private readonly server: ServerProcess,
    readonly client: Client,
  ) {}

  static async on(project: Project, env: Record<string, string> = {}): Promise<Started> {
    const database = await cloneDatabase()
    const given = { DATABASE_URL: database.url, TETRAPORT_DATA: join(project.dir, '.data'), TETRAPORT_GRAPHS: project.dir, ...env }
    const server = await startServer(given, join(project.dir, 'server.log'))
    return new Started(project, database, server, new Client({ apiUrl: `${server.url}/langgraph`, apiKey: KEY }))
  }

  get log(): string {
    return readFileSync(join(this.project.dir, 'server.log'), 'utf8')
  }

  /** The last state of a run that leaves nothing behind. */
  async run(graph: string, input: Record<string, unknown>, more: object = {}): Promise<Record<string, unknown>> {
    return (await this.client.runs.wait(null, graph, { input, ...more })) as Record<string, unknown>
  }

  async stop(): Promise<void> {
    this.server.signal('SIGTERM')
    await this.server.exited
    await this.database.drop()
    this.project.remove()
  }
}

const ask = (content: string) => ({ messages: [{ role: 'user', content }] })

describe.each(['none', 'own'] as const)('a project with packages: %s', (packages) => {
  let started: Started
  beforeAll(async () => {
    const project = copyGraphs(packages)
    project.write({
      'more/alias.ts': `import { word } from '@parts/word'\n${GRAPH}`,
      'more/common.cjs': COMMON,
      'more/broken.ts': 'export const graph = \n',
      'more/zod3.ts': ZOD3,
      'more/stray.ts': STRAY,
      'parts/word.ts': `export const word = 'short'\n`,
      'tsconfig.json': JSON.stringify({ compilerOptions: { paths: { '@parts/*': ['./parts/*'] } } }),
    })
    const more = { alias: 'alias.ts', common: 'common.cjs', broken: 'broken.ts', zod3: 'zod3.ts', stray: 'stray.ts' }
    addGraphs(project, Object.fromEntries(Object.entries(more).map(([id, file]) => [id, `./more/${file}:graph`])))
    started = await Started.on(project)
  }, START_MS)
  afterAll(() => started.stop())

  test('has what the test is about', () => {
    expect(existsSync(join(started.project.dir, 'node_modules/@langchain/langgraph'))).toBe(packages === 'own')
    if (packages === 'none') expect(() => Bun.resolveSync('zod', started.project.dir)).toThrow()
  })

  test('runs its graphs in TypeScript and JavaScript', async () => {
    expect((await started.run('echo', ask('x'))).messages).toMatchObject([{ content: 'x' }, { content: 'message 1' }])
    expect(await started.run('plain', {})).toEqual({ word: 'plainly' })
    expect(await started.run('promised', {})).toEqual({ said: ['later'] })
    expect(await started.run('alias', {})).toEqual({ word: 'short' })
    expect(await started.run('common', {})).toEqual({ word: 'AIMessage of the server: true' })
    expect(await started.run('dynamic', {}, { config: { configurable: { nodes: ['p', 'q'] } } })).toEqual({ said: ['p', 'q'] })
  })

  test('has an agent whose model calls tools', async () => {
    const { messages } = await started.run('agent', ask('weather: Oslo; add: 2 3'))
    expect((messages as Message[]).map(({ type }) => type)).toEqual(['human', 'ai', 'tool', 'tool', 'ai'])
    expect((messages as Message[]).at(-1)?.content).toBe('The tools say 14 degrees in Oslo and 5.')
  })

  test('reads its store, its context and its environment', async () => {
    const user = 'u'
    await started.run('memory', { user, note: 'One' })
    expect(await started.run('memory', { user, note: 'Two' })).toMatchObject({ notes: ['One', 'Two'] })
    expect(await started.run('context', {}, { context: { user } })).toMatchObject({ greeting: 'hello', seen: { context: { user } } })
  })

  test('streams tokens and what its nodes write', async () => {
    const lines: unknown[] = []
    for await (const { event, data } of started.client.runs.stream(null, 'custom', { input: { lines: ['a'] }, streamMode: 'custom' }))
      if (event === 'custom') lines.push(data)
    expect(lines).toEqual([{ line: 'a' }, 'the end'])
    const words: unknown[] = []
    for await (const { event, data } of started.client.runs.stream(null, 'tokens', { input: ask('a b'), streamMode: 'messages-tuple' }))
      if (event === 'messages') words.push((data as unknown as [Message])[0].content)
    expect(words).toEqual(['You ', 'said: ', 'a ', 'b'])
  })

  test('is interrupted two subgraphs deep, and goes on with the answer', async () => {
    const { thread_id } = await started.client.threads.create()
    await started.client.runs.wait(thread_id, 'nested', { input: { topic: 'x' } })
    const state = await started.client.threads.getState(thread_id, undefined, { subgraphs: true })
    expect([state.next, state.tasks[0]?.interrupts.map(({ value }) => value)]).toEqual([['middle'], [{ question: 'Is x good?' }]])
    const done = await started.client.runs.wait(thread_id, 'nested', { command: { resume: 'yes' } })
    expect(done).toMatchObject({ trail: ['open', 'before', 'draft x', 'review yes', 'close'] })
  })

  test('has schemas of zod 3 with reducers', async () => {
    expect(await started.run('zod3', { words: ['a'] })).toEqual({ words: ['a', 'b'] })
  })

  test('survives errors that its graphs leave behind', async () => {
    expect(await started.run('stray', {})).toEqual({ word: 'done' })
    await eventually(() => (/graphs\.unhandled_rejection.*forgotten/.test(started.log) ? true : undefined))
    await eventually(() => (/graphs\.uncaught_error.*too late/.test(started.log) ? true : undefined))
    expect(await started.run('plain', {})).toEqual({ word: 'plainly' })
  })

  test('says for the graph that does not load what is wrong, and for a run that fails', async () => {
    const message = `Graph 'broken' (more/broken.ts, export 'graph') cannot be loaded: Unexpected end of file (more/broken.ts:1:22).`
    expect(started.log.split('graphs.load_failed')).toHaveLength(2)
    expect(started.log.split('\n').find((line) => line.includes('graphs.load_failed'))).toContain(message)
    expect(await started.run('broken', {}).catch(String)).toContain(message)
    expect(await started.run('failing', {}).catch(String)).toContain('CustomError: Boo!')
    expect(await started.run('plain', {})).toEqual({ word: 'plainly' })
  })
})

const GRAPH = `import { Annotation, START, StateGraph } from '@langchain/langgraph'
export const graph = new StateGraph(Annotation.Root({ word: Annotation() })).addNode('a', () => ({ word })).addEdge(START, 'a').compile()
`
const ZOD3 = `import '@langchain/langgraph/zod'
import { START, StateGraph } from '@langchain/langgraph'
import { z } from 'zod/v3'
const State = z.object({ words: z.array(z.string()).langgraph.reducer((a: string[], b: string[]) => a.concat(b), z.array(z.string())) })
export const graph = new StateGraph(State).addNode('a', () => ({ words: ['b'] })).addEdge(START, 'a').compile()
`
const STRAY = `const word = 'done'
${GRAPH.replace(
  '() => ({ word })',
  `() => {
  void Promise.reject(new Error('forgotten'))
  setTimeout(() => { throw new Error('too late') }, 1)
  return { word }
}`,
)}`

/** What CommonJS gets must be what modules get: the graph is made of both. */
const COMMON = `const { AIMessage } = require('@langchain/core/messages')
const { Annotation, START, StateGraph } = require('@langchain/langgraph')
exports.graph = new StateGraph(Annotation.Root({ word: Annotation() }))
  .addNode('a', async () => {
    const other = await import('@langchain/core/messages')
    return { word: 'AIMessage of the server: ' + (other.AIMessage === AIMessage) }
  })
  .addEdge(START, 'a')
`

function addGraphs(project: Project, graphs: Record<string, string>): void {
  const manifest = JSON.parse(readFileSync(project.manifest, 'utf8')) as { graphs: object }
  project.write({ 'langgraph.json': JSON.stringify({ ...manifest, graphs: { ...manifest.graphs, ...graphs } }) })
}

test.skipIf(!hasShared('bench/fixtures/langgraph', 'serving the graphs of the bench'))(
  'the graphs of the bench are served from where they are',
  async () => {
    const started = await Started.on(newProject(), { TETRAPORT_GRAPHS: join(SHARED, 'bench/fixtures/langgraph/langgraph.json') })
    expect((await started.run('echo', ask('x'))).messages).toMatchObject([{ content: 'x' }, { content: 'turn 1' }])
    const chunks: unknown[] = []
    const input = { chunks: 3, hold_ms: 0, interval_ms: 0 }
    for await (const { event, data } of started.client.runs.stream(null, 'streamer', { input, streamMode: 'custom' }))
      if (event === 'custom') chunks.push(data)
    expect(chunks).toMatchObject([{ i: 0 }, { i: 1 }, { i: 2 }])
    await started.stop()
  },
  START_MS,
)

test(
  "a package of the project that brings LangChain for itself gets the server's",
  async () => {
    const project = copyGraphs('own')
    project.write({
      'node_modules/agents/package.json': JSON.stringify({ name: 'agents', version: '1.0.0', type: 'module', exports: './agents.js' }),
      'node_modules/agents/agents.js': `export { AIMessage } from '@langchain/core/messages'\n`,
      'node_modules/agents/node_modules/@langchain/core/package.json': JSON.stringify({ name: '@langchain/core', version: '0.1.0' }),
      'who.ts': `import { AIMessage as theirs } from 'agents'\nimport { AIMessage } from '@langchain/core/messages'\nconst word = String(theirs === AIMessage)\n${GRAPH}`,
      'langgraph.json': JSON.stringify({ graphs: { who: './who.ts:graph' } }),
    })
    const started = await Started.on(project)
    expect(await started.run('who', {})).toEqual({ word: 'true' })
    await started.stop()
  },
  START_MS,
)

test(
  'a watched project is loaded again when a file changes',
  async () => {
    const project = copyGraphs('none')
    const started = await Started.on(project, { TETRAPORT_WATCH: 'true' })
    expect(await started.run('plain', {})).toEqual({ word: 'plainly' })
    project.write({ 'parts/words.json': JSON.stringify({ word: 'changed' }) })
    await eventually(async () => ((await started.run('plain', {})).word === 'changed' ? true : undefined))
    await started.stop()
  },
  START_MS,
)

test(
  'a manifest that asks for what is not there keeps the server from starting',
  async () => {
    const project = newProject({ 'langgraph.json': { graphs: {}, auth: { path: './auth.ts:auth' } } })
    const { code, stderr } = await refusedStart({ TETRAPORT_GRAPHS: project.manifest, TETRAPORT_DATA: join(project.dir, '.data') })
    expect([code, stderr.split('\n')[0]]).toEqual([2, 'The graphs cannot be served.'])
    expect(stderr).toContain(`${project.manifest}: 'auth' is not supported`)
    project.remove()
  },
  START_MS,
)
