import type { Tally } from './measurements.ts'

export interface Load {
  concurrency: number
  durationMs: number
}

export interface LoadResult extends Tally {
  seconds: number
  /** Of each operation that succeeded, ms. */
  latencies: number[]
}

/** How long a server that hangs may hold a visit up. */
const GRACE_MS = 60_000
/** A server that answers nothing right is not asked until the time is over. */
const HOPELESS = 20

/** Closed loop: each of the workers begins its next operation when its last one has ended. */
export async function closedLoop(load: Load, operation: (worker: number, signal: AbortSignal) => Promise<void>): Promise<LoadResult> {
  const result: LoadResult = { operations: 0, errors: 0, seconds: 0, latencies: [] }
  const hung = new AbortController()
  const timer = setTimeout(() => hung.abort(new Error(`no answer within ${GRACE_MS} ms`)), load.durationMs + GRACE_MS)
  const begin = performance.now()
  const work = async (worker: number): Promise<void> => {
    while (performance.now() - begin < load.durationMs) {
      const start = performance.now()
      try {
        await operation(worker, hung.signal)
        result.latencies.push(performance.now() - start)
        result.operations++
      } catch (error) {
        result.errors++
        result.firstError ??= errorText(error)
        if (result.operations === 0 && result.errors >= HOPELESS) return
      }
    }
  }
  await Promise.all(Array.from({ length: load.concurrency }, (_, worker) => work(worker)))
  clearTimeout(timer)
  result.seconds = (performance.now() - begin) / 1000
  return result
}

export const errorText = (error: unknown): string => String(error).slice(0, 400)
