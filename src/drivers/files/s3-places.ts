import { Interruption } from './intake.ts'

/** Places for what holds megabytes while it is sent: a few at once, first come, first served. */
export class Places {
  private readonly waiting: (() => void)[] = []

  constructor(private free: number) {}

  /** Throws an Interruption when the signal is aborted before there is a place. */
  async take(signal: AbortSignal | undefined): Promise<void> {
    if (this.free > 0) {
      this.free -= 1
      return
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const leave = () => {
      const at = this.waiting.indexOf(resolve)
      if (at >= 0) this.waiting.splice(at, 1)
      reject(new Interruption(signal?.reason))
    }
    if (signal?.aborted) throw new Interruption(signal.reason)
    this.waiting.push(resolve)
    signal?.addEventListener('abort', leave)
    try {
      await promise
    } finally {
      signal?.removeEventListener('abort', leave)
    }
  }

  give(): void {
    const next = this.waiting.shift()
    if (next) next()
    else this.free += 1
  }
}
