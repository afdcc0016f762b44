import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { openClient } from '../../src/drivers/records/client.ts'
import { eventually } from '../support/eventually.ts'
import { cloneDatabase, silentLog, type TestDatabase } from '../support/postgres.ts'
import { SERVER_START_MS, type Served, serve } from '../support/served.ts'
import { FakeTerminal } from '../support/terminal.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await cloneDatabase()
})
afterAll(() => database.drop())

async function runOn(url: string, ...args: string[]): Promise<FakeTerminal & { code: number }> {
  const terminal = new FakeTerminal('/', { DATABASE_URL: url })
  const code = await terminal.run('user', ...args)
  return Object.assign(terminal, { code })
}
const run = (...args: string[]) => runOn(database.url, ...args)

interface ListedUser {
  id: string
  email: string | null
  name: string | null
  is_admin: boolean
}

const listed = async (): Promise<ListedUser[]> => JSON.parse((await run('list', '--json')).stdout)

describe('users', () => {
  test('a new user is listed, and his id alone is printed on standard output', async () => {
    const created = await run('create', '--email', 'ann@x.org', '--name', 'Ann X')
    expect([created.code, created.stdout]).toEqual([0, expect.stringMatching(/^user_[A-Za-z0-9]{22}\n$/)])
    const id = created.stdout.trim()
    expect(await listed()).toContainEqual(expect.objectContaining({ id, email: 'ann@x.org', name: 'Ann X', is_admin: false }))
    expect((await run('list')).stdout).toMatch(new RegExp(`^${id}  ann@x\\.org  Ann X  no `, 'm'))
  })

  test('an address in use makes no second user', async () => {
    await run('create', '--email', 'once@x.org')
    const { code, stdout, stderr } = await run('create', '--email', 'once@x.org', '--admin')
    expect([code, stdout, stderr.split('\n')[0]]).toEqual([1, '', "There is a user with the e-mail address 'once@x.org'."])
    expect((await listed()).filter(({ email }) => email === 'once@x.org')).toHaveLength(1)
  })

  test('a new admin comes with a key, which is shown once and stored nowhere', async () => {
    const created = await run('create', '--email', 'ada@x.org', '--admin')
    expect(created.stdout).toMatch(/^ad_[\w-]{43}\n$/)
    expect(created.stderr).toContain('ada@x.org')
    expect((await listed()).find(({ email }) => email === 'ada@x.org')?.is_admin).toBe(true)
    const { db, close } = await openClient(database.target, { poolMax: 1, log: silentLog, shared: true })
    const [stored] = await db.query<{ all: string }>("select string_agg(k::text || u::text, '') as all from api_key k, app_user u")
    await close()
    expect(stored?.all).not.toContain(created.stdout.trim())
  })

  test('programs get JSON', async () => {
    const user = JSON.parse((await run('create', '--email', 'json@x.org', '--json')).stdout)
    expect(user).toEqual({ id: user.id, email: 'json@x.org', name: null, is_admin: false, created_at: expect.any(String) })
    const admin = JSON.parse((await run('create', '--admin', '--json')).stdout)
    expect(admin.key).toMatch(/^ad_/)
    const key = JSON.parse((await run('key', user.id, '--name', 'ci', '--json')).stdout)
    expect(key).toEqual({ prefix: key.key.slice(0, 8), user_id: user.id, name: 'ci', key: expect.stringMatching(/^ea_[\w-]{43}$/) })
  })
})

describe('beside a server', () => {
  let served: Served
  beforeAll(async () => {
    served = await serve()
  }, SERVER_START_MS)
  afterAll(() => served.close())
  // The command line works in the tenant of its own.
  const runBeside = (...args: string[]) => runOn(served.database.url, ...args)
  const ask = (key: string, path: string) => served.send('GET', `/entities/v1${path}`, undefined, { key })

  test('a key made here is good, and whether its user is an admin counts at once', async () => {
    const id = (await runBeside('create')).stdout.trim()
    const other = (await runBeside('create')).stdout.trim()
    const key = (await runBeside('key', id)).stdout.trim()
    expect(key).toMatch(/^ea_/)
    expect([(await ask(key, `/users/${id}`)).status, (await ask(key, `/users/${other}`)).status]).toEqual([200, 403])
    expect((await runBeside('admin', id, '--on')).stdout).toBe(`${id} is an admin.\n`)
    await statusBecomes(key, `/users/${other}`, 200)
    expect((await runBeside('key', id)).stdout).toStartWith('ad_')
    expect((await runBeside('admin', id, '--off')).stdout).toBe(`${id} is no admin.\n`)
    await statusBecomes(key, `/users/${other}`, 403)
  })

  async function statusBecomes(key: string, path: string, status: number): Promise<void> {
    await eventually(async () => ((await ask(key, path)).status === status ? true : undefined))
  }
})

describe('mistakes', () => {
  test('an id of nobody is told so', async () => {
    for (const id of ['ann', 'user_0000000000000000000000', '01a1ff9a-1070-74da-aa8b-538a494ec8b4'])
      for (const args of [
        ['key', id],
        ['admin', id, '--on'],
      ]) {
        const { code, stderr } = await run(...args)
        expect([code, stderr.split('\n')[0]]).toEqual([1, `There is no user '${id}'.`])
      }
  })

  test('--on or --off is needed, not both', async () => {
    const id = (await run('create')).stdout.trim()
    for (const flags of [[], ['--on', '--off']]) expect((await run('admin', id, ...flags)).code).toBe(2)
    expect((await listed()).find((user) => user.id === id)?.is_admin).toBe(false)
  })

  test('an end in the past makes no key', async () => {
    const id = (await run('create')).stdout.trim()
    const { code, stdout } = await run('key', id, '--expires', '2020-01-01')
    expect([code, stdout]).toEqual([2, ''])
  })
})
