import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exchangeServiceToken } from '../../src/core/service-accounts/exchange.ts'
import { isSignedWith } from '../../src/core/service-accounts/signature.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import { FakeTerminal } from '../support/terminal.ts'

/** As a server that runs beside the command line, on the same database and data folder. */
let app: TestApp & { database: { url: string }; dir: string }
let empty: string
beforeAll(async () => {
  app = (await openTestApp()) as typeof app
  app.clock.advance(Date.now() - app.clock.now())
  empty = mkdtempSync(join(tmpdir(), 'tetraport-cli-'))
}, OPEN_MS)
afterAll(async () => {
  await app.close()
  await rm(empty, { recursive: true, force: true })
})

async function runWith(env: Record<string, string>, ...args: string[]): Promise<FakeTerminal & { code: number }> {
  const terminal = new FakeTerminal('/', { DATABASE_URL: app.database.url, TETRAPORT_DATA: app.dir, ...env })
  return Object.assign(terminal, { code: await terminal.run('service-account', ...args) })
}
const run = (...args: string[]) => runWith({}, ...args)
/** Nobody shares the quota of a tenant with another test. */
let tenants = 0
async function newTenant(): Promise<string> {
  const { tenantId } = await app.newTenant()
  const slug = `cli-${++tenants}`
  await app.records.db.query('update tenant set name = $2 where id = $1', [tenantId, slug])
  return slug
}

test('the catalogue needs no server and no database', async () => {
  const terminal = new FakeTerminal(empty, { TETRAPORT_DATA: empty })
  expect(await terminal.run('service-account', 'catalogue')).toBe(0)
  expect(terminal.stdout).toMatch(/^support-console +support:\* +none +7 d /m)
  const { stdout } = await run('catalogue', '--json')
  expect(JSON.parse(stdout)).toContainEqual(expect.objectContaining({ account: 'synthetic-monitor', lifetime_minutes: 1_440 }))
})

describe('issue', () => {
  test('prints a token alone on standard output, which a server takes, and the same while it is alive', async () => {
    const tenant = await newTenant()
    const first = await run('issue', 'synthetic-monitor', '--tenant', tenant, '--expires', '12h')
    expect([first.code, first.stdout]).toEqual([0, expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+\n$/)])
    expect(first.stderr).toContain('billing:read conversations:write tools:read')
    const refreshToken = first.stdout.trim()
    expect(await exchangeServiceToken(app, { refreshToken })).toMatchObject({ account: 'synthetic-monitor' })
    expect((await run('issue', 'synthetic-monitor', '--tenant', tenant)).stdout).toBe(first.stdout)
    const forced = await run('issue', 'synthetic-monitor', '--tenant', tenant, '--force', '--scope', 'tools:read', '--json')
    expect(JSON.parse(forced.stdout)).toMatchObject({ scopes: ['tools:read'], token_use: 'refresh', account: 'synthetic-monitor' })
  })

  test('is for the default tenant where an account needs one and none is named, and for none where it may have none', async () => {
    const worker = JSON.parse((await run('issue', 'billing-worker', '--json')).stdout)
    const desk = JSON.parse((await run('issue', 'support-console', '--json', '--fingerprint', 'desk')).stdout)
    const [tenant] = await app.records.db.query<{ id: string }>(`select id from tenant where name = 'default'`)
    expect([worker.tenant_id, desk.tenant_id, desk.fingerprint]).toEqual([tenant?.id, null, 'desk'])
  })

  test('says what is wrong, and makes nothing', async () => {
    const tenant = await newTenant()
    const cases: [string[], number, RegExp][] = [
      [['nobody'], 2, /no such service account/],
      [['demo-bot', '--tenant', tenant], 2, /of no tenant/],
      [['analytics-batch', '--tenant', tenant, '--scope', 'support:*'], 2, /these scopes only: conversations:read/],
      [['synthetic-monitor', '--tenant', tenant, '--expires', '2d'], 2, /1440 minutes at most/],
      [['synthetic-monitor', '--tenant', tenant, '--expires', 'never'], 2, /not a time in the future/],
      [['synthetic-monitor', '--tenant', tenant, '--reason', 'short'], 2, /at least 10 characters/],
      [['synthetic-monitor', '--tenant', 'nowhere'], 1, /no tenant 'nowhere'/],
    ]
    for (const [args, code, words] of cases) {
      const refused = await run('issue', ...args)
      expect([args, refused.code, refused.stdout]).toEqual([args, code, ''])
      expect(refused.stderr).toMatch(words)
    }
    expect(JSON.parse((await run('list', '--all', '--tenant', tenant, '--json')).stdout)).toEqual([])
  })

  test('is held to the same quota as every other way', async () => {
    const tenant = await newTenant()
    for (let n = 0; n < 5; n++) expect((await run('issue', 'analytics-batch', '--tenant', tenant)).code).toBe(0)
    const sixth = await run('issue', 'analytics-batch', '--tenant', tenant)
    expect([sixth.code, sixth.stdout]).toEqual([1, ''])
    expect(sixth.stderr).toMatch(/Try again in \d+ s/)
  })
})

describe('list and revoke', () => {
  test('show what is alive, or all, and end a token at once', async () => {
    const tenant = await newTenant()
    const { jti, refresh_token: refreshToken } = JSON.parse((await run('issue', 'analytics-batch', '--tenant', tenant, '--json')).stdout)
    const { accessToken } = await exchangeServiceToken(app, { refreshToken })
    const listed = await run('list', '--tenant', tenant)
    expect(listed.stdout).toMatch(new RegExp(`^${jti}  analytics-batch  [\\w-]{36}  conversations:read  .*expires `, 'm'))
    expect((await run('list', '--tenant', tenant, '--account', 'billing')).stdout).not.toContain(jti)
    const revoked = await run('revoke', jti, '--reason', 'left on a train')
    expect([revoked.code, revoked.stdout]).toEqual([0, `Revoked ${jti}, and what was exchanged for it.\n`])
    await expect(app.keys.principal(accessToken, { fresh: true })).rejects.toThrow('not valid')
    expect((await run('list', '--tenant', tenant)).stdout).not.toContain(jti)
    expect((await run('list', '--tenant', tenant, '--all')).stdout).toContain('left on a train')
    const again = await run('revoke', jti)
    expect([again.code, again.stderr.split('\n')[0]]).toEqual([1, `There is no token '${jti}' to revoke.`])
  })
})

describe('sign', () => {
  test('prints the two headers, which fit each other', async () => {
    const env = { TETRAPORT_AUTH_SERVICE_SECRET: 'shared by machines and this server' }
    const { code, stdout } = await runWith(env, 'sign', 'analytics-batch', '--tenant', '01a1ff9a-1070-74da-aa8b-538a494ec8b4')
    const [, signature = '', payload = ''] = /^Authorization: Bearer vault:(\S+)\nX-Vault-Payload: (\S+)\n$/.exec(stdout) ?? []
    expect([code, isSignedWith('shared by machines and this server', { payload, signature })]).toEqual([0, true])
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    expect(claims).toMatchObject({
      account: 'analytics-batch',
      scopes: ['conversations:read'],
      tenant_id: '01a1ff9a-1070-74da-aa8b-538a494ec8b4',
    })
  })

  test('needs the secret, and never shows it', async () => {
    const { code, stdout, stderr } = await run('sign', 'demo-bot')
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain('auth.service_secret is not set')
    const told = await runWith({ TETRAPORT_AUTH_SERVICE_SECRET: 'planted-secret, as long as it must be' }, 'sign', 'demo-bot', '--json')
    expect(Object.keys(JSON.parse(told.stdout))).toEqual(['authorization', 'x-vault-payload'])
    expect(told.stdout + told.stderr).not.toContain('planted')
  })
})
