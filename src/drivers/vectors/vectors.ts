import type { Config } from '../../config.ts'
import { Fault } from '../../core/fault.ts'
import type { Log } from '../../core/needs.ts'
import type { Db } from '../records/port.ts'
import { EmbeddedVectors } from './embedded.ts'
import { PgvectorVectors } from './pgvector.ts'
import type { Vectors } from './port.ts'
import { QdrantVectors } from './qdrant.ts'

export interface VectorsParts {
  db: Db
  log: Log
}

/** The adapter that the configuration names. None of them reaches for anything before it is used. */
export function openVectors(config: Config['vectors'], { db, log }: VectorsParts): Vectors {
  switch (config.adapter) {
    case 'embedded':
      return new EmbeddedVectors({ db, log }, config)
    case 'pgvector':
      return new PgvectorVectors(db)
    case 'qdrant': {
      const { qdrantUrl: url, qdrantApiKey: apiKey } = config
      if (url === null)
        throw new Fault('unavailable', "The vectors adapter 'qdrant' needs the address of a server: set vectors.qdrant_url.")
      return new QdrantVectors({ url, apiKey, log })
    }
  }
}
