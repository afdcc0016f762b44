import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Elysia } from 'elysia'
import { forbidden } from './support/import-rules.ts'
import { duplicateRoutes, watchRoutes } from './support/routes.ts'
import {
  cyclesIn,
  filesUnder,
  GENERATED,
  ignoredNames,
  importsOf,
  ROOT,
  readSources,
  type SourceFile,
  withoutComments,
} from './support/source-tree.ts'

const FOLDERS = ['src', 'db', 'test', 'scripts']
const sources = readSources(FOLDERS)
const production = sources.filter((s) => s.path.startsWith('src/') || s.path.startsWith('db/'))
const inFolders = (...folders: string[]): SourceFile[] => sources.filter((s) => folders.some((folder) => s.path.startsWith(folder)))

/** Fails with the whole list, one offender a line. */
function expectNone(rule: string, offenders: readonly string[]): void {
  if (offenders.length > 0) throw new Error(`${rule}:\n  ${offenders.join('\n  ')}`)
}

/** `path:line: text` of every match outside comments. */
function matchesIn(files: readonly SourceFile[], pattern: RegExp): string[] {
  return files.flatMap((file) =>
    withoutComments(file.text)
      .split('\n')
      .flatMap((line, i) => (pattern.test(line) ? [`${file.path}:${i + 1}: ${line.trim().slice(0, 100)}`] : [])),
  )
}

test('every import keeps to the table of who may import whom', () => {
  const offenders = production.flatMap((file) => file.imports.map((found) => forbidden(file.path, found)))
  expectNone(
    'Forbidden imports',
    offenders.filter((offender) => offender !== undefined),
  )
})

test('no files import each other in a circle', () => {
  expectNone(
    'Import cycles (types not counted)',
    cyclesIn(production).map((cycle) => cycle.join(' -> ')),
  )
})

test('every imported file of ours exists', () => {
  const known = new Set([...FOLDERS.flatMap((folder) => filesUnder(folder)), ...GENERATED])
  const offenders = sources.flatMap((file) =>
    file.imports
      .filter((i) => !i.external && !known.has(i.target) && !i.target.startsWith('node_modules/') && !/^[\w.-]+$/.test(i.target))
      .map((i) => `${file.path} imports ${i.target}`),
  )
  expectNone('Imports of files that do not exist', offenders)
})

const SQL =
  /(?:^|['"`])\s*(?:select\s.+|insert\s+into\s|update\s+\w+(?:\s+\w+)?\s+set\s|delete\s+from\s|with\s+(?:recursive\s+)?\w+\s+as\s+(?:materialized\s+)?\(|(?:create|alter|drop)\s+(?:table|index)\s)/i
const STATEMENTS = /\b(?:db|tx|sql|records)\.(?:query|hot)\b/
/** Pieces of SQL that statements of several modules are made of: a commit is one statement over the tables of two modules. */
const isShared = (path: string): boolean => /^src\/core\/[\w-]+\/[\w-]+-rows\.ts$/.test(path)
const isStore = (path: string): boolean => /(?:^|\/)(?:[\w-]+-)?store\.ts$/.test(path)

test('SQL stands in stores and in the records driver only', () => {
  const files = inFolders('src/').filter(
    (s) =>
      !(s.path.startsWith('src/core/') && (isStore(s.path) || isShared(s.path))) &&
      !(s.path.startsWith('src/drivers/vectors/') && isStore(s.path)) &&
      !s.path.startsWith('src/drivers/records/'),
  )
  const literals = files.flatMap((file) =>
    [...withoutComments(file.text).matchAll(/'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g)]
      .filter(([literal]) => SQL.test(literal) && (!/^.\s*select\s/i.test(literal) || /\sfrom\s|select\s+\S+\(/i.test(literal)))
      .map(([literal]) => `${file.path}: ${literal.replace(/\s+/g, ' ').slice(0, 80)}`),
  )
  expectNone('SQL outside core/*/store.ts, core/*/*-store.ts, core/*/*-rows.ts, drivers/vectors/*-store.ts and drivers/records', [
    ...literals,
    ...matchesIn(files, STATEMENTS),
  ])
})

test('what people sign in with is written, and locked by name, in one module', () => {
  const files = inFolders('src/').filter((s) => !s.path.startsWith('src/core/credentials/'))
  const writes = /\b(?:insert into|update|delete from) credential\b|\bfrom credential\b.*\bfor (?:no key )?update\b/
  expectNone('SQL that writes or holds rows of the table credential', matchesIn(files, writes))
})

test('no file is longer than 400 lines', () => {
  expectNone(
    'Files over 400 lines',
    sources.filter((s) => s.lines > 400).map((s) => `${s.path}: ${s.lines} lines`),
  )
})

const TOP_LEVEL = new Set(
  `.ci .dockerignore .editorconfig .gitattributes .gitignore biome.json bun.lock bunfig.toml db docker drizzle.config.ts LICENSE
  NOTICE package.json README.md scripts src test tsconfig.json`.split(/\s+/),
)
const SRC = new Set('README.md app.ts cli clock.ts core drivers engine http log.ts main.ts server.ts surfaces'.split(' '))
const CORE = new Set(
  [
    'access actions assistants audit completions credentials files graphs idempotency identity items jobs mail models ownership passwords',
    'rates runs schedules service-accounts sessions sign-up sweeps threads tokens tool-resources tools vector-stores webhooks workflows containers billing',
    'status-page contact',
  ].flatMap((line) => line.split(' ')),
)
const FIXED: Record<string, Set<string>> = {
  'src/surfaces': new Set(['openai', 'langgraph', 'entities', 'platform']),
  'src/drivers': new Set(['records', 'vectors', 'files', 'extraction', 'mail', 'models', 'payments', 'vault', 'webhooks']),
  'src/engine': new Set(['graphs', 'tools']),
}
const foldersIn = (path: string): string[] =>
  readdirSync(join(ROOT, path), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)

test('the root and src hold only what the map names', () => {
  const ignored = ignoredNames()
  const top = readdirSync(ROOT).filter((name) => !ignored.has(name) && !name.endsWith('.log') && !TOP_LEVEL.has(name))
  const src = readdirSync(join(ROOT, 'src')).filter((name) => !SRC.has(name) && !/^config(?:[\w-]*\.ts)?$/.test(name))
  const core = foldersIn('src/core').filter((name) => !CORE.has(name))
  const fixed = Object.entries(FIXED).flatMap(([path, names]) =>
    foldersIn(path)
      .filter((name) => !names.has(name))
      .map((name) => `${path}/${name}`),
  )
  expectNone('Unknown names (add them to the map in src/README.md and here, or move them)', [
    ...top,
    ...src.map((name) => `src/${name}`),
    ...core.map((name) => `src/core/${name}`),
    ...fixed,
  ])
})

const WORDS = ['utils', 'util', 'lib', 'common', 'helpers', 'helper', 'types', 'services', 'index', 'misc']

test('no file or folder has a name that says nothing', () => {
  const offenders = sources.filter((s) => s.path.split('/').some((part) => WORDS.includes(part.replace(/(?:\.test|\.wire)?\.ts$/, ''))))
  expectNone(
    'Forbidden names',
    offenders.map((s) => s.path),
  )
})

test('file and folder names are kebab-case', () => {
  const plain = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.(?:wire|test|contract|gen|config|d))?\.ts$/
  const folder = /^[a-z0-9]+(?:-[a-z0-9]+)*$/
  const offenders = sources.filter(
    (s) =>
      !plain.test(basename(s.path)) ||
      !dirname(s.path)
        .split('/')
        .every((part) => folder.test(part)),
  )
  expectNone(
    'Names that are not kebab-case',
    offenders.map((s) => s.path),
  )
})

/** Files that may read the environment, each with its reason. */
const READS_ENVIRONMENT: Record<string, string> = {
  'src/main.ts': 'hands the environment to readConfig',
  'src/drivers/records/launcher.ts': 'is the small program that becomes Postgres: it passes its environment on',
  'src/engine/graphs/environment.ts': 'puts there what langgraph.json has for its graphs, before they are loaded',
}

const ENVIRONMENT = /\bprocess\.env\b|\bBun\.env\b|\bimport\.meta\.env\b/

test('the environment is read in config and main only', () => {
  const files = inFolders('src/').filter((s) => !/^src\/config(?:[\w-]*\.ts|\/)/.test(s.path) && !(s.path in READS_ENVIRONMENT))
  expectNone('Environment read outside src/config and src/main.ts', matchesIn(files, ENVIRONMENT))
})

/** Lines that may read a clock or a random source outside of `app.clock` and core/id.ts, each with its reason. */
const READS_CHANCE: Record<string, { pattern: RegExp; reason: string }> = {
  'src/core/id.ts': { pattern: /randomUUID/, reason: 'is where ids come from' },
  'src/engine/checkpointer.ts': { pattern: /Math\.random/, reason: 'LangGraph asks getNextVersion for a version no other writer makes' },
}

test('time and chance come from app.clock and core/id.ts', () => {
  const found = matchesIn(
    inFolders('src/core/', 'src/engine/', 'src/surfaces/'),
    /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bperformance\.now\(|\brandomUUID/,
  )
  const offenders = found.filter((hit) => {
    const allowed = READS_CHANCE[hit.slice(0, hit.indexOf(':'))]
    return !allowed?.pattern.test(hit)
  })
  expectNone('Clock or random read outside app.clock and core/id.ts', offenders)
})

/** Module folders without a test of their own, each with its reason. */
const WITHOUT_TEST: Record<string, string> = {}

test('every module folder has a test that mirrors it', () => {
  const modules = new Set(
    inFolders('src/core/', 'src/engine/', 'src/surfaces/', 'src/drivers/', 'src/http/', 'src/cli/')
      .filter((s) => basename(s.path) !== 'port.ts')
      .map((s) => dirname(s.path).slice('src/'.length)),
  )
  const tests = inFolders('test/').filter((s) => /\.(?:test|contract)\.ts$/.test(s.path))
  const missing = [...modules].filter(
    (module) =>
      !(module in WITHOUT_TEST) && !tests.some((t) => t.path.startsWith(`test/${module}/`) || t.path === `test/${module}.test.ts`),
  )
  expectNone(
    'Module folders without a test',
    missing.map((module) => `src/${module}: expected test/${module}/*.test.ts`),
  )
})

test('the exemptions of this file are still needed', () => {
  const texts = new Map(sources.map((s) => [s.path, s.text]))
  const folders = new Set(sources.map((s) => dirname(s.path)))
  const stale = [
    ...Object.keys(READS_ENVIRONMENT).filter((path) => !ENVIRONMENT.test(texts.get(path) ?? '')),
    ...Object.entries(READS_CHANCE).flatMap(([path, { pattern }]) => (pattern.test(texts.get(path) ?? '') ? [] : [path])),
    ...Object.keys(WITHOUT_TEST).filter((module) => !folders.has(`src/${module}`)),
  ]
  expectNone('Exemptions that nothing needs', stale)
})

test('no test title is used twice in one file', () => {
  const offenders = inFolders('test/').flatMap((file) => {
    const titles = [
      ...withoutComments(file.text).matchAll(/^[ \t]*(?:test|it)(?:\.\w+(?:\([^)]*\))?)?\(\s*(['"`])((?:[^\\\n]|\\.)*?)\1/gm),
    ].map((m) => m[2])
    return titles.filter((title, i) => titles.indexOf(title) !== i).map((title) => `${file.path}: ${title}`)
  })
  expectNone('Duplicate test titles', offenders)
})

test('no route is registered twice', async () => {
  expectNone('Duplicate routes (the later one would win without a sound)', await duplicateRoutes())
})

test('a route that is registered twice is noticed, also across nested plugins', async () => {
  const leaf = () => new Elysia({ prefix: '/a' }).get('/:id', () => 1)
  expect(await watchRoutes(() => new Elysia().use(leaf()).post('/a/:id', () => 1))).toEqual([])
  expect(await watchRoutes(() => new Elysia().use(leaf()).get('/a/:other', () => 2))).toEqual(['GET /a/:other'])
  expect(await watchRoutes(() => leaf().get('/:id', () => 2))).toEqual(['GET /:id'])
})

test('no tracked text names a folder of one machine', () => {
  // Split, so that this file does not find itself.
  const machine = new RegExp(['(?:^|[^\\w.])', `/(?:${['work', 'home', 'Users'].join('|')})/\\w`].join(''))
  const files = ['src', 'db', 'test', 'scripts', 'docker', '.ci'].flatMap((folder) => filesUnder(folder))
  const root = readdirSync(ROOT, { withFileTypes: true }).filter((entry) => entry.isFile() && entry.name !== 'bun.lock')
  const offenders = [...files, ...root.map((entry) => entry.name)].flatMap((path) =>
    readFileSync(join(ROOT, path), 'utf8')
      .split('\n')
      .flatMap((line, i) => (machine.test(line) ? [`${path}:${i + 1}: ${line.trim().slice(0, 100)}`] : [])),
  )
  expectNone('Machine paths', offenders)
})

test('the checks of this file see what they should', () => {
  expect(production.length).toBeGreaterThan(20)
  const text = [
    `import type { A } from './a.ts'`,
    `import {\n  b,\n} from './b.ts'`,
    `// import './c.ts'`,
    `export { d } from './d.ts'`,
  ].join('\n')
  expect(importsOf('src/core/x.ts', text).map((i) => [i.target, i.typeOnly])).toEqual([
    ['src/core/a.ts', true],
    ['src/core/b.ts', false],
    ['src/core/d.ts', false],
  ])
  const to = (target: string, typeOnly = false) => ({ target, typeOnly, external: !target.includes('.ts') })
  expect(forbidden('src/surfaces/openai/runs.ts', to('src/core/runs/store.ts'))).toContain('a store is private')
  expect(forbidden('src/core/runs/runs.ts', to('src/core/threads/message-store.ts'))).toContain('a store is private')
  expect(forbidden('src/core/runs/runs.ts', to('src/core/runs/store.ts'))).toBeUndefined()
  expect(forbidden('src/surfaces/openai/runs.ts', to('src/app.ts'))).toContain('allowed are')
  expect(forbidden('src/surfaces/openai/runs.ts', to('src/app.ts', true))).toBeUndefined()
  expect(forbidden('src/surfaces/openai/runs.ts', to('src/surfaces/langgraph/runs.ts'))).toContain('allowed are')
  expect(forbidden('src/core/runs/runs.ts', to('elysia'))).toContain('allowed are')
  const file = (path: string, target: string): SourceFile => ({ path, text: '', lines: 0, imports: [to(target)] })
  expect(cyclesIn([file('a.ts', 'b.ts'), file('b.ts', 'a.ts'), file('c.ts', 'a.ts')])).toEqual([['a.ts', 'b.ts', 'a.ts']])
})
