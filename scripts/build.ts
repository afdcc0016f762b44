import { readdirSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { BunPlugin } from 'bun'
import type { PackedServer } from '../src/drivers/records/archive.ts'
import { currentPlatform, PLATFORMS, type Platform } from '../src/drivers/records/platform.ts'
import { embedCharacterMaps } from './build/character-maps.ts'
import { hostModules } from './build/host-modules.ts'
import { nativeSha1 } from './build/native-sha1.ts'
import { packPostgres } from './build/postgres.ts'
import { embedScanner, embedStrength } from './build/thread-source.ts'
import { ROOT, run } from './build/workspace.ts'

/** Makes the executable: `bun scripts/build.ts [--target linux-arm64] [--outfile dist/tetraport]`. */
const { values: flags } = parseArgs({
  options: { target: { type: 'string' }, outfile: { type: 'string' }, entry: { type: 'string', default: 'src/main.ts' } },
})

function readTarget(): Platform {
  if (flags.target === undefined) return currentPlatform()
  const platform = PLATFORMS.find((name) => name === flags.target)
  if (platform === undefined) throw new Error(`--target must be one of ${PLATFORMS.join(', ')}.`)
  return platform
}

/** Puts the archive into the executable, in place of the module that says there is none. */
const embedPostgres = ({ path, version }: PackedServer): BunPlugin => ({
  name: 'embed-postgres',
  setup(build) {
    build.onLoad({ filter: /[\\/]drivers[\\/]records[\\/]archive\.ts$/ }, () => ({
      loader: 'ts',
      contents: [
        `import path from ${JSON.stringify(path)} with { type: 'file' }`,
        `export const packedServer = { path, version: ${JSON.stringify(version)} }`,
      ].join('\n'),
    }))
  },
})

/** Empty outside of a git checkout. */
async function readCommit(): Promise<string> {
  try {
    return await run(['git', 'rev-parse', '--short=12', 'HEAD'], 'ignore')
  } catch {
    return ''
  }
}

async function compile(target: Platform, outfile: string, packed: PackedServer): Promise<void> {
  const result = await Bun.build({
    entrypoints: [join(ROOT, flags.entry)],
    compile: {
      target: `bun-${target}`,
      outfile,
      // What lies beside the executable must not change how it runs. The files of a project's graphs are read as that
      // project's package.json and tsconfig.json say: where its packages are, what its short paths mean.
      autoloadDotenv: false,
      autoloadBunfig: false,
      autoloadTsconfig: true,
      autoloadPackageJson: true,
    },
    format: 'esm',
    splitting: true,
    target: 'bun',
    minify: true,
    bytecode: true,
    sourcemap: 'linked',
    define: { TETRAPORT_COMMIT: JSON.stringify(await readCommit()) },
    plugins: [embedPostgres(packed), await embedScanner(), await embedStrength(), embedCharacterMaps(), nativeSha1, hostModules],
  })
  // The executable carries its own copies of these, one for each chunk.
  const folder = dirname(outfile)
  for (const name of readdirSync(folder)) {
    if (name === `${basename(outfile)}.map` || /^chunk-\w+\.js\.map$/.test(name)) rmSync(join(folder, name), { force: true })
  }
  if (!result.success) throw new AggregateError(result.logs, 'The build failed.')
}

const target = readTarget()
const here = target === `${process.platform}-${process.arch}`
const outfile = resolve(ROOT, flags.outfile ?? (here ? 'dist/tetraport' : `dist/tetraport-${target}`))
const packed = await packPostgres(target)
await compile(target, outfile, packed)
const megabytes = (path: string): string => `${(statSync(path).size / 1e6).toFixed(1)} MB`
console.log(
  `${outfile}: ${megabytes(outfile)}, with PostgreSQL ${packed.version} (${megabytes(packed.path)})${here ? '' : '; built only, it cannot run here'}`,
)
