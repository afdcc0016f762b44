import { Fault } from '../../core/fault.ts'
import { within } from './errors.ts'
import type { Param } from './port.ts'
import { Session } from './session.ts'
import type { Target } from './target.ts'

export interface PoolOptions {
  max: number
  settings?: Record<string, string>
}

interface Waiter {
  resolve(session: Session): void
  reject(error: Fault): void
}

const WAITING_MAX = 10_000
const PROBE_MS = 10_000
/** How long statements of replaced connections may still run. */
const RETIRE_MS = 30_000
const CLOSE_POLL_MS = 5

const isClosed = (): Fault => new Fault('unavailable', 'The connection to the database is closed.')

/** Connections with the same settings, opened when needed; whoever finds all of them busy waits in line. */
export class Pool {
  private readonly idle: Session[] = []
  private busy = new Set<Session>()
  /** Replaced, but perhaps still at work. */
  private readonly retired = new Set<Session>()
  private readonly waiting: Waiter[] = []
  private closed = false
  /** Idle connections that nobody needed since `trim`. */
  private spare = 0
  private finished = 0
  private seen = { finished: -1, quiet: 0 }

  constructor(
    private readonly target: Target,
    private readonly options: PoolOptions,
  ) {}

  run<R>(text: string, params?: readonly Param[]): Promise<R[]> {
    return this.use((session) => session.run(text, params))
  }

  async use<R>(work: (session: Session) => Promise<R>): Promise<R> {
    const session = await this.acquire()
    try {
      return await work(session)
    } finally {
      this.release(session)
    }
  }

  /**
   * Called now and then: true when everything has been busy for `quietMax` calls and nothing came back, although a new
   * connection is answered. A pool that is only busy finishes something; a server that is only away answers nobody.
   */
  async isStalled(quietMax: number): Promise<boolean> {
    const quiet = this.busy.size > 0 && this.finished === this.seen.finished ? this.seen.quiet + 1 : 0
    this.seen = { finished: this.finished, quiet }
    return quiet >= quietMax && (await this.serverAnswers()) && this.finished === this.seen.finished
  }

  /** Called now and then: closes the connections that nobody needed since the last time, but `keep` of them. */
  trim(keep: number): void {
    for (const session of this.idle.splice(0, Math.max(0, Math.min(this.spare, this.idle.length - keep)))) void session.end()
    this.spare = this.idle.length
  }

  /** New statements get new connections; those that still run get some time. */
  replace(): void {
    for (const session of this.idle.splice(0)) void session.end()
    const old = [...this.busy]
    this.busy = new Set()
    for (const session of old) this.retired.add(session)
    setTimeout(() => {
      for (const session of old) session.abandon()
    }, RETIRE_MS).unref()
    while (this.waiting.length > 0 && this.busy.size < this.options.max) this.waiting.shift()?.resolve(this.open())
  }

  /** Refuses new statements and gives the running ones `timeoutMs`; what then still runs fails. */
  async close(timeoutMs: number): Promise<void> {
    this.closed = true
    for (const waiter of this.waiting.splice(0)) waiter.reject(isClosed())
    const deadline = performance.now() + timeoutMs
    while (this.busy.size > 0 && performance.now() < deadline) await Bun.sleep(CLOSE_POLL_MS)
    await Promise.all([...this.busy, ...this.retired, ...this.idle].map((session) => session.end()))
  }

  private open(): Session {
    const { settings } = this.options
    const session = new Session(this.target, settings ? { settings } : {})
    this.busy.add(session)
    return session
  }

  private async acquire(): Promise<Session> {
    if (this.closed) throw isClosed()
    for (let session = this.idle.pop(); session; session = this.idle.pop()) {
      this.spare = Math.min(this.spare, this.idle.length)
      if (session.lost) continue
      this.busy.add(session)
      return session
    }
    if (this.busy.size < this.options.max) return this.open()
    if (this.waiting.length >= WAITING_MAX) {
      throw new Fault('unavailable', `More than ${WAITING_MAX} statements wait for the database.`, { retryAfterMs: 1_000 })
    }
    return await new Promise((resolve, reject) => this.waiting.push({ resolve, reject }))
  }

  private release(session: Session): void {
    this.finished++
    const retired = this.retired.delete(session)
    this.busy.delete(session)
    if (retired || this.closed) {
      void session.end()
      return
    }
    const next = this.waiting.shift()
    if (!next) {
      if (!session.lost) this.idle.push(session)
    } else if (session.lost) {
      next.resolve(this.open())
    } else {
      this.busy.add(session)
      next.resolve(session)
    }
  }

  private async serverAnswers(): Promise<boolean> {
    const probe = new Session(this.target)
    try {
      await within(PROBE_MS, probe.run('select 1'), () => new Fault('unavailable', 'The database does not answer.'))
      return true
    } catch {
      return false
    } finally {
      void probe.end()
    }
  }
}
