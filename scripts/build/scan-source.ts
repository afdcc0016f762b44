import { join } from 'node:path'
import type { BunPlugin } from 'bun'
import { ROOT } from './workspace.ts'

const FOLDER = join(ROOT, 'src/drivers/vectors')

/**
 * Puts the text of the vector scanner's thread into the executable, in place of the module that says there is none. It is
 * bundled before the build begins: a build inside of a build never ends.
 */
export async function embedScanner(): Promise<BunPlugin> {
  const bundle = await Bun.build({ entrypoints: [join(FOLDER, 'scan-worker.ts')], format: 'esm', target: 'bun', minify: true })
  const [output] = bundle.outputs
  if (!bundle.success || output === undefined) throw new AggregateError(bundle.logs, 'The scanner could not be bundled.')
  const contents = `export const scanSource = ${JSON.stringify(await output.text())}\n`
  return {
    name: 'embed-scanner',
    setup(build) {
      build.onLoad({ filter: /[\\/]drivers[\\/]vectors[\\/]scan-source\.ts$/ }, () => ({ loader: 'ts', contents }))
    },
  }
}
