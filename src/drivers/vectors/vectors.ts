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

/**
 * The adapter that the configuration names. It is ready at once: whether its server is there and new enough is asked
 * meanwhile, and said in the log, so that a server that comes up later than this one does not keep it from starting.
 */
export function openVectors(config: Config['vectors'], { db, log }: VectorsParts): Vectors {
  switch (config.adapter) {
    case 'embedded':
      return new EmbeddedVectors({ db, log }, config)
    case 'pgvector':
      return checked(new PgvectorVectors(db), log)
    case 'qdrant': {
      const { qdrantUrl: url, qdrantApiKey: apiKey } = config
      if (url === null)
        throw new Fault('unavailable', "The vectors adapter 'qdrant' needs the address of a server: set vectors.qdrant_url.")
      return checked(new QdrantVectors({ url, apiKey, log }), log)
    }
  }
}

function checked(vectors: Vectors, log: Log): Vectors {
  vectors.check().then(
    () => log.info('vectors.ready', { adapter: vectors.kind }),
    (cause: unknown) => log.error('vectors.unavailable', { adapter: vectors.kind, cause }),
  )
  return vectors
}
