import { readFileSync } from 'node:fs'

/**
 * Packages of which a server has exactly one copy, its own: graphs and the engine that runs them know each other by
 * their classes and by what these modules keep in memory. A project's own copy of them is not loaded.
 */
export const SHARED_PACKAGES = ['@langchain/core', '@langchain/langgraph', '@langchain/langgraph-checkpoint'] as const
/** Packages that stand in where a project brings none. */
export const SPARE_PACKAGES = ['zod'] as const

/** The package that a specifier belongs to. */
export const packageOf = (specifier: string): string => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')

export interface HostPackage {
  version: string
  /** Everything that can be imported of it. */
  names: string[]
}

/**
 * Subpaths that are no modules; the languages of zod's messages, which are many and seldom used; and what changes the
 * schemas of everybody as soon as it is loaded.
 */
const LEFT_OUT = /\*|package\.json|locales|^\.\/compile$/

/** What this installation has of a package; `find` answers the path of a module. */
export function readHostPackage(name: string, find: (specifier: string) => string): HostPackage {
  const { version, exports } = JSON.parse(readFileSync(find(`${name}/package.json`), 'utf8')) as {
    version: string
    exports: Record<string, unknown>
  }
  const subpaths = Object.keys(exports).filter((subpath) => !LEFT_OUT.test(subpath))
  return { version, names: subpaths.map((subpath) => name + subpath.slice(1)) }
}
