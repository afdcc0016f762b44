import type { Caller } from '../caller.ts'
import { Fault } from '../fault.ts'
import type { Needs } from '../needs.ts'
import { followRun } from './journal.ts'
import { findRun, type Run } from './runs.ts'
import { isEnd } from './status.ts'
import { cancelRun } from './stop.ts'

type ClearNeeds = Needs<'db' | 'clock' | 'signals'>

const isFault = (error: unknown, code: Fault['code']): error is Fault => error instanceof Fault && error.code === code

export interface Clearing<T> {
  patienceMs: number
  /** What a run that waits for its client makes of it: it is cancelled, or the effect is refused. */
  waiting: 'yields' | 'refuses'
  /** It must leave nothing behind when it throws busy. */
  effect: () => Promise<T>
}

/**
 * Does what needs a thread that no run holds, as a client expects who knows nothing of runs: a run at work is waited for,
 * and then the effect is tried again. Throws busy when the time is over, or wrong_state (action 'append') where a waiting
 * run refuses.
 */
export async function onIdleThread<T>(app: ClearNeeds, caller: Caller, { patienceMs, waiting, effect }: Clearing<T>): Promise<T> {
  let patience: AbortSignal | undefined
  for (;;) {
    try {
      return await effect()
    } catch (error) {
      if (!isFault(error, 'busy')) throw error
      patience ??= AbortSignal.timeout(patienceMs)
      if (patience.aborted) throw error
      // Without an id the run ended in that moment.
      if (error.facts.runId) await makeWay(app, caller, { runId: error.facts.runId, waiting, signal: patience })
    }
  }
}

async function makeWay(
  app: ClearNeeds,
  caller: Caller,
  { runId, waiting, signal }: { runId: string; waiting: Clearing<unknown>['waiting']; signal: AbortSignal },
): Promise<void> {
  const run = await gone(findRun(app, caller, runId))
  if (!run || isEnd(run.status)) return
  if (run.status !== 'waiting') await gone(untilIdle(app, caller, { run, signal }))
  else if (waiting === 'yields') await gone(cancelRun(app, caller, { threadId: run.threadId, id: run.id }))
  else throw new Fault('wrong_state', REFUSED, { kind: 'run', id: run.id, status: run.status, action: 'append' })
}

const REFUSED = 'The run of this thread waits for the outputs of its actions, and this is none of them.'

/** Undefined: it has ended, or is removed. Either way the thread is free. */
async function gone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (isFault(error, 'wrong_state') || isFault(error, 'not_found')) return undefined
    throw error
  }
}

async function untilIdle(app: ClearNeeds, caller: Caller, input: { run: Run; signal: AbortSignal }): Promise<void> {
  const story = followRun(app, caller, input)
  while (!(await story.next()).done);
}
