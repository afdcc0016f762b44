import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type Attribute, type Attributes, compareText, type Filter, filterSql, matches, requireFilter } from '../../src/core/attributes.ts'
import { Fault } from '../../src/core/fault.ts'
import { openClient } from '../../src/drivers/records/client.ts'
import type { Records } from '../../src/drivers/records/port.ts'
import { cloneDatabase, silentLog, type TestDatabase } from '../support/postgres.ts'

let database: TestDatabase
let records: Records
beforeAll(async () => {
  database = await cloneDatabase()
  records = await openClient(database.target, { poolMax: 2, log: silentLog, shared: true })
}, 60_000)
afterAll(async () => {
  await records.close()
  await database.drop()
})

const BOOK: Attributes = { year: 1999, title: 'Emma', open: true, code: '10' }

test.each<[Filter, boolean]>([
  [{ type: 'eq', key: 'year', value: 1999 }, true],
  [{ type: 'eq', key: 'year', value: '1999' }, false],
  [{ type: 'eq', key: 'open', value: true }, true],
  [{ type: 'eq', key: 'open', value: 1 }, false],
  [{ type: 'eq', key: 'none', value: false }, false],
  [{ type: 'ne', key: 'year', value: '1999' }, true],
  [{ type: 'ne', key: 'none', value: 1 }, true],
  [{ type: 'ne', key: 'title', value: 'Emma' }, false],
  [{ type: 'gt', key: 'year', value: 1998.5 }, true],
  [{ type: 'gt', key: 'year', value: 1999 }, false],
  [{ type: 'gte', key: 'year', value: 1999 }, true],
  [{ type: 'gt', key: 'year', value: '1' }, false],
  [{ type: 'lt', key: 'code', value: '9' }, true],
  [{ type: 'lt', key: 'code', value: 99 }, false],
  [{ type: 'lte', key: 'title', value: 'Emma' }, true],
  [{ type: 'lt', key: 'title', value: 'emma' }, true],
  [{ type: 'lt', key: 'none', value: 5 }, false],
  [{ type: 'lt', key: 'open', value: 5 }, false],
  [{ type: 'in', key: 'year', value: [1, 1999] }, true],
  [{ type: 'in', key: 'year', value: ['1999'] }, false],
  [{ type: 'in', key: 'year', value: [] }, false],
  [{ type: 'in', key: 'none', value: [1] }, false],
  [{ type: 'nin', key: 'none', value: [1] }, true],
  [{ type: 'nin', key: 'year', value: [] }, true],
  [{ type: 'nin', key: 'year', value: [1999] }, false],
  [{ type: 'and', filters: [] }, true],
  [{ type: 'or', filters: [] }, false],
  [{ type: 'ne', key: 'constructor', value: 1 }, true],
  [{ type: 'gt', key: 'constructor', value: '' }, false],
])('%j on a book is %p, in the process and in Postgres', async (filter, expected) => {
  expect(matches(BOOK, filter)).toBe(expected)
  expect(await matchedInPostgres([BOOK], filter)).toEqual([expected])
})

async function matchedInPostgres(attributes: Attributes[], filter: Filter): Promise<boolean[]> {
  const { sql, params } = filterSql(filter, 'a.v', 2)
  const rows = await records.db.query<{ holds: boolean }>(
    `select ${sql} as holds from jsonb_array_elements($1::text::jsonb) with ordinality as a(v, n) order by n`,
    [JSON.stringify(attributes), ...params],
  )
  return rows.map((row) => row.holds)
}

/** Numbers from 0 to 1, the same for the same seed. */
function chance(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

const KEYS = ['a', 'b', 'c.d', 'e"f', "g'h", '$1', 'ünï', '', 'constructor', '__proto__']
const VALUES: Attribute[] = [
  ...[0, -0, 1, -1, 1.5, 0.1, 0.30000000000000004, 1e21, -1e-7, 2 ** 53, 2 ** 53 - 1, 5e-324, 1.7976931348623157e308],
  ...[
    '',
    'a',
    'A',
    'b',
    'ab',
    '1',
    '10',
    '9',
    'true',
    'é',
    'e\u0301',
    'z',
    'ß',
    '\uffff',
    '\u{1f600}',
    '\u{10ffff}',
    'a b',
    '"',
    '\\',
    "'",
  ],
  ...[true, false],
]

function generator(random: () => number) {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const some = <T>(max: number, make: () => T): T[] => Array.from({ length: Math.floor(random() * (max + 1)) }, make)
  const attributes = (): Attributes => Object.fromEntries(some(6, () => [pick(KEYS), pick(VALUES)]))
  const filter = (depth: number): Filter => {
    const key = pick(KEYS)
    const kind = random()
    if (depth > 0 && kind < 0.4) return { type: kind < 0.2 ? 'and' : 'or', filters: some(3, () => filter(depth - 1)) }
    if (kind < 0.6) return { type: pick(['eq', 'ne'] as const), key, value: pick(VALUES) }
    if (kind < 0.7) return { type: pick(['in', 'nin'] as const), key, value: some(4, () => pick(VALUES)) }
    return { type: pick(['gt', 'gte', 'lt', 'lte'] as const), key, value: pick(VALUES.filter((v) => typeof v !== 'boolean')) }
  }
  return { attributes, filter }
}

test('random filters hold in Postgres exactly where they hold in the process', async () => {
  const { attributes, filter } = generator(chance(20261121))
  const documents = Array.from({ length: 150 }, attributes)
  let held = 0
  for (let i = 0; i < 400; i++) {
    const tried = requireFilter(JSON.parse(JSON.stringify(filter(3))))
    const expected = documents.map((document) => matches(document, tried))
    held += expected.filter(Boolean).length
    const found = await matchedInPostgres(documents, tried)
    if (!Bun.deepEquals(found, expected))
      throw new Error(`${JSON.stringify(tried)} differs on ${firstDifference(documents, found, expected)}`)
  }
  // Neither nothing nor everything, so that a difference can show.
  expect(held).toBeGreaterThan(10_000)
  expect(held).toBeLessThan(50_000)
})

const firstDifference = (documents: Attributes[], found: boolean[], expected: boolean[]): string =>
  JSON.stringify(documents[found.findIndex((holds, i) => holds !== expected[i])])

test('text is ordered by code point', () => {
  const sorted = ['', 'A', 'a', 'aa', 'b', 'é', '\ue000', '\uffff', '\u{10000}', '\u{1f600}', '\u{1f600}a', '\u{10ffff}']
  expect(sorted.toReversed().toSorted(compareText)).toEqual(sorted)
  expect(sorted.map((text) => compareText(text, text))).toEqual(sorted.map(() => 0))
})

const eq = { type: 'eq', key: 'a', value: 1 }
const nested = (levels: number): unknown => (levels === 1 ? eq : { type: 'and', filters: [nested(levels - 1)] })

test('a filter within the limits is taken as it is', () => {
  const fits: unknown[] = [
    eq,
    nested(8),
    { type: 'or', filters: Array.from({ length: 100 }, () => eq) },
    { type: 'in', key: 'k'.repeat(64), value: ['v'.repeat(512), '\u{1f600}'.repeat(512), 1, true] },
    { type: 'nin', key: '', value: [] },
    { type: 'and', filters: [] },
  ]
  for (const filter of fits) expect<unknown>(requireFilter(filter)).toEqual(filter)
})

test.each<[name: string, input: unknown, param: string, reason: string]>([
  ['null', null, 'filters', 'type'],
  ['a list', [], 'filters', 'type'],
  ['a string', 'eq', 'filters', 'type'],
  ['no type', {}, 'filters.type', 'missing_field'],
  ['an unknown type', { ...eq, type: 'like' }, 'filters.type', 'value'],
  ['a type that objects inherit', { ...eq, type: 'toString' }, 'filters.type', 'value'],
  ['another field', { ...eq, also: 1 }, 'filters.also', 'unknown_field'],
  ['a field of a comparison in a group', { type: 'and', filters: [], key: 'a' }, 'filters.key', 'unknown_field'],
  ['no key', { type: 'eq', value: 1 }, 'filters.key', 'missing_field'],
  ['a number as key', { type: 'eq', key: 1, value: 1 }, 'filters.key', 'type'],
  ['no value', { type: 'eq', key: 'a' }, 'filters.value', 'missing_field'],
  ['null as value', { type: 'eq', key: 'a', value: null }, 'filters.value', 'type'],
  ['a list for eq', { type: 'eq', key: 'a', value: [1] }, 'filters.value', 'type'],
  ['a boolean for gt', { type: 'gt', key: 'a', value: true }, 'filters.value', 'type'],
  ['no list for in', { type: 'in', key: 'a', value: 1 }, 'filters.value', 'type'],
  ['null in a list', { type: 'in', key: 'a', value: [1, null] }, 'filters.value[1]', 'type'],
  ['no number', { type: 'eq', key: 'a', value: Number.NaN }, 'filters.value', 'type'],
  ['a long key', { type: 'eq', key: 'k'.repeat(65), value: 1 }, 'filters.key', 'too_long'],
  ['a long value', { type: 'eq', key: 'a', value: 'v'.repeat(513) }, 'filters.value', 'too_long'],
  ['NUL in a key', { type: 'eq', key: 'a\u0000', value: 1 }, 'filters.key', 'value'],
  ['half a surrogate pair', { type: 'eq', key: 'a', value: '\ud800' }, 'filters.value', 'value'],
  ['a group without filters', { type: 'or' }, 'filters.filters', 'missing_field'],
  ['a group of no list', { type: 'or', filters: eq }, 'filters.filters', 'type'],
  [
    'a mistake deep inside',
    { type: 'or', filters: [eq, { type: 'and', filters: [{ ...eq, key: 2 }] }] },
    'filters.filters[1].filters[0].key',
    'type',
  ],
  ['nine levels', nested(9), 'filters', 'value'],
  ['101 comparisons', { type: 'or', filters: Array.from({ length: 101 }, () => eq) }, 'filters', 'too_many_items'],
  [
    '101 empty groups',
    { type: 'or', filters: Array.from({ length: 101 }, () => ({ type: 'and', filters: [] })) },
    'filters',
    'too_many_items',
  ],
  ['101 values of a list', { type: 'in', key: 'a', value: Array.from({ length: 101 }, () => 1) }, 'filters', 'too_many_items'],
])('%s is refused', (_, input, param, reason) => {
  const refused = (() => {
    try {
      return requireFilter(input)
    } catch (error) {
      return error
    }
  })()
  expect(refused).toBeInstanceOf(Fault)
  expect(refused).toMatchObject({ code: 'invalid', facts: { param, reason } })
  expect((refused as Fault).message).toStartWith(`Invalid '${param}': `)
})
