import { resolve } from 'node:path'
import { chooseDefault, readProviders, readScripts, withOpenai } from './models.ts'
import { isTable } from './parsers.ts'
import type { Config } from './schema.ts'
import type { Setting } from './settings.ts'
import { EMBEDDED_DIR_OF_ROOT, SETTINGS } from './settings.ts'
import { didYouMean } from './suggest.ts'

export interface ConfigFile {
  path: string
  text: string
}

/** Everything the configuration depends on, so that reading it touches nothing else. */
export interface ConfigInput {
  /** Flag name without dashes -> its text. */
  flags?: Readonly<Record<string, string | undefined>>
  env?: Readonly<Record<string, string | undefined>>
  file?: ConfigFile | null
  host?: Host
}

export interface Host {
  /** Relative data folders are below this one. */
  cwd: string
  /** Whether the process runs as root, whose data belongs into a system folder. */
  root: boolean
  /** Text of a file that a setting names; throws when it cannot be read. */
  readText(path: string): string
}

/** TOML key of a setting (or its customary variable) -> where its value came from. */
export type Origins = Record<string, string>

export interface ReadResult {
  config: Config
  origins: Origins
}

/** Every mistake of the configuration, not only the first. No message holds the value of a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  constructor(readonly mistakes: readonly string[]) {
    super(mistakes.join('\n'))
  }
}

interface Found {
  raw: unknown
  origin: string
}

export function readConfig(input: ConfigInput): ReadResult {
  const mistakes: string[] = []
  const file = readToml(input.file ?? null, mistakes)
  refuseUnknown(input, mistakes)
  const origins: Origins = {}
  const values = new Map<Setting, unknown>()
  for (const setting of SETTINGS) {
    const found = find(setting, input, file)
    values.set(setting, found === undefined ? setting.fallback : parsed(setting, found, mistakes))
    origins[nameOf(setting)] = found?.origin ?? 'default'
  }
  const config = assemble(values)
  finishPaths(config, origins, input.host)
  finishModels({ config, values, input, mistakes, origins })
  checkFiles(config.files, mistakes)
  checkVectors(config, mistakes)
  checkPrefixes(config, mistakes)
  checkAdmin(config.auth, mistakes)
  if (mistakes.length > 0) throw new ConfigError(mistakes)
  return { config, origins }
}

export const nameOf = (setting: Setting): string => setting.key ?? setting.env[0] ?? ''

interface Toml {
  name: string
  values: Map<string, unknown>
}

function readToml(file: ConfigFile | null, mistakes: string[]): Toml | null {
  if (file === null) return null
  const toml: Toml = { name: file.path, values: new Map() }
  try {
    const flat = flatten(Bun.TOML.parse(file.text) as Record<string, unknown>)
    for (const [key, value] of flat.known) toml.values.set(key, value)
    for (const key of flat.unknown) mistakes.push(`${file.path}: unknown key '${key}'.${didYouMean(key, TOML_KEYS)}`)
  } catch (error) {
    // The parser quotes what it stumbled over, which may be half of a key.
    mistakes.push(`${file.path}: ${(error as Error).message.replace(/".*"/s, 'a value without quotes')}.`)
  }
  return toml
}

const TOML_KEYS = SETTINGS.flatMap((setting) => setting.key ?? [])
const FLAGS = SETTINGS.flatMap((setting) => setting.flag ?? [])
const VARIABLES = [...SETTINGS.flatMap((setting) => setting.env), 'TETRAPORT_CONFIG']

function flatten(table: Record<string, unknown>, path = ''): { known: [string, unknown][]; unknown: string[] } {
  const known: [string, unknown][] = []
  const unknown: string[] = []
  for (const [name, value] of Object.entries(table)) {
    const key = path + name
    const isSection = TOML_KEYS.some((other) => other.startsWith(`${key}.`))
    if (TOML_KEYS.includes(key)) known.push([key, value])
    else if (isSection && isTable(value)) {
      const inner = flatten(value, `${key}.`)
      known.push(...inner.known)
      unknown.push(...inner.unknown)
    } else unknown.push(key)
  }
  return { known, unknown }
}

/** What people export for their own clients, in the shell that also starts the server. */
const FOR_CLIENTS = ['TETRAPORT_KEY', 'TETRAPORT_URL']

function refuseUnknown(input: ConfigInput, mistakes: string[]): void {
  for (const flag of Object.keys(input.flags ?? {})) {
    if (!FLAGS.includes(flag)) mistakes.push(`unknown flag '--${flag}'.${didYouMean(flag, FLAGS)}`)
  }
  for (const variable of Object.keys(input.env ?? {})) {
    if (!variable.startsWith('TETRAPORT_') || VARIABLES.includes(variable) || FOR_CLIENTS.includes(variable)) continue
    mistakes.push(`unknown environment variable ${variable}.${didYouMean(variable, VARIABLES)}`)
  }
}

/** An empty variable counts as absent: compose files pass `${NAME:-}`. */
function find(setting: Setting, input: ConfigInput, file: Toml | null): Found | undefined {
  const flag = setting.flag === null ? undefined : input.flags?.[setting.flag]
  if (flag !== undefined) return { raw: flag, origin: `flag --${setting.flag}` }
  for (const name of setting.env) {
    const value = input.env?.[name]
    if (value) return { raw: value, origin: `environment ${name}` }
  }
  if (setting.key === null || file === null || !file.values.has(setting.key)) return undefined
  return { raw: file.values.get(setting.key), origin: `file ${file.name}` }
}

function parsed(setting: Setting, found: Found, mistakes: string[]): unknown {
  try {
    return setting.parse(found.raw)
  } catch (error) {
    const reason = (error as Error).message
    mistakes.push(`${nameOf(setting)} (${found.origin}): ${setting.secret ? reason.replace(/, got .*$/s, '') : reason}`)
    return setting.fallback
  }
}

function assemble(values: ReadonlyMap<Setting, unknown>): Config {
  const tree: Record<string, unknown> = {}
  for (const [setting, value] of values) {
    if (setting.path === null) continue
    const [section = '', field] = setting.path.split('.')
    if (field === undefined) tree[section] = structuredClone(value)
    else tree[section] = { ...(tree[section] as object | undefined), [field]: structuredClone(value) }
  }
  // SETTINGS names every field of Config (config.test.ts), and `setting` ties each parser to its field's type.
  return tree as unknown as Config
}

function finishPaths(config: Config, origins: Origins, host: Host | undefined): void {
  if (host === undefined) return
  if (origins.data === 'default' && host.root) config.data.dir = EMBEDDED_DIR_OF_ROOT
  config.data.dir = resolve(host.cwd, config.data.dir)
  const { langgraph } = config
  if (langgraph.graphs !== null) langgraph.graphs = resolve(host.cwd, langgraph.graphs)
}

interface Models {
  config: Config
  values: ReadonlyMap<Setting, unknown>
  input: ConfigInput
  mistakes: string[]
  origins: Origins
}

function finishModels({ config, values, input, mistakes, origins }: Models): void {
  const report = (mistake: string) => void mistakes.push(mistake)
  const found = (name: string) => [...values].find(([setting]) => nameOf(setting) === name)?.[1]
  const stated = readProviders(found('models.providers'), input.env ?? {}, report)
  const baseUrl = found('OPENAI_BASE_URL') as string | null
  const apiKey = found('OPENAI_API_KEY') as string | null
  const { models } = config
  models.providers = withOpenai(stated, { baseUrl, apiKey })
  const openaiFromEnv = origins['models.default_provider'] === 'default' && (baseUrl !== null || apiKey !== null)
  if (openaiFromEnv) origins['models.default_provider'] = `environment ${baseUrl === null ? 'OPENAI_API_KEY' : 'OPENAI_BASE_URL'}`
  models.defaultProvider = chooseDefault(models.defaultProvider, models.providers, report)
  const scriptsFile = found('models.scripts_file')
  models.scripts = typeof scriptsFile === 'string' ? readScriptsFile(scriptsFile, input.host, report) : {}
}

/** Half a store would quietly be none. */
function checkFiles({ s3Bucket, s3Endpoint, s3AccessKeyId, s3SecretAccessKey }: Config['files'], mistakes: string[]): void {
  if ((s3AccessKeyId === null) !== (s3SecretAccessKey === null)) {
    mistakes.push('files.s3_access_key_id and files.s3_secret_access_key belong together: one of them is missing.')
  }
  if (s3Bucket === null && (s3Endpoint ?? s3AccessKeyId) !== null)
    mistakes.push('files.s3_bucket is missing, and the store has other settings.')
}

function checkVectors({ vectors, records }: Config, mistakes: string[]): void {
  if (vectors.adapter === 'qdrant' && vectors.qdrantUrl === null)
    mistakes.push('vectors.qdrant_url is missing, which the adapter qdrant needs.')
  if (vectors.adapter === 'pgvector' && records.url === null)
    mistakes.push('vectors.adapter: pgvector needs a Postgres of your own (records.url); the embedded one does not have it.')
}

/** An operator without a password would quietly be none. */
function checkAdmin({ adminEmail, adminPasswordFile }: Config['auth'], mistakes: string[]): void {
  if ((adminEmail === null) !== (adminPasswordFile === null))
    mistakes.push(
      `admin_email and admin_password_file belong together: ${adminEmail === null ? 'admin_email' : 'admin_password_file'} is missing.`,
    )
  if (adminEmail !== null && !/^[^\s@]+@[^\s@]+$/.test(adminEmail)) mistakes.push('admin_email: expected an e-mail address.')
}

/** Two surfaces at one place would hide each other's paths. */
function checkPrefixes({ openai, langgraph, entities, platform }: Config, mistakes: string[]): void {
  const taken = { 'openai.prefix': openai.prefix, 'langgraph.prefix': langgraph.prefix, 'platform.prefix': platform.prefix }
  if (platform.prefix === openai.prefix || platform.prefix === langgraph.prefix)
    mistakes.push(`platform.prefix: '${platform.prefix || '/'}' is the place of another surface.`)
  const own = [entities.prefix, `${entities.prefix}/v1`]
  for (const [name, prefix] of Object.entries(taken)) {
    if (own.includes(prefix))
      mistakes.push(
        `entities.prefix: '${entities.prefix || '/'}' and '${own[1]}' are its places, and ${name} is '${prefix || '/'}'. Use entities.listen.`,
      )
  }
}

function readScriptsFile(path: string, host: Host | undefined, report: (mistake: string) => void): Config['models']['scripts'] {
  try {
    if (host === undefined) throw new Error('no file can be read here')
    return readScripts(host.readText(path), report)
  } catch (error) {
    report(`models.scripts_file: cannot read '${path}': ${(error as Error).message}`)
    return {}
  }
}
