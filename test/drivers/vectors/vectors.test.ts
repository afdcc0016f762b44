import { expect, test } from 'bun:test'
import { readConfig } from '../../../src/config.ts'
import { openClient } from '../../../src/drivers/records/client.ts'
import { openVectors } from '../../../src/drivers/vectors/vectors.ts'
import { RecordedLog } from '../../support/app.ts'
import { eventually } from '../../support/eventually.ts'
import { cloneDatabase, silentLog } from '../../support/postgres.ts'

test('a server of vectors that is not there is said to be, and does not keep this one from starting', async () => {
  const database = await cloneDatabase()
  const { db, close } = await openClient(database.target, { poolMax: 2, log: silentLog, shared: true })
  try {
    const log = new RecordedLog()
    const { vectors: config } = readConfig({}).config
    const opened = (['embedded', 'qdrant', 'pgvector'] as const).map((adapter) =>
      openVectors({ ...config, adapter, qdrantUrl: 'http://127.0.0.1:1' }, { db, log }),
    )
    expect(opened.map((vectors) => vectors.kind)).toEqual(['embedded', 'qdrant', 'pgvector'])
    await eventually(() => log.count('vectors.unavailable') === 2 || undefined, 30_000)
    await Promise.all(opened.map((vectors) => vectors.close()))
  } finally {
    await close()
    await database.drop()
  }
}, 60_000)

test('qdrant without an address is refused, with the name of the setting', () => {
  const { vectors: config } = readConfig({}).config
  const parts = { db: undefined as never, log: silentLog }
  expect(() => openVectors({ ...config, adapter: 'qdrant', qdrantUrl: null }, parts)).toThrow('vectors.qdrant_url')
})
