import { openFiles } from '../../../src/drivers/files/files.ts'
import { silentLog } from '../../support/postgres.ts'

// Writes the first 20 MB of an object, says so, and waits to be killed. Ends with its parent.

process.stdin.on('end', () => process.exit(1))
process.stdin.resume()

const { config, dir, key } = JSON.parse(process.argv[2] ?? '')
const files = openFiles(config, { dir, log: silentLog, clock: { now: () => Date.now() } })

async function* source(): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < 20; i++) yield new Uint8Array(1024 * 1024).fill(i)
  process.stdout.write('half\n')
  await new Promise(() => undefined)
}

await files.put(key, source(), { bytesMax: 2 ** 30 })
