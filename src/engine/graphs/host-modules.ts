import { readHostPackage, SHARED_PACKAGES, SPARE_PACKAGES } from './host-names.ts'

export type HostModule = Record<string, unknown>

const find = (specifier: string): string => Bun.resolveSync(specifier, import.meta.dir)
const packages = [...SHARED_PACKAGES, ...SPARE_PACKAGES].map((name) => [name, readHostPackage(name, find)] as const)

export const hostVersions: Readonly<Record<string, string>> = Object.fromEntries(packages.map(([name, { version }]) => [name, version]))

/**
 * What the server lends to graphs, by the name they import it by. By path here, as the names lead back to this table once
 * they are supplied. The executable has a table of its own: scripts/build/host-modules.ts.
 */
export const hostModules: Readonly<Record<string, () => Promise<HostModule>>> = Object.fromEntries(
  packages.flatMap(([, { names }]) => names.map((name) => [name, lend(find(name))])),
)

function lend(path: string): () => Promise<HostModule> {
  return () => import(path) as Promise<HostModule>
}
