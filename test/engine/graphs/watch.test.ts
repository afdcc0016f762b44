import { afterEach, describe, expect, test } from 'bun:test'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type GraphRegistry, openRegistry } from '../../../src/engine/graphs/registry.ts'
import { FileWatch } from '../../../src/engine/graphs/watch.ts'
import { RecordedLog } from '../../support/app.ts'
import { eventually } from '../../support/eventually.ts'
import { newProject, type Project } from '../../support/graph-project.ts'

/** A graph that says what a file beside it says. */
const WORD = './parts/word.js'
const SAYS = `import { Annotation, START, StateGraph } from '@langchain/langgraph'
import { word } from '${WORD}'
const State = Annotation.Root({ word: Annotation(), dir: Annotation() })
export const graph = new StateGraph(State).addNode('a', () => ({ word, dir: import.meta.dirname })).addEdge(START, 'a').compile()
`
const said = (word: string): string => `export const word = '${word}'\n`

interface Watching {
  project: Project
  registry: GraphRegistry
  log: RecordedLog
  say(graph?: string): Promise<unknown>
}

const opened: Watching[] = []
afterEach(() => {
  for (const { registry, project } of opened.splice(0)) {
    registry.close()
    project.remove()
  }
})

async function watching(files: Record<string, string | object> = {}): Promise<Watching> {
  const project = newProject({
    'langgraph.json': { graphs: { says: './graph.ts:graph' } },
    'graph.ts': SAYS,
    'parts/word.ts': said('one'),
    ...files,
  })
  const log = new RecordedLog()
  const registry = await openRegistry({ graphs: project.dir, watch: true }, log)
  const say = async (graph = 'says') => {
    const loaded = await registry.open({ graph, config: {} }).catch((error: Error) => error.message)
    return typeof loaded === 'string' ? loaded : ((await loaded.with({}).invoke({})) as { word: unknown }).word
  }
  const watching = { project, registry, log, say }
  opened.push(watching)
  return watching
}

const becomes = (say: () => Promise<unknown>, word: string | RegExp) =>
  eventually(async () => {
    const now = String(await say())
    return (typeof word === 'string' ? now === word : word.test(now)) ? true : undefined
  })

describe('a watched project', () => {
  test('is loaded again when a file changes that a graph imports, as often as it does', async () => {
    const { project, say } = await watching()
    expect(await say()).toBe('one')
    for (const word of ['two', 'three', 'one', 'four']) {
      project.write({ 'parts/word.ts': said(word) })
      await becomes(say, word)
    }
  })

  test('leaves its files where they are, for graphs that read beside themselves', async () => {
    const { project, registry, say } = await watching()
    project.write({ 'parts/word.ts': said('two') })
    await becomes(say, 'two')
    const { with: lend } = await registry.open({ graph: 'says', config: {} })
    expect(await lend({}).invoke({})).toEqual({ word: 'two', dir: project.dir })
  })

  test('keeps a graph that cannot be loaded any more, and tells once why', async () => {
    const { project, log, say } = await watching()
    for (const broken of [
      'export const word = \n',
      'throw new Error("no")\n',
      'export const other = 1\n',
      `import './gone.ts'\nexport const word = 'x'\n`,
    ]) {
      const before = log.count('graphs.reload_failed')
      project.write({ 'parts/word.ts': broken })
      await eventually(async () => (log.count('graphs.reload_failed') > before ? true : undefined))
      expect(await say()).toBe('one')
      expect(log.count('graphs.reload_failed')).toBe(before + 1)
    }
    project.write({ 'parts/word.ts': said('two') })
    await becomes(say, 'two')
  })

  test('serves a graph once it loads: also when a file appears that was missing', async () => {
    const { project, say } = await watching({ 'parts/word.ts': `export { word } from './later.js'\n` })
    expect(await say()).toMatch(/^Graph 'says' .*later\.js/)
    project.write({ 'parts/later.ts': said('late') })
    await becomes(say, 'late')
  })

  test('leaves running what runs: a graph in hand stays as it was', async () => {
    const { project, registry, say } = await watching()
    const before = await registry.open({ graph: 'says', config: {} })
    project.write({ 'parts/word.ts': said('two') })
    await becomes(say, 'two')
    expect(await before.with({}).invoke({})).toMatchObject({ word: 'one' })
  })

  test('has the graphs that its manifest names now, and tells who listens', async () => {
    const { project, registry, say } = await watching()
    let reloads = 0
    registry.onReload(() => {
      reloads++
    })
    project.write({ 'langgraph.json': JSON.stringify({ graphs: { other: './graph.ts:graph' } }) })
    await eventually(async () => (registry.has('other') ? true : undefined))
    expect([registry.has('says'), await say('other'), reloads]).toEqual([false, 'one', 1])
  })

  test('keeps its graphs while its manifest is broken', async () => {
    const { project, log, say } = await watching()
    project.write({ 'langgraph.json': '{' })
    await eventually(async () => (log.count('graphs.reload_failed') > 0 ? true : undefined))
    expect(await say()).toBe('one')
    project.write({ 'langgraph.json': JSON.stringify({ graphs: { says: { path: './graph.ts:graph', description: 'Again' } } }) })
    await eventually(async () => (log.count('graphs.reloaded') > 0 ? true : undefined))
  })

  test('sees its environment file', async () => {
    const graph = SAYS.replace(`import { word } from '${WORD}'`, 'const word = process.env.TEST_WATCHED_WORD')
    const { project, say } = await watching({
      'langgraph.json': { graphs: { says: './graph.ts:graph' }, env: '.env' },
      'graph.ts': graph,
      '.env': 'TEST_WATCHED_WORD=dog',
    })
    expect(await say()).toBe('dog')
    project.write({ '.env': 'TEST_WATCHED_WORD=cat' })
    await becomes(say, 'cat')
  })
})

describe('a watch', () => {
  async function watch(): Promise<{ project: Project; changes: () => number; watch: FileWatch; end(): void }> {
    const project = newProject({ 'a.ts': '1', 'sub/b.ts': '1', 'other.log': '1' })
    let count = 0
    const watch = new FileWatch(() => {
      count++
    }, new RecordedLog())
    await watch.follow(new Set([join(project.dir, 'a.ts'), join(project.dir, 'sub/b.ts')]))
    return {
      project,
      changes: () => count,
      watch,
      end: () => {
        watch.close()
        project.remove()
      },
    }
  }

  test('sees a file that an editor puts in the place of the old one', async () => {
    const { project, changes, end } = await watch()
    writeFileSync(join(project.dir, 'sub/new'), '2')
    renameSync(join(project.dir, 'sub/new'), join(project.dir, 'sub/b.ts'))
    await eventually(async () => (changes() === 1 ? true : undefined))
    end()
  })

  test('calls once for many changes, and not for files beside or contents that stay', async () => {
    const { project, changes, end } = await watch()
    for (let i = 0; i < 20; i++) {
      writeFileSync(join(project.dir, 'other.log'), String(i))
      writeFileSync(join(project.dir, 'a.ts'), '1')
      mkdirSync(join(project.dir, `more-${i}`))
    }
    writeFileSync(join(project.dir, 'a.ts'), '2')
    writeFileSync(join(project.dir, 'a.ts'), '3')
    await eventually(async () => (changes() > 0 ? true : undefined))
    rmSync(join(project.dir, 'a.ts'))
    await eventually(async () => (changes() === 2 ? true : undefined))
    end()
  })
})
