import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** How the first key reaches the operator. */
export type FirstKey = { kind: 'none' } | { kind: 'preset' } | { kind: 'shown'; secret: string } | { kind: 'file'; path: string }

export interface Started {
  version: string
  url: string
  surfaces: readonly { title: string; name: string; prefix: string }[]
  /** Base URLs of listeners that serve one surface at the root, by its name. */
  alone: Readonly<Record<string, string>>
  /** Ids of the graphs that are served. */
  graphs: readonly string[]
  /** Graphs that could not be loaded; why is in the log too. */
  problems: readonly { graph: string; message: string }[]
  firstKey: FirstKey
  /** Whether anybody can sign in to run the server. */
  operated: boolean
}

/** A terminal shows the key to the one person in front of it; elsewhere output ends up in logs, so it goes to a file. */
export function placeFirstKey(secret: string | undefined, place: { interactive: boolean; dir: string; preset: boolean }): FirstKey {
  if (secret === undefined) return place.preset ? { kind: 'preset' } : { kind: 'none' }
  if (place.interactive) return { kind: 'shown', secret }
  const path = join(place.dir, 'first-key')
  mkdirSync(place.dir, { recursive: true, mode: 0o700 })
  writeFileSync(path, `${secret}\n`, { mode: 0o600 })
  // The mode above counts for new files only.
  chmodSync(path, 0o600)
  return { kind: 'file', path }
}

export function greeting(started: Started): string {
  const { url, firstKey } = started
  const rows = rowsOf(started)
  const width = Math.max(...rows.map(([label]) => label.length))
  const lines = rows.map(([label, value]) => `  ${label.padEnd(width)}  ${value}`)
  const first = firstKey.kind === 'none' || firstKey.kind === 'preset' ? [] : introduction(started, width)
  return `${[`tetraport ${started.version}`, '', ...lines, ...first, '', `tetraport listening on ${url}`].join('\n')}\n`
}

function rowsOf({ url, surfaces, alone, graphs, problems, operated }: Started): (readonly [label: string, value: string])[] {
  const places = surfaces.map(({ name, title, prefix }) => {
    const own = alone[name]
    return [title, own === undefined ? url + prefix : `${url}${prefix}, ${own}`] as const
  })
  const failed = problems.slice(0, GRAPHS_SHOWN).map(({ message }) => ['Not loaded', message.split('\n', 1)[0] ?? ''] as const)
  const operator = operated ? [] : [['Operator', 'none yet: tetraport admin create --email you@example.com'] as const]
  return [...places, ['Graphs', listed(graphs)], ...failed, ['Documentation', `${url}/docs`], ...operator]
}

/** More would not fit a screen. */
const GRAPHS_SHOWN = 8

const listed = (graphs: readonly string[]): string =>
  graphs.length <= GRAPHS_SHOWN ? graphs.join(', ') : `${graphs.slice(0, GRAPHS_SHOWN).join(', ')} and ${graphs.length - GRAPHS_SHOWN} more`

function introduction({ url, surfaces, firstKey }: Started, width: number): string[] {
  const openai = surfaces.find(({ name }) => name === 'openai')
  const key = firstKey.kind === 'shown' ? firstKey.secret : firstKey.kind === 'file' ? `$(cat ${quoted(firstKey.path)})` : ''
  const where = firstKey.kind === 'shown' ? `${firstKey.secret}  (shown this once)` : firstKey.kind === 'file' ? `in ${firstKey.path}` : ''
  const lines = [`  ${'API key'.padEnd(width)}  ${where}`]
  if (openai === undefined) return lines
  const body = JSON.stringify({ model: 'echo', messages: [{ role: 'user', content: 'Hello' }] })
  const curl = `curl ${url}${openai.prefix}/chat/completions -H "Authorization: Bearer ${key}" -H "Content-Type: application/json" -d '${body}'`
  return [...lines, '', 'Try it:', '', `  ${curl}`]
}

const quoted = (path: string): string => (/^[\w./@%+-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`)

export function greetingJson({ version, url, surfaces, alone, graphs, problems, firstKey, operated }: Started): string {
  const key = firstKey.kind === 'shown' ? { first_key: firstKey.secret } : firstKey.kind === 'file' ? { first_key_file: firstKey.path } : {}
  const bases = Object.fromEntries(surfaces.map(({ name, prefix }) => [name, url + prefix]))
  return `${JSON.stringify({ event: 'listening', version, url, surfaces: bases, alone, graphs, problems, docs: `${url}/docs`, operator: operated, ...key })}\n`
}
