import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BunPlugin } from 'bun'

const SHA1 = /[\\/]@langchain[\\/]core[\\/]dist[\\/]utils[\\/]uuid[\\/]sha1\.js$/
const OURS = join(import.meta.dir, 'sha1.ts')

/** The same digest by the platform: LangGraph names every task by a SHA-1, and its own JavaScript one takes 3 % of a run. */
export const nativeSha1: BunPlugin = {
  name: 'native-sha1',
  setup(build) {
    build.onLoad({ filter: SHA1 }, ({ path }) => {
      const theirs = readFileSync(path, 'utf8')
      // Another version may look otherwise: then it is better left alone.
      if (!/^function sha1\(bytes\)/m.test(theirs)) return { loader: 'js', contents: theirs }
      return { loader: 'ts', contents: `${readFileSync(OURS, 'utf8')}\nexport { sha1 as default }\n` }
    })
  },
}
