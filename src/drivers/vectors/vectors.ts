import type { Config } from '../../config.ts'
import { Fault } from '../../core/fault.ts'
import type { Log } from '../../core/needs.ts'
import type { Db } from '../records/port.ts'
import type { Vectors } from './port.ts'

export interface VectorsParts {
  db: Db
  log: Log
}

export function openVectors(_config: Config['vectors'], _parts: VectorsParts): Vectors {
  const refuse = (): never => {
    throw new Fault('unsupported', 'Vectors are not supported by this server yet.')
  }
  const [upsert, setAttributes, removeDocument] = [refuse, refuse, refuse]
  return {
    ...{ kind: 'embedded', upsert, setAttributes, removeDocument },
    ...{ removeStore: refuse, search: refuse, pointIds: refuse, check: async () => {}, close: async () => {} },
  }
}
