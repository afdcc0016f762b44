import { Fault } from '../core/fault.ts'
import { finishJob, retryJob } from '../core/jobs/jobs.ts'
import { endMail, mailToSend, postponeMail } from '../core/mail/sending.ts'
import type { Needs } from '../core/needs.ts'
import type { JobWork } from './job-work.ts'

export type MailNeeds = Needs<'db' | 'clock' | 'log' | 'vault' | 'identity' | 'mail'>

const AGAIN_MS = 5_000
const AGAIN_FACTOR = 4
/** The eight attempts of the default span more than seven hours: a mail server may be down for a night. */
const AGAIN_MAX_MS = 6 * 3_600_000

/** Answers as `JobHandler.run` does. A mail may come twice, with one message id: this process may die before it notes that it was sent. */
export async function sendMail(app: MailNeeds, { job, signal }: JobWork): Promise<boolean> {
  const found = await mailToSend(app, job)
  if (!found) return finishJob(app.db, job)
  const { mail, kind, expiresAt } = found
  const facts = { mail: job.subject, kind, attempt: job.attempt }
  if (expiresAt !== null && expiresAt <= app.clock.now()) return giveUp(app, job, { facts, why: 'its link expired before it was sent' })
  const outcome = await app.mail.deliver(mail, signal)
  if (outcome.state === 'sent') {
    app.log.info('mail.sent', facts)
    return endMail(app, job, { status: 'sent', error: null })
  }
  // Whoever stops this process has its jobs released.
  if (signal.aborted) return false
  const { why } = outcome
  if (outcome.state === 'refused' || job.attempt >= app.mail.attemptsMax) return giveUp(app, job, { facts, why })
  const waitMs = waitAfter(job.attempt)
  app.log.warn('mail.failed', { ...facts, why, waitMs })
  return postponeMail(app, job, { waitMs, error: why })
}

/** For an attempt that did not get so far as to ask the mail server. That the database was away is not counted. */
export function mailFailed(app: MailNeeds, { job }: JobWork, cause: unknown): Promise<boolean> {
  const charged = !(cause instanceof Fault && cause.code === 'unavailable')
  const facts = { mail: job.subject, attempt: job.attempt }
  if (charged && job.attempt >= app.mail.attemptsMax) return giveUp(app, job, { facts, why: String(cause) })
  app.log.error('mail.not_sent', { ...facts, cause })
  return retryJob(app, job, { runAt: app.clock.now() + waitAfter(job.attempt), error: String(cause), charged })
}

interface GivenUp {
  facts: Record<string, string | number>
  why: string
}

function giveUp(app: MailNeeds, job: JobWork['job'], { facts, why }: GivenUp): Promise<boolean> {
  app.log.error('mail.given_up', { ...facts, why })
  return endMail(app, job, { status: 'failed', error: why })
}

const waitAfter = (attempt: number): number => Math.min(AGAIN_MAX_MS, AGAIN_MS * AGAIN_FACTOR ** Math.min(attempt - 1, 20))
