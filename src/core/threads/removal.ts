import { type Caller, requireScope } from '../caller.ts'
import type { Needs } from '../needs.ts'
import { deleteThreadRows, expireThreadRows, keepLatestRows } from './removal-store.ts'
import { TEMPORARY_LOOK_MS } from './threads.ts'

/** Threads of one transaction. */
const AT_ONCE = 50

/** As deleteThread, for many. Ids of threads that are not there are passed over; answers how many there were. */
export async function deleteThreads(app: Needs<'db' | 'signals'>, caller: Caller, ids: readonly string[]): Promise<number> {
  requireScope(caller, 'write')
  return inParts(ids, async (part) => {
    const gone = await deleteThreadRows(app.db, caller.tenantId, part)
    for (const { run_id: runId } of gone) if (runId) app.signals.cancel(runId)
    return gone.length
  })
}

/**
 * `delete` removes the threads; `keep_latest` removes all checkpoints but the newest, and what only those held: messages
 * stay. Threads that are not there, and for `keep_latest` those at work, are passed over; answers how many were not.
 */
export async function pruneThreads(
  app: Needs<'db' | 'signals'>,
  caller: Caller,
  input: { ids: readonly string[]; strategy: 'delete' | 'keep_latest' },
): Promise<number> {
  requireScope(caller, 'write')
  if (input.strategy === 'delete') return deleteThreads(app, caller, input.ids)
  return inParts(input.ids, (part) => keepLatestRows(app.db, caller.tenantId, part))
}

async function inParts(ids: readonly string[], work: (part: string[]) => Promise<number>): Promise<number> {
  const distinct = [...new Set(ids)]
  let done = 0
  for (let start = 0; start < distinct.length; start += AT_ONCE) done += await work(distinct.slice(start, start + AT_ONCE))
  return done
}

const AGAIN = { temporaryMs: TEMPORARY_LOOK_MS, lastingMs: 60_000 }

/**
 * Removes threads whose time is over: those with a time to live, counted from their last use, and temporary ones. Threads
 * at work stay, and are looked at again later. At most `limit` at once; answers how many were looked at.
 */
export const deleteExpiredThreads = (app: Needs<'db' | 'clock'>, limit: number): Promise<number> =>
  expireThreadRows(app.db, { now: app.clock.now(), limit, again: AGAIN })
