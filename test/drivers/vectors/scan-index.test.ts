import { expect, test } from 'bun:test'
import { newId } from '../../../src/core/id.ts'
import { type Candidates, quantise, ScanIndex, type SpaceSize } from '../../../src/drivers/vectors/scan-index.ts'
import { rowsPerBlock } from '../../../src/drivers/vectors/scan-layout.ts'
import { dot, toCoarse, toUnit } from '../../../src/drivers/vectors/unit-vector.ts'
import { chance, clustered } from './judge.ts'

const bytesOf = (id: string): Buffer => Buffer.from(id.replaceAll('-', ''), 'hex')

interface Row {
  id: string
  documentId: string
  unit: Float32Array
}

const rowsOf = (rows: Row[]): Uint8Array =>
  new Uint8Array(Buffer.concat(rows.flatMap(({ id, documentId, unit }) => [bytesOf(id), bytesOf(documentId), toCoarse(unit)])))

const idsIn = ({ ids }: Candidates): string[] =>
  Array.from({ length: ids.length / 16 }, (_, i) => Buffer.from(ids.slice(i * 16, i * 16 + 16)).toString('hex'))

const plain = (id: string): string => id.replaceAll('-', '')

test.each([1, 3, 31, 32, 33, 384, 1536, 16_000])('compact scores of %d dimensions are near the true ones', (dimensions) => {
  const next = clustered(dimensions, 5)
  const documentId = newId()
  const rows = Array.from({ length: 50 }, () => ({ id: newId(), documentId, unit: toUnit(next()) }))
  // One component holds everything: the largest sums there are.
  for (const x of [1, -1]) rows.push({ id: newId(), documentId, unit: new Float32Array(dimensions).fill(x, 0, 1) })
  rows.push({ id: newId(), documentId, unit: toUnit(new Float32Array(dimensions).fill(1)) })
  const index = new ScanIndex()
  index.answer({ op: 'documents', space: 1, dimensions, changes: [{ id: documentId, attributes: {}, born: 1, removed: false }] })
  index.answer({ op: 'rows', space: 1, bytes: rowsOf(rows), fresh: true })
  for (const { unit: query } of rows) {
    const found = index.answer({ op: 'scan', spaces: [1], query, count: 100, filter: null }) as Candidates
    expect(found.scores).toHaveLength(rows.length)
    const scores = new Map(idsIn(found).map((id, i) => [id, found.scores[i] ?? Number.NaN]))
    for (const row of rows) expect(Math.abs((scores.get(plain(row.id)) ?? Number.NaN) - dot(query, row.unit))).toBeLessThan(0.02)
    expect([...found.scores]).toEqual([...found.scores].sort((a, b) => b - a))
  }
})

test('a query is spread over the int16s without a sum that leaves an int32', () => {
  const random = chance(11)
  for (const dimensions of [1, 100, 1536, 16_000]) {
    for (const power of [0, 1, 8, 64]) {
      const { components } = quantise(toUnit(Float32Array.from({ length: dimensions }, () => random() ** power)))
      const largest = components.reduce((sum, x) => sum + Math.abs(x) * 127, 0)
      expect(largest).toBeLessThan(2 ** 31)
      expect(largest).toBeGreaterThan(0)
    }
  }
  expect(quantise(new Float32Array(5)).scale).toBe(0)
})

test('after any changes exactly the rows that should be there are there', () => {
  const dimensions = 400
  const random = chance(21)
  const next = clustered(dimensions, 6)
  const index = new ScanIndex()
  const expected = new Map<string, Map<string, Float32Array>>()
  let revision = 1
  const change = (id: string, removed = false, born = 1) =>
    index.answer({ op: 'documents', space: 1, dimensions, changes: [{ id, attributes: { even: revision % 2 === 0 }, born, removed }] })
  const put = (documentId: string, ids: string[]) => {
    const rows = ids.map((id) => ({ id, documentId, unit: toUnit(next()) }))
    for (const row of rows) expected.get(documentId)?.set(row.id, row.unit)
    return index.answer({ op: 'rows', space: 1, bytes: rowsOf(rows), fresh: false }) as SpaceSize
  }
  for (let i = 0; i < 300; i++) {
    revision++
    const known = [...expected.keys()]
    const documentId = known[Math.floor(random() * known.length)]
    if (documentId === undefined || random() < 0.3) {
      const made = newId()
      expected.set(made, new Map())
      change(made)
      put(made, Array.from({ length: Math.floor(random() * 300) }, newId))
    } else if (known.length > 8) {
      expected.delete(documentId)
      change(documentId, true)
    } else if (random() < 0.1) {
      expected.set(documentId, new Map())
      change(documentId, false, revision)
      put(documentId, [newId()])
    } else {
      const some = [...(expected.get(documentId)?.keys() ?? [])].filter(() => random() < 0.5)
      put(documentId, [...some, newId()])
    }
  }
  const all = [...expected.values()].flatMap((points) => [...points])
  const query = toUnit(next())
  const found = index.answer({ op: 'scan', spaces: [1], query, count: all.length + 100, filter: null }) as Candidates
  const scores = new Map(idsIn(found).map((id, i) => [id, found.scores[i] ?? Number.NaN]))
  expect(found.scores).toHaveLength(all.length)
  expect(scores.size).toBe(all.length)
  for (const [id, unit] of all) expect(Math.abs((scores.get(plain(id)) ?? Number.NaN) - dot(query, unit))).toBeLessThan(0.02)
  expect(all.length).toBeGreaterThan(rowsPerBlock(dimensions))
})

test('what one space gives up another takes, and a dropped space is unknown', () => {
  const index = new ScanIndex()
  const next = clustered(1000, 8)
  const documentId = newId()
  const changes = [{ id: documentId, attributes: {}, born: 1, removed: false }]
  const count = rowsPerBlock(1000) * 2 + 1
  for (let space = 1; space <= 8; space++) {
    const rows = Array.from({ length: count }, () => ({ id: newId(), documentId, unit: toUnit(next()) }))
    index.answer({ op: 'documents', space, dimensions: 1000, changes })
    expect(index.answer({ op: 'rows', space, bytes: rowsOf(rows), fresh: true })).toEqual({ rows: count, documents: 1 })
    const found = index.answer({ op: 'scan', spaces: [space], query: toUnit(next()), count: 5, filter: null }) as Candidates
    const own = new Set(rows.map((row) => plain(row.id)))
    expect(idsIn(found).filter((id) => own.has(id))).toHaveLength(5)
    index.answer({ op: 'drop', space })
    index.answer({ op: 'drop', space })
  }
  expect(() => index.answer({ op: 'scan', spaces: [3], query: toUnit(next()), count: 5, filter: null })).toThrow('does not hold')
})
