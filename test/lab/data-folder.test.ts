import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { readLock } from '../../src/drivers/records/lock.ts'
import { embeddedStore, type Store } from './postgres.ts'
import { refusedStart, type ServerProcess, startServer } from './server-process.ts'
import { request } from './wire.ts'

setDefaultTimeout(60_000)

let store: Store
let dir: string
let server: ServerProcess
const start = (): Promise<ServerProcess> => startServer(store.env, `${store.dir}/server.log`)

beforeAll(async () => {
  store = embeddedStore()
  dir = String(store.env.TETRAPORT_DATA)
  server = await start()
})
afterAll(async () => {
  server.signal('SIGKILL')
  await server.exited
  await store.remove()
})

test('a second server on the folder ends with 5 and names the process that holds it, which serves on', async () => {
  const { code, stderr } = await refusedStart(store.env)
  expect(code).toBe(5)
  expect(stderr).toContain(`Process ${server.pid} serves it.`)
  expect(stderr.trim().split('\n')).toHaveLength(3)
  expect((await request(server.url, { path: '/v1/threads', body: {} })).status).toBe(200)
})

test('the lock of a killed server is stale: the next one takes over, with all that was acknowledged', async () => {
  const { body } = await request(server.url, { path: '/v1/threads', body: {} })
  const killed = server.pid
  server.signal('SIGKILL')
  await server.exited
  expect(readLock(dir)).toEqual({ pid: killed, alive: false })
  server = await start()
  expect(readLock(dir)).toEqual({ pid: server.pid, alive: true })
  expect((await request(server.url, { path: `/v1/threads/${body.id}` })).status).toBe(200)
})

test('data of a newer version is refused with 4 and left as it is', async () => {
  const records = await store.look()
  await records.db.query(`insert into tetraport_migration (created_at, hash) values (9000000000000, 'of a later version')`)
  await records.close()
  server.signal('SIGTERM')
  expect(await server.exited).toBe(0)
  const { code, stderr } = await refusedStart(store.env)
  expect(code).toBe(4)
  expect(stderr).toContain('newer version')
  expect(readLock(dir)?.alive).toBe(false)
  expect(readFileSync(`${dir}/pg/PG_VERSION`, 'utf8').trim()).toBe('18')
})
