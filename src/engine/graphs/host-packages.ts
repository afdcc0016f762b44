import { readFileSync } from 'node:fs'
import { type HostModule, hostModules, hostVersions } from './host-modules.ts'
import { packageOf, SHARED_PACKAGES, SPARE_PACKAGES } from './host-names.ts'

/** Names that lead to the server's modules in this process. What was supplied once stays. */
const supplied = new Set<string>()

/**
 * From here on graphs below `dir` import the server's own LangChain and LangGraph, whatever the project has of them, and
 * its zod where the project has none. Works with and without a node_modules, also for packages in it that import them.
 */
export async function supplyHostPackages(dir: string): Promise<void> {
  const names = Object.keys(hostModules).filter((name) => !supplied.has(name) && isLent(name, dir))
  // All at once: once loaded they can also be had by `require`. The few that a graph may not need are 2 MB.
  const modules = await Promise.all(names.map(async (name) => [name, (await hostModules[name]?.()) ?? {}] as const))
  for (const [name] of modules) supplied.add(name)
  if (modules.length > 0) supply(modules)
}

function supply(modules: (readonly [string, HostModule])[]): void {
  Bun.plugin({
    name: 'host-packages',
    setup(build) {
      for (const [name, exports] of modules) build.module(name, () => ({ loader: 'object', exports: { ...exports } }))
    },
  })
}

function isLent(name: string, dir: string): boolean {
  const theirs = found(name, dir)
  if (SPARE_PACKAGES.some((spare) => spare === packageOf(name))) return found(packageOf(name), dir) === undefined
  // Where both have the same files there is one copy anyway. Inside the executable nothing is found.
  return theirs === undefined || theirs !== found(name, import.meta.dir)
}

function found(specifier: string, dir: string): string | undefined {
  try {
    return Bun.resolveSync(specifier, dir)
  } catch {
    return undefined
  }
}

/** The version that stands behind a name, for messages; undefined where a project's own package does. */
export const hostVersion = (specifier: string): string | undefined =>
  supplied.has(specifier) ? hostVersions[packageOf(specifier)] : undefined

/** Packages that the project has in another major version than the one it gets. */
export function strangers(dir: string): { name: string; theirs: string; ours: string }[] {
  return SHARED_PACKAGES.flatMap((name) => {
    const theirs = versionIn(name, dir)
    const ours = hostVersions[name] ?? ''
    return theirs === undefined || major(theirs) === major(ours) ? [] : [{ name, theirs, ours }]
  })
}

/** Before 1.0 the second number is the one that counts. */
const major = (version: string): string => /^(?:0\.\d+|\d+)/.exec(version)?.[0] ?? version

function versionIn(name: string, dir: string): string | undefined {
  const path = found(`${name}/package.json`, dir)
  if (path === undefined) return undefined
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as { version?: string }).version
  } catch {
    return undefined
  }
}

const LANGGRAPH_ZOD = '@langchain/langgraph/zod'
/** Where LangGraph keeps which prototypes have its methods. */
const EXTENDED = Symbol.for('langgraph-zod')

type Lent = Record<string, ((...given: unknown[]) => unknown) | undefined>
const lent = async (name: string): Promise<Lent> => ((await hostModules[name]?.()) ?? {}) as Lent

/**
 * `@langchain/langgraph/zod` gives schemas of zod 3 a property `langgraph`. Where the project has its own zod, it would
 * give it to the schemas of ours.
 */
export async function extendZod(imported: ReadonlySet<string>, dir: string): Promise<void> {
  const path = found('zod/v3', dir) ?? found('zod', dir)
  if (!imported.has(LANGGRAPH_ZOD) || path === undefined) return
  const { withLangGraph, getInteropZodDefaultGetter } = { ...(await lent(LANGGRAPH_ZOD)), ...(await lent('@langchain/core/utils/types')) }
  const { prototype } = ((await import(path)) as { ZodType: { prototype: object } }).ZodType
  const extended = (globalThis as unknown as Record<symbol, WeakSet<object> | undefined>)[EXTENDED]
  if (extended === undefined || extended.has(prototype)) return
  Object.defineProperty(prototype, 'langgraph', {
    get() {
      return {
        metadata: (jsonSchemaExtra: unknown) => withLangGraph?.(this, { jsonSchemaExtra }),
        reducer: (fn: unknown, schema: unknown) =>
          withLangGraph?.(this, { default: getInteropZodDefaultGetter?.(this), reducer: { schema, fn } }),
      }
    },
  })
  extended.add(prototype)
}
