import type { Needs } from '../core/needs.ts'
import { appendEvents } from '../core/runs/commits.ts'
import type { RunEvent, Segment } from '../core/runs/events.ts'

const RETRY_FIRST_MS = 50
const RETRY_LAST_MS = 1_000
/** Events that wait while an insert is in flight. */
const CROWD = 2_000

/**
 * The journal of one run in the process that executes it: events get their number, are inserted, then shown. While one
 * insert is in flight later events queue and go in the next: no wait when idle, big segments under load.
 */
export class RunStream {
  private pending: RunEvent[] = []
  private inFlight: Promise<void> | undefined
  private scheduled = false
  private held = false

  /** @param lost called once when the lease turns out to be somebody else's */
  constructor(
    private readonly app: Needs<'db' | 'signals' | 'log'>,
    private readonly run: { id: string; fence: number },
    private next: number,
    private readonly lost: () => void,
  ) {}

  emit(event: RunEvent): void {
    this.pending.push(event)
    this.schedule()
  }

  /**
   * What is emitted from here on is shown only with the commit that `take`s it: the end of a message must not be seen
   * before its row is there.
   */
  hold(): void {
    this.held = true
  }

  /** More waits to be journalled than should be held in memory. */
  get crowded(): boolean {
    return this.pending.length >= CROWD && this.inFlight !== undefined
  }

  /** Resolves when the insert in flight is done. */
  async room(): Promise<void> {
    await this.inFlight
  }

  private schedule(): void {
    if (this.scheduled || this.inFlight || this.held) return
    this.scheduled = true
    setImmediate(() => {
      this.scheduled = false
      this.flush()
    })
  }

  private flush(): void {
    if (this.inFlight || this.held || this.pending.length === 0) return
    const segment = this.cut()
    this.inFlight = this.insert(segment).then((kept) => {
      this.inFlight = undefined
      if (!kept) return this.lost()
      this.show(segment)
      this.flush()
    })
  }

  /** An insert that fails is tried again: the lease says when to give up, as a lost one answers false. */
  private async insert(segment: Segment): Promise<boolean> {
    for (let wait = RETRY_FIRST_MS; ; wait = Math.min(wait * 2, RETRY_LAST_MS)) {
      try {
        return await appendEvents(this.app, { runId: this.run.id, fence: this.run.fence, ...segment })
      } catch (cause) {
        this.app.log.warn('journal.retry', { run: this.run.id, cause: String(cause) })
        if (this.stopped) return false
        await Bun.sleep(wait)
      }
    }
  }

  private stopped = false
  /** No retries any more: the executor is giving up. */
  stop(): void {
    this.stopped = true
  }

  private cut(): Segment {
    const segment = { seq: this.next, events: this.pending }
    this.next += segment.events.length
    this.pending = []
    return segment
  }

  /** Waits until nothing is in flight and keeps it so until `release`. */
  async settle(): Promise<void> {
    this.held = true
    while (this.inFlight) await this.inFlight
  }

  /** Everything not yet inserted, for the caller's commit; null when there is nothing. Call `settle` before, `show` after. */
  take(): Segment | null {
    return this.pending.length === 0 ? null : this.cut()
  }

  release(): void {
    this.held = false
    this.schedule()
  }

  show(segment: Segment): void {
    this.app.signals.publish(this.run.id, segment)
  }
}
