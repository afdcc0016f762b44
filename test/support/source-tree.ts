import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

export const ROOT = resolve(import.meta.dir, '../..')

export interface Import {
  /** Path from the root for our own files, else the package's specifier. */
  target: string
  external: boolean
  typeOnly: boolean
}

export interface SourceFile {
  /** From the root, with forward slashes. */
  path: string
  text: string
  lines: number
  imports: Import[]
}

const STATEMENT = /(?:^|[;\n])\s*(?:import|export)\s+(type\s+)?(?:[\w$*\s,{}]*?\sfrom\s*|[{*][\w$*\s,{}]*?from\s*)?(['"])([^'"\n]+)\2/g
const CALL = /\b(typeof\s+)?import\(\s*(['"])([^'"\n]+)\2\s*\)(\.\w)?/g

/** Types never reach the transpiled text, so a dynamic import that is only a type is told apart by Bun's own scanner. */
export function importsOf(path: string, text: string): Import[] {
  const code = withoutComments(text)
  const atRunTime = new Set(new Bun.Transpiler({ loader: 'ts' }).scanImports(text).map((found) => found.path))
  const found: Import[] = []
  for (const match of code.matchAll(STATEMENT)) found.push(toImport(path, match[3] ?? '', match[1] !== undefined))
  for (const match of code.matchAll(CALL)) found.push(toImport(path, match[3] ?? '', !atRunTime.has(match[3] ?? '')))
  return found
}

function toImport(from: string, specifier: string, typeOnly: boolean): Import {
  const external = !specifier.startsWith('.')
  const target = external ? specifier : slashed(relative(ROOT, resolve(ROOT, dirname(from), specifier)))
  return { target, external, typeOnly }
}

/** Strings are kept: only text between comment marks that do not stand inside a quote is blanked. */
export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|(?<=^|[\s;,{}()])\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g, (token) =>
    token.startsWith('/') ? token.replace(/[^\n]/g, ' ') : token,
  )
}

const slashed = (path: string): string => path.replaceAll('\\', '/')

/** Names that git ignores or owns. */
export function ignoredNames(): Set<string> {
  const lines = readFileSync(join(ROOT, '.gitignore'), 'utf8').split('\n')
  return new Set(['.git', ...lines.map((line) => line.trim().replace(/^\/|\/$/g, '')).filter((line) => line && !line.startsWith('#'))])
}

/** Every file under `folder`, ignored names left out at every depth. */
export function filesUnder(folder: string, ignored: Set<string> = ignoredNames()): string[] {
  const files: string[] = []
  for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
    if (ignored.has(entry.name) || entry.name.endsWith('.log')) continue
    const path = slashed(join(folder, entry.name))
    if (entry.isDirectory()) files.push(...filesUnder(path, ignored))
    else if (entry.isFile()) files.push(path)
  }
  return files.sort()
}

export const GENERATED = ['db/migrations/migrations.gen.ts']

export function readSources(folders: readonly string[]): SourceFile[] {
  const paths = folders.flatMap((folder) => filesUnder(folder)).filter((path) => path.endsWith('.ts') && !GENERATED.includes(path))
  return paths.map((path) => {
    const text = readFileSync(join(ROOT, path), 'utf8')
    return { path, text, lines: text.split('\n').length - (text.endsWith('\n') ? 1 : 0), imports: importsOf(path, text) }
  })
}

/** Each cycle once, as the list of files along it, over imports that exist at run time. */
export function cyclesIn(sources: readonly SourceFile[]): string[][] {
  const edges = new Map(sources.map((s) => [s.path, s.imports.filter((i) => !i.external && !i.typeOnly).map((i) => i.target)]))
  const state = new Map<string, 'open' | 'closed'>()
  const cycles: string[][] = []
  const visit = (path: string, trail: string[]): void => {
    if (state.get(path) === 'closed') return
    if (state.get(path) === 'open') {
      cycles.push([...trail.slice(trail.indexOf(path)), path])
      return
    }
    state.set(path, 'open')
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path])
    state.set(path, 'closed')
  }
  for (const path of edges.keys()) visit(path, [])
  return cycles
}
