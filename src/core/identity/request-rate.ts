import { Fault } from '../fault.ts'

/** A key that was quiet may ask this many seconds' worth at once. */
const BURST_S = 10
const BUCKETS_MAX = 10_000

interface Bucket {
  left: number
  at: number
}

/** How often a key may ask, in this process. 0: as often as it likes. */
export class RequestRate {
  private readonly buckets = new Map<string, Bucket>()

  constructor(private readonly perSecond: number) {}

  /** Throws rate_limited, with the time until the next request is let through. */
  take(keyId: string, now: number): void {
    const { perSecond } = this
    if (perSecond === 0) return
    const most = perSecond * BURST_S
    const { left: before, at } = this.buckets.get(keyId) ?? { left: most, at: now }
    const left = Math.min(most, before + (Math.max(0, now - at) / 1000) * perSecond)
    if (left < 1) {
      const retryAfterMs = Math.ceil(((1 - left) / perSecond) * 1000)
      throw new Fault('rate_limited', `This key may make ${perSecond} requests a second.`, { retryAfterMs })
    }
    // Whoever is forgotten begins with a full bucket.
    if (this.buckets.size >= BUCKETS_MAX) this.buckets.clear()
    this.buckets.set(keyId, { left: left - 1, at: now })
  }
}
