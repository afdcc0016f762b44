import { stat } from 'node:fs/promises'
import { relative } from 'node:path'
import type { AnyGraph } from './any-graph.ts'
import { hostVersion } from './host-packages.ts'
import { type GraphSpec, wrongFile } from './manifest.ts'
import { versioned, withoutVersion } from './reloading.ts'

/** Answers a graph, or something that becomes one, for a config. */
export type Factory = (config: Record<string, unknown>) => unknown

/** What a file exports: a graph that all runs share, or a function that makes one for each use. */
export type Loaded = { graph: AnyGraph } | { make: Factory }

/** The longest that a file may take to load, or a function to make its graph. */
const WAIT_MAX_MS = 60_000

/** Throws an Error whose message says for people what is wrong, and whose cause is what was thrown. */
export async function loadGraph(spec: GraphSpec): Promise<Loaded> {
  try {
    await mustBeFile(spec.file)
    const module = (await within(import(versioned(spec.file)), 'Loading it')) as Record<string, unknown>
    const value = await within(Promise.resolve(exported(module, spec.name)), 'Its promise')
    return typeof value === 'function' ? { make: value as Factory } : { graph: asGraph(value) }
  } catch (error) {
    throw new Error(`Graph ${placeOf(spec)} cannot be loaded: ${explain(error, spec.dir)}`, { cause: error })
  }
}

/** Calls a factory. Throws as `loadGraph`. */
export async function makeGraph(make: Factory, config: Record<string, unknown>, spec: GraphSpec): Promise<AnyGraph> {
  try {
    return asGraph(await within(Promise.resolve(make(config)), 'Making it'))
  } catch (error) {
    throw new Error(`Graph ${placeOf(spec)} cannot be made with this configuration: ${explain(error, spec.dir)}`, { cause: error })
  }
}

const placeOf = ({ id, file, name, dir }: GraphSpec): string => `'${id}' (${relative(dir, file)}, export '${name}')`

async function mustBeFile(file: string): Promise<void> {
  const wrong = wrongFile(file)
  if (wrong !== undefined) throw new Plain(wrong)
  const found = await stat(file).catch(() => undefined)
  if (found === undefined) throw new Plain('there is no such file.')
  if (!found.isFile()) throw new Plain('it is not a file.')
}

/** An error of ours, whose message is the whole story. */
class Plain extends Error {}

const NAMES_SHOWN = 10

function exported(module: Record<string, unknown>, name: string): unknown {
  if (name in module) return module[name]
  const common = module.default
  if (typeof common === 'object' && common !== null && name in common) return (common as Record<string, unknown>)[name]
  const names = Object.keys(module).slice(0, NAMES_SHOWN)
  throw new Plain(`the file has no such export; ${names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`}.`)
}

/** Of any copy of LangGraph: classes tell nothing here. */
const isCompiled = (value: unknown): value is AnyGraph =>
  typeof value === 'object' && value !== null && 'lg_is_pregel' in value && value.lg_is_pregel === true && 'nodes' in value

function asGraph(value: unknown): AnyGraph {
  if (typeof value === 'object' && value !== null) {
    // Agents of LangChain carry their graph with them.
    if ('graph' in value && isCompiled(value.graph)) return value.graph
    if (isCompiled(value)) return value
    if ('compile' in value && typeof value.compile === 'function') return asGraph(value.compile())
  }
  throw new Plain(`it is ${describe(value)}, and not a graph, a builder of one, or a function that makes one.`)
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value !== 'object') return `a ${typeof value}`
  const name = value.constructor?.name
  return name === undefined || name === 'Object' ? 'an object' : `an object of the class ${name}`
}

async function within<T>(work: Promise<T>, what: string): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Plain(`${what} took longer than ${WAIT_MAX_MS / 1000} s.`)), WAIT_MAX_MS)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

interface Position {
  file: string
  line: number
  column: number
}

const ERRORS_SHOWN = 3

/** In one line, with the place in the project where it went wrong. */
function explain(error: unknown, dir: string): string {
  if (error instanceof Plain) return error.message
  if (!(error instanceof Error) && !hasMessage(error)) return `${String(error)} was thrown.`
  // Several mistakes of syntax in one file.
  if ('errors' in error && Array.isArray(error.errors) && error.errors.length > 0) {
    const rest = error.errors.length - ERRORS_SHOWN
    const shown = error.errors.slice(0, ERRORS_SHOWN).map((one) => explain(one, dir).replace(/\.$/, ''))
    return `${shown.join('; ')}${rest > 0 ? `; and ${rest} more` : ''}.`
  }
  const message = withoutVersion(error.message).replace(/\s*\n\s*/g, ' ')
  const at = positionOf(error) ?? frameIn(error, dir)
  const where = at === undefined ? '' : ` (${relative(dir, at.file)}:${at.line}:${at.column})`
  const named = NAMELESS.has(error.name) ? message : `${error.name}: ${message}`
  return `${named.replace(/\.$/, '')}${where}.${hint(message)}`
}

const hasMessage = (error: unknown): error is Error =>
  typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string'

/** Names that say nothing to who reads the message. */
const NAMELESS = new Set(['Error', 'BuildMessage', 'ResolveMessage', 'AggregateError'])

/** Where the parser stumbled. */
function positionOf(error: object): Position | undefined {
  const position = 'position' in error ? (error.position as Partial<Position> | null) : null
  if (!position?.file || position.line === undefined) return undefined
  return { file: withoutVersion(position.file), line: position.line, column: position.column ?? 0 }
}

/** The topmost line of the stack that is the project's own. */
function frameIn(error: Error, dir: string): Position | undefined {
  for (const [, file = '', line, column] of (error.stack ?? '').matchAll(/^\s+at (?:.*\()?(\/[^()\n]+?):(\d+):(\d+)\)?$/gm)) {
    const path = withoutVersion(file)
    if (path.startsWith(`${dir}/`) && !path.includes('/node_modules/')) return { file: path, line: Number(line), column: Number(column) }
  }
  return undefined
}

/** Who misses something in a package should know whose package it is. */
function hint(message: string): string {
  const missing = /Export named '[^']*' not found in module '([^']+)'/.exec(message)?.[1]
  const version = missing === undefined ? undefined : hostVersion(missing)
  return version === undefined ? '' : ` The server brings ${missing} itself, of version ${version}.`
}
