import { dirname, extname, resolve } from 'node:path'
import { Fault } from '../../core/fault.ts'
import { BUILT_IN_GRAPH } from '../../core/graphs/graphs.ts'

/** A graph as langgraph.json names it. */
export interface GraphSpec {
  id: string
  /** Of the langgraph.json. */
  dir: string
  /** Absolute. */
  file: string
  /** Name of what the file exports; `default` for its default export. */
  name: string
  description: string | null
}

export interface GraphProblem {
  graph: string
  message: string
}

export interface Manifest {
  /** Absolute. */
  path: string
  dir: string
  graphs: GraphSpec[]
  /** Of graphs that cannot even be looked for. */
  problems: GraphProblem[]
  /** A file's absolute path, or the variables themselves. */
  env: string | Record<string, string>
  /** Fields that mean something to other servers and nothing to this one. */
  ignored: string[]
}

const GRAPHS_MAX = 500
const ID = /^[\p{L}\p{N}_][\p{L}\p{N}_. -]{0,127}$/u
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** What a project says about building and placing it, and about tools around it: nothing that changes how its graphs are served. */
const HARMLESS = new Set(
  `$schema node_version python_version dependencies dockerfile_lines docker_compose_file base_image image_distro api_version
  pip_config_file pip_installer keep_pkg_tools build_command install_command ui ui_config`.split(/\s+/),
)

/** Fields that would make another server of this one. Without them graphs might be open to more people, or behave otherwise, than their author thinks. */
const REFUSED: Record<string, string> = {
  auth: 'people are let in by API keys here (tetraport key create)',
  encryption: 'state is not encrypted by the server',
  store: 'the store has no index and no expiry',
  checkpointer: 'state is kept in the records of this server, without expiry',
  webhooks: 'webhooks are configured by webhooks.* of this server',
}
const REFUSED_HTTP: Record<string, string> = {
  app: 'routes of your own are not served',
  middleware_order: 'routes of your own are not served',
  enable_custom_route_auth: 'routes of your own are not served',
  cors: 'origins are configured by http.cors_origins of this server',
  configurable_headers: 'which headers of a request become a part of the configuration cannot be chosen',
  mount_prefix: 'the prefix is configured by langgraph.prefix of this server',
}
/** These have nothing to switch off, or nothing to log. */
const HARMLESS_HTTP = new Set(['disable_ui', 'disable_mcp', 'disable_a2a', 'logging_headers'])

type Table = Record<string, unknown>
const isTable = (value: unknown): value is Table => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Throws invalid (kind graph) with every mistake, one a line. */
export function parseManifest(path: string, text: string): Manifest {
  const mistakes: string[] = []
  const manifest: Manifest = { path, dir: dirname(path), graphs: [], problems: [], env: {}, ignored: [] }
  const table = parseTable(path, text)
  for (const [name, value] of Object.entries(table)) {
    if (name === 'graphs') readGraphs(value, manifest, mistakes)
    else if (name === 'env') readEnv(value, manifest, mistakes)
    else if (name === 'http') readHttp(value, manifest, mistakes)
    else if (REFUSED[name] !== undefined) refuse(name, { value, why: REFUSED[name] }, mistakes)
    else if (!HARMLESS.has(name) || name.startsWith('ui')) manifest.ignored.push(name)
  }
  if (table.graphs === undefined) mistakes.push(`'graphs' is missing: it names the graphs, like {"agent": "./agent.ts:graph"}.`)
  if (mistakes.length > 0) throw broken(path, mistakes)
  return manifest
}

function parseTable(path: string, text: string): Table {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw broken(path, [`it is not JSON: ${(error as Error).message}.`])
  }
  if (isTable(parsed)) return parsed
  throw broken(path, ['it must hold an object.'])
}

export const broken = (path: string, mistakes: readonly string[]): Fault =>
  new Fault('invalid', mistakes.map((mistake) => `${path}: ${mistake}`).join('\n'), { kind: 'graph' })

interface Refusal {
  value: unknown
  why: string
}

/** An empty one asks for nothing. */
function refuse(name: string, { value, why }: Refusal, mistakes: string[]): void {
  const asksNothing = value === null || value === false || (isTable(value) && Object.keys(value).length === 0)
  if (!asksNothing) mistakes.push(`'${name}' is not supported: ${why}. Take it out to serve the graphs without it.`)
}

function readHttp(value: unknown, manifest: Manifest, mistakes: string[]): void {
  if (!isTable(value)) {
    mistakes.push(`'http' must be an object.`)
    return
  }
  for (const [name, field] of Object.entries(value)) {
    const why = REFUSED_HTTP[name] ?? (name.startsWith('disable_') ? 'every operation is served' : undefined)
    if (HARMLESS_HTTP.has(name)) continue
    if (why === undefined) manifest.ignored.push(`http.${name}`)
    else refuse(`http.${name}`, { value: field, why }, mistakes)
  }
}

function readEnv(value: unknown, manifest: Manifest, mistakes: string[]): void {
  if (typeof value === 'string') {
    manifest.env = resolve(manifest.dir, value)
    return
  }
  if (!isTable(value)) {
    mistakes.push(`'env' must be the name of a file, or an object of variables.`)
    return
  }
  const variables: Record<string, string> = {}
  for (const [name, variable] of Object.entries(value)) {
    if (typeof variable === 'string' || typeof variable === 'number' || typeof variable === 'boolean') variables[name] = String(variable)
    else mistakes.push(`'env.${name}' must be a text.`)
  }
  manifest.env = variables
}

function readGraphs(value: unknown, manifest: Manifest, mistakes: string[]): void {
  if (!isTable(value)) {
    mistakes.push(`'graphs' must be an object, like {"agent": "./agent.ts:graph"}.`)
    return
  }
  const entries = Object.entries(value)
  if (entries.length > GRAPHS_MAX) mistakes.push(`'graphs' names ${entries.length} graphs; ${GRAPHS_MAX} are served at most.`)
  for (const [id, entry] of entries.slice(0, GRAPHS_MAX)) {
    const wrong = wrongId(id)
    if (wrong !== undefined) {
      manifest.problems.push({ graph: id, message: `Graph '${id}' cannot be served: ${wrong}` })
      continue
    }
    const { path, description } = isTable(entry) ? entry : { path: entry, description: null }
    if (typeof path !== 'string' || path === '') mistakes.push(`'graphs.${id}' must be a text like "./agent.ts:graph", or {"path": ...}.`)
    else
      manifest.graphs.push({
        id,
        dir: manifest.dir,
        ...place(manifest.dir, path),
        description: typeof description === 'string' ? description : null,
      })
  }
}

function wrongId(id: string): string | undefined {
  if (id === BUILT_IN_GRAPH) return `'${BUILT_IN_GRAPH}' is the name of the graph that every server has. Choose another one.`
  if (UUID.test(id)) return 'a UUID would be taken for the id of an assistant. Choose another name.'
  if (!ID.test(id)) return 'a name has 1 to 128 letters, digits, spaces and any of . _ - in it, and begins with a letter, a digit or _.'
  return undefined
}

/** Colons may stand in paths: only one before a name that can be exported parts path and export. */
function place(dir: string, spec: string): { file: string; name: string } {
  const colon = spec.lastIndexOf(':')
  const name = spec.slice(colon + 1)
  const parted = colon > 0 && /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name)
  return parted ? { file: resolve(dir, spec.slice(0, colon)), name } : { file: resolve(dir, spec), name: 'default' }
}

/** Why a file can hold no graph for this server, whatever is in it. */
export function wrongFile(file: string): string | undefined {
  if (extname(file) === '.py') return 'this server runs graphs in TypeScript and JavaScript; Python is not supported.'
  return undefined
}
