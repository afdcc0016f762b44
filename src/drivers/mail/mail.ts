import type { Config } from '../../config.ts'
import type { Log } from '../../core/needs.ts'
import { unsendable } from './outgoing.ts'
import type { Mail } from './port.ts'
import { SmtpMail, type SmtpOptions } from './smtp.ts'

export interface MailParts {
  log: Log
  publicUrl: string | null
  /** For tests. */
  tls?: SmtpOptions['tls']
}

/** Without a mail server mail stays in the outbox, and its link is printed, so that everything works offline. */
export function openMail(config: Config['mail'], { log, publicUrl, tls }: MailParts): Mail {
  const { smtpUrl: url, from, attemptsMax } = config
  if (url !== null) return new SmtpMail({ url, from, attemptsMax, ...(tls ? { tls } : {}) })
  return openOutbox(attemptsMax, { log, publicUrl })
}

const nothing = (): Promise<void> => Promise.resolve()

function openOutbox(attemptsMax: number, { log, publicUrl }: MailParts): Mail {
  return {
    kind: 'outbox',
    attemptsMax,
    domain: URL.parse(publicUrl ?? '')?.hostname ?? 'localhost',
    async deliver(mail, signal) {
      const wrong = unsendable(mail)
      if (wrong) return wrong
      if (signal.aborted) return { state: 'failed', why: 'broken off' }
      const { messageId, to, subject, link } = mail
      log.info('mail.outbox', { messageId, to, subject, link })
      return { state: 'sent' }
    },
    check: nothing,
    close: nothing,
  }
}
