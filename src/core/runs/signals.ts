import type { Segment } from './events.ts'
import type { ClaimedRun } from './runs.ts'

/** A free place in this process's worker, to be written into the run row by whoever creates or resumes a run. */
export interface Slot {
  workerId: string
  leaseMs: number
}

/**
 * How core tells the engine and other readers that rows changed, without knowing them. Everything here is a hint:
 * rows and journal are the truth, a lost signal costs latency only.
 */
export interface Signals {
  /** A place for one more run, or undefined when this process does not execute runs or is full. Taken until `hand` or `release`. */
  reserve(): Slot | undefined
  release(slot: Slot): void
  /** The run was claimed for `slot` in the commit that created or resumed it: execute it now. */
  hand(slot: Slot, run: ClaimedRun): void
  /** A queued run waits for a worker, here or elsewhere. */
  wake(): void
  /** A job is due, here or elsewhere. */
  wakeJobs(): void
  /** Somebody asked for this run to stop; its executor, wherever it is, should look. */
  cancel(runId: string): void
  /** A run was created on this thread, or its state changed outside of runs: whoever subscribed to the thread's id should look. */
  announce(threadId: string): void
  /** Events of a run are in the journal. In this process readers get them from memory. */
  publish(runId: string, segment: Segment): void
  /** `onSegment` gets segments of a run executed here, `onWake` says "read the table". Returns the unsubscriber. */
  subscribe(runId: string, reader: Reader): () => void
  /** An API key was revoked or changed. */
  keyChanged(): void
  onKeyChanged(listener: () => void): () => void
}

export interface Reader {
  onSegment(segment: Segment): void
  onWake(): void
}
