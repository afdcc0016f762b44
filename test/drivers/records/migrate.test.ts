import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { migrations } from '../../../db/migrations/migrations.gen.ts'
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

test('the data of a server before graphs is taken along', async () => {
  const { db } = records
  await migrate(db, silentLog, migrations.slice(0, 2))
  const old = [
    `insert into tenant (id, name, created_at) values (gen_random_uuid(), 'old', now())`,
    `insert into assistant (id, tenant_id, graph, version, created_at) select gen_random_uuid(), id, 'assistant', 2, created_at from tenant`,
    `insert into assistant_version (id, tenant_id, assistant_id, version, config, metadata, created_at)
      select gen_random_uuid(), tenant_id, id, n, '{}', '{}', created_at from assistant, generate_series(1, 2) n`,
    `insert into thread (id, tenant_id, metadata, head_id, created_at) select gen_random_uuid(), id, '{}', gen_random_uuid(), created_at from tenant`,
    `insert into message (id, tenant_id, thread_id, seq, role, content, created_at) select gen_random_uuid(), tenant_id, id, 1, 'user', '"hi"', created_at from thread`,
    `insert into run (id, tenant_id, thread_id, assistant_id, assistant_version_id, status, options, metadata, created_at)
      select gen_random_uuid(), t.tenant_id, t.id, v.assistant_id, v.id, 'queued', '{}', '{}', t.created_at from thread t, assistant_version v where v.version = 2`,
  ]
  for (const statement of old) await db.query(statement)
  await migrate(db, silentLog, migrations)
  expect(await db.query(`select version, newest, updated_at = created_at as same from assistant`)).toEqual([
    { version: 2, newest: 2, same: true },
  ])
  expect(await db.query(`select graph from assistant_version`)).toEqual([{ graph: 'assistant' }, { graph: 'assistant' }])
  expect(await db.query(`select graph, by_head, temporary, updated_at = created_at as same from thread`)).toEqual([
    { graph: 'assistant', by_head: false, temporary: false, same: true },
  ])
  expect(await db.query(`select ready, strategy, run_at = created_at as same from run`)).toEqual([
    { ready: true, strategy: 'reject', same: true },
  ])
  await db.query('delete from thread')
  expect(await db.query('select id from message union all select id from run')).toEqual([])
})

test("the keys of a server before users are the tenant's, also where two begin alike", async () => {
  const { db } = records
  await migrate(db, silentLog, migrations.slice(0, 3))
  const old = [
    `insert into tenant (id, name, created_at) values (gen_random_uuid(), 'old', now())`,
    `insert into app_user (id, tenant_id, name, is_admin, created_at) select gen_random_uuid(), id, 'admin', true, now() from tenant`,
    `insert into api_key (id, tenant_id, user_id, name, hash, prefix, scopes, created_at)
      select gen_random_uuid(), tenant_id, id, 'k', n, 'alike_key', 'read', now() from app_user, generate_series(1, 2) n`,
  ]
  for (const statement of old) await db.query(statement)
  await migrate(db, silentLog, migrations)
  const key = { user_id: null, prefix: 'alike_key', scopes: 'read' }
  expect(await db.query('select user_id, prefix, scopes from api_key')).toEqual([key, key])
  expect(await db.query('select id from app_user')).toEqual([])
})
