import { expect, test } from 'bun:test'
import { openMail } from '../../../src/drivers/mail/mail.ts'
import { RecordedLog } from '../../support/app.ts'
import { openMailServer } from '../../support/mail-server.ts'
import { LETTER, mailContract, running } from './mail.contract.ts'

const CONFIG = { smtpUrl: null, from: 'Tetraport <tetraport@example.org>', attemptsMax: 3 }
type Printed = { messageId: string; to: string; subject: string; link?: string }

mailContract('the outbox', async () => {
  const log = new RecordedLog()
  const seen = () =>
    log.entries.map(({ fields }) => {
      const { messageId, to, subject } = fields as Printed
      return { messageId, to, subject }
    })
  const mail = openMail(CONFIG, { log, publicUrl: null })
  return { mail, seen, close: () => mail.close() }
})

mailContract('a mail server', async () => {
  const server = await openMailServer()
  const mail = openMail({ ...CONFIG, smtpUrl: `smtp://127.0.0.1:${server.port}` }, { log: new RecordedLog(), publicUrl: null })
  const seen = () =>
    server.received.map(({ to, headers }) => ({
      messageId: headers.get('message-id') ?? '',
      to: to.join(),
      subject: headers.get('subject') ?? '',
    }))
  const close = async () => {
    await mail.close()
    await server.close()
  }
  return { mail, seen, close }
})

test('the outbox prints the link of a mail, and nothing of its text', async () => {
  const log = new RecordedLog()
  await openMail(CONFIG, { log, publicUrl: 'https://agents.example.com/x' }).deliver(LETTER, running())
  expect(log.entries).toEqual([
    {
      level: 'info',
      event: 'mail.outbox',
      fields: { messageId: LETTER.messageId, to: LETTER.to, subject: LETTER.subject, link: LETTER.link },
    },
  ])
})

test('message ids end with the name of this server, or with the domain of the sender where there is a mail server', () => {
  const parts = { log: new RecordedLog(), publicUrl: 'https://agents.example.com/x' }
  expect(openMail(CONFIG, parts).domain).toBe('agents.example.com')
  expect(openMail(CONFIG, { ...parts, publicUrl: null }).domain).toBe('localhost')
  expect(openMail({ ...CONFIG, smtpUrl: 'smtp://mail.example.net' }, parts).domain).toBe('example.org')
})
