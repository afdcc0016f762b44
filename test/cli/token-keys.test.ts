import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { operator } from '../../src/core/identity/tenants.ts'
import { until } from '../support/runs.ts'
import { SERVER_START_MS, type Served, serve } from '../support/served.ts'
import { signedIn } from '../support/sign-ins.ts'
import { FakeTerminal } from '../support/terminal.ts'

let served: Served
const elsewhere = mkdtempSync(join(tmpdir(), 'tetraport-elsewhere-'))
beforeAll(async () => {
  served = await serve()
}, SERVER_START_MS)
afterAll(async () => {
  await served.close()
  await rm(elsewhere, { recursive: true, force: true })
})

async function run(...args: string[]): Promise<FakeTerminal & { code: number }> {
  const terminal = new FakeTerminal('/', { DATABASE_URL: served.database.url })
  const data = args.length === 0 || args.includes('--data') ? [] : ['--data', served.app.config.data.dir]
  const code = await terminal.run('token-keys', ...args, ...data)
  return Object.assign(terminal, { code })
}

interface Listed {
  kid: string
  status: string
  created_at: string
  retired_at: string | null
}
const listed = async (): Promise<Listed[]> => JSON.parse((await run('list', '--json')).stdout)

test('a rotation beside the running server changes what it signs with, and signs nobody out', async () => {
  expect(await listed()).toEqual([])
  const { app } = served
  const { token } = await signedIn(app, { tenantId: (await operator(app, 'one')).tenantId })
  const before = await listed()
  expect(before.map(({ status }) => status).toSorted()).toEqual(['active', 'next'])
  const next = before.find(({ status }) => status === 'next')?.kid
  const rotated = await run('rotate')
  expect([rotated.code, rotated.stdout]).toEqual([
    0,
    `Tokens are signed with ${next} from now on; those that were signed before stay good.\n`,
  ])
  await until(async () => (await app.tokens.sign({ token_use: 'refresh' })).kid === next)
  expect((await served.send('GET', '/v1/models', undefined, { key: token })).status).toBe(200)
  const after = await listed()
  expect(after.map(({ status }) => status).toSorted()).toEqual(['active', 'next', 'retired'])
  expect(after.find(({ status }) => status === 'retired')?.retired_at).not.toBeNull()
})

test('what a dropped key signed is refused at once, and only a retired one is dropped', async () => {
  const { app } = served
  const { token } = await signedIn(app, { tenantId: (await operator(app, 'one')).tenantId })
  const { kid = '' } = (await listed()).find(({ status }) => status === 'active') ?? {}
  const ask = async () => (await served.send('GET', '/v1/models', undefined, { key: token })).status
  const early = await run('drop', kid)
  expect([early.code, early.stderr]).toEqual([1, expect.stringContaining(`is active: rotate until it is retired`)])
  await run('rotate')
  expect(await ask()).toBe(200)
  const dropped = await run('drop', kid)
  expect([dropped.code, dropped.stdout]).toEqual([0, `What ${kid} signed is good no more.\n`])
  await until(async () => (await ask()) === 401)
  expect((await listed()).map((key) => key.kid)).not.toContain(kid)
  expect([(await run('drop', kid)).code, (await run('drop')).code]).toEqual([1, 2])
})

test('the list is a table without keys', async () => {
  await run('rotate')
  const { stdout } = await run('list')
  expect(stdout).toMatch(/^KID +STATUS +CREATED +RETIRED\n/)
  expect(stdout).toMatch(/\ned25519-[0-9a-f]{12} +active +\d{4}-\d\d-\d\d \d\d:\d\d +-\n/)
})

test('a rotation in JSON tells the keys as they are then', async () => {
  const keys: Listed[] = JSON.parse((await run('rotate', '--json')).stdout)
  expect(keys).toEqual(await listed())
})

test('who has another secret than the server changes nothing, and is told why', async () => {
  const before = await listed()
  const { code, stderr } = await run('rotate', '--data', elsewhere)
  expect([code, stderr.split('\n')[0]]).toEqual([1, 'The keys were not changed.'])
  expect(stderr).toContain('another secret')
  expect(await listed()).toEqual(before)
})

test('a key set that cannot be read changes nothing, and is told what is wrong', async () => {
  const before = await listed()
  const config = join(elsewhere, 'tetraport.toml')
  await Bun.write(config, `[auth]\nkey_set = "${join(elsewhere, 'missing.json')}"\n`)
  const { code, stderr } = await run('rotate', '--config', config)
  expect([code, stderr]).toEqual([1, expect.stringContaining('auth.key_set cannot be used: the file is not there.')])
  expect(await listed()).toEqual(before)
})

test('without a command after it the help is pointed to', async () => {
  const { code, stderr } = await run()
  expect([code, stderr.split('\n')[0]]).toEqual([2, "'tetraport token-keys' needs a command after it."])
})
