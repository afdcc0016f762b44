import { afterAll, beforeAll, expect, test } from 'bun:test'
import { rmSync } from 'node:fs'
import { systemClock } from '../../src/app.ts'
import { queueMail } from '../../src/core/mail/mail.ts'
import { openMail } from '../../src/drivers/mail/mail.ts'
import { openClient } from '../../src/drivers/records/client.ts'
import type { Records } from '../../src/drivers/records/port.ts'
import { openVault } from '../../src/drivers/vault/vault.ts'
import { cloneDatabase, silentLog, type TestDatabase, temporaryFolder } from '../support/postgres.ts'
import { FakeTerminal } from '../support/terminal.ts'

const dir = temporaryFolder()
let database: TestDatabase
let records: Records
beforeAll(async () => {
  database = await cloneDatabase()
  records = await openClient(database.target, { poolMax: 1, log: silentLog, shared: true })
})
afterAll(async () => {
  await records.close()
  await database.drop()
  rmSync(dir, { recursive: true, force: true })
})

async function run(...args: string[]): Promise<FakeTerminal & { code: number }> {
  const terminal = new FakeTerminal('/', { DATABASE_URL: database.url, TETRAPORT_DATA: dir })
  return Object.assign(terminal, { code: await terminal.run('mail', ...args) })
}

const TOKEN = `${'3'.repeat(32)}.${'d'.repeat(64)}`
async function queue(to: string): Promise<string> {
  const mail = openMail({ smtpUrl: null, from: 'a@example.org', attemptsMax: 1 }, { log: silentLog, publicUrl: null })
  const app = { db: records.db, clock: systemClock, vault: openVault({ key: null }, { dir }), mail }
  return (await queueMail(app, { kind: 'verify_email', to, token: TOKEN, expiresAt: null }, null)).id
}

/** As the server leaves it. */
async function compose(id: string, text: string): Promise<void> {
  const about = { kind: 'verify_email', to: 'eve@example.com', token: TOKEN, expiresAt: null }
  const composed = { subject: 'Hello', text, html: '<p></p>', link: 'https://app/x', expiresAt: null }
  const sealed = await openVault({ key: null }, { dir }).seal(JSON.stringify({ about, composed }), `mail ${id}`)
  await records.db.query(`update mail set sealed = $2, status = 'sent', attempts = 2, sent_at = now() where id = $1`, [id, sealed])
}

test('the list shows what became of mails, and neither for whom they are nor what they say', async () => {
  const id = await queue('ann@example.com')
  await records.db.query(`update mail set status = 'failed', error = 'answered 550', attempts = 1 where id = $1`, [id])
  const { code, stdout } = await run('list')
  expect([code, stdout]).toEqual([0, expect.stringMatching(new RegExp(`^${id} +verify_email +failed +1 .*answered 550$`, 'm'))])
  const listed = await run('list', '--json')
  expect(JSON.parse(listed.stdout)).toContainEqual({
    ...{ id, tenant_id: null, kind: 'verify_email', status: 'failed', message_id: `<${id}@localhost>`, attempts: 1, error: 'answered 550' },
    ...{ created_at: expect.any(String), ended_at: null },
  })
  for (const secret of ['ann@', TOKEN]) expect(stdout + listed.stdout).not.toContain(secret)
})

test('show opens a mail: for whom it is, its subject and its text', async () => {
  const id = await queue('eve@example.com')
  await compose(id, `Confirm: https://app/x?token=${TOKEN}\n`)
  const { code, stdout } = await run('show', id)
  expect(code).toBe(0)
  for (const said of [id, 'Status:   sent', 'Attempts: 2', 'To:       eve@example.com', 'Subject:  Hello', `token=${TOKEN}\n`])
    expect(stdout).toContain(said)
  expect(JSON.parse((await run('show', id, '--json')).stdout)).toMatchObject({
    id,
    to: 'eve@example.com',
    subject: 'Hello',
    link: 'https://app/x',
  })
})

test('a mail that is still to be written says so', async () => {
  const { stdout } = await run('show', await queue('bob@example.com'))
  expect(stdout).toContain('To:       bob@example.com')
  expect(stdout).toContain('written when it is sent')
})

test('a mail that is not there, or was sealed with another secret, is told apart', async () => {
  const missing = await run('show', 'nothing')
  expect([missing.code, missing.stderr.split('\n')[0]]).toEqual([1, "There is no mail 'nothing'."])
  const id = await queue('eve@example.com')
  await records.db.query(`update mail set sealed = 'v1.AAAA' where id = $1`, [id])
  const closed = await run('show', id, '--json')
  expect([closed.code, closed.stdout]).toEqual([1, ''])
  expect(JSON.parse(closed.stderr).error.why).toContain('secrets.key')
})

test('the commands explain themselves', async () => {
  const { stdout } = await run('--help')
  expect(stdout).toContain('list')
  expect((await run('show', '--help')).stdout).toContain('secrets.key')
  expect((await run()).stderr).toContain("'tetraport mail' needs a command")
})
