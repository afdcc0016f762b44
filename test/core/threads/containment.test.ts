import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Json } from '../../../src/core/json.ts'
import { contains } from '../../../src/core/threads/containment.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const SCALARS: Json[] = [null, true, false, 0, 1, -1.5, '', 'a', '1']

/** Small values of few keys, so that many of them contain each other. */
function some(random: () => number, depth: number): Json {
  const kind = depth === 0 ? 0 : Math.floor(random() * 3)
  const size = Math.floor(random() * 3)
  if (kind === 0) return SCALARS[Math.floor(random() * SCALARS.length)] ?? null
  const parts = Array.from({ length: size }, () => some(random, depth - 1))
  return kind === 1 ? parts : Object.fromEntries(parts.map((part, i) => ['abc'[i] as string, part]))
}

/** Always the same numbers, so that a failure comes back. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

test('an object contains what Postgres says it contains', async () => {
  const random = randomFrom(7)
  const pairs = Array.from({ length: 4000 }, () => [{ a: some(random, 3), b: some(random, 2) }, { a: some(random, 3) }] as const)
  const own = pairs.map(([whole]) => [whole, JSON.parse(JSON.stringify(whole))] as const)
  const all = [...pairs, ...own]
  const rows = await app.records.db.query<{ i: number; held: boolean }>(
    `select i, (x->0) @> (x->1) as held from jsonb_array_elements($1::text::jsonb) with ordinality as t(x, i) order by i`,
    [JSON.stringify(all)],
  )
  const told = rows.map(({ held }) => held)
  expect(told.filter(Boolean).length).toBeGreaterThan(4300)
  expect(all.map(([whole, part]) => contains(whole, part))).toEqual(told)
})

test('keys that every object has by birth are not contained', () => {
  expect(contains({}, { constructor: null })).toBe(false)
  expect(contains({}, { toString: {} })).toBe(false)
})
