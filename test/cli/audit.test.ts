import { afterAll, beforeAll, expect, test } from 'bun:test'
import { systemClock } from '../../src/app.ts'
import { type AuditEvent, audit } from '../../src/core/audit/audit.ts'
import { operator } from '../../src/core/identity/tenants.ts'
import { openClient } from '../../src/drivers/records/client.ts'
import type { Records } from '../../src/drivers/records/port.ts'
import { cloneDatabase, silentLog, type TestDatabase } from '../support/postgres.ts'
import { FakeTerminal } from '../support/terminal.ts'

let database: TestDatabase
let records: Records
let acme: string
beforeAll(async () => {
  database = await cloneDatabase()
  records = await openClient(database.target, { poolMax: 1, log: silentLog, shared: true })
  acme = (await operator({ db: records.db, clock: systemClock }, 'acme')).tenantId
})
afterAll(async () => {
  await records.close()
  await database.drop()
})

async function run(...args: string[]): Promise<FakeTerminal & { code: number }> {
  const terminal = new FakeTerminal('/', { DATABASE_URL: database.url })
  return Object.assign(terminal, { code: await terminal.run('audit', ...args) })
}

async function write(event: Partial<AuditEvent>): Promise<void> {
  await audit({ db: records.db, clock: systemClock }, { tenantId: null, userId: null, event: 'session.open', result: 'success', ...event })
}
const linesOf = ({ stdout }: { stdout: string }) => stdout.split('\n').slice(0, -1)

test('events are a table for people and lines of JSON for programs', async () => {
  await write({ tenantId: acme, result: 'failure', reason: 'invalid_password', client: { ip: '203.0.113.7', userAgent: 'curl/8' } })
  await write({ tenantId: acme, event: 'user.change', details: { role: 'owner', note: `a\nb\u001b[2J${'x'.repeat(200)}` } })
  const { code, stdout } = await run('list', '--tenant', 'acme')
  expect([code, linesOf({ stdout }).length]).toEqual([0, 3])
  expect(stdout).toMatch(/^ID +TIME +TENANT +WHO +EVENT +RESULT +REASON +DETAILS$/m)
  expect(stdout).toMatch(/^[\w-]{36} +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +acme +- +session\.open +failure +invalid_password$/m)
  expect(stdout).toMatch(/ user\.change +success +- +role=owner note=a b \[2Jx+…$/m)
  const [change, open] = linesOf(await run('list', '--tenant', 'acme', '--json')).map((line) => JSON.parse(line))
  expect(change).toMatchObject({ event: 'user.change', tenant_id: acme, details: { role: 'owner' } })
  expect(open).toEqual({
    ...{ id: expect.any(String), at: expect.any(String), tenant_id: acme, tenant: 'acme', user_id: null, email: null },
    ...{ event: 'session.open', result: 'failure', reason: 'invalid_password', ip_hash: expect.any(String), user_agent: 'curl/8' },
    details: null,
  })
})

test('names, kinds of events and time say which', async () => {
  await write({ event: 'password.forgot' })
  await write({ event: 'password.reset' })
  const events = async (...args: string[]) => linesOf(await run('list', '--json', ...args)).map((line) => JSON.parse(line).event)
  expect(await events('--event', 'password')).toEqual(['password.reset', 'password.forgot'])
  expect(await events('--event', 'password.forgot', 'user')).toEqual(['password.forgot', 'user.change'])
  expect(await events('--event', 'password', '--since', '1h')).toHaveLength(2)
  await records.db.query(`update audit_event set created_at = now() - interval '2 hours' where event = 'password.forgot'`)
  expect(await events('--event', 'password', '--since', '1h')).toEqual(['password.reset'])
  expect(await events('--event', 'password', '--since', '2020-01-01')).toHaveLength(2)
})

test('there is a next page, and it is told which', async () => {
  for (let n = 0; n < 5; n++) await write({ event: 'invite.issue' })
  const first = await run('list', '--event', 'invite', '--limit', '3', '--json')
  const ids = linesOf(first).map((line) => JSON.parse(line).id)
  expect(first.stderr).toBe(`There are more: add --after ${ids[2]}\n`)
  const second = await run('list', '--event', 'invite', '--limit', '3', '--json', '--after', ids[2])
  expect([linesOf(second).length, second.stderr]).toEqual([2, ''])
  expect(new Set([...ids, ...linesOf(second).map((line) => JSON.parse(line).id)]).size).toBe(5)
})

test('what cannot be meant is told', async () => {
  const told = async (...args: string[]) => {
    const { code, stderr, stdout } = await run('list', ...args)
    return [code, stderr.split('\n')[0], stdout]
  }
  expect(await told('--limit', '0')).toEqual([2, "--limit '0' is not a number of events.", ''])
  expect(await told('--limit', '1001')).toEqual([2, "--limit '1001' is not a number of events.", ''])
  expect(await told('--since', 'soon')).toEqual([2, "--since 'soon' is not a time in the past.", ''])
  expect(await told('--since', '2999-01-01')).toEqual([2, "--since '2999-01-01' is not a time in the past.", ''])
  expect(await told('--event', 'sess')).toEqual([2, "There are no events 'sess'.", ''])
  expect(await told('--tenant', 'nobody')).toEqual([1, "There is no tenant 'nobody'.", ''])
  expect(await told('--after', 'nothing')).toEqual([1, "There is no event 'nothing'.", ''])
})

test('the command explains itself', async () => {
  const { stdout } = await run('list', '--help')
  for (const said of ['--tenant <slug>', '--event <name...>', '--since <time>', '--after <id>', 'half a year', 'tetraport audit list'])
    expect(stdout).toContain(said)
  expect((await run()).stderr).toContain("'tetraport audit' needs a command")
})
