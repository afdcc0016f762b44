import type { Config } from '../../config.ts'
import type { Log } from '../../core/needs.ts'
import type { Db } from '../records/port.ts'
import { EmbeddedVectors } from './embedded.ts'
import type { Vectors } from './port.ts'

export interface VectorsParts {
  db: Db
  log: Log
}

/** The adapter that the configuration names. None of them reaches for anything before it is used. */
export function openVectors(config: Config['vectors'], parts: VectorsParts): Vectors {
  return new EmbeddedVectors(parts, config)
}
