import { afterAll, beforeAll, expect, test } from 'bun:test'
import { InMemoryStore } from '@langchain/langgraph-checkpoint'
import type { Caller } from '../../../src/core/caller.ts'
import { Fault } from '../../../src/core/fault.ts'
import { readFilter } from '../../../src/core/items/filter.ts'
import { searchItems, writeItems } from '../../../src/core/items/items.ts'
import type { JsonObject } from '../../../src/core/json.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'

let app: TestApp
let caller: Caller
const library = new InMemoryStore()

const SCALARS = [
  null,
  true,
  false,
  0,
  1,
  -1,
  2.5,
  1e21,
  1e-7,
  '',
  ' ',
  '1',
  '1.0',
  ' 2.5 ',
  '-1',
  '1e3',
  '.5',
  '5.',
  'abc',
  'Ä',
  '1_000',
  '0 1',
  '--1',
  'e5',
]
const VALUES: JsonObject[] = [
  ...SCALARS.map((v) => ({ v })),
  {},
  { other: 1 },
  { v: [] },
  { v: [1] },
  { v: ['a', 'b'] },
  { v: {} },
  { v: { a: 1 } },
  { v: { a: 1, b: { c: 'x', n: 5 } } },
  { v: 'x', w: 3 },
]

beforeAll(async () => {
  app = await openTestApp()
  caller = await app.newTenant()
  const writes = VALUES.map((value, n) => ({ namespace: ['f'], key: String(n), value }))
  await writeItems(app, caller, writes)
  for (const { namespace, key, value } of writes) await library.put(namespace, key, value)
}, OPEN_MS)
afterAll(() => app.close())

const numbers = (items: { key: string }[]) => items.map((item) => Number(item.key)).toSorted((a, b) => a - b)
const ours = async (filter: Record<string, unknown>) => numbers(await searchItems(app, caller, { prefix: ['f'], filter, limit: 1_000 }))
const theirs = async (filter: Record<string, unknown>) => numbers(await library.search(['f'], { filter, limit: 1_000 }))
const valuesOf = (found: number[]) => found.map((n) => VALUES[n])

test.each(['$eq', '$ne', '$gt', '$gte', '$lt', '$lte'])(
  "%s means for every pair of scalars what it means in the library's store",
  async (operator) => {
    for (const bound of [...SCALARS, '1e400', '-Infinity', Number.POSITIVE_INFINITY]) {
      // What JSON has no word for cannot be equal to anything stored.
      if (bound === Number.POSITIVE_INFINITY && (operator === '$eq' || operator === '$ne')) continue
      const filter = { v: { [operator]: bound } }
      const agreed = (await theirs(filter)).filter((n) => !Array.isArray(VALUES[n]?.v) || operator === '$eq' || operator === '$ne')
      expect({ bound, found: await ours(filter) }).toEqual({ bound, found: agreed })
    }
  },
)

test("plain values, several keys, several operators and missing keys mean the same as in the library's store", async () => {
  const filters: Record<string, unknown>[] = [
    ...SCALARS.map((v) => ({ v })),
    { v: undefined },
    { v: { $eq: undefined } },
    { v: {} },
    {},
    { nobody: 1 },
    { nobody: { $ne: 1 } },
    { nobody: { $gt: -1 } },
    { v: 'x', w: 3 },
    { v: 'x', w: 4 },
    { v: { $gt: 0, $lt: 1 } },
    { v: { $gt: 1, $ne: 2.5 } },
    { v: { $in: [1, 'abc', null, 'x'] } },
    { v: { $nin: [1, 'abc', null, 'x'] } },
    { v: { $in: [] } },
    { v: { $nin: [] } },
    { nobody: { $nin: [1] } },
    { v: { $gt: { a: 1 } } },
  ]
  for (const filter of filters) expect({ filter, found: await ours(filter) }).toEqual({ filter, found: await theirs(filter) })
})

test('lists are compared by content, and objects are looked into', async () => {
  expect(valuesOf(await ours({ v: ['a', 'b'] }))).toEqual([{ v: ['a', 'b'] }])
  expect(valuesOf(await ours({ v: [] }))).toEqual([{ v: [] }])
  expect(await ours({ v: ['a'] })).toEqual([])
  expect(valuesOf(await ours({ v: { $eq: { a: 1 } } }))).toEqual([{ v: { a: 1 } }])
  expect(valuesOf(await ours({ v: { a: 1 } }))).toEqual([{ v: { a: 1 } }, { v: { a: 1, b: { c: 'x', n: 5 } } }])
  expect(valuesOf(await ours({ v: { b: { c: 'x', n: { $gt: 4 } } } }))).toEqual([{ v: { a: 1, b: { c: 'x', n: 5 } } }])
  expect(await ours({ v: { b: { n: { $gt: 5 } } } })).toEqual([])
  // A key is not a place in a list.
  expect(await ours({ v: { 0: 'a' } })).toEqual([])
  expect(valuesOf(await ours({ v: { $in: [['a', 'b'], { a: 1 }] } }))).toEqual([{ v: ['a', 'b'] }, { v: { a: 1 } }])
})

test('keys of a filter are names, whatever they hold', async () => {
  const key = `it's "a" \\ {b,c} -> $1`
  await writeItems(app, caller, [{ namespace: ['odd'], key: 'k', value: { [key]: { [key]: 1 } } }])
  const filter = { [key]: { [key]: 1 } }
  expect(await searchItems(app, caller, { prefix: ['odd'], filter })).toHaveLength(1)
  expect(await searchItems(app, caller, { prefix: ['odd'], filter: { constructor: { $ne: 1 } } })).toHaveLength(1)
})

test('a numeral of any length breaks no search', async () => {
  const texts = ['9'.repeat(600), `1e${'9'.repeat(9)}`, `0.${'0'.repeat(300)}1`, '1e999', '0x10', '1\u00a0', 'Infinity', 'NaN']
  await writeItems(
    app,
    caller,
    texts.map((v, n) => ({ namespace: ['long'], key: String(n), value: { v } })),
  )
  const found = await searchItems(app, caller, { prefix: ['long'], filter: { v: { $gt: 1 } }, limit: 100 })
  expect(found.map((item) => item.value.v)).toEqual(['1e999'])
})

test('what is no filter is refused with its place', () => {
  const paramOf = (filter: Record<string, unknown>) => {
    try {
      readFilter(filter)
    } catch (error) {
      if (error instanceof Fault && error.code === 'invalid') return error.facts.param
      throw error
    }
    return undefined
  }
  expect(paramOf({ a: { $regex: 'x' } })).toBe('filter.a.$regex')
  expect(paramOf({ a: { $gt: 1, plain: 2 } })).toBe('filter.a.plain')
  expect(paramOf({ a: { b: { $in: 3 } } })).toBe('filter.a.b.$in')
  expect(paramOf({ a: 'x\0' })).toBe('filter.a')
  expect(paramOf({ 'x\0': 1 })).toBe('filter')
  expect(paramOf({ a: 1n })).toBe('filter.a')
  expect(paramOf({ a: { $in: Array.from({ length: 1_001 }, () => 1) } })).toBe('filter.a.$in')
  expect(paramOf(Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`k${i}`, 1])))).toBe('filter')
  const deep = Array.from({ length: 9 }).reduce<Record<string, unknown>>((inner) => ({ x: inner }), { y: 1 })
  expect(paramOf(deep)).toStartWith('filter.x.x')
  const circle: Record<string, unknown> = {}
  circle.a = circle
  expect(paramOf(circle)).toStartWith('filter.a.a')
  expect(paramOf({ at: new Date(0), list: [1, { a: 2 }] })).toBeUndefined()
})
