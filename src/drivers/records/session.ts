import { Fault } from '../../core/fault.ts'
import { ignored } from './errors.ts'
import { runPrepared } from './pool.ts'
import type { Param } from './port.ts'
import { type Client, openPostgres, type Target } from './target.ts'

export interface SessionOptions {
  settings?: Record<string, string>
  onnotify?: (channel: string, payload: string) => void
  /** Called once when the connection is gone without `end`. */
  onLost?: () => void
}

/**
 * One connection that is never reopened. postgres.js reconnects behind the caller's back: the rest of a transaction would
 * then run outside of it. So statements go one at a time, and none after the connection has closed.
 */
export class Session {
  private readonly client: Client
  private tail: Promise<unknown> = Promise.resolve()
  private over = false

  constructor(
    target: Target,
    private readonly options: SessionOptions = {},
  ) {
    this.client = openPostgres(target, {
      max: 1,
      pipeline: 0,
      ...(options.settings && { settings: options.settings }),
      ...(options.onnotify && { onnotify: options.onnotify }),
      onclose: () => this.abandon(),
    })
  }

  get lost(): boolean {
    return this.over
  }

  run<R>(text: string, params?: readonly Param[]): Promise<R[]> {
    const result = this.tail.then(() => {
      if (this.over) throw new Fault('unavailable', 'The connection to the database was lost.')
      return runPrepared<R>(this.client, text, params)
    })
    this.tail = result.catch(ignored)
    return result
  }

  /** Gives the connection up as lost, for when it does not answer. */
  abandon(): void {
    if (this.over) return
    this.over = true
    this.options.onLost?.()
    void this.client.end({ timeout: 0 })
  }

  async end(): Promise<void> {
    this.over = true
    await this.client.end({ timeout: 0 })
  }
}
