import { ignored, toFault, within } from './errors.ts'
import type { Param } from './port.ts'
import { type Client, type ClientSettings, openPostgres, type Target } from './target.ts'
import { guardParams } from './values.ts'

/** `simple: false`: also statements without parameters are prepared, and a second statement in the text is refused. */
const PREPARED = { prepare: true, simple: false }

const STALL_MS = 10_000
/** How long statements of a replaced pool may still run. */
const DRAIN_MS = 30_000

export async function runPrepared<R>(client: Client, text: string, params: readonly Param[] | undefined): Promise<R[]> {
  const plain = params === undefined ? [] : guardParams(params)
  try {
    const rows = await client.unsafe(text, plain, PREPARED)
    // `slice` leaves the driver's own properties behind.
    return rows.slice() as unknown as R[]
  } catch (error) {
    throw toFault(error)
  }
}

/** Knows its own running statements: postgres.js waits for ever on a connection that was lost while it was busy. */
class CountedClient {
  readonly client: Client
  pending = 0
  finished = 0
  private onIdle: (() => void) | undefined

  constructor(target: Target, settings: ClientSettings) {
    this.client = openPostgres(target, settings)
  }

  async run<R>(text: string, params?: readonly Param[]): Promise<R[]> {
    this.pending++
    try {
      return await runPrepared(this.client, text, params)
    } finally {
      this.finished++
      if (--this.pending === 0) this.onIdle?.()
    }
  }

  async drain(ms: number): Promise<void> {
    if (this.pending > 0) {
      const idle = new Promise<void>((resolve) => {
        this.onIdle = resolve
      })
      await within(ms, idle, () => new Stalled()).catch(ignored)
    }
    await this.client.end({ timeout: 0 })
  }
}

/** Several connections with the same settings, replaced as a whole when they stop answering. */
export class Pool {
  private current: CountedClient
  private closed = false

  constructor(
    private readonly target: Target,
    private readonly settings: ClientSettings,
  ) {
    this.current = new CountedClient(target, settings)
  }

  run<R>(text: string, params?: readonly Param[]): Promise<R[]> {
    return this.current.run(text, params)
  }

  /**
   * True when statements wait and none came back for `stallMs`, although a new connection is answered at once. A pool that
   * is only busy finishes something; a server that is only away refuses the probe.
   */
  async isStalled(stallMs = STALL_MS): Promise<boolean> {
    const { current } = this
    if (current.pending === 0) return false
    const before = current.finished
    try {
      await within(stallMs, runPrepared(current.client, 'select 1', []), () => new Stalled())
      return false
    } catch (error) {
      if (!(error instanceof Stalled)) return false
    }
    return current === this.current && current.finished === before && !this.closed && (await this.serverAnswers())
  }

  replace(): void {
    if (this.closed) return
    const old = this.current
    this.current = new CountedClient(this.target, this.settings)
    void old.drain(DRAIN_MS)
  }

  async close(timeoutMs: number): Promise<void> {
    this.closed = true
    await this.current.drain(timeoutMs)
  }

  private async serverAnswers(): Promise<boolean> {
    const probe = new CountedClient(this.target, { max: 1, pipeline: 0 })
    try {
      await within(STALL_MS, probe.run('select 1'), () => new Stalled())
      return true
    } catch {
      return false
    } finally {
      void probe.drain(0)
    }
  }
}

class Stalled extends Error {}
