import { readFile } from 'node:fs/promises'
import { dirname, extname, join, resolve } from 'node:path'
import { findFile } from './reloading.ts'

/** What a project's graphs are made of, as their text says: nothing is loaded for it. */
export interface ProjectFiles {
  /** Absolute paths of the project's own files, those of packages not. */
  files: Set<string>
  /** What is imported by name. */
  packages: Set<string>
  /** Where an import leads to nothing: the files that it may mean once they are there. */
  awaited: Set<string>
}

const FILES_MAX = 5000
const LOADERS: Record<string, Bun.JavaScriptLoader> = {
  '.ts': 'ts',
  '.mts': 'ts',
  '.cts': 'ts',
  '.tsx': 'tsx',
  '.js': 'js',
  '.mjs': 'js',
  '.cjs': 'js',
  '.jsx': 'jsx',
}

/** Follows the imports from the given files on. A file that cannot be read or parsed is a file all the same. */
export async function scanProject(entries: readonly string[]): Promise<ProjectFiles> {
  const found: ProjectFiles = { files: new Set(entries), packages: new Set(), awaited: new Set() }
  // A set hands out what is added while it is gone through.
  for (const file of found.files) {
    if (found.files.size > FILES_MAX) break
    for (const specifier of await importsIn(file)) sort(specifier, file, found)
  }
  return found
}

function sort(specifier: string, importer: string, { files, packages, awaited }: ProjectFiles): void {
  const file = findFile(specifier, importer)
  if (file !== undefined) files.add(file)
  else if (specifier.startsWith('.')) for (const candidate of candidates(resolve(dirname(importer), specifier))) awaited.add(candidate)
  else packages.add(specifier)
}

function candidates(path: string): string[] {
  const bare = path.slice(0, path.length - extname(path).length)
  return [path, ...Object.keys(LOADERS).flatMap((extension) => [bare + extension, join(path, `index${extension}`)])]
}

const transpilers = new Map<Bun.JavaScriptLoader, Bun.Transpiler>()

async function importsIn(file: string): Promise<string[]> {
  const loader = LOADERS[extname(file)]
  if (loader === undefined) return []
  const transpiler = transpilers.get(loader) ?? new Bun.Transpiler({ loader })
  transpilers.set(loader, transpiler)
  try {
    return transpiler.scanImports(await readFile(file, 'utf8')).map(({ path }) => path)
  } catch {
    return []
  }
}
