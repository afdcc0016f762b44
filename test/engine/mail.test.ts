import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { newId } from '../../src/core/id.ts'
import { listMails, type NewMail, queueMail, readMail } from '../../src/core/mail/mail.ts'
import { resendMail } from '../../src/core/mail/resending.ts'
import { requireEmailToken } from '../../src/core/sessions/email-tokens.ts'
import { OPEN_MS, openTestApp, type TestApp, type TestAppOptions } from '../support/app.ts'
import { type EmbeddingServer, startEmbeddingServer } from '../support/embedding-server.ts'
import { eventually } from '../support/eventually.ts'
import { attach, newStore } from '../support/ingesting.ts'
import { type MailServer, openMailServer, type ReceivedMail } from '../support/mail-server.ts'

/** Sends no mail: tests look through it. */
let app: TestApp
let server: MailServer
let embedder: EmbeddingServer
const LOGIN = { user: 'robot', pass: 'smtp-hunter2' }
beforeAll(async () => {
  embedder = startEmbeddingServer()
  server = await openMailServer({ login: LOGIN })
  const smtpUrl = `smtp://${LOGIN.user}:${LOGIN.pass}@127.0.0.1:${server.port}`
  const mail = { smtpUrl, from: 'Tetraport <tetraport@example.org>', attemptsMax: 3 }
  app = await openTestApp({ slots: 0, shared: true, mail, ...embedder.options })
}, OPEN_MS)
afterAll(async () => {
  await app.close()
  await server.close()
  await embedder.stop()
})

const workers: TestApp[] = []
/** One that sends, beside those there are. */
async function newWorker(options: TestAppOptions = {}): Promise<TestApp> {
  const made = await app.replica({ jobs: true, ...options })
  workers.push(made)
  return made
}
const letGo: (() => void)[] = []
/** No test's worker takes a mail of the next test. */
afterEach(async () => {
  for (const release of letGo.splice(0)) release()
  for (const worker of workers.splice(0)) if (!worker.db.dead) await worker.jobs.stop(0)
  await app.records.db.query('delete from job')
  for (const list of [server.received, server.failures, server.asked]) list.length = 0
})
function holdMail(): () => void {
  const release = server.hold()
  letGo.push(release)
  return release
}
const asked = (count: number) => eventually(() => (server.asked.length >= count ? true : undefined))

const TOKEN = `${'2'.repeat(32)}.${'c'.repeat(64)}`
const verify = (to = 'ann@example.com', expiresAt = app.clock.now() + 3_600_000): NewMail => ({
  kind: 'verify_email',
  to,
  token: TOKEN,
  expiresAt,
})

async function queue(about: NewMail): Promise<{ id: string; messageId: string }> {
  const made = await app.db.transaction((db) => queueMail({ ...app, db }, about, null))
  app.signals.wakeJobs()
  return made
}

interface JobRow {
  attempt: number
  run_at: number
  error: string | null
  worker_id: string | null
  payload: string
}
const jobs = (): Promise<JobRow[]> => app.records.db.query(`select attempt, run_at, error, worker_id, payload from job where kind = 'mail'`)
const ends = (id: string) => eventually(async () => ((await jobs()).length === 0 ? readMail(app, app.one, id) : undefined))
const waits = (attempt: number) =>
  eventually(async () => {
    const [job] = await jobs()
    return job?.attempt === attempt && job.worker_id === null && job.error !== null ? job : undefined
  })
const idsOf = (mails: readonly ReceivedMail[]) => mails.map(({ headers }) => headers.get('message-id'))

async function credential(email: string): Promise<string> {
  const id = newId()
  await app.records.db.query(
    `insert into credential (id, email, password_hash, password_history, password_changed_at, created_at) values ($1, $2, 'x', '[]', now(), now())`,
    [id, email],
  )
  return id
}

test('a mail is sent as soon as it is committed, once, with its link', async () => {
  await newWorker()
  const { id, messageId } = await queue(verify())
  const [got] = await server.until(1)
  expect([got?.to, idsOf(server.received)]).toEqual([['ann@example.com'], [messageId]])
  expect(got?.parts['text/plain']).toContain(`/verify-email?token=${TOKEN}`)
  expect(await ends(id)).toMatchObject({ status: 'sent', attempts: 1, error: null, endedAt: app.clock.now() })
  expect(server.received).toHaveLength(1)
})

test('a server that cannot take it now is asked again, later and later, for one message', async () => {
  const worker = await newWorker()
  server.failures.push({ stage: 'rcpt', code: 450 }, { stage: 'data', code: 450 })
  const { id, messageId } = await queue(verify())
  const first = await waits(1)
  expect(first.run_at - app.clock.now()).toBe(5_000)
  expect(await readMail(app, app.one, id)).toMatchObject({
    status: 'queued',
    attempts: 1,
    error: expect.stringContaining('450'),
    endedAt: null,
  })
  app.clock.advance(5_000)
  worker.jobs.wake()
  expect((await waits(2)).run_at - app.clock.now()).toBe(20_000)
  app.clock.advance(20_000)
  worker.jobs.wake()
  expect(await ends(id)).toMatchObject({ status: 'sent', attempts: 3, error: null })
  expect(idsOf(server.received)).toEqual([messageId])
})

test('an address that is refused for good is given up at once', async () => {
  const worker = await newWorker()
  server.failures.push({ stage: 'rcpt', code: 550 })
  const { id } = await queue(verify())
  expect(await ends(id)).toMatchObject({ status: 'failed', attempts: 1, error: expect.stringContaining('550') })
  expect([worker.log.count('mail.given_up'), server.asked.length, server.received.length]).toEqual([1, 1, 0])
})

test('after the last attempt it is given up', async () => {
  const worker = await newWorker()
  server.failures.push(...[1, 2, 3].map(() => ({ stage: 'rcpt' as const, code: 450 })))
  const { id } = await queue(verify())
  for (const attempt of [1, 2]) {
    const { run_at } = await waits(attempt)
    app.clock.advance(run_at - app.clock.now())
    worker.jobs.wake()
  }
  expect(await ends(id)).toMatchObject({ status: 'failed', attempts: 3 })
  expect(server.received).toEqual([])
})

test('a link that has expired meanwhile is not sent', async () => {
  await newWorker()
  const { id } = await queue(verify('ann@example.com', app.clock.now()))
  expect(await ends(id)).toMatchObject({ status: 'failed', error: expect.stringContaining('expired') })
  expect(server.asked).toEqual([])
})

test('neither address, link, token nor the password of the mail server is logged or kept, whatever happens', async () => {
  const worker = await newWorker()
  server.failures.push({ stage: 'rcpt', code: 450 }, { stage: 'rcpt', code: 550 })
  const { id } = await queue(verify())
  app.clock.advance((await waits(1)).run_at - app.clock.now())
  const during = await jobs()
  worker.jobs.wake()
  await ends(id)
  await ends((await queue(verify())).id)
  const rows = await app.records.db.query('select * from mail')
  const told = Bun.inspect([worker.log.entries, rows, during, await listMails(app, app.one, { limit: 10 })], { depth: 10 })
  for (const secret of ['ann@', TOKEN, 'verify-email', LOGIN.pass, '127.0.0.1']) expect(told).not.toContain(secret)
  expect(worker.log.entries.map(({ event }) => event)).toEqual(['mail.failed', 'mail.given_up', 'mail.sent'])
})

test('a password reset finds its account when it is sent, and its token works', async () => {
  await newWorker()
  const credentialId = await credential('rita@example.com')
  const { id } = await queue({ kind: 'reset_password', to: 'rita@example.com' })
  const [got] = await server.until(1)
  const token = /reset-password\?token=([0-9a-f.]+)/.exec(got?.parts['text/plain'] ?? '')?.[1] ?? ''
  expect(await requireEmailToken(app, token, 'reset_password')).toMatchObject({ credential_id: credentialId, email: 'rita@example.com' })
  expect((await ends(id))?.status).toBe('sent')
  expect(Bun.inspect(await app.records.db.query('select * from mail where id = $1', [id]))).not.toContain(token)
})

test('a password reset for an address that nobody has is dropped, and says so only in the list', async () => {
  const worker = await newWorker()
  const { id } = await queue({ kind: 'reset_password', to: 'nobody@example.com' })
  expect(await ends(id)).toMatchObject({ status: 'dropped', attempts: 0, error: null })
  expect([server.asked, worker.log.entries]).toEqual([[], []])
})

test('every attempt at a password reset sends the same token', async () => {
  const worker = await newWorker()
  const credentialId = await credential('sam@example.com')
  server.failures.push({ stage: 'data', code: 450 })
  const { id } = await queue({ kind: 'reset_password', to: 'sam@example.com' })
  const { run_at } = await waits(1)
  const composed = (await readMail(app, app.one, id))?.content?.composed
  app.clock.advance(run_at - app.clock.now())
  worker.jobs.wake()
  const [got] = await server.until(1)
  expect(got?.parts['text/plain']).toBe(composed?.text.trimEnd())
  await ends(id)
  const tokens = await app.records.db.query('select id from email_token where credential_id = $1', [credentialId])
  expect(tokens).toHaveLength(1)
})

test('a process that dies before it noted that a mail was sent: the next one sends it again, with the same message id and token', async () => {
  const dying = await newWorker()
  await credential('tom@example.com')
  const release = holdMail()
  const { id, messageId } = await queue({ kind: 'reset_password', to: 'tom@example.com' })
  await asked(1)
  dying.die()
  release()
  await server.until(1)
  expect(await readMail(app, app.one, id)).toMatchObject({ status: 'queued' })
  await app.records.db.query('update job set lease_until = now() - interval $$1 s$$')
  await newWorker()
  const [first, second] = await server.until(2)
  expect(idsOf(server.received)).toEqual([messageId, messageId])
  expect(second?.parts).toEqual(first?.parts ?? {})
  expect(await ends(id)).toMatchObject({ status: 'sent', attempts: 2 })
})

for (const side of ['before', 'after'] as const)
  test(`a process that dies ${side} a mail was composed leaves one that the next sends, with one token`, async () => {
    const dying = await newWorker({ jobs: false })
    const email = `uma-${side}@example.com`
    const credentialId = await credential(email)
    const { id } = await queue({ kind: 'reset_password', to: email })
    const pause = dying.db.pauseNext('transaction', side)
    dying.jobs.start()
    await pause.reached
    dying.die()
    pause.release()
    await app.records.db.query('update job set lease_until = now() - interval $$1 s$$')
    await newWorker()
    expect((await ends(id))?.status).toBe('sent')
    expect(await app.records.db.query('select id from email_token where credential_id = $1', [credentialId])).toHaveLength(1)
  })

test('a process that is stopped in the middle hands its mail on, uncharged', async () => {
  const leaving = await newWorker()
  const release = holdMail()
  const { id } = await queue(verify())
  await asked(1)
  await leaving.jobs.stop(0)
  expect((await jobs()).map(({ attempt, worker_id }) => [attempt, worker_id])).toEqual([[0, null]])
  release()
  await newWorker()
  expect(await ends(id)).toMatchObject({ status: 'sent', attempts: 1 })
})

test('a mail that was sent by one who had lost its job is not sent again', async () => {
  const slow = await newWorker()
  const release = holdMail()
  const { id } = await queue(verify())
  await asked(1)
  await app.records.db.query('update job set fence = fence + 1')
  release()
  await eventually(async () => ((await readMail(app, app.one, id))?.status === 'sent' ? true : undefined))
  await slow.jobs.stop(0)
  await newWorker()
  await ends(id)
  expect(server.received).toHaveLength(1)
})

test('a mail that was sealed by a server with another key is tried again, and given up in the end', async () => {
  const { id } = await queue(verify())
  await app.records.db.query(`update mail set sealed = 'v1.AAAA' where id = $1`, [id])
  await newWorker({ mail: { attemptsMax: 1 } })
  expect(await ends(id)).toMatchObject({ status: 'failed', error: expect.stringContaining('secrets.key') })
})

test('a single mail does not wait for the many of a tenant', async () => {
  const release = holdMail()
  for (let n = 0; n < 12; n++) await queueMail(app, verify(`many${n}@example.com`), app.one.tenantId)
  const worker = await newWorker()
  await asked(4)
  const { id } = await queue(verify('single@example.com'))
  release()
  worker.jobs.wake()
  await server.until(13)
  await ends(id)
  expect(server.asked.indexOf('single@example.com')).toBeLessThan(9)
})

test('mail does not wait for documents', async () => {
  const worker = await newWorker({ jobs: { slots: 1 } })
  letGo.push(embedder.hold())
  const storeId = await newStore(app, app.one)
  for (let n = 0; n < 3; n++) await attach(app, app.one, { storeId })
  await eventually(() => (worker.jobs.busy === 1 ? true : undefined))
  expect((await ends((await queue(verify())).id))?.status).toBe('sent')
  await eventually(() => (worker.jobs.busy === 1 ? true : undefined))
})

test('without a mail server the link is printed, and the mail counts as sent', async () => {
  const local = await newWorker({ mail: { smtpUrl: null } })
  const { id } = await queue(verify())
  expect((await ends(id))?.status).toBe('sent')
  const printed = local.log.entries.find(({ event }) => event === 'mail.outbox')
  expect(printed?.fields).toMatchObject({ to: 'ann@example.com', link: expect.stringContaining(`/verify-email?token=${TOKEN}`) })
})

describe('a mail that an operator sends again', () => {
  const resend = (id: string, again = false) => resendMail(app, app.one, { id, again })
  /** A server that refuses it for good. */
  async function given(): Promise<{ id: string; messageId: string }> {
    server.failures.push({ stage: 'rcpt', code: 550 })
    const made = await queue(verify())
    expect(await ends(made.id)).toMatchObject({ status: 'failed', attempts: 1 })
    return made
  }

  test('arrives after it was given up, the same text under the same message id, with all its attempts', async () => {
    await newWorker()
    const { id, messageId } = await given()
    expect(await resend(id)).toMatchObject({ mail: { id, status: 'queued', attempts: 0, error: null, endedAt: null } })
    await server.until(1)
    expect(await ends(id)).toMatchObject({ status: 'sent', attempts: 1, error: null })
    expect(idsOf(server.received)).toEqual([messageId])
    expect(server.received[0]?.parts['text/plain']).toContain(TOKEN)
    const [event] = await app.records.db.query(`select result, details from audit_event where event = 'mail.resend' and details like $1`, [
      `%${id}%`,
    ])
    expect(event).toEqual({ result: 'success', details: JSON.stringify({ mail: id, was: 'failed' }) })
  })

  test('is tried at once where it waits, and keeps its count', async () => {
    await newWorker()
    server.failures.push({ stage: 'rcpt', code: 450 })
    const { id } = await queue(verify())
    await waits(1)
    expect(await resend(id)).toMatchObject({ mail: { status: 'queued', attempts: 1 } })
    expect(await ends(id)).toMatchObject({ status: 'sent', attempts: 2 })
    expect(server.received).toHaveLength(1)
  })

  test('which was sent goes out once more only where that is said', async () => {
    await newWorker()
    const { id, messageId } = await queue(verify())
    await ends(id)
    expect(await resend(id)).toMatchObject({ hindrance: 'sent', mail: { status: 'sent' } })
    expect((await jobs()).length).toBe(0)
    expect(await resend(id, true)).toMatchObject({ mail: { status: 'queued' } })
    await server.until(2)
    expect(await ends(id)).toMatchObject({ status: 'sent', attempts: 1 })
    expect(idsOf(server.received)).toEqual([messageId, messageId])
  })

  test('comes once where it was being sent in that moment', async () => {
    await newWorker()
    const release = holdMail()
    const { id } = await queue(verify())
    await asked(1)
    expect(await resend(id)).toMatchObject({ mail: { status: 'queued' } })
    release()
    await server.until(1)
    expect(await ends(id)).toMatchObject({ status: 'sent' })
    expect(server.received).toHaveLength(1)
  })

  test('is refused where its link expired, nobody had the address, it cannot be opened or it is not there', async () => {
    await newWorker()
    const { id } = await given()
    app.clock.advance(3_600_000)
    expect(await resend(id)).toMatchObject({ hindrance: 'expired' })
    const nobody = await queue({ kind: 'reset_password', to: 'nobody@example.com' })
    expect(await ends(nobody.id)).toMatchObject({ status: 'dropped' })
    expect(await resend(nobody.id, true)).toMatchObject({ hindrance: 'dropped' })
    await app.records.db.query(`update mail set sealed = 'v1.AAAA' where id = $1`, [id])
    expect(await resend(id)).toMatchObject({ hindrance: 'sealed' })
    for (const missing of [newId(), 'nothing']) expect(await resend(missing)).toBeUndefined()
    expect((await jobs()).length).toBe(0)
  })

  test('is a thing of whoever runs the server alone', async () => {
    const { id } = await queue(verify())
    const key = { ...app.one, keyId: newId() }
    await expect(resendMail(app, key, { id, again: true })).rejects.toMatchObject({ code: 'forbidden' })
  })
})
