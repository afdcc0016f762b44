import type { BunPlugin } from 'bun'
import { readHostPackage, SHARED_PACKAGES, SPARE_PACKAGES } from '../../src/engine/graphs/host-names.ts'
import { ROOT } from './workspace.ts'

/** Puts every module that graphs may import into the executable, each to be loaded when the first graph asks for it. */
export const hostModules: BunPlugin = {
  name: 'host-modules',
  setup(build) {
    build.onLoad({ filter: /[\\/]engine[\\/]graphs[\\/]host-modules\.ts$/ }, () => {
      const packages = [...SHARED_PACKAGES, ...SPARE_PACKAGES].map((name) => {
        return [name, readHostPackage(name, (specifier) => Bun.resolveSync(specifier, ROOT))] as const
      })
      const versions = Object.fromEntries(packages.map(([name, { version }]) => [name, version]))
      const names = packages.flatMap(([, found]) => found.names).map((name) => JSON.stringify(name))
      return {
        loader: 'ts',
        contents: [
          `export const hostVersions = ${JSON.stringify(versions)}`,
          `export const hostModules = {${names.map((name) => `${name}: () => import(${name})`).join(',\n')}}`,
        ].join('\n'),
      }
    })
  },
}
