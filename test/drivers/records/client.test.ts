import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { Fault } from '../../../src/core/fault.ts'
import { sqlState } from '../../../src/drivers/records/errors.ts'
import { openExternal } from '../../../src/drivers/records/external.ts'
import type { Db, Records, Statement } from '../../../src/drivers/records/port.ts'
import { cloneDatabase, silentLog, type TestDatabase } from '../../support/postgres.ts'

let database: TestDatabase
let records: Records
let admin: Records
let db: Db

beforeAll(async () => {
  database = await cloneDatabase()
  records = await openExternal({ url: database.url, poolMax: 3, log: silentLog })
  admin = await openExternal({ url: database.url, poolMax: 1, log: silentLog })
  db = records.db
  await db.query('create table thing (id int primary key)')
})
beforeEach(async () => {
  await eventually(() => db.query('truncate thing'))
})
afterAll(async () => {
  await records.close()
  await admin.close()
  await database.drop()
})

const add = (on: Db, id: number): Promise<unknown> => on.hot('insert into thing values ($1)', [id])
const ids = async (): Promise<number[]> => (await db.query<{ id: number }>('select id from thing order by id')).map((row) => row.id)
const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

/** A connection that died while it was idle costs the next statement on it. */
async function eventually<R>(work: () => Promise<R>): Promise<R> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof Fault && error.code === 'unavailable')) throw error
    }
  }
}

/** Ends every connection to this database but the administrator's. */
const cutConnections = (): Promise<unknown> =>
  admin.db.query(`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`)

test('a transaction whose work throws leaves nothing', async () => {
  const error = await failure(
    db.transaction(async (tx) => {
      await add(tx, 1)
      throw new Error('no')
    }),
  )
  expect(error).toEqual(new Error('no'))
  expect(await ids()).toEqual([])
})

test('a transaction in a transaction is a savepoint', async () => {
  await db.transaction(async (tx) => {
    await add(tx, 1)
    await failure(
      tx.transaction(async (inner) => {
        await add(inner, 2)
        await add(inner, 1)
      }),
    )
    await tx.transaction((inner) => add(inner, 3))
  })
  expect(await ids()).toEqual([1, 3])
})

test('an error of Postgres that the work swallowed still fails the transaction', async () => {
  await add(db, 1)
  const error = await failure(
    db.transaction(async (tx) => {
      await add(tx, 2)
      await failure(add(tx, 1))
    }),
  )
  expect(sqlState(error)).toBe('23505')
  expect(await ids()).toEqual([1])
})

test('a statement after the end of its transaction is refused', async () => {
  let escaped: Db | undefined
  await db.transaction(async (tx) => {
    escaped = tx
  })
  const error = await failure(add(escaped as Db, 1))
  expect((error as Fault).code).toBe('internal')
  expect(await ids()).toEqual([])
})

test('inside a transaction a shared write runs on its connection', async () => {
  const insert: Statement<number, number> = {
    name: 'insert item',
    lanes: 1,
    itemsMax: 10,
    run: async (on, items) => {
      for (const item of items) await add(on, item)
      return items
    },
  }
  await failure(
    db.transaction(async (tx) => {
      expect(await tx.batch(insert, 7)).toBe(7)
      throw new Error('no')
    }),
  )
  expect(await ids()).toEqual([])
  expect(await db.batch(insert, 8)).toBe(8)
  expect(await ids()).toEqual([8])
})

test('more transactions than connections wait for their turn', async () => {
  await Promise.all(Array.from({ length: 20 }, (_, id) => db.transaction((tx) => add(tx, id))))
  expect(await ids()).toHaveLength(20)
})

test('the rest of a transaction does not run on a new connection when its own was lost', async () => {
  const error = await failure(
    db.transaction(async (tx) => {
      await add(tx, 1)
      await cutConnections()
      await failure(add(tx, 2))
      await failure(add(tx, 3))
    }),
  )
  expect(error).toBeInstanceOf(Fault)
  expect((error as Fault).code).toBe('unavailable')
  expect(await eventually(ids)).toEqual([])
})

test('lost connections come back by themselves', async () => {
  await Promise.all([db.query('select 1'), db.hot('select 1'), db.transaction((tx) => tx.query('select 1'))])
  await cutConnections()
  await eventually(() => db.query('select 1'))
  await eventually(() => db.hot('select 1'))
  await eventually(() => db.transaction((tx) => tx.query('select 1')))
  await records.check()
})

test('a subscriber hears of every loss of its connection, and of nothing after it left', async () => {
  const heard: string[] = []
  let onGap: () => void = () => undefined
  let onPayload: () => void = () => undefined
  const next = (): Promise<void> =>
    new Promise((resolve) => {
      onGap = resolve
      onPayload = resolve
    })
  const stop = await db.listen(
    'news',
    (payload) => {
      heard.push(payload)
      onPayload()
    },
    () => {
      heard.push('gap')
      onGap()
    },
  )
  const gap = next()
  await cutConnections()
  await gap
  const payload = next()
  await eventually(() => db.transaction((tx) => tx.notify('news', 'from a transaction')))
  await payload
  await stop()
  await eventually(() => db.notify('news', 'too late'))
  expect(heard).toEqual(['gap', 'gap', 'from a transaction'])
})

test('a database that cannot be reached is named without its password', async () => {
  const url = 'postgres://someone:hidden@127.0.0.1:1/nowhere'
  const error = await failure(openExternal({ url, poolMax: 1, log: silentLog }))
  expect(error).toBeInstanceOf(Fault)
  expect((error as Fault).code).toBe('unavailable')
  expect((error as Fault).message).toContain('127.0.0.1:1/nowhere')
  expect((error as Fault).message).not.toContain('hidden')
})

test('after close every call fails as unavailable', async () => {
  const other = await openExternal({ url: database.url, poolMax: 1, log: silentLog })
  await other.close()
  const errors = await Promise.all([
    failure(other.check()),
    failure(other.db.query('select 1')),
    failure(other.db.transaction((tx) => tx.query('select 1'))),
    failure(
      other.db.listen(
        'news',
        () => undefined,
        () => undefined,
      ),
    ),
  ])
  expect(errors.map((error) => (error as Fault).code)).toEqual(['unavailable', 'unavailable', 'unavailable', 'unavailable'])
})
