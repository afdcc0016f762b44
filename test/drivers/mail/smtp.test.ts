import { afterEach, expect, test } from 'bun:test'
import { SmtpMail, type SmtpOptions } from '../../../src/drivers/mail/smtp.ts'
import { eventually } from '../../support/eventually.ts'
import { type MailServer, type MailServerOptions, openMailServer } from '../../support/mail-server.ts'
import { CERTIFICATE, CERTIFICATE_KEY, CERTIFIED_NAME } from '../webhooks/certificate.ts'
import { LETTER, running } from './mail.contract.ts'

const opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

async function serve(options: MailServerOptions = {}): Promise<MailServer> {
  const server = await openMailServer(options)
  opened.push(server)
  return server
}

function client(url: string, rest: Partial<SmtpOptions> = {}): SmtpMail {
  const mail = new SmtpMail({ url, from: 'Tetraport <tetraport@example.org>', attemptsMax: 3, ...rest })
  opened.unshift(mail)
  return mail
}

const LOGIN = { user: 'robot@example.org', pass: 'p:s/w@rd%ü' }
const credentials = `${encodeURIComponent(LOGIN.user)}:${encodeURIComponent(LOGIN.pass)}`
const TLS = { key: CERTIFICATE_KEY, cert: CERTIFICATE }
const TRUST = { tls: { ca: CERTIFICATE, servername: CERTIFIED_NAME } }

test('a mail arrives as it was composed: both texts, sender, subject, and a word that no machine should answer', async () => {
  const server = await serve()
  const mail = client(`smtp://127.0.0.1:${server.port}`)
  const text = 'Grüße, and a long line '.repeat(12).trim()
  await mail.deliver({ ...LETTER, subject: 'Grüße', text, headers: { 'X-Kind': 'test' }, replyTo: 'help@example.org' }, running())
  const [got] = await server.until(1)
  expect([got?.from, got?.to]).toEqual(['tetraport@example.org', ['ann@example.com']])
  expect(got?.parts).toEqual({ 'text/plain': text, 'text/html': LETTER.html })
  expect(Object.fromEntries(got?.headers ?? [])).toMatchObject({
    ...{ from: 'Tetraport <tetraport@example.org>', to: 'ann@example.com', 'reply-to': 'help@example.org', 'x-kind': 'test' },
    ...{ 'message-id': LETTER.messageId, 'auto-submitted': 'auto-generated', subject: '=?UTF-8?Q?Gr=C3=BC=C3=9Fe?=' },
  })
})

test('user and password of the URL are what the server is told', async () => {
  const server = await serve({ login: LOGIN })
  expect(await client(`smtp://${credentials}@127.0.0.1:${server.port}`).deliver(LETTER, running())).toEqual({ state: 'sent' })
  expect(server.received[0]?.user).toBe(LOGIN.user)
})

test('a wrong password may be mended: the mail is not given up, and neither user nor password is told', async () => {
  const server = await serve({ login: LOGIN })
  const mail = client(`smtp://robot%40example.org:wr0ng-pass@127.0.0.1:${server.port}`)
  const outcome = await mail.deliver(LETTER, running())
  expect(outcome).toEqual({ state: 'failed', why: expect.stringContaining('(535 5.7.8)') })
  const checked = await mail.check().catch((error) => error)
  expect(checked.message).toContain('535')
  const told = `${JSON.stringify(outcome)} ${Bun.inspect(checked)}`
  for (const secret of ['wr0ng-pass', 'robot', Buffer.from('wr0ng-pass').toString('base64')]) expect(told).not.toContain(secret)
})

test('a server that wants a password and is given none does not make a mail fail for good', async () => {
  const server = await serve({ login: LOGIN })
  expect(await client(`smtp://127.0.0.1:${server.port}`).deliver(LETTER, running())).toMatchObject({ state: 'failed' })
})

test('a recipient or a mail that is refused for good is refused, with the numbers of the answer and without the address', async () => {
  const server = await serve()
  const mail = client(`smtp://127.0.0.1:${server.port}`)
  server.failures.push({ stage: 'rcpt', code: 550 }, { stage: 'data', code: 554 })
  expect(await mail.deliver(LETTER, running())).toEqual({ state: 'refused', why: 'the mail server answered 550 5.1.1 to RCPT TO' })
  expect(await mail.deliver(LETTER, running())).toEqual({ state: 'refused', why: expect.stringContaining('answered 554 5.1.1') })
  expect(await mail.deliver(LETTER, running())).toEqual({ state: 'sent' })
})

test('what the server cannot do now fails, and may go later', async () => {
  const server = await serve()
  const mail = client(`smtp://127.0.0.1:${server.port}`)
  server.failures.push({ stage: 'rcpt', code: 450 }, { stage: 'data', code: 451 })
  expect(await mail.deliver(LETTER, running())).toEqual({ state: 'failed', why: expect.stringContaining('answered 450') })
  expect(await mail.deliver(LETTER, running())).toEqual({ state: 'failed', why: expect.stringContaining('answered 451') })
  expect(await mail.deliver(LETTER, running())).toEqual({ state: 'sent' })
})

test('a server that is not there fails, and is asked again', async () => {
  const gone = await openMailServer()
  await gone.close()
  const mail = client(`smtp://127.0.0.1:${gone.port}`)
  const outcome = await mail.deliver(LETTER, running())
  expect(outcome).toEqual({ state: 'failed', why: expect.stringContaining('ECONNREFUSED') })
  expect(await mail.check().catch((error) => error.message)).toContain('ECONNREFUSED')
})

test('many mails share a few connections', async () => {
  const server = await serve()
  const mail = client(`smtp://127.0.0.1:${server.port}`)
  const outcomes = await Promise.all(Array.from({ length: 30 }, () => mail.deliver(LETTER, running())))
  expect(outcomes.every(({ state }) => state === 'sent')).toBe(true)
  expect(server.connections()).toBeLessThanOrEqual(4)
})

test('where the server offers TLS it is used', async () => {
  const server = await serve({ tls: TLS, login: LOGIN })
  const url = `smtp://${credentials}@127.0.0.1:${server.port}?tls=required`
  expect(await client(url, TRUST).deliver(LETTER, running())).toEqual({ state: 'sent' })
  expect(server.received[0]).toMatchObject({ secure: true, user: LOGIN.user })
})

test('where TLS is required and not offered, nothing is said', async () => {
  const server = await serve({ login: LOGIN })
  const mail = client(`smtp://${credentials}@127.0.0.1:${server.port}?tls=required`)
  expect(await mail.deliver(LETTER, running())).toEqual({ state: 'failed', why: expect.stringContaining('no TLS') })
  expect([server.asked, server.received]).toEqual([[], []])
})

test.each([
  ['smtp', '?tls=required', false],
  ['smtp', '?tls=required', true],
  ['smtps', '', false],
  ['smtps', '', true],
] as const)('a certificate that nobody vouches for, or of another name, is not taken: %s://%s', async (scheme, query, isOtherName) => {
  const server = await serve({ tls: TLS, implicitTls: scheme === 'smtps' })
  const trust = isOtherName ? { tls: { ca: CERTIFICATE, servername: 'other.test' } } : {}
  const mail = client(`${scheme}://127.0.0.1:${server.port}${query}`, trust)
  expect(await mail.deliver(LETTER, running())).toMatchObject({ state: 'failed' })
  expect(server.asked).toEqual([])
})

test('smtps:// is TLS from the first byte', async () => {
  const server = await serve({ tls: TLS, implicitTls: true })
  expect(await client(`smtps://127.0.0.1:${server.port}`, TRUST).deliver(LETTER, running())).toEqual({ state: 'sent' })
  expect(server.received[0]?.secure).toBe(true)
})

test('a delivery that is broken off ends at once, and others go on', async () => {
  const server = await serve()
  const mail = client(`smtp://127.0.0.1:${server.port}`)
  const release = server.hold()
  const stop = new AbortController()
  const held = mail.deliver(LETTER, stop.signal)
  await eventually(() => (server.asked.length === 1 ? true : undefined))
  stop.abort()
  expect(await held).toEqual({ state: 'failed', why: 'broken off' })
  release()
  expect(await mail.deliver(LETTER, running())).toEqual({ state: 'sent' })
})

test('closing ends the connections, and what is on its way fails', async () => {
  const server = await serve()
  const mail = client(`smtp://127.0.0.1:${server.port}`)
  const release = server.hold()
  const held = mail.deliver(LETTER, running())
  await eventually(() => (server.asked.length === 1 ? true : undefined))
  await mail.close()
  expect(await held).toMatchObject({ state: 'failed' })
  release()
})

test('a connection that the server ended meanwhile costs no mail', async () => {
  const first = await openMailServer()
  const mail = client(`smtp://127.0.0.1:${first.port}`)
  expect(await mail.deliver(LETTER, running())).toEqual({ state: 'sent' })
  const { port } = first
  await first.close()
  expect(await mail.deliver(LETTER, running())).toMatchObject({ state: 'failed' })
  const second = await openMailServer({ port })
  opened.push(second)
  expect(await mail.deliver(LETTER, running())).toEqual({ state: 'sent' })
})
