import type { OutgoingMail } from '../../drivers/mail/port.ts'
import { readCredential } from '../credentials/credentials.ts'
import { Fault } from '../fault.ts'
import { finishJob, type Job, retryJob } from '../jobs/jobs.ts'
import type { Needs } from '../needs.ts'
import { createEmailToken } from '../sessions/email-tokens.ts'
import { aboutMail, type ComposedMail, type MailContent, openContent } from './mail.ts'
import { composeMail } from './messages.ts'
import { lockMailRow, type MailStatus, readMailRow, resealMailRow, writeMailEnd } from './store.ts'

type SendingNeeds = Needs<'db' | 'clock' | 'vault' | 'identity'>

export interface MailToSend {
  kind: string
  mail: OutgoingMail
  /** When its link stops working. */
  expiresAt: number | null
}

/**
 * The mail of this job as every attempt sends it; the first one composes it. Undefined: there is nothing to send, it is
 * sent already or nobody has the address.
 */
export async function mailToSend(app: SendingNeeds, job: Job): Promise<MailToSend | undefined> {
  const row = await readMailRow(app.db, job.subject)
  if (row?.status !== 'queued') return undefined
  const content = await openContent(app, row)
  if (!content) throw new Fault('internal', 'This mail was sealed by a server with another secrets.key.')
  const composed = content.composed ?? (await compose(app, job, content))
  if (!composed) return undefined
  const { subject, text, html, link, expiresAt } = composed
  const mail = { messageId: row.message_id, to: content.about.to, subject, text, html, ...(link === null ? {} : { link }) }
  return { kind: row.kind, mail, expiresAt }
}

/** What it says and the token in it are one commit: no attempt makes another token. */
function compose(app: SendingNeeds, job: Job, { about }: MailContent): Promise<ComposedMail | undefined> {
  const { appUrl } = app.identity
  return app.db.transaction(async (db) => {
    if (!(await lockMailRow(db, job.subject))) return undefined
    const composed = about.kind === 'reset_password' ? await composeReset({ ...app, db }, about.to) : composeMail(about, { appUrl })
    if (composed) {
      const content: MailContent = { about, composed }
      await resealMailRow(db, job.subject, await app.vault.seal(JSON.stringify(content), aboutMail(job.subject)))
    } else await writeMailEnd(db, job.subject, { status: 'dropped', error: null, attempts: 0, at: app.clock.now() })
    return composed
  })
}

async function composeReset(app: SendingNeeds, email: string): Promise<ComposedMail | undefined> {
  const known = await readCredential(app.db, { email })
  if (!known) return undefined
  const made = await createEmailToken(app, { kind: 'reset_password', credentialId: known.id, email })
  return composeMail({ kind: 'reset_password', to: email }, { appUrl: app.identity.appUrl, made })
}

export interface MailEnding {
  status: Exclude<MailStatus, 'queued'>
  error: string | null
}

/** Notes how it ended. That it was sent is noted whoever has the job by now, who then finds nothing to send. */
export function endMail(app: Needs<'db' | 'clock'>, job: Job, { status, error }: MailEnding): Promise<boolean> {
  return app.db.transaction(async (db) => {
    const isOurs = await finishJob(db, job)
    if (isOurs || status === 'sent') await writeMailEnd(db, job.subject, { status, error, attempts: job.attempt, at: app.clock.now() })
    return isOurs
  })
}

/** The next attempt comes later. */
export function postponeMail(app: Needs<'db' | 'clock'>, job: Job, { waitMs, error }: { waitMs: number; error: string }): Promise<boolean> {
  const at = app.clock.now()
  return app.db.transaction(async (db) => {
    const isOurs = await retryJob({ db }, job, { runAt: at + waitMs, error })
    if (isOurs) await writeMailEnd(db, job.subject, { status: 'queued', error, attempts: job.attempt, at })
    return isOurs
  })
}
