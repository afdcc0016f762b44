import { newId } from '../core/id.ts'
import type { Log } from '../core/needs.ts'
import type { Segment } from '../core/runs/events.ts'
import type { ClaimedRun } from '../core/runs/runs.ts'
import type { Reader, Signals, Slot } from '../core/runs/signals.ts'
import type { Db } from '../drivers/records/port.ts'

/** What a worker offers to those who create runs in its process. */
export interface LocalWorker {
  reserve(): Slot | undefined
  release(slot: Slot): void
  hand(slot: Slot, run: ClaimedRun): void
  wake(): void
  /** False: the run is not executed here. */
  cancel(runId: string): boolean
}

type Kind = 'events' | 'ready' | 'jobs' | 'cancel' | 'key'
const CHANNEL = 'tetraport'
/** NOTIFY takes 8000 bytes; ids are sent, never data. */
const IDS_PER_NOTE = 200
/** Runs whose events were published lately, possibly before their reader came. */
const RECENT_MAX = 4096

/**
 * Signals within this process, and by NOTIFY to every other one on the same Postgres. Not sent inside commits, which
 * NOTIFY would make wait for each other, but right after, many at once, one statement in flight.
 */
export class ProcessSignals implements Signals {
  private readonly origin = newId()
  private readonly readers = new Map<string, Set<Reader>>()
  private readonly recent = new Set<string>()
  private readonly keyListeners = new Set<() => void>()
  private readonly outbox = new Map<Kind, Set<string>>()
  private sending = false
  private worker: LocalWorker | undefined
  private jobs: { wake(): void } | undefined
  private unlisten: (() => Promise<void>) | undefined

  /** @param shared whether other processes execute runs on this Postgres */
  constructor(
    private readonly db: Db,
    private readonly shared: boolean,
    private readonly log: Log,
  ) {}

  async start(): Promise<void> {
    this.unlisten = await this.db.listen(
      CHANNEL,
      (note) => this.receive(note),
      () => this.lookAgain(),
    )
  }

  async stop(): Promise<void> {
    await this.unlisten?.()
  }

  attach(worker: LocalWorker): void {
    this.worker = worker
  }

  attachJobs(jobs: { wake(): void }): void {
    this.jobs = jobs
  }

  reserve(): Slot | undefined {
    return this.worker?.reserve()
  }
  release(slot: Slot): void {
    this.worker?.release(slot)
  }
  hand(slot: Slot, run: ClaimedRun): void {
    this.worker?.hand(slot, run)
  }

  wake(): void {
    this.worker?.wake()
    this.send('ready', '')
  }

  wakeJobs(): void {
    this.jobs?.wake()
    this.send('jobs', '')
  }

  cancel(runId: string): void {
    if (!this.worker?.cancel(runId)) this.send('cancel', runId)
    // A run that went with its thread publishes nothing more: its readers have to look for themselves.
    this.wakeReaders(runId)
    this.send('events', runId)
  }

  publish(runId: string, segment: Segment): void {
    const readers = this.readers.get(runId)
    if (readers) for (const reader of readers) reader.onSegment(segment)
    else this.remember(runId)
    this.send('events', runId)
  }

  announce(threadId: string): void {
    const readers = this.readers.get(threadId)
    if (readers) for (const reader of readers) reader.onWake()
    this.send('events', threadId)
  }

  private remember(runId: string): void {
    this.recent.add(runId)
    if (this.recent.size <= RECENT_MAX) return
    const [oldest] = this.recent
    this.recent.delete(oldest as string)
  }

  subscribe(runId: string, reader: Reader): () => void {
    const readers = this.readers.get(runId) ?? new Set()
    this.readers.set(runId, readers.add(reader))
    // Between the commit that made a run and its first reader its executor may have been faster.
    if (this.recent.has(runId)) reader.onWake()
    return () => {
      readers.delete(reader)
      if (readers.size === 0) this.readers.delete(runId)
    }
  }

  keyChanged(): void {
    for (const listener of this.keyListeners) listener()
    // Even an unshared Postgres has a second process at times: the command line.
    this.post('key', '')
  }
  onKeyChanged(listener: () => void): () => void {
    this.keyListeners.add(listener)
    return () => this.keyListeners.delete(listener)
  }

  private send(kind: Kind, id: string): void {
    if (this.shared) this.post(kind, id)
  }

  private post(kind: Kind, id: string): void {
    const ids = this.outbox.get(kind) ?? new Set()
    this.outbox.set(kind, ids.add(id))
    if (this.sending) return
    this.sending = true
    setImmediate(() => void this.drain())
  }

  private async drain(): Promise<void> {
    for (let next = this.outbox.entries().next().value; next; next = this.outbox.entries().next().value) {
      const [kind, ids] = next
      const some = [...ids].slice(0, IDS_PER_NOTE)
      for (const id of some) ids.delete(id)
      if (ids.size === 0) this.outbox.delete(kind)
      try {
        await this.db.notify(CHANNEL, `${this.origin} ${kind} ${some.join(',')}`)
      } catch (cause) {
        this.log.warn('signal.not_sent', { kind, cause: String(cause) })
      }
    }
    this.sending = false
  }

  private receive(note: string): void {
    const [origin, kind, ids = ''] = note.split(' ') as [string, Kind, string?]
    if (origin === this.origin) return
    if (kind === 'ready') this.worker?.wake()
    else if (kind === 'jobs') this.jobs?.wake()
    else if (kind === 'key') for (const listener of this.keyListeners) listener()
    else
      for (const id of ids.split(',')) {
        if (kind === 'cancel') this.worker?.cancel(id)
        else this.wakeReaders(id)
      }
  }

  private wakeReaders(runId: string): void {
    const readers = this.readers.get(runId)
    if (readers) for (const reader of readers) reader.onWake()
    else this.remember(runId)
  }

  /** Notifications may have been lost: everybody reads the tables again. */
  private lookAgain(): void {
    this.worker?.wake()
    this.jobs?.wake()
    for (const listener of this.keyListeners) listener()
    for (const readers of this.readers.values()) for (const reader of readers) reader.onWake()
  }
}
