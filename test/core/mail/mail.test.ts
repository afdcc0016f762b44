import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Caller } from '../../../src/core/caller.ts'
import { dropMails, listMails, type NewMail, queueMail, readMail } from '../../../src/core/mail/mail.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const TOKEN = `${'1'.repeat(32)}.${'b'.repeat(64)}`
const invite = (to = 'ann@example.com'): NewMail => ({
  kind: 'invite',
  to,
  token: TOKEN,
  expiresAt: null,
  tenantTitle: 'Acme',
  role: 'member',
})
const everyRow = async () =>
  JSON.stringify([await app.records.db.query('select * from mail'), await app.records.db.query('select * from job')])

test('a mail and its job hold neither address, token, link nor text in clear', async () => {
  await queueMail(app, invite(), app.one.tenantId)
  const stored = await everyRow()
  for (const secret of ['ann@', 'example.com', TOKEN, 'Acme', 'register', Buffer.from(TOKEN).toString('base64').slice(4, 40)])
    expect(stored).not.toContain(secret)
  expect(stored).toContain('"kind":"invite"')
})

test('who runs the server can open it', async () => {
  const { id, messageId } = await queueMail(app, invite('bob@example.com'), null)
  expect(messageId).toBe(`<${id}@localhost>`)
  const mail = await readMail(app, app.one, id)
  expect(mail).toMatchObject({ id, messageId, kind: 'invite', status: 'queued', attempts: 0, tenantId: null, endedAt: null })
  expect(mail?.content).toEqual({ about: invite('bob@example.com') })
})

test('a mail whose transaction rolls back is not sent', async () => {
  const before = await everyRow()
  const failing = app.db.transaction(async (db) => {
    await queueMail({ ...app, db }, invite(), null)
    throw new Error('no')
  })
  expect(await failing.catch((error) => error.message)).toBe('no')
  expect(await everyRow()).toBe(before)
})

test.each([
  '',
  'ann',
  'ann@example.com\r\nBcc: eve@example.com',
  'ann@example.com,eve@example.com',
  'Ann <ann@example.com>',
  'a@b@c',
  `${'a'.repeat(250)}@example.com`,
])('mail to %j is not queued', async (to) => {
  const refused = queueMail(app, invite(to), null)
  expect(await refused.catch((error) => [error.code, error.facts])).toEqual(['invalid', { param: 'email', reason: 'value' }])
})

test('mail is of everybody: no key, no user and no lesser scope may look at it', async () => {
  const { id } = await queueMail(app, invite(), app.one.tenantId)
  const asked: Caller[] = [
    { ...app.one, keyId: id },
    { ...app.one, userId: id, role: 'owner' },
    { ...app.one, scopes: new Set(['read', 'write']) },
  ]
  for (const caller of asked) {
    expect(await listMails(app, caller, { limit: 10 }).catch((error) => error.code)).toBe('forbidden')
    expect(await readMail(app, caller, id).catch((error) => error.code)).toBe('forbidden')
  }
})

test('the list has the newest first, and no more than was asked for', async () => {
  app.clock.advance(1_000)
  const first = await queueMail(app, invite(), null)
  app.clock.advance(1_000)
  const second = await queueMail(app, invite(), null)
  expect((await listMails(app, app.one, { limit: 2 })).map(({ id }) => id)).toEqual([second.id, first.id])
})

test('an id that is none, or of nothing, is no mail', async () => {
  expect(await readMail(app, app.one, 'x')).toBeUndefined()
  expect(await readMail(app, app.one, app.one.tenantId)).toBeUndefined()
})

test('a seal opens for its own mail only, and not after a change', async () => {
  const [one, two] = [await queueMail(app, invite(), null), await queueMail(app, invite('eve@example.com'), null)]
  await app.records.db.query('update mail set sealed = (select sealed from mail where id = $1) where id = $2', [one.id, two.id])
  expect((await readMail(app, app.one, two.id))?.content).toBeUndefined()
})

test('mails go thirty days after they ended; those that wait stay', async () => {
  const ended = await queueMail(app, invite(), null)
  const late = await queueMail(app, invite(), null)
  const waiting = await queueMail(app, invite(), null)
  const end = (id: string, at: number) => app.records.db.query(`update mail set status = 'sent', sent_at = $2 where id = $1`, [id, at])
  await end(ended.id, app.clock.now())
  await end(late.id, app.clock.now() + 3_600_000)
  const day = 24 * 3_600_000
  app.clock.advance(30 * day)
  expect(await dropMails(app, 100)).toBe(0)
  app.clock.advance(1)
  expect(await dropMails(app, 100)).toBe(1)
  const left = async () => Promise.all([ended, late, waiting].map(async ({ id }) => (await readMail(app, app.one, id)) !== undefined))
  expect(await left()).toEqual([false, true, true])
  app.clock.advance(3_600_000)
  expect(await dropMails(app, 100)).toBe(1)
  expect(await left()).toEqual([false, false, true])
})
