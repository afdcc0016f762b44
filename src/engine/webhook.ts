import { Fault } from '../core/fault.ts'
import { finishJob, retryJob } from '../core/jobs/jobs.ts'
import type { Needs } from '../core/needs.ts'
import { signWebhook, type WebhookMessage, webhookMessage } from '../core/webhooks/messages.ts'
import type { JobWork } from './job-work.ts'

export type WebhookNeeds = Needs<'db' | 'clock' | 'log' | 'graphs' | 'webhooks'>

const AGAIN_MS = 5_000
const AGAIN_FACTOR = 4
const AGAIN_MAX_MS = 3_600_000

/** Answers as `JobHandler.run` does. A receiver may get a message twice, with one id: its answer may be lost, or this process die. */
export async function sendWebhook(app: WebhookNeeds, { job, signal }: JobWork): Promise<boolean> {
  const message = await webhookMessage(app, job)
  if (!message) return finishJob(app.db, job)
  const outcome = await app.webhooks.deliver({ url: message.url, ...(await signWebhook(app, job, message)), signal })
  if (outcome.state === 'taken') return finishJob(app.db, job)
  // Whoever stops this process has its jobs released.
  if (signal.aborted) return false
  const facts = { run: job.subject, receiver: receiverOf(message.url), attempt: job.attempt, why: outcome.why }
  if (outcome.state === 'unwanted' || job.attempt >= app.webhooks.attemptsMax) {
    app.log.error('webhook.given_up', facts)
    return finishJob(app.db, job)
  }
  const waitMs = waitAfter(job.attempt)
  app.log.warn('webhook.failed', { ...facts, waitMs })
  return retryJob(app, job, { runAt: app.clock.now() + waitMs, error: outcome.why, payload: { ...message } })
}

/** For an attempt that did not get so far as to ask the receiver. That the database was away is not counted. */
export function webhookFailed(app: WebhookNeeds, { job }: JobWork, cause: unknown): Promise<boolean> {
  const charged = !(cause instanceof Fault && cause.code === 'unavailable')
  const last = charged && job.attempt >= app.webhooks.attemptsMax
  app.log.error(last ? 'webhook.given_up' : 'webhook.not_sent', { run: job.subject, attempt: job.attempt, cause })
  if (last) return finishJob(app.db, job)
  return retryJob(app, job, { runAt: app.clock.now() + waitAfter(job.attempt), error: String(cause), charged })
}

const waitAfter = (attempt: number): number => Math.min(AGAIN_MAX_MS, AGAIN_MS * AGAIN_FACTOR ** Math.min(attempt - 1, 20))

/** The rest of a URL may be a secret. */
const receiverOf = (url: WebhookMessage['url']): string => (url.startsWith('/') ? 'this server' : (URL.parse(url)?.host ?? 'unknown'))
