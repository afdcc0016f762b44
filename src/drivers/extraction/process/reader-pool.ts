import { Fault } from '../../../core/fault.ts'
import { DocumentReader, type ReaderLimits } from './document-reader.ts'

/** Processes at rest hold memory; after so long without a document they end. */
const IDLE_MS = 60_000
const WAITING_MAX = 10_000

export interface ReaderPoolOptions extends ReaderLimits {
  slots: number
  /** Where the processes live. */
  cwd: string
}

interface Waiting {
  go(): void
  fail(error: unknown): void
}

const stopped = (): Fault => new Fault('unavailable', 'The server is stopping.')

/** At most `slots` processes at work, kept warm between documents. */
export class ReaderPool {
  private readonly idle: DocumentReader[] = []
  private readonly busy = new Set<DocumentReader>()
  private readonly waiting: Waiting[] = []
  private taken = 0
  private closed = false
  private timer: NodeJS.Timeout | undefined

  constructor(private readonly options: ReaderPoolOptions) {}

  /** Runs `work` when a place is free. */
  async use<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.enter(signal)
    try {
      return await work()
    } finally {
      const next = this.waiting.shift()
      // The place goes from hand to hand, so that nobody slips in between.
      if (next === undefined) this.taken--
      else next.go()
    }
  }

  /** Lends a process to `work`; a fresh one if asked. Fails as `unavailable` where none can be had. */
  async withReader<T>(work: (reader: DocumentReader) => Promise<T>, fresh: boolean): Promise<T> {
    const reader = (fresh ? undefined : this.takeIdle()) ?? (await this.start())
    this.busy.add(reader)
    try {
      // It may have been closed while the process came up.
      if (this.closed) throw stopped()
      return await work(reader)
    } finally {
      this.busy.delete(reader)
      if (reader.healthy && !this.closed) this.rest(reader)
      else await reader.end()
    }
  }

  async close(): Promise<void> {
    this.closed = true
    clearTimeout(this.timer)
    for (const { fail } of this.waiting.splice(0)) fail(stopped())
    await Promise.all([...this.idle.splice(0), ...this.busy].map((reader) => reader.end()))
  }

  private takeIdle(): DocumentReader | undefined {
    for (let reader = this.idle.pop(); reader !== undefined; reader = this.idle.pop()) {
      if (reader.healthy) return reader
      void reader.end()
    }
    return undefined
  }

  private async start(): Promise<DocumentReader> {
    for (let attempt = 0; attempt < 2 && !this.closed; attempt++) {
      const reader = await DocumentReader.start(this.options.cwd, this.options).catch(() => undefined)
      if (reader !== undefined) return reader
    }
    throw this.closed ? stopped() : new Fault('unavailable', 'No process to read documents could be started.')
  }

  private rest(reader: DocumentReader): void {
    this.idle.push(reader)
    clearTimeout(this.timer)
    this.timer = setTimeout(() => {
      for (const rested of this.idle.splice(0)) void rested.end()
    }, IDLE_MS)
    this.timer.unref()
  }

  private async enter(signal?: AbortSignal): Promise<void> {
    if (this.closed) throw stopped()
    signal?.throwIfAborted()
    if (this.taken < this.options.slots) {
      this.taken++
      return
    }
    if (this.waiting.length >= WAITING_MAX) throw new Fault('unavailable', 'Too many documents wait to be read.')
    await this.turn(signal)
  }

  private turn(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = (): void => waiting.fail(signal?.reason)
      const waiting: Waiting = {
        go() {
          signal?.removeEventListener('abort', abort)
          resolve()
        },
        fail: (error) => {
          const at = this.waiting.indexOf(waiting)
          if (at >= 0) this.waiting.splice(at, 1)
          signal?.removeEventListener('abort', abort)
          reject(error)
        },
      }
      signal?.addEventListener('abort', abort)
      this.waiting.push(waiting)
    })
  }
}
