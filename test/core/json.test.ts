import { afterAll, beforeAll, expect, test } from 'bun:test'
import { findUnstorable, isStorable, makeStorable } from '../../src/core/json.ts'
import { openClient } from '../../src/drivers/records/client.ts'
import type { Records } from '../../src/drivers/records/port.ts'
import { cloneDatabase, silentLog, type TestDatabase } from '../support/postgres.ts'

const GOOD = ['', 'plain', 'ümlaut \u{1f600} \ud83d\ude00', '\u0001\u001f\ufffd\uffff', '\ue000']
const BAD = ['\u0000', 'a\u0000b', '\ud800', 'x\udc00', '\udc00\ud800', '\ud83d\ud83d\ude00', '\ud83d\ude00\ude00']

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

/** Through JSON, as every statement sends its rows. */
const roundTrip = async (text: string): Promise<string | undefined> => {
  const rows = await records.db.query<{ v: string }>('select v from json_to_recordset($1::text::json) as x(v text)', [
    JSON.stringify([{ v: text }]),
  ])
  return rows[0]?.v
}

test.each(GOOD)('%j can be stored, and Postgres gives it back', async (text) => {
  expect(isStorable(text)).toBe(true)
  expect(makeStorable(text)).toBe(text)
  expect(await roundTrip(text)).toBe(text)
})

test.each(BAD)('%j cannot be stored, Postgres agrees, and it can be made storable', async (text) => {
  expect(isStorable(text)).toBe(false)
  await expect(roundTrip(text)).rejects.toThrow()
  expect(isStorable(makeStorable(text))).toBe(true)
  expect(makeStorable(text)).toHaveLength(text.length)
})

test('the first unstorable text is named by its path, keys included', () => {
  const bad = '\u0000'
  expect(findUnstorable({ a: [{ b: 'ok' }, { b: bad }], c: bad })).toBe('a[1].b')
  expect(findUnstorable({ a: { [bad]: 1 } })).toBe('a')
  expect(findUnstorable({ [bad]: 1 })).toBe('body')
  expect(findUnstorable(bad)).toBe('body')
  expect(findUnstorable([['x', bad]])).toBe('[0][1]')
  expect(findUnstorable({ a: [1, true, null, 'x', {}] })).toBeUndefined()
})
