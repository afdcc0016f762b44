import { join } from 'node:path'
import { WORKER_VERB } from '../worker/protocol.ts'

/** Files of the executable lie under a path of their own. */
const IN_EXECUTABLE = /^(?:\/\$bunfs|[A-Z]:[\\/]~BUN)/

export interface Launch {
  command: string[]
  /** Everything: no key, no address of a database and no proxy reaches a process that reads strangers' files. */
  env: Record<string, string>
}

export function launchWorker(memoryBytesMax: number): Launch {
  const program = IN_EXECUTABLE.test(import.meta.dir) ? [process.execPath] : [process.execPath, join(import.meta.dir, '../../../main.ts')]
  const env = {
    TZ: 'UTC',
    // The garbage collector is as thrifty as on a machine with no more memory than a document may take.
    BUN_JSC_forceRAMSize: String(memoryBytesMax),
    // A process that may not write files needs no cache on disk.
    BUN_RUNTIME_TRANSPILER_CACHE_PATH: '0',
    DO_NOT_TRACK: '1',
  }
  return { command: [...program, WORKER_VERB], env }
}
