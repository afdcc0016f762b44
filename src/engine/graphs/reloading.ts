import { dirname } from 'node:path'

/**
 * A file is loaded once in a process. A changed one is loaded again under another address, `path?v=2`, and with it all
 * of its project's files that import each other: a file that is dropped from the module cache instead stays broken when
 * something that imports it failed.
 */
const versions = new Map<string, number>()
let installed = false

const VERSION = /\?v=\d+/g

export const withoutVersion = (text: string): string => text.replace(VERSION, '')

/** Where a file is to be imported from at present. */
export function versioned(path: string): string {
  const version = versions.get(path) ?? 0
  return version === 0 ? path : `${path}?v=${version}`
}

/** What is imported of these files from now on is what they hold now. What runs keeps what it has. */
export function renew(files: Iterable<string>): void {
  install()
  let latest = 0
  const renewed = new Set(files)
  for (const path of renewed) latest = Math.max(latest, versions.get(path) ?? 0)
  for (const path of renewed) versions.set(path, latest + 1)
  for (const key of Object.keys(require.cache)) if (renewed.has(withoutVersion(key))) delete require.cache[key]
}

/** Once in a process: what a plugin sees cannot be taken from it again. */
function install(): void {
  if (installed) return
  installed = true
  Bun.plugin({
    name: 'reloading',
    setup(build) {
      build.onResolve({ filter: /./ }, ({ path, importer }) => {
        const version = versions.get(withoutVersion(importer))
        return version === undefined ? undefined : resolve(path, { importer: withoutVersion(importer), version })
      })
    },
  })
}

interface Asker {
  importer: string
  version: number
}

function resolve(specifier: string, { importer, version }: Asker): { path: string } | undefined {
  const found = findFile(specifier, importer)
  if (found === undefined) return undefined
  if (!versions.has(found)) versions.set(found, version)
  return { path: versioned(found) }
}

/** The project's file that an import means; undefined for packages, for parts of the runtime and for what is not there. */
export function findFile(specifier: string, importer: string): string | undefined {
  try {
    const found = withoutVersion(Bun.resolveSync(specifier, dirname(importer)))
    return found.startsWith('/') && !found.includes('/node_modules/') ? found : undefined
  } catch {
    return undefined
  }
}
