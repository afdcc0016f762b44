import type { Needs } from '../needs.ts'
import { transactAgain } from './deadlock.ts'
import type { ClaimedRun } from './runs.ts'
import type { Signals, Slot } from './signals.ts'

/** Signals of an open transaction: told after the commit, forgotten with a rollback. */
export class HeldSignals implements Signals {
  private held: (() => void)[] = []
  private readonly reserved = new Set<Slot>()
  constructor(private readonly outer: Signals) {}

  reserve(): Slot | undefined {
    const slot = this.outer.reserve()
    if (slot) this.reserved.add(slot)
    return slot
  }
  release(slot: Slot): void {
    this.reserved.delete(slot)
    this.outer.release(slot)
  }
  hand(slot: Slot, run: ClaimedRun): void {
    this.held.push(() => {
      this.reserved.delete(slot)
      this.outer.hand(slot, run)
    })
  }
  wake(): void {
    this.held.push(() => this.outer.wake())
  }
  wakeJobs(): void {
    this.held.push(() => this.outer.wakeJobs())
  }
  announce(threadId: string): void {
    this.held.push(() => this.outer.announce(threadId))
  }
  cancel(runId: string): void {
    this.held.push(() => this.outer.cancel(runId))
  }
  publish(...event: Parameters<Signals['publish']>): void {
    this.held.push(() => this.outer.publish(...event))
  }
  subscribe(...reader: Parameters<Signals['subscribe']>): () => void {
    return this.outer.subscribe(...reader)
  }
  keyChanged(): void {
    this.held.push(() => this.outer.keyChanged())
  }
  onKeyChanged(listener: () => void): () => void {
    return this.outer.onKeyChanged(listener)
  }

  /** Call it in any case: places that nobody got are given back. */
  settle(committed: boolean): void {
    if (committed) for (const tell of this.held) tell()
    this.held = []
    for (const slot of this.reserved) this.outer.release(slot)
    this.reserved.clear()
  }
}

/** One transaction, tried again after a deadlock, and what it has to tell: told once it is committed. */
export async function inOneCommit<A extends Needs<'db' | 'signals'>, R>(app: A, work: (app: A) => Promise<R>): Promise<R> {
  let signals = new HeldSignals(app.signals)
  let committed = false
  try {
    const result = await transactAgain(app.db, (db) => {
      signals.settle(false)
      signals = new HeldSignals(app.signals)
      return work({ ...app, db, signals })
    })
    committed = true
    return result
  } finally {
    signals.settle(committed)
  }
}
