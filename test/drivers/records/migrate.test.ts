import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { Fault } from '../../../src/core/fault.ts'
import { openExternal } from '../../../src/drivers/records/external.ts'
import { DataFromNewerVersion, type Migration, migrate } from '../../../src/drivers/records/migrate.ts'
import type { Records } from '../../../src/drivers/records/port.ts'
import { cloneDatabase, silentLog, type TestDatabase } from '../../support/postgres.ts'

let database: TestDatabase
let records: Records
let other: Records

beforeAll(async () => {
  database = await cloneDatabase()
  records = await openExternal({ url: database.url, poolMax: 2, log: silentLog })
  other = await openExternal({ url: database.url, poolMax: 2, log: silentLog })
})
beforeEach(async () => {
  await records.db.query('drop schema public cascade')
  await records.db.query('create schema public')
})
afterAll(async () => {
  await records.close()
  await other.close()
  await database.drop()
})

const first: Migration = { hash: 'a', createdAt: 1_000, statements: ['create table one (id int)', 'insert into one values (1)'] }
const second: Migration = { hash: 'b', createdAt: 2_000, statements: ['create table two (id int)'] }
const broken: Migration = { hash: 'c', createdAt: 3_000, statements: ['create table three (id int)', 'create table two (id int)'] }

async function tables(): Promise<string[]> {
  const rows = await records.db.query<{ name: string }>(`select table_name as name from information_schema.tables
    where table_schema = 'public' and table_name <> 'tetraport_migration' order by 1`)
  return rows.map((row) => row.name)
}
const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

test('what is missing is applied in order, once', async () => {
  await migrate(records.db, silentLog, [first])
  await migrate(records.db, silentLog, [first, second])
  await migrate(records.db, silentLog, [first, second])
  expect(await tables()).toEqual(['one', 'two'])
  expect(await records.db.query('select id from one')).toEqual([{ id: 1 }])
})

test('servers that start together apply each migration once', async () => {
  await Promise.all([migrate(records.db, silentLog, [first, second]), migrate(other.db, silentLog, [first, second])])
  expect(await records.db.query('select id from one')).toEqual([{ id: 1 }])
})

test('a migration that fails leaves the one before it', async () => {
  expect(await failure(migrate(records.db, silentLog, [first, second, broken]))).toBeInstanceOf(Error)
  expect(await tables()).toEqual(['one', 'two'])
})

test('data of a newer version is refused untouched', async () => {
  await migrate(records.db, silentLog, [first, second])
  expect(await failure(migrate(records.db, silentLog, [first]))).toBeInstanceOf(DataFromNewerVersion)
  expect(await tables()).toEqual(['one', 'two'])
})

test('data of another build is refused', async () => {
  await migrate(records.db, silentLog, [first])
  const error = await failure(migrate(records.db, silentLog, [{ ...first, hash: 'other' }, second]))
  expect(error).toBeInstanceOf(Fault)
  expect(error).not.toBeInstanceOf(DataFromNewerVersion)
  expect(await tables()).toEqual(['one'])
})
