import { Fault } from '../../core/fault.ts'
import { ignored, isUnavailable, toFault } from './errors.ts'
import type { Param } from './port.ts'
import { type Client, openPostgres, type Target } from './target.ts'
import { guardParams } from './values.ts'

/** `simple: false`: also statements without parameters are prepared, and a second statement in the text is refused. */
const PREPARED = { prepare: true, simple: false }

export interface SessionOptions {
  settings?: Record<string, string>
  onnotify?: (channel: string, payload: string) => void
  /** Called once when the connection is gone without `end`. */
  onLost?: () => void
}

/**
 * One connection that is never reopened. Left alone, postgres.js reconnects behind the caller's back: the rest of a
 * transaction would then run outside of it, and bytes that waited for the old connection keep the new one from starting
 * (3.4.9 does not forget them). So statements go one at a time, and none after the connection was lost.
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
      settings: options.settings ?? {},
      onnotify: options.onnotify ?? ignored,
      onclose: () => this.abandon(),
    })
  }

  get lost(): boolean {
    return this.over
  }

  run<R>(text: string, params: readonly Param[] = []): Promise<R[]> {
    const result = this.tail.then(() => this.execute<R>(text, params))
    this.tail = result.catch(ignored)
    return result
  }

  /** Gives the connection up as lost, for when it does not answer. */
  abandon(): void {
    if (this.over) return
    this.options.onLost?.()
    void this.end()
  }

  async end(): Promise<void> {
    this.over = true
    await this.client.end({ timeout: 0 })
  }

  private async execute<R>(text: string, params: readonly Param[]): Promise<R[]> {
    if (this.over) throw new Fault('unavailable', 'The connection to the database was lost.')
    const plain = guardParams(params)
    try {
      const rows = await this.client.unsafe(text, plain, PREPARED)
      // `slice` leaves the driver's own properties behind.
      return rows.slice() as unknown as R[]
    } catch (error) {
      if (isUnavailable(error)) this.abandon()
      throw toFault(error)
    }
  }
}
