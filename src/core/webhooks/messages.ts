import { type Caller, serverOf } from '../caller.ts'
import { Fault, unlessMissing } from '../fault.ts'
import { spellId } from '../id.ts'
import type { Job } from '../jobs/jobs.ts'
import type { Json, JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import { findRun, type Run } from '../runs/runs.ts'
import { findHiddenThread } from '../threads/threads.ts'
import { type RunReport, reportRun, timeText } from './run-report.ts'
import { signatureHeaders, webhookSecret } from './signature.ts'

/** What is told when a run has ended; `webhook_sent_at` joins it with each attempt. */
interface EndReport extends RunReport {
  run_started_at: string | null
  run_ended_at: string
  /** Of the run's last checkpoint; null where there is none. */
  values: Json
  /** True: they were too much to be sent. */
  values_omitted?: true
  error?: string
}

/** What a job of the kind `webhook` knows: `body` since an attempt has failed, as the run's thread may be gone by the next one. */
export interface WebhookJob extends JsonObject {
  url: string
}

const BODY_CHARS_MAX = 16 * 1024 * 1024

export interface WebhookMessage {
  url: string
  /** JSON of an object, without the time it is sent at. */
  body: string
}

/** Undefined: the run is gone, and nobody wants to know of it. */
export async function webhookMessage(app: Needs<'db' | 'graphs' | 'log'>, job: Job): Promise<WebhookMessage | undefined> {
  const { url, body } = job.payload as WebhookJob
  if (typeof body === 'string') return { url, body }
  const caller = serverOf(job.tenantId)
  const run = await unlessMissing(findRun(app, caller, job.subject))
  return run && { url, body: await writeBody(app, caller, { run, endedAt: job.createdAt }) }
}

async function writeBody(app: Needs<'db' | 'graphs' | 'log'>, caller: Caller, ended: { run: Run; endedAt: number }): Promise<string> {
  const { run } = ended
  const report: EndReport = {
    ...reportRun(run),
    run_started_at: run.startedAt === null ? null : timeText(run.startedAt),
    run_ended_at: timeText(run.endedAt ?? ended.endedAt),
    values: null,
    ...(run.error ? { error: run.error.message } : {}),
  }
  const body = JSON.stringify({ ...report, values: await lastValues(app, caller, run) })
  return body.length <= BODY_CHARS_MAX ? body : JSON.stringify({ ...report, values_omitted: true })
}

async function lastValues(app: Needs<'db' | 'graphs' | 'log'>, caller: Caller, run: Run): Promise<Json> {
  const thread = await findHiddenThread(app, caller, run.threadId)
  if (!thread) return null
  try {
    const [last] = await app.graphs.history(caller, { thread, filter: { limit: 1, metadata: { run_id: run.id } } })
    return last?.values ?? null
  } catch (error) {
    if (!(error instanceof Fault) || error.code === 'unavailable') throw error
    // The end is told even where the graph cannot be opened any more.
    app.log.warn('webhook.without_values', { run: run.id, cause: error.message })
    return null
  }
}

export interface SignedWebhook {
  body: string
  headers: Record<string, string>
}

/** As it is sent now. The id is the end's, the same with every attempt. */
export async function signWebhook(app: Needs<'db' | 'clock'>, job: Job, message: WebhookMessage): Promise<SignedWebhook> {
  const at = app.clock.now()
  const body = `${message.body.slice(0, -1)},"webhook_sent_at":${JSON.stringify(timeText(at))}}`
  const secret = await webhookSecret(app, job.tenantId)
  const signature = signatureHeaders(secret, { id: spellId('msg_', job.id), timestamp: Math.floor(at / 1000), body })
  return { body, headers: { 'content-type': 'application/json', 'user-agent': 'tetraport', ...signature } }
}
