import { newId } from '../core/id.ts'
import type { Needs } from '../core/needs.ts'
import { claimRuns, handBackRuns, renewRuns } from '../core/runs/claims.ts'
import type { ClaimedRun } from '../core/runs/runs.ts'
import type { Slot } from '../core/runs/signals.ts'
import { type Engine, Execution } from './execute.ts'
import { openAssistantGraph } from './graphs/built-in.ts'
import type { GraphRegistry } from './graphs/registry.ts'
import { expire, purge } from './reaper.ts'
import type { LocalWorker } from './signals.ts'
import { warmUp } from './warm-up.ts'

export interface WorkerOptions {
  slots: number
  leaseMs: number
  pollMs: number
  attemptsMax: number
  stepsMax: number
  contextTokens: number
  journalKeepMs: number
}

type WorkerNeeds = Needs<'db' | 'clock' | 'signals' | 'log' | 'models' | 'files' | 'vectors' | 'vault' | 'limits' | 'graphs'>

/** How often leases are renewed within their time: two may fail before the third would be too late. */
const RENEWALS_PER_LEASE = 3
const PURGE_EVERY_MS = 60_000
/** A cancellation beyond it is noticed with the next renewal of the lease. */
const EARLY_MAX = 1000

/** The loop of one process: places for runs, claiming, renewal, and the housekeeping that any replica may do. */
export class Worker implements LocalWorker {
  readonly id = newId()
  private readonly engine: Engine
  private readonly running = new Map<string, { execution: Execution; done: Promise<void> }>()
  private readonly timers: Timer[] = []
  private renewal: Timer | undefined
  private reserved = 0
  private scanning = false
  private lookedAround: Promise<void> = Promise.resolve()
  private scanAgain = false
  private draining = false
  private lastScan = 0
  /** Runs that were cancelled while it was not known yet whether they are ours. */
  private readonly early = new Set<string>()

  constructor(
    private readonly app: WorkerNeeds,
    private readonly options: WorkerOptions,
    graphs: GraphRegistry,
  ) {
    this.engine = { app, graph: openAssistantGraph(), graphs, limits: options }
  }

  start(): void {
    if (this.options.slots === 0) return
    this.renewal = setInterval(() => void this.renew(), this.options.leaseMs / RENEWALS_PER_LEASE)
    this.timers.push(setInterval(() => this.poll(), this.options.pollMs))
    this.timers.push(setInterval(() => this.tidy(() => purge(this.app, this.options)), PURGE_EVERY_MS))
    this.wake()
    this.tidy(() => warmUp(this.app, this.engine.graph, () => this.draining || this.busy > 0))
  }

  /** Null when the worker does its work; else what is wrong. */
  health(): string | null {
    if (this.draining) return 'the worker is stopping'
    if (this.options.slots > 0 && this.lastScan === 0) return 'the worker has not looked for runs yet'
    return null
  }

  get busy(): number {
    return this.running.size + this.reserved
  }

  reserve(): Slot | undefined {
    if (this.draining || this.busy >= this.options.slots) return undefined
    this.reserved++
    return { workerId: this.id, leaseMs: this.options.leaseMs }
  }

  release(_slot: Slot): void {
    this.reserved--
    this.forgetEarly()
  }

  hand(slot: Slot, run: ClaimedRun): void {
    this.take(run)
    this.release(slot)
  }

  cancel(runId: string): boolean {
    const found = this.running.get(runId)
    found?.execution.stop('cancel')
    // The answer that names the run as ours may still be on its way.
    if (!found && (this.scanning || this.reserved > 0) && this.early.size < EARLY_MAX) this.early.add(runId)
    return found !== undefined
  }

  wake(): void {
    if (this.scanning) this.scanAgain = true
    else this.lookedAround = this.scan()
  }

  private take(claimed: ClaimedRun): void {
    // A process that stood still for longer than its lease gets its own run again.
    this.running.get(claimed.run.id)?.execution.stop('lost')
    const execution = new Execution(this.engine, claimed)
    const done = execution.execute().finally(() => {
      if (this.running.get(claimed.run.id)?.execution === execution) this.running.delete(claimed.run.id)
      if (this.starved) this.wake()
    })
    this.running.set(claimed.run.id, { execution, done })
    if (this.early.delete(claimed.run.id)) execution.stop('cancel')
  }

  /** The last scan found more runs than places: look again when a place is free. */
  private starved = false

  private async scan(): Promise<void> {
    this.scanning = true
    try {
      do {
        this.scanAgain = false
        const free = this.options.slots - this.busy
        if (this.draining || free <= 0) {
          this.starved = free <= 0
          break
        }
        const claimed = await claimRuns(this.app, { workerId: this.id, leaseMs: this.options.leaseMs, limit: free })
        this.starved = claimed.length >= free
        this.lastScan = this.app.clock.now()
        for (const run of claimed) this.take(run)
      } while (this.scanAgain)
    } catch (cause) {
      this.app.log.warn('worker.scan_failed', { cause: String(cause) })
    } finally {
      this.scanning = false
      this.forgetEarly()
    }
  }

  /** Nothing is on its way any more. */
  private forgetEarly(): void {
    if (!this.scanning && this.reserved === 0) this.early.clear()
  }

  private poll(): void {
    this.wake()
    this.tidy(() => expire(this.app))
  }

  /** Work that nobody waits for: what fails now is done at the next turn. */
  private tidy(work: () => Promise<void>): void {
    work().catch((cause) => this.app.log.warn('worker.tidy_failed', { cause: String(cause) }))
  }

  private async renew(): Promise<void> {
    const ids = [...this.running.keys()]
    if (ids.length === 0) return
    const asked = new Map(ids.map((id) => [id, this.running.get(id)?.execution]))
    try {
      const renewed = new Map((await renewRuns(this.app, { workerId: this.id, leaseMs: this.options.leaseMs, ids })).map((r) => [r.id, r]))
      for (const [id, execution] of asked) {
        // A run that ended or waits meanwhile does not come back either, and needs no telling.
        if (this.running.get(id)?.execution !== execution) continue
        const renewal = renewed.get(id)
        if (!renewal) execution?.stop('lost')
        else if (renewal.status === 'cancelling') execution?.stop('cancel')
      }
    } catch (cause) {
      this.app.log.warn('worker.renew_failed', { cause: String(cause) })
    }
  }

  /** Takes no more runs, gives those at work `drainMs` to end, and hands the rest to the next worker. */
  async stop(drainMs: number): Promise<void> {
    this.draining = true
    for (const timer of this.timers) clearInterval(timer)
    // A look that is under way may still bring runs: they are handed back with the others.
    await this.lookedAround
    const all = () => Promise.all([...this.running.values()].map((r) => r.done))
    await Promise.race([all(), Bun.sleep(drainMs)])
    const left = [...this.running.keys()]
    for (const { execution } of this.running.values()) execution.stop('handed_back')
    await all()
    await handBackRuns(this.app, this.id, left)
    // Not before: a run that drains longer than its lease would be taken for one whose worker died.
    clearInterval(this.renewal)
    if (left.length > 0) this.app.signals.wake()
  }
}
