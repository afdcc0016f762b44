import type { RecordedLog } from '../support/app.ts'
import { eventually } from '../support/eventually.ts'
import type { MailServer } from '../support/mail-server.ts'

/** Where a link of a mail leads. */
export type Page = 'verify-email' | 'reset-password' | 'register'

export interface Letter {
  to: string
  link: string
}

/** What is in somebody's mailbox, read as a person reads it: each mail once, when it has arrived. */
export class Mailbox {
  private readonly read = new Set<string>()

  constructor(private readonly letters: () => readonly Letter[]) {}

  /** The secret in the next link to `page`. */
  async secretTo(address: string, page: Page): Promise<string> {
    const link = await eventually(() => this.unread(address, page))
    this.read.add(link)
    const { searchParams } = new URL(link)
    const secret = searchParams.get(page === 'register' ? 'invite' : 'token')
    if (!secret) throw new Error(`The link to ${page} has no secret in it`)
    return secret
  }

  private unread(address: string, page: Page): string | undefined {
    const found = this.letters().find(({ to, link }) => to === address && !this.read.has(link) && new URL(link).pathname === `/${page}`)
    return found?.link
  }
}

/** Without a mail server the links are in the log. */
export const outboxOf = (log: RecordedLog): Mailbox =>
  new Mailbox(() =>
    log.entries.flatMap(({ event, fields }) => {
      const { to, link } = (fields ?? {}) as Partial<Letter>
      return event === 'mail.outbox' && to !== undefined && link !== undefined ? [{ to, link }] : []
    }),
  )

/** With one they are in what it took. */
export const mailServerBox = ({ received }: MailServer): Mailbox =>
  new Mailbox(() =>
    received.flatMap(({ to, parts }) => {
      const links = parts['text/plain']?.match(/https?:\/\/\S+/g) ?? []
      return to.flatMap((address) => links.map((link) => ({ to: address, link })))
    }),
  )
