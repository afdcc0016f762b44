import type { Config } from '../../config.ts'
import type { Log } from '../../core/needs.ts'
import type { Mail } from './port.ts'

const nothing = (): Promise<void> => Promise.resolve()

/** Without a mail server mail stays in the outbox, and its link is printed, so that everything works offline. */
export function openMail(config: Config['mail'], { log, publicUrl }: { log: Log; publicUrl: string | null }): Mail {
  const domain = URL.parse(publicUrl ?? '')?.hostname ?? 'localhost'
  return {
    kind: 'outbox',
    attemptsMax: config.attemptsMax,
    domain,
    async deliver({ messageId, to, subject, link }) {
      log.info('mail.outbox', { messageId, to, subject, link })
      return { state: 'sent' }
    },
    close: nothing,
  }
}
