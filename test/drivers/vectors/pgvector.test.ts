import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { newId } from '../../../src/core/id.ts'
import { openClient } from '../../../src/drivers/records/client.ts'
import { migrate } from '../../../src/drivers/records/migrate.ts'
import type { Records } from '../../../src/drivers/records/port.ts'
import { PgvectorVectors } from '../../../src/drivers/vectors/pgvector.ts'
import { eventually } from '../../support/eventually.ts'
import { cloneDatabase, silentLog } from '../../support/postgres.ts'
import { clustered, Judge } from './judge.ts'
import { vectorsContract } from './vectors.contract.ts'

const { PGVECTOR_URL } = process.env
if (!PGVECTOR_URL) console.log('skipped: pgvector needs PGVECTOR_URL, a Postgres with that extension where databases may be made')

const connect = (url: string): Promise<Records> => openClient({ url }, { poolMax: 4, log: silentLog, shared: true })

/** A database of its own on that server. */
async function openDatabase(url: string): Promise<{ records: Records[]; close(): Promise<void> }> {
  const name = `tetraport_test_${newId().slice(-12)}`
  const admin = await connect(url)
  await admin.db.query(`create database ${name}`)
  const own = new URL(url)
  own.pathname = `/${name}`
  const records = [await connect(own.href), await connect(own.href)]
  await migrate((records[0] as Records).db, silentLog)
  const close = async () => {
    for (const one of records) await one.close()
    await admin.db.query(`drop database ${name} with (force)`)
    await admin.close()
  }
  return { records, close }
}

describe.skipIf(!PGVECTOR_URL)('on a Postgres with the extension', () => {
  let database: Awaited<ReturnType<typeof openDatabase>>
  let adapters: PgvectorVectors[]
  beforeAll(async () => {
    database = await openDatabase(PGVECTOR_URL ?? '')
    adapters = database.records.map(({ db }) => new PgvectorVectors(db))
  })
  afterAll(() => database.close())

  vectorsContract('pgvector', { vectors: () => adapters[0] as PgvectorVectors, replica: () => adapters[1] as PgvectorVectors })

  test.each([16, 2500])(
    'pgvector: by its index, %d dimensions, results are near the exact ones under any filter',
    async (dimensions) => {
      const { db } = database.records[0] as Records
      const vectors = new PgvectorVectors(db, 100)
      const tenantId = newId()
      const judge = new Judge()
      const next = clustered(dimensions, 4)
      const [storeId, small] = [newId(), newId()]
      // The other store is what an index must skip.
      for (let i = 0; i < 31; i++) {
        const points = Array.from({ length: dimensions > 1000 ? 70 : 200 }, () => ({ id: newId(), vector: next() }))
        const document = {
          tenantId,
          storeId: i === 0 ? small : storeId,
          documentId: newId(),
          fileId: newId(),
          attributes: { part: i },
          points,
        }
        await vectors.upsert(document)
        judge.upsert(document)
      }
      await db.query('analyze')
      let [found, asked] = [0, 0]
      for (const part of [100, 15, 3, 1]) {
        for (let i = 0; i < 5; i++) {
          const search = {
            tenantId,
            storeIds: [storeId],
            vector: next(),
            limit: 10,
            filter: { type: 'lte', key: 'part', value: part } as const,
          }
          const hits = await vectors.search(search)
          const worst = judge.best(search).at(-1) ?? 1
          expect(hits).toHaveLength(10)
          found += hits.filter((hit) => hit.score >= worst - 1e-5).length
          asked += 10
        }
      }
      expect(found / asked).toBeGreaterThanOrEqual(0.95)
      const scans = () =>
        db.query<{ scans: number }>('select idx_scan as scans from pg_stat_user_indexes where indexrelname = $1', [
          `vector_point_${dimensions}_hnsw`,
        ])
      // Server processes tell their statistics about once a second.
      await eventually(async () => (await scans()).find((index) => index.scans > 0))
    },
    300_000,
  )
})

test('pgvector: a Postgres without the extension is refused in words', async () => {
  const database = await cloneDatabase()
  const records = await openClient(database.target, { poolMax: 2, log: silentLog, shared: true })
  try {
    const vectors = new PgvectorVectors(records.db)
    const refused = { code: 'unavailable', message: expect.stringContaining('The database has no extension "vector" (pgvector)') }
    await expect(vectors.check()).rejects.toMatchObject(refused)
    const points = [{ id: newId(), vector: new Float32Array([1, 0]) }]
    const document = { tenantId: newId(), storeId: newId(), documentId: newId(), fileId: newId(), attributes: {}, points }
    await expect(vectors.upsert(document)).rejects.toMatchObject(refused)
    expect(
      await vectors.search({ ...document, storeIds: [document.storeId], vector: new Float32Array([1, 0]), limit: 1, filter: null }),
    ).toEqual([])
  } finally {
    await records.close()
    await database.drop()
  }
}, 60_000)
