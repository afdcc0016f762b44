import { Fault } from '../core/fault.ts'
import { newId } from '../core/id.ts'
import { claimJobs, countJobs, type Job, type JobKind, releaseJobs, renewJobs, retryJob } from '../core/jobs/jobs.ts'
import { type IngestNeeds, ingestDocument, putOff } from './ingest.ts'
import { doneOf, type JobWork } from './job-work.ts'
import { type MailNeeds, mailFailed, sendMail } from './mail.ts'
import { sweep } from './reaper.ts'
import { removeDocument, removeStore, setAttributes } from './removal.ts'
import { sendWebhook, type WebhookNeeds, webhookFailed } from './webhook.ts'

export interface JobWorkerOptions {
  /** Documents ingested at once; 0: none. Other jobs have places of their own. */
  slots: number
  leaseMs: number
  pollMs: number
  /** Of one document. */
  attemptsMax: number
  /** How often the leftovers of everybody are swept; absent: a few seconds. */
  sweepMs?: number
  /** How often a backlog is told to the log; absent: some seconds. */
  tellMs?: number
  /** An attempt that takes no step for so long has failed, whatever it waits for; absent: longer than any of its waits may be. */
  stuckMs?: number
}

type JobNeeds = IngestNeeds & WebhookNeeds & MailNeeds

interface JobHandler {
  /** True: the job is over. False: it was taken away, or asked for again, meanwhile. */
  run(app: JobNeeds, work: JobWork): Promise<boolean>
  /** Notes what comes of an attempt that threw. */
  failed(app: JobNeeds, work: JobWork, cause: unknown): Promise<unknown>
}

const HANDLERS: Record<JobKind, JobHandler> = {
  ingest_document: { run: ingestDocument, failed: putOff },
  remove_document: { run: removeDocument, failed: tryForEver },
  remove_store: { run: removeStore, failed: tryForEver },
  set_attributes: { run: setAttributes, failed: tryForEver },
  webhook: { run: sendWebhook, failed: webhookFailed },
  mail: { run: sendMail, failed: mailFailed },
}

const AGAIN_MS = 1_000
const AGAIN_MAX_MS = 300_000

function tryForEver(app: IngestNeeds, { job }: JobWork, cause: unknown): Promise<boolean> {
  const waitMs = Math.min(AGAIN_MAX_MS, AGAIN_MS * 2 ** Math.min(job.attempt - 1, 20))
  app.log.warn('job.failed', { kind: job.kind, subject: job.subject, attempt: job.attempt, waitMs, cause: String(cause) })
  return retryJob(app, job, { runAt: app.clock.now() + waitMs, error: String(cause) })
}

/** Places for some kinds of job: a long queue of one kind never keeps another waiting. */
interface Lane {
  readonly kinds: readonly JobKind[]
  readonly places: number
  /** By id. */
  readonly running: Map<string, Running>
  /** There were more jobs than places. */
  starved: boolean
  /** The tenant whose turn was last. */
  after: string | undefined
}

interface Running {
  readonly work: JobWork
  readonly stop: AbortController
  readonly done: Promise<void>
  /** What the last renewals saw of its steps, and how long ago they began to see that. */
  seen: { steps: number; sinceMs: number }
  /** Ends the attempt from outside. */
  fail(cause: Fault): void
}

const OTHER_PLACES = 2
/** Most of the time of a webhook is spent waiting for its receiver. */
const WEBHOOK_PLACES = 16
/** As many connections as the mail server is asked for. */
const MAIL_PLACES = 4
const RENEWALS_PER_LEASE = 3
const SWEEP_MS = 5_000
const TELL_MS = 10_000
const STUCK_MS = 20 * 60_000
const BACKLOG_MAX = 100_000
/** How often, a second apart, the end of an attempt is noted again that could not be: the lease is renewed meanwhile. */
const NOTES_MAX = 60
const NOTE_AGAIN_MS = 1_000
/** After the drain, for work that looks up late from what it waits for; what it then wants to commit is refused. */
const LETTING_GO_MS = 2_000

/** The jobs of one process: places, claiming, renewal, and the sweeps that any replica may do. */
export class JobWorker {
  readonly id = newId()
  private readonly lanes: Lane[]
  private readonly timers: Timer[] = []
  private renewal: Timer | undefined
  private lookedAround: Promise<void> = Promise.resolve()
  private scanning = false
  private scanAgain = false
  private sweeping: Promise<void> | undefined
  private started = false
  private draining = false
  private lastScan = 0

  constructor(
    private readonly app: JobNeeds,
    private readonly options: JobWorkerOptions,
  ) {
    const lane = (places: number, ...kinds: JobKind[]): Lane => ({ kinds, places, running: new Map(), starved: false, after: undefined })
    const ingesting = options.slots > 0 ? [lane(options.slots, 'ingest_document')] : []
    const others = lane(OTHER_PLACES, 'remove_document', 'remove_store', 'set_attributes')
    this.lanes = [...ingesting, others, lane(WEBHOOK_PLACES, 'webhook'), lane(MAIL_PLACES, 'mail')]
  }

  start(): void {
    const { leaseMs, pollMs, sweepMs = SWEEP_MS, tellMs = TELL_MS } = this.options
    this.started = true
    this.renewal = setInterval(() => void this.renew(), leaseMs / RENEWALS_PER_LEASE)
    this.timers.push(setInterval(() => this.wake(), pollMs))
    this.timers.push(setInterval(() => this.sweepNow(), sweepMs))
    this.timers.push(setInterval(() => void this.tellBacklog(), tellMs))
    this.wake()
    this.sweepNow()
  }

  /** Null when the worker does its work; else what is wrong. */
  health(): string | null {
    if (this.draining) return 'the job worker is stopping'
    return this.lastScan === 0 ? 'the job worker has not looked for jobs yet' : null
  }

  get busy(): number {
    return this.lanes.reduce((sum, { running }) => sum + running.size, 0)
  }

  wake(): void {
    if (!this.started) return
    if (this.scanning) this.scanAgain = true
    else this.lookedAround = this.scan()
  }

  private async scan(): Promise<void> {
    this.scanning = true
    try {
      do {
        this.scanAgain = false
        for (const lane of this.lanes) await this.fill(lane)
        this.lastScan = this.app.clock.now()
      } while (this.scanAgain)
    } catch (cause) {
      this.app.log.warn('jobs.scan_failed', { cause: String(cause) })
    } finally {
      this.scanning = false
    }
  }

  private async fill(lane: Lane): Promise<void> {
    const limit = lane.places - lane.running.size
    if (limit <= 0) lane.starved = true
    if (this.draining || limit <= 0) return
    const { leaseMs } = this.options
    const after = lane.after ? { after: lane.after } : {}
    const jobs = await claimJobs(this.app, { workerId: this.id, leaseMs, limit, kinds: lane.kinds, ...after })
    lane.starved = jobs.length >= limit
    lane.after = jobs.at(-1)?.tenantId ?? lane.after
    for (const job of jobs) this.take(lane, job)
  }

  private take(lane: Lane, job: Job): void {
    const stop = new AbortController()
    const work: JobWork = { job, signal: stop.signal, attemptsMax: this.options.attemptsMax, done: doneOf(job), steps: 0 }
    const failing = Promise.withResolvers<never>()
    // A process that stood still for longer than its lease gets its own job again.
    lane.running.get(job.id)?.stop.abort()
    const isCurrent = (): boolean => lane.running.get(job.id)?.work === work
    const run = () => Promise.race([HANDLERS[job.kind].run(this.app, work), failing.promise])
    const done = this.execute(work, { run, isCurrent }).finally(() => {
      // Ends what an attempt that failed from outside still waits for.
      stop.abort()
      if (isCurrent()) lane.running.delete(job.id)
      if (lane.starved) this.wake()
    })
    lane.running.set(job.id, { work, stop, done, seen: { steps: 0, sinceMs: 0 }, fail: failing.reject })
  }

  /** Never rejects. */
  private async execute(work: JobWork, { run, isCurrent }: { run(): Promise<boolean>; isCurrent(): boolean }): Promise<void> {
    const { job, signal } = work
    try {
      if ((await run()) || !isCurrent()) return
      // Taken away it is not ours to release; asked for again it is due now.
      await this.note(signal, () => releaseJobs(this.app, this.id, [job.id]))
      this.wake()
    } catch (cause) {
      if (!signal.aborted) await this.note(signal, () => HANDLERS[job.kind].failed(this.app, work, cause))
    }
  }

  private async note(signal: AbortSignal, write: () => Promise<unknown>): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await write()
        return
      } catch (cause) {
        this.app.log.warn('jobs.note_failed', { tries, cause: String(cause) })
        if (tries >= NOTES_MAX || signal.aborted) return
        await aborted(signal, NOTE_AGAIN_MS)
      }
    }
  }

  private async renew(): Promise<void> {
    const running = this.lanes.flatMap((lane) => [...lane.running.values()])
    for (const one of running) this.watch(one)
    const ids = running.map(({ work }) => work.job.id)
    try {
      const ours = new Set(await renewJobs(this.app, { workerId: this.id, leaseMs: this.options.leaseMs, ids }))
      for (const { work, stop } of running) if (!ours.has(work.job.id)) stop.abort()
    } catch (cause) {
      this.app.log.warn('jobs.renew_failed', { cause: String(cause) })
    }
  }

  /** Counts renewals instead of asking a clock, which may jump. */
  private watch(running: Running): void {
    const { work, seen } = running
    const { leaseMs, stuckMs = STUCK_MS } = this.options
    const sinceMs = seen.steps === work.steps ? seen.sinceMs + leaseMs / RENEWALS_PER_LEASE : 0
    running.seen = { steps: work.steps, sinceMs }
    if (sinceMs >= stuckMs) running.fail(new Fault('internal', `The work stood still for ${Math.round(stuckMs / 60_000)} minutes.`))
  }

  private sweepNow(): void {
    this.sweeping ??= sweep(this.app, () => this.draining).finally(() => {
      this.sweeping = undefined
    })
  }

  private async tellBacklog(): Promise<void> {
    const lane = this.lanes.find(({ kinds }) => kinds.includes('ingest_document'))
    if (!lane?.starved) return
    try {
      const waiting = (await countJobs(this.app, 'ingest_document', BACKLOG_MAX)) - lane.running.size
      if (waiting > 0) this.app.log.info('ingest.backlog', { waiting })
    } catch (cause) {
      this.app.log.warn('jobs.count_failed', { cause: String(cause) })
    }
  }

  /** Begins no more jobs, gives those at work `drainMs` to end, and hands the rest to the next worker. */
  async stop(drainMs: number): Promise<void> {
    this.draining = true
    for (const timer of this.timers) clearInterval(timer)
    // A look that is under way may still bring jobs: they are released with the others.
    await this.lookedAround
    const all = () => Promise.all(this.lanes.flatMap((lane) => [...lane.running.values()].map(({ done }) => done)))
    await Promise.race([all(), Bun.sleep(drainMs)])
    const left = this.lanes.flatMap((lane) => [...lane.running.values()])
    for (const { stop } of left) stop.abort()
    await Promise.race([Promise.all([all(), this.sweeping]), Bun.sleep(LETTING_GO_MS)])
    const ids = left.map(({ work }) => work.job.id)
    // Without the database they are released by the end of their leases.
    await releaseJobs(this.app, this.id, ids).catch((cause) => this.app.log.warn('jobs.release_failed', { cause: String(cause) }))
    clearInterval(this.renewal)
    if (left.length > 0) this.app.signals.wakeJobs()
  }
}

/** Resolves when `signal` is aborted, or after `ms`. */
async function aborted(signal: AbortSignal, ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const wake = (): void => resolve()
  const timer = setTimeout(wake, ms)
  signal.addEventListener('abort', wake)
  await promise
  clearTimeout(timer)
  signal.removeEventListener('abort', wake)
}
