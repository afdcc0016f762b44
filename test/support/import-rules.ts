import type { Import } from './source-tree.ts'

/**
 * Who may import whom. A rule answers for the files it owns: undefined when the import is allowed, else what is allowed.
 * The first rule that owns a file decides.
 */
interface Rule {
  owns: RegExp
  allowed: string
  /** Targets inside the repository, `$1` stands for the first group of `owns`. */
  own: string[]
  /** Targets that may be imported as types only. */
  types?: string[]
  packages: RegExp
}

const STORE = /^src\/core\/([\w-]+)\/(?:[\w-]+-)?store\.ts$/
const NODE = '^(node|bun):|^bun$'
const packages = (...names: string[]): RegExp => new RegExp([NODE, ...names.map((name) => `^${name}(/|$)`)].join('|'))
const ANY = /./

const RULES: Rule[] = [
  { owns: /^src\/main\.ts$/, allowed: 'everything', own: ['.*'], packages: ANY },
  { owns: /^src\/cli\//, allowed: 'everything', own: ['.*'], packages: ANY },
  {
    owns: /^src\/(?:config\/.*|(?:config[\w-]*|clock|log)\.ts$)/,
    allowed: 'each other, core/*.ts and types of driver ports',
    own: ['src/config/.*', 'src/(config[\\w-]*|clock|log)\\.ts', 'src/core/[\\w-]+\\.ts'],
    types: ['src/drivers/[\\w-]+/port\\.ts'],
    packages: packages(),
  },
  {
    owns: /^src\/app\.ts$/,
    allowed: 'config, clock, log, drivers, http, the parts named by core and the engine that serves them',
    own: ['src/(config[\\w-]*|clock|log)\\.ts', 'src/drivers/.*', 'src/core/.*', 'src/http/.*', 'src/engine/[\\w-]+\\.ts'],
    packages: packages(),
  },
  {
    owns: /^src\/server\.ts$/,
    allowed: 'surfaces/<name>/<name>.ts, http, core/*.ts, type App',
    own: ['src/surfaces/([\\w-]+)/\\1\\.ts', 'src/http/.*', 'src/core/[\\w-]+\\.ts', 'src/(config[\\w-]*|clock|log)\\.ts'],
    types: ['src/app\\.ts'],
    packages: packages('elysia', '@elysiajs/openapi'),
  },
  {
    owns: /^src\/surfaces\/([\w-]+)\//,
    allowed: 'its own folder, core (no store), http, type App, Elysia',
    own: ['src/surfaces/$1/.*', 'src/core/.*', 'src/http/.*'],
    types: ['src/app\\.ts', 'src/config\\.ts'],
    packages: packages('elysia', '@elysiajs/openapi', '@sinclair/typebox'),
  },
  {
    owns: /^src\/engine\//,
    allowed: 'its own folder, core (no store), driver ports, type App, LangGraph',
    own: ['src/engine/.*', 'src/core/.*', 'src/drivers/[\\w-]+/port\\.ts'],
    types: ['src/app\\.ts', 'src/config\\.ts'],
    packages: packages('@langchain'),
  },
  {
    // When a cron pattern is due next is a rule of schedules, and no rule to write oneself.
    owns: /^src\/core\/schedules\/times\.ts$/,
    allowed: 'faults, croner',
    own: ['src/core/fault\\.ts'],
    packages: packages('croner'),
  },
  {
    // How a token is signed, how soon a password is guessed and what a user agent names are no rules to write oneself.
    owns: /^src\/core\/(?:tokens\/jwt|passwords\/strength|sessions\/devices)\.ts$/,
    allowed: 'core, jose, zxcvbn, bowser',
    own: ['src/core/.*'],
    packages: packages('jose', '@zxcvbn-ts', 'bowser'),
  },
  {
    owns: /^src\/core\//,
    allowed: 'core (no store of another module), db/schema, driver ports, no package',
    own: ['src/core/.*', 'db/schema/.*', 'src/drivers/[\\w-]+/port\\.ts'],
    packages: packages(),
  },
  {
    owns: /^src\/drivers\/records\//,
    allowed: 'its own folder, core/*.ts, its config section, db',
    own: ['src/drivers/records/.*', 'src/core/(fault|id|json)\\.ts', 'db/.*'],
    types: ['src/config\\.ts', 'src/core/[\\w-]+\\.ts'],
    packages: ANY,
  },
  {
    owns: /^src\/drivers\/vectors\//,
    allowed: 'its own folder, core/fault.ts, id.ts, json.ts and attributes.ts, the port of records, packages',
    own: ['src/drivers/vectors/.*', 'src/core/(fault|id|json|attributes)\\.ts'],
    types: ['src/config\\.ts', 'src/core/[\\w-]+\\.ts', 'src/drivers/records/port\\.ts'],
    packages: ANY,
  },
  {
    owns: /^src\/drivers\/files\//,
    allowed: 'its own folder, core/fault.ts, id.ts and json.ts, the header that names a download, its config section, packages',
    own: ['src/drivers/files/.*', 'src/core/(fault|id|json)\\.ts', 'src/http/download\\.ts'],
    types: ['src/config\\.ts', 'src/core/[\\w-]+\\.ts'],
    packages: ANY,
  },
  {
    owns: /^src\/drivers\/([\w-]+)\//,
    allowed: 'its own folder, core/fault.ts and core/json.ts, its config section, packages',
    own: ['src/drivers/$1/.*', 'src/core/(fault|id|json)\\.ts'],
    types: ['src/config\\.ts', 'src/core/[\\w-]+\\.ts'],
    packages: ANY,
  },
  {
    owns: /^src\/http\//,
    allowed: 'its own folder, the fault, id and JSON of core, Elysia, TypeBox, busboy, web standards, the page of the documentation',
    own: ['src/http/.*', 'src/core/(fault|id|json)\\.ts', 'node_modules/@scalar/.*'],
    types: ['src/core/[\\w-]+\\.ts'],
    packages: packages('elysia', '@elysiajs/openapi', '@sinclair/typebox', 'busboy'),
  },
  { owns: /^db\//, allowed: 'db, drizzle', own: ['db/.*'], packages: packages('drizzle-orm', 'drizzle-kit') },
]

/** Why `file` may not have this import, or undefined. */
export function forbidden(file: string, found: Import): string | undefined {
  const rule = RULES.find((r) => r.owns.test(file))
  if (!rule) return `${file}: no rule says what this file may import`
  const module = file.match(/^src\/core\/([\w-]+)\//)?.[1]
  const store = found.target.match(STORE)
  if (store && !file.startsWith('test/') && store[1] !== module) return `${file} imports ${found.target}: a store is private to its module`
  if (found.external ? rule.packages.test(found.target) : inside(rule, file, found)) return undefined
  return `${file} imports ${found.typeOnly ? 'type ' : ''}${found.target}: allowed are ${rule.allowed}`
}

function inside(rule: Rule, file: string, found: Import): boolean {
  const group = file.match(rule.owns)?.[1] ?? ''
  const targets = found.typeOnly ? [...rule.own, ...(rule.types ?? [])] : rule.own
  return targets.some((target) => new RegExp(`^${target.replace('$1', group)}$`).test(found.target))
}
