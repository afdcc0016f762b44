import { describe } from 'bun:test'
import { newId } from '../../src/core/id.ts'
import { openClient } from '../../src/drivers/records/client.ts'
import { silentLog, type TestDatabase } from '../support/postgres.ts'
import { type QdrantDouble, startQdrantDouble } from '../support/qdrant-double.ts'
import { openRealQdrant } from '../support/real-qdrant.ts'
import { hasS3, s3Settings } from '../support/s3-server.ts'
import { documentsContract } from './documents.contract.ts'
import { hasShared, readShared } from './shared.ts'

const nothing = async (): Promise<void> => undefined

describe('with nothing installed', () => documentsContract('local files, embedded vectors', async () => ({ options: {}, close: nothing })))

describe.skipIf(!hasS3('the documents with files on S3'))('with files on a real S3 server', () =>
  documentsContract('files on S3', async () => ({ options: { files: { adapter: 's3', ...(await s3Settings()) } }, close: nothing })),
)

const QDRANT_OPENAPI = 'contracts/qdrant-openapi.json'

describe.skipIf(!hasShared(QDRANT_OPENAPI, 'the documents on a double of a Qdrant server'))('with a double of a Qdrant server', () =>
  documentsContract('vectors on a double of Qdrant', async () => {
    const double: QdrantDouble = startQdrantDouble(await readShared(QDRANT_OPENAPI))
    return {
      options: { vectors: { adapter: 'qdrant', qdrantUrl: double.url } },
      async close() {
        await double.stop()
        if (double.violations.length > 0)
          throw new Error(`Traffic that Qdrant's OpenAPI file does not allow: ${double.violations.join('; ')}`)
      },
    }
  }),
)

const { QDRANT_URL, PGVECTOR_URL } = process.env
if (!QDRANT_URL) console.log('skipped: the documents on a real Qdrant server need QDRANT_URL')

describe.skipIf(!QDRANT_URL)('with a real Qdrant server', () =>
  documentsContract('vectors on Qdrant', async () => {
    const real = await openRealQdrant()
    if (!real) throw new Error('there is no Qdrant server')
    return { options: { vectors: { adapter: 'qdrant', qdrantUrl: real.url, qdrantApiKey: real.apiKey } }, close: real.stop }
  }),
)

if (!PGVECTOR_URL) console.log('skipped: the documents on pgvector need PGVECTOR_URL')

/** A database of its own on a server where databases may be made. */
async function ownDatabase(server: string): Promise<TestDatabase> {
  const name = `tetraport_documents_${newId().slice(-12)}`
  const admin = await openClient({ url: server }, { poolMax: 1, log: silentLog, shared: true })
  await admin.db.query(`create database ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  return {
    url: url.href,
    target: { socketPath: '', user: '', database: name },
    async drop() {
      await admin.db.query(`drop database ${name} with (force)`)
      await admin.close()
    },
  }
}

describe.skipIf(!PGVECTOR_URL)('with vectors in Postgres', () =>
  documentsContract('vectors on pgvector', async () => ({
    options: { vectors: { adapter: 'pgvector' }, database: await ownDatabase(PGVECTOR_URL ?? '') },
    close: nothing,
  })),
)
