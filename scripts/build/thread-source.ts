import { mkdirSync, renameSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { BunPlugin } from 'bun'
import { CACHE, ROOT } from './workspace.ts'

/** The text of a thread, in one piece. Made before the build begins: a build inside of a build never ends. */
async function bundle(entry: string): Promise<string> {
  const built = await Bun.build({ entrypoints: [join(ROOT, entry)], format: 'esm', target: 'bun', minify: true })
  const [output] = built.outputs
  if (!built.success || output === undefined) throw new AggregateError(built.logs, `${entry} could not be bundled.`)
  return output.text()
}

/** In place of a module that says that there is none. */
function replaceModule(path: string, contents: string): BunPlugin {
  const name = basename(path)
  return {
    name: `embed-${basename(path, '.ts')}`,
    setup(build) {
      build.onLoad({ filter: new RegExp(`[\\\\/]${name.replace('.', '\\.')}$`) }, (args) =>
        args.path === join(ROOT, path) ? { loader: 'ts', contents } : undefined,
      )
    },
  }
}

/** Puts the text of the vector scanner's thread into the executable. */
export async function embedScanner(): Promise<BunPlugin> {
  const text = await bundle('src/drivers/vectors/scan-worker.ts')
  return replaceModule('src/drivers/vectors/scan-source.ts', `export const scanSource = ${JSON.stringify(text)}\n`)
}

/** The text of the thread that measures passwords is 2 MB of words: compressed, and beside the code, which holds such a text twice. */
export async function embedStrength(): Promise<BunPlugin> {
  const text = await bundle('src/core/passwords/strength.ts')
  const path = join(CACHE, `strength-${new Bun.CryptoHasher('sha256').update(text).digest('hex').slice(0, 16)}.js.zst`)
  const written = `${path}.${process.pid}`
  mkdirSync(CACHE, { recursive: true })
  await Bun.write(written, Bun.zstdCompressSync(text, { level: 19 }))
  renameSync(written, path)
  const contents = [`import path from ${JSON.stringify(path)} with { type: 'file' }`, 'export const strengthFile = path'].join('\n')
  return replaceModule('src/core/passwords/strength-source.ts', contents)
}
