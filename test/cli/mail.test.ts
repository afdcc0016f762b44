import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
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

test('only those that failed, or that wait, are listed where that is asked for', async () => {
  await records.db.query('delete from mail')
  const [failed, waiting, sent] = [await queue('a@example.com'), await queue('b@example.com'), await queue('c@example.com')]
  await records.db.query(`update mail set status = 'failed' where id = $1`, [failed])
  await compose(sent, 'Hello\n')
  const listed = async (...args: string[]) => JSON.parse((await run('list', '--json', ...args)).stdout).map(({ id }: { id: string }) => id)
  expect(await listed()).toEqual([sent, waiting, failed])
  expect(await listed('--failed')).toEqual([failed])
  expect(await listed('--waiting')).toEqual([waiting])
  expect(await listed('--failed', '--waiting')).toEqual([waiting, failed])
})

describe('resend', () => {
  const jobsOf = (id: string) => records.db.query(`select 1 from job where kind = 'mail' and subject = $1`, [id])

  test('has a mail sent by a server, and tells nothing of what it says', async () => {
    const id = await queue('ann@example.com')
    await records.db.query(`update mail set status = 'failed', error = 'answered 550', attempts = 8, sent_at = now() where id = $1`, [id])
    await records.db.query('delete from job where subject = $1', [id])
    const { code, stdout, stderr } = await run('resend', id, '--json')
    expect([code, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout)).toMatchObject({ id, status: 'queued', attempts: 0, error: null, message_id: `<${id}@localhost>` })
    for (const secret of ['ann@', TOKEN]) expect(stdout).not.toContain(secret)
    expect(await jobsOf(id)).toHaveLength(1)
    expect((await run('resend', id)).stdout).toBe(`The mail ${id} is sent by a server, now or as soon as one runs.\n`)
  })

  test('of a mail that was sent needs --again', async () => {
    const id = await queue('ann@example.com')
    await compose(id, 'Hello\n')
    await records.db.query('delete from job where subject = $1', [id])
    const refused = await run('resend', id)
    expect([refused.code, refused.stdout, await jobsOf(id)]).toEqual([1, '', []])
    expect(refused.stderr).toContain('--again')
    expect((await run('resend', id, '--again')).code).toBe(0)
    expect(await jobsOf(id)).toHaveLength(1)
  })

  test('of what cannot be sent says why', async () => {
    const first = async (...args: string[]) => {
      const { code, stderr } = await run('resend', ...args)
      return [code, ...stderr.split('\n').slice(0, 2)]
    }
    expect(await first('nothing')).toEqual([1, "There is no mail 'nothing'.", expect.any(String)])
    const id = await queue('ann@example.com')
    await records.db.query(`update mail set status = 'dropped' where id = $1`, [id])
    expect(await first(id, '--again')).toEqual([1, `The mail '${id}' is not sent again.`, expect.stringContaining('Nobody signed in')])
    await records.db.query(`update mail set status = 'failed', sealed = 'v1.AAAA' where id = $1`, [id])
    expect(await first(id)).toEqual([1, `The mail '${id}' cannot be opened.`, expect.stringContaining('secrets.key')])
  })
})

test('the commands explain themselves', async () => {
  const { stdout } = await run('--help')
  expect(stdout).toContain('list')
  expect((await run('show', '--help')).stdout).toContain('secrets.key')
  expect((await run('list', '--help')).stdout).toContain('--failed')
  expect((await run('resend', '--help')).stdout).toContain('--again')
  expect((await run()).stderr).toContain("'tetraport mail' needs a command")
})
