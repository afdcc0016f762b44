import type { Job } from '../core/jobs/jobs.ts'

/** One job at work. */
export interface JobWork {
  readonly job: Job
  /** Aborted when the lease is lost, or the worker stops. */
  readonly signal: AbortSignal
  readonly attemptsMax: number
  /** How much of the job is done for good, for the next attempt; what it counts is the handler's own. */
  done: number
  /** Goes up with everything that got done: an attempt in which it stands still is stuck. */
  steps: number
}

/** What an earlier attempt noted. */
export const doneOf = ({ payload }: Job): number => (typeof payload.done === 'number' ? payload.done : 0)
