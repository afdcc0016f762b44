import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { deleteOldRows } from '../../../src/core/sweeps/old-rows.ts'
import type { Db } from '../../../src/drivers/records/port.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'

let app: TestApp
let db: Db
beforeAll(async () => {
  app = await openTestApp({ slots: 0 })
  db = app.records.db
}, OPEN_MS)
afterAll(() => app.close())

/** Names that end at these times, in milliseconds. */
beforeEach(async () => {
  await db.query('delete from used_nonce')
  await db.query(`insert into used_nonce (nonce, expires_at) select 'n' || n, to_timestamp(n / 1000.0) from unnest(array[3, 1, 4, 2, 5]) n`)
})

const old = { table: 'used_nonce', time: 'expires_at' }
const left = async (): Promise<string> =>
  (await db.query<{ nonce: string }>('select nonce from used_nonce order by nonce')).map(({ nonce }) => nonce).join(' ')

test('the oldest go first, no more than are asked for, and none that is not old', async () => {
  expect(await deleteOldRows(db, old, { before: 5, limit: 3 })).toBe(3)
  expect(await left()).toBe('n4 n5')
  expect(await deleteOldRows(db, old, { before: 5, limit: 3 })).toBe(1)
  expect(await left()).toBe('n5')
  expect(await deleteOldRows(db, old, { before: 5, limit: 3 })).toBe(0)
})

test('what ends at the very time is old where that is said', async () => {
  expect(await deleteOldRows(db, old, { before: 2, limit: 9 })).toBe(1)
  expect(await deleteOldRows(db, old, { until: 2, limit: 9 })).toBe(1)
  expect(await left()).toBe('n3 n4 n5')
})

test('a condition with parameters of its own keeps what does not meet it', async () => {
  const and = `nonce <> $3 and nonce <> 'n' || $1::text`
  expect(await deleteOldRows(db, { ...old, and, params: ['n1'] }, { before: 4, limit: 9 })).toBe(2)
  expect(await left()).toBe('n1 n4 n5')
})

test('a row that somebody holds is passed by, and stays if it is not old any more', async () => {
  await db.transaction(async (tx) => {
    await tx.query(`update used_nonce set expires_at = to_timestamp(1) where nonce = 'n1'`)
    expect(await deleteOldRows(db, old, { before: 4, limit: 9 })).toBe(2)
  })
  expect(await deleteOldRows(db, old, { before: 4, limit: 9 })).toBe(0)
  expect(await left()).toBe('n1 n4 n5')
})

test('of many who sweep at once each row is counted by one', async () => {
  await db.query(`insert into used_nonce (nonce, expires_at) select 'm' || n, to_timestamp(0) from generate_series(1, 500) n`)
  const counts = await Promise.all(Array.from({ length: 8 }, () => deleteOldRows(db, old, { before: 5, limit: 100 })))
  let all = counts.reduce((sum, n) => sum + n, 0)
  for (let more = -1; more !== 0; all += more) more = await deleteOldRows(db, old, { before: 5, limit: 100 })
  expect(all).toBe(504)
  expect(await left()).toBe('n5')
})
