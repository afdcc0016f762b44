import type { Config } from '../../config.ts'
import { Fault } from '../../core/fault.ts'
import type { Clock, Log } from '../../core/needs.ts'
import type { Files } from './port.ts'

export interface FilesParts {
  /** Folder of the local adapter. */
  dir: string
  log: Log
  clock: Clock
}

export function openFiles(_config: Config['files'], _parts: FilesParts): Files {
  const refuse = (): never => {
    throw new Fault('unsupported', 'Files are not supported by this server yet.')
  }
  return {
    kind: 'local',
    put: refuse,
    read: refuse,
    size: refuse,
    remove: refuse,
    sign: refuse,
    check: async () => {},
    close: async () => {},
  }
}
