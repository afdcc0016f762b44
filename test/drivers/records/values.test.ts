import { afterAll, beforeAll, expect, test } from 'bun:test'
import { Fault } from '../../../src/core/fault.ts'
import { sqlState } from '../../../src/drivers/records/errors.ts'
import { openExternal } from '../../../src/drivers/records/external.ts'
import type { Param, Records } from '../../../src/drivers/records/port.ts'
import { cloneDatabase, silentLog, type TestDatabase } from '../../support/postgres.ts'

let database: TestDatabase
let records: Records

beforeAll(async () => {
  database = await cloneDatabase()
  records = await openExternal({ url: database.url, poolMax: 2, log: silentLog })
})
afterAll(async () => {
  await records.close()
  await database.drop()
})

const ID = '01920000-0000-7000-8000-000000000001'

async function roundTrip(type: string, value: Param): Promise<unknown> {
  const [row] = await records.db.query<{ value: unknown }>(`select $1::${type} as value`, [value])
  return row?.value
}

test('rows hold plain values', async () => {
  expect(await roundTrip('uuid', ID)).toBe(ID)
  expect(await roundTrip('int8', 9_007_199_254_740_991)).toBe(9_007_199_254_740_991)
  expect(await roundTrip('numeric', '1.50')).toBe('1.50')
  expect(await roundTrip('bool', true)).toBe(true)
  expect(await roundTrip('text', null)).toBeNull()
  expect(await roundTrip('date', '2026-11-21')).toBe('2026-11-21')
  expect(await roundTrip('text[]', '{a,"b c"}')).toEqual(['a', 'b c'])
  expect(await roundTrip('int8[]', '{1,2}')).toEqual([1, 2])
  expect(await roundTrip('bytea', '\\x00ff')).toEqual(Buffer.from([0, 255]))
})

test('times are numbers of milliseconds in both directions', async () => {
  expect(await roundTrip('timestamptz', 1_763_751_872_123)).toBe(1_763_751_872_123)
  expect(await roundTrip('timestamptz', -1)).toBe(-1)
  expect(await roundTrip('timestamptz', '2026-11-21T00:00:00+02')).toBe(Date.UTC(2026, 10, 20, 22))
  expect(await roundTrip('timestamptz', 'infinity')).toBe(Number.POSITIVE_INFINITY)
})

test('JSON text is stored as the value it spells, and read as a value', async () => {
  expect(await roundTrip('jsonb', '{"a":[1,null,"x"]}')).toEqual({ a: [1, null, 'x'] })
  expect(await roundTrip('json', '"text"')).toBe('text')
  expect(await roundTrip('jsonb', 5)).toBe(5)
})

test('a parameter that is no plain value is refused, and the pool lives on', async () => {
  const circular: Record<string, unknown> = {}
  circular.self = circular
  const bad = [undefined, Number.NaN, Number.POSITIVE_INFINITY, new Date(Number.NaN), circular, [1], 1n, Symbol('x'), () => 1]
  const others = Array.from({ length: 20 }, () => records.db.hot('select 1'))
  for (const value of bad) {
    const error = await records.db.hot('select $1', [value as Param]).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(Fault)
    expect((error as Fault).code).toBe('internal')
  }
  expect(await Promise.all(others)).toHaveLength(20)
  expect(await records.db.hot<{ one: number }>('select 1 as one')).toEqual([{ one: 1 }])
})

test('what Postgres says about a value reaches the caller with its code', async () => {
  const tooFar = await roundTrip('timestamptz', 1e300).catch((error: unknown) => error)
  expect(sqlState(tooFar)).toBe('22007')
  const notJson = await roundTrip('jsonb', '{').catch((error: unknown) => error)
  expect(sqlState(notJson)).toBe('22P02')
})

test('a text with two statements is refused', async () => {
  const error = await records.db.query('select 1; select 2').catch((caught: unknown) => caught)
  expect(sqlState(error)).toBe('42601')
})

test('a code of the operating system is not taken for a code of Postgres', () => {
  expect(sqlState(Object.assign(new Error('gone'), { code: 'EPIPE' }))).toBeUndefined()
  expect(sqlState(new Error('wrapped', { cause: Object.assign(new Error('dup'), { code: '23505' }) }))).toBe('23505')
})
