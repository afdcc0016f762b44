import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Pool } from '../../../src/drivers/records/pool.ts'
import { cloneDatabase, type TestDatabase } from '../../support/postgres.ts'

let database: TestDatabase
let folder: string
let proxy: Server
let pool: Pool
const pipes: { client: Socket; server: Socket }[] = []

/** Between the pool and Postgres, so that a test can make connections fall silent without closing them. */
beforeAll(async () => {
  database = await cloneDatabase()
  folder = mkdtempSync(join(tmpdir(), 'proxy-'))
  proxy = createServer((client) => {
    const server = connect(database.target.socketPath)
    client.pipe(server)
    server.pipe(client)
    client.on('error', () => server.destroy())
    server.on('error', () => client.destroy())
    pipes.push({ client, server })
  })
  const socketPath = join(folder, 'socket')
  await new Promise<void>((resolve) => proxy.listen(socketPath, resolve))
  pool = new Pool({ ...database.target, socketPath }, { max: 2 })
})
afterAll(async () => {
  await pool.close(0)
  for (const { client, server } of pipes) {
    client.destroy()
    server.destroy()
  }
  proxy.close()
  await database.drop()
  rmSync(folder, { recursive: true, force: true })
})

test('a pool whose connections fell silent is noticed, replaced, and serves those who wait', async () => {
  await pool.run('select 1')
  expect(await pool.isStalled(1)).toBe(false)
  for (const { client, server } of pipes) {
    client.unpipe(server)
    server.unpipe(client)
  }
  const stuck = pool.run('select 1').catch(() => 'failed')
  const other = pool.run('select pg_sleep(0)')
  await other
  expect(await pool.isStalled(2)).toBe(false)
  expect(await pool.isStalled(2)).toBe(false)
  expect(await pool.isStalled(2)).toBe(true)
  pool.replace()
  expect(await pool.run('select 2 as two')).toEqual([{ two: 2 }])
  await pool.close(0)
  expect(await stuck).toBe('failed')
})

test('connections that nobody needed for a while are closed, those that were needed stay', async () => {
  const own = new Pool(database.target, { max: 2 })
  const backend = `select pg_backend_pid() as pid, pg_sleep(0.02)`
  const both = async () =>
    (await Promise.all([own.run<{ pid: number }>(backend), own.run<{ pid: number }>(backend)])).map(([row]) => row?.pid)
  try {
    const first = await both()
    own.trim(0)
    expect((await both()).sort()).toEqual(first.sort())
    own.trim(1)
    own.trim(1)
    const kept = await both()
    expect(kept.filter((pid) => first.includes(pid))).toHaveLength(1)
    own.trim(0)
    own.trim(0)
    expect((await both()).filter((pid) => kept.includes(pid))).toEqual([])
  } finally {
    await own.close(0)
  }
})
