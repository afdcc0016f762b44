import type { Signals } from '../../src/core/runs/signals.ts'

/** For parts that execute no runs and serve no readers. */
export function noSignals(): Signals {
  const ignore = (): undefined => undefined
  return {
    reserve: ignore,
    release: ignore,
    hand: ignore,
    wake: ignore,
    wakeJobs: ignore,
    announce: ignore,
    cancel: ignore,
    publish: ignore,
    subscribe: () => ignore,
    keyChanged: ignore,
    onKeyChanged: () => ignore,
  }
}
