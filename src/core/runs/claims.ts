import type { Needs } from '../needs.ts'
import {
  type ClaimRow,
  claimRows,
  deleteOldEvents,
  deleteTimedEvents,
  expireAllLeases,
  type Renewal,
  releaseRuns,
  renewLeases,
} from './claim-store.ts'
import { runFromRow } from './rows.ts'
import type { ClaimedRun } from './runs.ts'

export const claimFromRow = (row: ClaimRow): ClaimedRun => ({
  run: runFromRow(row),
  fence: row.fence,
  attempt: row.attempt,
  nextEvent: row.next_event,
  resume: row.resume,
  started: row.started,
  headId: row.head_id,
  baseId: row.base_id,
  headSeq: row.head_seq,
  nextSeq: row.next_seq,
  pending: row.pending ?? [],
  takenOver: true,
})

/** Up to `limit` runs to execute: first those whose worker died, then queued ones, oldest first. */
export const claimRuns = async (app: Needs<'db'>, input: { workerId: string; leaseMs: number; limit: number }): Promise<ClaimedRun[]> =>
  (await claimRows(app.db, input)).map(claimFromRow)

/** See claim-store: runs that do not come back are lost. */
export const renewRuns = (app: Needs<'db'>, input: { workerId: string; leaseMs: number; ids: string[] }): Promise<Renewal[]> =>
  renewLeases(app.db, input)

export const handBackRuns = (app: Needs<'db'>, workerId: string, ids: string[]): Promise<void> => releaseRuns(app.db, workerId, ids)

/** Only where no other process can be at work: lets the first scan after a crash take over at once. */
export const takeOverAll = (app: Needs<'db'>): Promise<void> => expireAllLeases(app.db)

/** Removes journals whose own time is over. Answers how many went. */
export const purgeTimedJournals = (app: Needs<'db' | 'clock'>, limit: number): Promise<number> =>
  deleteTimedEvents(app.db, app.clock.now(), limit)

/** Removes journals of runs that ended before `before` (milliseconds since the epoch). Answers how many segments went. */
export const purgeJournal = (app: Needs<'db'>, before: number, limit: number): Promise<number> => deleteOldEvents(app.db, before, limit)
