import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { newId } from '../../../src/core/id.ts'
import { QdrantVectors } from '../../../src/drivers/vectors/qdrant.ts'
import { hasShared, readShared } from '../../contract/shared.ts'
import { RecordedLog } from '../../support/app.ts'
import { type QdrantDouble, startQdrantDouble } from '../../support/qdrant-double.ts'
import { openRealQdrant } from '../../support/real-qdrant.ts'
import { vectorsContract } from './vectors.contract.ts'

const OPENAPI = 'contracts/qdrant-openapi.json'
const open = (url: string, apiKey: string | null = null) => {
  const log = new RecordedLog()
  return { log, vectors: new QdrantVectors({ url, apiKey, log, firstWaitMs: 1 }) }
}

const tenantId = newId()
const document = (changes: { storeId?: string } = {}) => ({
  ...{ tenantId, storeId: newId(), documentId: newId(), fileId: newId(), attributes: {} },
  points: [{ id: newId(), vector: new Float32Array([1, 2]) }],
  ...changes,
})

describe.skipIf(!hasShared(OPENAPI, 'the double of a Qdrant server'))('against a double of a Qdrant server', () => {
  let double: QdrantDouble
  let vectors: QdrantVectors
  let replica: QdrantVectors
  beforeAll(async () => {
    double = startQdrantDouble(await readShared(OPENAPI))
    vectors = open(double.url).vectors
    replica = open(double.url).vectors
  })
  afterAll(() => double.stop())

  vectorsContract('qdrant (double)', { vectors: () => vectors, replica: () => replica })

  test('all traffic of the suite was as the OpenAPI file of Qdrant says', () => {
    expect(double.violations).toEqual([])
    expect(new Set(double.requests).size).toBe(10)
  })

  test('a collection is made once, with its indexes, however many ask for it', async () => {
    const others = [open(double.url), open(double.url)].map((opened) => opened.vectors)
    const written = Array.from({ length: 6 }, (_, i) => ({
      ...document(),
      points: [{ id: newId(), vector: new Float32Array(7).fill(i + 1) }],
    }))
    await Promise.all(written.map((one, i) => (others[i % 2] as QdrantVectors).upsert(one)))
    const collection = double.collections.get('tetraport-7')
    expect(collection?.points.size).toBe(6)
    expect(Object.fromEntries(collection?.indexes ?? [])).toEqual({
      ...{ store: { type: 'keyword', is_tenant: true }, tenant: { type: 'keyword' }, document: { type: 'keyword' } },
      'a.is': { type: 'keyword' },
    })
  })

  test('a collection that another process made at that very moment is used', async () => {
    double.before('PUT /collections/{collection_name}', () => {
      double.collections.set('tetraport-9', { size: 9, indexes: new Map(), points: new Map() })
    })
    await open(double.url).vectors.upsert({ ...document(), points: [{ id: newId(), vector: new Float32Array(9).fill(1) }] })
    const made = double.collections.get('tetraport-9')
    expect([made?.points.size, made?.indexes.size]).toEqual([1, 4])
  })

  test('a collection that somebody deleted is made again', async () => {
    const { vectors: own } = open(double.url)
    const one = document()
    await own.upsert(one)
    double.collections.delete('tetraport-2')
    const search = { tenantId, storeIds: [one.storeId], vector: new Float32Array([1, 0]), limit: 5, filter: null }
    expect(await own.search(search)).toEqual([])
    await own.removeDocument(one)
    await own.upsert(one)
    expect(await own.search(search)).toHaveLength(1)
  })

  test.each<{ failures: (number | 'cut')[] }>([
    { failures: [500] },
    { failures: [503] },
    { failures: [429] },
    { failures: ['cut'] },
    { failures: [500, 'cut', 429, 502, 504] },
  ])('after $failures a request is repeated', async ({ failures }) => {
    const { vectors: own, log } = open(double.url)
    await own.check()
    double.failNext(...failures)
    const one = document()
    await own.upsert(one)
    expect(await own.pointIds(one, 5)).toHaveLength(1)
    expect(log.count('vectors.retry')).toBe(failures.length)
  })

  test('a server that stays broken makes unavailable, and then serves again', async () => {
    const { vectors: own } = open(double.url)
    const one = document()
    await own.upsert(one)
    double.failNext(...Array.from({ length: 6 }, () => 500))
    const failure = await own.removeDocument(one).catch((error: unknown) => error)
    expect(failure).toMatchObject({
      code: 'unavailable',
      message: 'The Qdrant server does not answer: HTTP 500, Service internal error: double.',
    })
    await own.removeDocument(one)
    expect(await own.pointIds(one, 5)).toEqual([])
  })

  test('a server of an old version is refused in words, at the check and at the first use', async () => {
    const { vectors: own } = open(double.url)
    double.version = '1.10.4'
    try {
      const text = 'The Qdrant server cannot be used: it is version 1.10.4, and 1.11 or later is needed.'
      await expect(own.check()).rejects.toMatchObject({ code: 'unavailable', message: text })
      await expect(own.upsert(document())).rejects.toMatchObject({ code: 'unavailable', message: text })
    } finally {
      double.version = '1.19.0'
    }
    await own.upsert(document())
  })

  test('a wrong key is refused in words, and no message or log line holds it', async () => {
    double.apiKey = 'the-right-secret'
    try {
      const { vectors: right } = open(double.url, 'the-right-secret')
      await right.upsert(document())
      const { vectors: wrong, log } = open(double.url, 'a-wrong-secret')
      const failure = await wrong.check().catch((error: unknown) => error)
      expect(failure).toMatchObject({ code: 'unavailable', message: 'The Qdrant server refused a request: HTTP 401, Invalid API key.' })
      expect(Bun.inspect([failure, log.entries], { depth: 10 })).not.toContain('secret')
    } finally {
      double.apiKey = null
    }
  })

  test('the change that a request did not wait for is not counted on', async () => {
    // The double applies such changes later: the suite above would not find what it wrote.
    const before = double.collections.get('tetraport-2')?.points.size ?? 0
    const body = JSON.stringify({ points: [{ id: newId(), vector: [1, 1], payload: {} }] })
    await fetch(`${double.url}/collections/tetraport-2/points`, { method: 'PUT', body })
    expect(double.collections.get('tetraport-2')?.points.size).toBe(before)
  })
})

test('a server that is not there makes unavailable', async () => {
  const server = Bun.serve({ port: 0, fetch: () => new Response() })
  const url = `http://127.0.0.1:${server.port}`
  await server.stop(true)
  await expect(open(url).vectors.check()).rejects.toMatchObject({
    code: 'unavailable',
    message: 'The Qdrant server does not answer: no connection.',
  })
})

const real = await openRealQdrant()
describe.skipIf(real === undefined)('against a real Qdrant server', () => {
  afterAll(() => real?.stop())
  const [one, other] = [0, 1].map(() => open(real?.url ?? '', real?.apiKey ?? null).vectors) as [QdrantVectors, QdrantVectors]
  vectorsContract('qdrant', { vectors: () => one, replica: () => other })
})
