import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Mail, OutgoingMail } from '../../../src/drivers/mail/port.ts'

/** One adapter, and what can be seen of the mails it brought out of the process. */
export interface OpenedMail {
  mail: Mail
  seen(): { messageId: string; to: string; subject: string }[]
  close(): Promise<void>
}

export const LETTER: OutgoingMail = {
  messageId: '<0192f0c0-0000-7000-8000-000000000001@tetraport.test>',
  to: 'ann@example.com',
  subject: 'Confirm your e-mail address',
  text: 'Confirm: https://app.example.com/verify-email?token=abc.def\n',
  html: '<p><a href="https://app.example.com/verify-email?token=abc.def">Confirm</a></p>',
  link: 'https://app.example.com/verify-email?token=abc.def',
}
export const running = (): AbortSignal => new AbortController().signal

/** What every adapter does alike. */
export function mailContract(name: string, open: () => Promise<OpenedMail>): void {
  describe(name, () => {
    let opened: OpenedMail
    beforeAll(async () => {
      opened = await open()
    })
    afterAll(async () => {
      await opened.close()
    })
    const send = (change: Partial<OutgoingMail> = {}, signal = running()) => opened.mail.deliver({ ...LETTER, ...change }, signal)

    test('a mail leaves with its message id, for its address, however often it is sent', async () => {
      const before = opened.seen().length
      expect(await send()).toEqual({ state: 'sent' })
      expect(await send()).toEqual({ state: 'sent' })
      const { messageId, to, subject } = LETTER
      expect(opened.seen().slice(before)).toEqual([
        { messageId, to, subject },
        { messageId, to, subject },
      ])
    })

    const WRONG: [string, Partial<OutgoingMail>][] = [
      ['a line break in its address', { to: 'ann@example.com\r\nBcc: eve@example.com' }],
      ['two addresses', { to: 'ann@example.com, eve@example.com' }],
      ['an address with a name', { to: 'Ann <ann@example.com>' }],
      ['a comment in its address', { to: 'ann(eve)@example.com' }],
      ['no address', { to: '' }],
      ['a line break in its subject', { subject: 'Hello\r\nBcc: eve@example.com' }],
      ['a line break in the address for replies', { replyTo: 'ann@example.com\nBcc: eve@example.com' }],
      ['a line break in a header', { headers: { 'X-Kind': 'a\r\nBcc: eve@example.com' } }],
      ['a line break in the name of a header', { headers: { 'X-Kind: a\r\nBcc': 'eve@example.com' } }],
      ['a message id of two lines', { messageId: '<a@b>\r\nBcc: eve@example.com' }],
    ]
    test.each(WRONG)('a mail with %s is refused, and nothing of it leaves', async (_, change) => {
      const before = opened.seen().length
      const outcome = await send(change)
      expect(outcome).toEqual({ state: 'refused', why: expect.any(String) })
      expect(JSON.stringify(outcome)).not.toContain('example.com')
      expect(opened.seen()).toHaveLength(before)
    })

    test('a mail that was broken off before it began does not leave, and may be tried again', async () => {
      const before = opened.seen().length
      expect(await send({}, AbortSignal.abort())).toMatchObject({ state: 'failed' })
      expect(opened.seen()).toHaveLength(before)
    })

    test('the adapter says what message ids end with, and that it can be used', async () => {
      expect(opened.mail.domain).toMatch(/^[\w.-]+$/)
      expect(opened.mail.attemptsMax).toBe(3)
      expect(await opened.mail.check()).toBeUndefined()
    })

    test('it can be closed twice, and used again after it', async () => {
      await opened.mail.close()
      await opened.mail.close()
      expect(await send()).toEqual({ state: 'sent' })
    })
  })
}
