import type { JsonObject } from '../../src/core/json.ts'
import { listen, request } from './wire.ts'

const STREAM_MODEL = 'scripted/t200-d10'
/** Longest silence between two deltas that a reader would not notice. */
export const GAP_MS = 250
const PROBE_PAUSE_MS = 100
const LAG_MS = 10

export interface ProbeFacts {
  calls: { n: number; longestMs: number; longest: string }
  streams: {
    n: number
    deltas: number
    longestGapMs: number
    overGoal: number
    /** How late timers of the clients' own process were at most: part of a gap may be this. */
    observerLagMs: number
  }
}

/** Clients who have nothing to do with the documents: one reads streams, one asks for health and lists. */
export class Probes {
  readonly facts: ProbeFacts = {
    calls: { n: 0, longestMs: 0, longest: '' },
    streams: { n: 0, deltas: 0, longestGapMs: 0, overGoal: 0, observerLagMs: 0 },
  }
  private readonly going: Promise<unknown>
  private readonly lag: NodeJS.Timeout
  private stopped = false

  constructor(
    private readonly base: string,
    private readonly paths: readonly string[],
    private readonly complain: (violation: string) => void,
  ) {
    let last = performance.now()
    this.lag = setInterval(() => {
      const now = performance.now()
      const { streams } = this.facts
      streams.observerLagMs = Math.max(streams.observerLagMs, Math.round(now - last - LAG_MS))
      last = now
    }, LAG_MS)
    this.going = Promise.all([this.ask(), this.read()])
  }

  async stop(): Promise<void> {
    this.stopped = true
    await this.going
    clearInterval(this.lag)
  }

  private async ask(): Promise<void> {
    const { calls } = this.facts
    for (let i = 0; !this.stopped; i++) {
      const path = this.paths[i % this.paths.length] as string
      const began = performance.now()
      try {
        const { status } = await request(this.base, { path })
        if (status !== 200) this.complain(`GET ${path}: ${status}`)
      } catch (cause) {
        this.complain(String(cause))
      }
      const ms = Math.round(performance.now() - began)
      calls.n++
      if (ms > calls.longestMs) Object.assign(calls, { longestMs: ms, longest: path })
      await Bun.sleep(PROBE_PAUSE_MS)
    }
  }

  private async read(): Promise<void> {
    const { streams } = this.facts
    while (!this.stopped) {
      const whole = await this.readOne()
      streams.n++
      if (!whole) {
        this.complain('a stream broke off')
        await Bun.sleep(PROBE_PAUSE_MS)
      }
    }
  }

  /** Whether it came to its end. */
  private async readOne(): Promise<boolean> {
    const { streams } = this.facts
    const body: JsonObject = { model: STREAM_MODEL, stream: true, messages: [{ role: 'user', content: 'Go on.' }] }
    let last: number | undefined
    let whole = false
    await listen(
      this.base,
      { path: '/v1/chat/completions', body },
      {
        onFrame: ({ data }) => {
          whole = data === '[DONE]'
          const now = performance.now()
          if (last !== undefined) this.note(now - last)
          last = now
          if (!whole) streams.deltas++
          return !whole
        },
      },
    )
    return whole
  }

  private note(gapMs: number): void {
    const { streams } = this.facts
    streams.longestGapMs = Math.max(streams.longestGapMs, Math.round(gapMs))
    if (gapMs > GAP_MS) streams.overGoal++
  }
}
