import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { ROOT } from './source-tree.ts'

/** The graphs that tests of every part run. */
export const GRAPHS = join(ROOT, 'test/support/graphs')

export interface Project {
  dir: string
  manifest: string
  write(files: Record<string, string>): void
  remove(): void
}

/** A folder of its own with these files; objects are written as JSON. */
export function newProject(files: Record<string, string | object> = {}, parent = tmpdir()): Project {
  const dir = realpathSync(mkdtempSync(join(parent, 'tetraport-graphs-')))
  const write = (given: Record<string, string | object>): void => {
    for (const [name, content] of Object.entries(given)) {
      mkdirSync(dirname(join(dir, name)), { recursive: true })
      writeFileSync(join(dir, name), typeof content === 'string' ? content : JSON.stringify(content))
    }
  }
  write(files)
  return { dir, manifest: join(dir, 'langgraph.json'), write, remove: () => rmSync(dir, { recursive: true, force: true }) }
}

const below = (dir: string): string[] => (dirname(dir) === dir ? [dir] : [dir, ...below(dirname(dir))])

/** A folder from which no package can be found, whatever lies in the temporary folder of this machine. */
function bareParent(): string {
  const bare = [tmpdir(), '/var/tmp', '/dev/shm'].find(
    (dir) => existsSync(dir) && below(dir).every((above) => !existsSync(join(above, 'node_modules'))),
  )
  if (bare === undefined) throw new Error('Every temporary folder has a node_modules above it: there is no place without packages.')
  return bare
}

/** A copy of the tests' graphs, with packages of its own or without any. */
export function copyGraphs(packages: 'own' | 'none'): Project {
  const project = newProject({}, bareParent())
  cpSync(GRAPHS, project.dir, { recursive: true })
  if (packages === 'own') copyPackages(project.dir)
  return project
}

const COPIED = ['@langchain/core', '@langchain/langgraph', '@langchain/langgraph-checkpoint', '@langchain/langgraph-sdk', 'zod']

/** Those that graphs share with the server are real copies, so that a second one would be noticed; what these need is linked. */
function copyPackages(dir: string): void {
  const target = join(dir, 'node_modules')
  const source = join(ROOT, 'node_modules')
  for (const name of COPIED) cpSync(join(source, name), join(target, name), { recursive: true, dereference: true })
  for (const name of ['langsmith', 'p-queue', 'mustache', 'js-tiktoken', 'uuid', '@cfworker', '@standard-schema']) {
    if (existsSync(join(source, name))) symlinkSync(join(source, name), join(target, name))
  }
}
