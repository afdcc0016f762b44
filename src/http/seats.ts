import { Fault } from '../core/fault.ts'
import type { Streams } from './streams.ts'

const taken = new WeakMap<Streams, Map<string, number>>()

/** A place among those of this process who read of one thing at once. Throws rate_limited when all are taken. Answers how to leave it. */
export function takeSeat(streams: Streams, { of, max }: { of: string; max: number }): () => void {
  const counts = taken.get(streams) ?? new Map<string, number>()
  taken.set(streams, counts)
  const count = counts.get(of) ?? 0
  if (count >= max) throw new Fault('rate_limited', `At most ${max} may subscribe to one run.`, { retryAfterMs: 1000 })
  counts.set(of, count + 1)
  let left = false
  return () => {
    if (left) return
    left = true
    const others = (counts.get(of) ?? 1) - 1
    if (others > 0) counts.set(of, others)
    else counts.delete(of)
  }
}
