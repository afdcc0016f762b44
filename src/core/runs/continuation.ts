import type { Caller } from '../caller.ts'
import { notFound } from '../fault.ts'
import type { Needs } from '../needs.ts'
import { Bell } from './bell.ts'
import { readJournal } from './journal.ts'
import { continueRun } from './planned.ts'
import type { Run } from './runs.ts'

/** A lost signal must not leave anybody waiting. */
const LOOK_AGAIN_MS = 10_000

/** The newest stretch of a run's story: behind event `after`, at which it waited last; 0 where it never did. */
export interface Stretch {
  after: number
  /** The run waits there, and nothing follows yet. */
  waits: boolean
  /** The newest event; 0: none is kept. */
  last: number
}

export async function newestStretch(app: Needs<'db'>, run: Pick<Run, 'id'>): Promise<Stretch> {
  let after = 0
  let last = 0
  for (const { seq, events } of await readJournal(app, run.id, 0)) {
    for (const [i, event] of events.entries()) if (event.type === 'status' && event.status === 'waiting') after = seq + i
    last = seq + events.length - 1
  }
  return { after, waits: last > 0 && after === last, last }
}

/**
 * Lets a run that waits at event `after` go on as soon as all that it waits for is there, and resolves when it does, whoever
 * saw to it, or has ended. False: `signal` fired before. Throws not_found, also for a run that is removed meanwhile.
 */
export async function goOn(
  app: Needs<'db' | 'clock' | 'signals'>,
  caller: Caller,
  { run, after, signal }: { run: Run; after: number; signal: AbortSignal },
): Promise<boolean> {
  // The journal is read by the run's id alone.
  if (run.tenantId !== caller.tenantId) throw notFound('run', run.id)
  const bell = new Bell(signal)
  // What becomes of its actions is told to the thread.
  const silence = [run.id, run.threadId].map((id) => app.signals.subscribe(id, bell))
  try {
    while (!signal.aborted) {
      bell.rung = false // what rings from here on is either read below or heard
      // The calls that it waits for now may be those of a later turn.
      if ((await readJournal(app, run.id, after)).length > 0) return true
      if (await continueRun(app, caller, run)) return true
      await bell.wait(LOOK_AGAIN_MS)
    }
    return false
  } finally {
    for (const stop of silence) stop()
  }
}
