import { expect, test } from 'bun:test'
import { openExternal } from '../../../src/drivers/records/external.ts'
import { cloneDatabase, silentLog } from '../../support/postgres.ts'

test('a copied database has the tables and no rows, and leaves the template alone', async () => {
  const [first, second] = [await cloneDatabase(), await cloneDatabase()]
  const a = await openExternal({ url: first.url, poolMax: 2, log: silentLog })
  await a.db.query('create table only_here (id int)')
  await a.close()
  const b = await openExternal({ url: second.url, poolMax: 2, log: silentLog })
  const tables = await b.db.query<{ name: string }>(
    `select table_name as name from information_schema.tables where table_schema = 'public'`,
  )
  await b.close()
  expect(tables.map((table) => table.name)).toContain('tetraport_migration')
  expect(tables.map((table) => table.name)).not.toContain('only_here')
  await Promise.all([first.drop(), second.drop()])
})
