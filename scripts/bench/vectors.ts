import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { newId } from '../../src/core/id.ts'
import { openClient } from '../../src/drivers/records/client.ts'
import { openEmbedded } from '../../src/drivers/records/embedded.ts'
import { migrate } from '../../src/drivers/records/migrate.ts'
import type { Records } from '../../src/drivers/records/port.ts'
import type { Vectors } from '../../src/drivers/vectors/port.ts'
import { openVectors } from '../../src/drivers/vectors/vectors.ts'
import { percentile, rounded } from './statistics.ts'
import { makeClusters, nearest, StallWatch, type VectorSet } from './vectors-baseline.ts'

/**
 * Milliseconds per search and recall of each vectors adapter that is there, beside brute force in this process on the same
 * data: `bun scripts/bench/vectors.ts [--sizes 10000,100000] [--dimensions 384,1536] [--queries 40] [--noise 0.5]`.
 * PGVECTOR_URL and QDRANT_URL add those adapters.
 */
const { values: flags } = parseArgs({
  options: {
    sizes: { type: 'string', default: '10000,100000' },
    dimensions: { type: 'string', default: '384,1536' },
    queries: { type: 'string', default: '40' },
    /** Spread of the points round their centre, whose coordinates have spread 1. */
    noise: { type: 'string', default: '0.5' },
  },
})
const numbers = (text: string): number[] => text.split(',').map(Number)

const LIMIT = 10
const DOCUMENT_POINTS = 500
const CACHE_BYTES_MAX = 2 ** 30

const nothing = (): void => undefined
const log = { debug: nothing, info: nothing, warn: console.error, error: console.error }

interface Adapter {
  name: string
  open(): Vectors
}

interface Row {
  points: number
  dimensions: number
  adapter: string
  'p50 ms': number
  'p95 ms': number
  'times faster': number
  'recall@10': number
  'first search ms': number
  'upsert points/s': number
  'longest stall ms': number
  'memory MB': number
}

async function openAdapters(records: Records): Promise<{ adapters: Adapter[]; close(): Promise<void> }> {
  const config = { embeddingModel: '', cacheBytesMax: CACHE_BYTES_MAX, qdrantUrl: null, qdrantApiKey: null }
  const adapters: Adapter[] = [{ name: 'embedded', open: () => openVectors({ ...config, adapter: 'embedded' }, { db: records.db, log }) }]
  const { PGVECTOR_URL, QDRANT_URL, QDRANT_API_KEY = null } = process.env
  let own: Records | undefined
  if (PGVECTOR_URL) {
    own = await openClient({ url: PGVECTOR_URL }, { poolMax: 4, log, shared: true })
    await migrate(own.db, log)
    const { db } = own
    adapters.push({ name: 'pgvector', open: () => openVectors({ ...config, adapter: 'pgvector' }, { db, log }) })
  } else console.log('pgvector left out: no PGVECTOR_URL')
  if (QDRANT_URL) {
    const qdrant = { ...config, adapter: 'qdrant', qdrantUrl: QDRANT_URL, qdrantApiKey: QDRANT_API_KEY } as const
    adapters.push({ name: 'qdrant', open: () => openVectors(qdrant, { db: records.db, log }) })
  } else console.log('qdrant left out: no QDRANT_URL')
  return { adapters, close: async () => await own?.close() }
}

const milliseconds = async (work: () => unknown): Promise<number> => {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

async function fill(vectors: Vectors, set: VectorSet, key: { tenantId: string; storeId: string }): Promise<string[]> {
  const ids: string[] = []
  for (let at = 0; at < set.count; at += DOCUMENT_POINTS) {
    const points = Array.from({ length: Math.min(DOCUMENT_POINTS, set.count - at) }, (_, i) => ({ id: newId(), vector: set.row(at + i) }))
    ids.push(...points.map((point) => point.id))
    await vectors.upsert({ ...key, documentId: newId(), fileId: newId(), attributes: { part: at / DOCUMENT_POINTS }, points })
  }
  return ids
}

async function measure(adapter: Adapter, set: VectorSet, expected: number[][], baseMs: number): Promise<Row> {
  const key = { tenantId: newId(), storeId: newId() }
  const vectors = adapter.open()
  Bun.gc(true)
  const before = process.memoryUsage.rss()
  let ids: string[] = []
  const fillMs = await milliseconds(async () => {
    ids = await fill(vectors, set, key)
  })
  const search = (vector: Float32Array) => vectors.search({ ...key, storeIds: [key.storeId], vector, limit: LIMIT, filter: null })
  const stalls = new StallWatch()
  const firstMs = await milliseconds(() => search(set.queries[0] as Float32Array))
  const times: number[] = []
  let found = 0
  for (const [i, query] of set.queries.entries()) {
    const nearestIds = new Set(expected[i]?.map((row) => ids[row]))
    times.push(
      await milliseconds(async () => {
        for (const hit of await search(query)) if (nearestIds.has(hit.id)) found++
      }),
    )
  }
  const longest = stalls.stop()
  Bun.gc(true)
  const memory = process.memoryUsage.rss() - before
  await vectors.removeStore(key)
  await vectors.close()
  const p50 = percentile(times, 50)
  return {
    ...{ points: set.count, dimensions: set.dimensions, adapter: adapter.name },
    ...{ 'p50 ms': rounded(p50), 'p95 ms': rounded(percentile(times, 95)), 'times faster': rounded(baseMs / p50) },
    ...{ 'recall@10': rounded(found / (set.queries.length * LIMIT)), 'first search ms': Math.round(firstMs) },
    ...{ 'upsert points/s': Math.round((set.count / fillMs) * 1000), 'longest stall ms': Math.round(longest) },
    'memory MB': Math.round(memory / 1e6),
  }
}

const dir = mkdtempSync(join(tmpdir(), 'tetraport-vectors-'))
// As root, Postgres runs under an account of its own.
chmodSync(dir, 0o711)
const records = await openEmbedded({ dir, poolMax: 4, log })
const rows: Partial<Row>[] = []
try {
  await migrate(records.db, log)
  const { adapters, close } = await openAdapters(records)
  for (const dimensions of numbers(flags.dimensions)) {
    for (const count of numbers(flags.sizes)) {
      const set = makeClusters({ count, dimensions, queries: Number(flags.queries), noise: Number(flags.noise) })
      const times: number[] = []
      const expected: number[][] = []
      for (const query of set.queries) times.push(await milliseconds(() => expected.push(nearest(set, query, LIMIT))))
      const baseMs = percentile(times, 50)
      rows.push({ points: count, dimensions, adapter: 'brute force', 'p50 ms': rounded(baseMs), 'p95 ms': rounded(percentile(times, 95)) })
      for (const adapter of adapters) rows.push(await measure(adapter, set, expected, baseMs))
      console.log(`${count} x ${dimensions} done`)
    }
  }
  await close()
} finally {
  await records.close()
  rmSync(dir, { recursive: true, force: true })
}
console.table(rows)
