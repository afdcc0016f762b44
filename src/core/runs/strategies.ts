import type { Caller } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import type { Needs } from '../needs.ts'
import { insertNewThread, type Thread } from '../threads/threads.ts'
import { createRunStatement, insertBehind } from './create-store.ts'
import { transactAgain } from './deadlock.ts'
import { type CreatedRun, draftRun, type Inserted, type RunDraft, start } from './draft.ts'
import { lockIdleRun } from './end-store.ts'
import { endLocked } from './ending.ts'
import type { Segment } from './events.ts'
import { freeThread, lockThread, peekThread, runsBehind, type ThreadKey } from './promotion-store.ts'
import { deleteRunRows, lockRun, type RemovableRun } from './removal-store.ts'
import type { Slot } from './signals.ts'
import { markCancelling } from './store.ts'

/** Runs that may wait behind the one that holds a thread. */
const BEHIND_MAX = 1000

type TakenNeeds = Needs<'db' | 'clock' | 'signals'>

export interface Taken {
  draft: RunDraft
  slot: Slot | undefined
  /** To be made first. */
  newThread?: Thread
}

/** What became of the attempt, and what is to be told once it is committed. */
interface Outcome {
  started: Inserted | undefined
  queued: CreatedRun | undefined
  ended: { runId: string; segment: Segment | undefined }[]
  asked: string[]
}

/**
 * A run on a thread that others hold or wait for, or whose time has not come: the draft's strategy decides, and all that
 * follows from it is one transaction. Throws not_found, or busy (action 'create_run').
 */
export async function createTaken(app: TakenNeeds, caller: Caller, taken: Taken): Promise<CreatedRun> {
  for (;;) {
    const outcome = await tryOnce(app, caller, taken)
    if (!outcome) continue
    for (const { runId, segment } of outcome.ended) {
      if (segment) app.signals.publish(runId, segment)
      else app.signals.cancel(runId)
    }
    for (const runId of outcome.asked) app.signals.cancel(runId)
    if (outcome.started) {
      start(app, taken.slot, outcome.started)
      return outcome.started
    }
    if (taken.slot) app.signals.release(taken.slot)
    app.signals.announce(taken.draft.threadId)
    return outcome.queued as CreatedRun
  }
}

/** The thread changed hands between the look and the lock. Thrown, as a transaction around this one would keep the locks. */
class Moved extends Error {}

/** Undefined: once more. */
async function tryOnce(app: TakenNeeds, caller: Caller, taken: Taken): Promise<Outcome | undefined> {
  try {
    return await transactAgain(app.db, (db) => attempt({ ...app, db }, caller, taken))
  } catch (error) {
    if (error instanceof Moved) return undefined
    throw error
  } finally {
    // A worker passes over a run whose row is locked, as ours was while we looked at it: have it look again.
    app.signals.wake()
  }
}

async function attempt(app: TakenNeeds, caller: Caller, taken: Taken): Promise<Outcome> {
  const { draft } = taken
  const thread: ThreadKey = { id: draft.threadId, tenantId: caller.tenantId }
  if (taken.newThread) await insertNewThread(app, taken.newThread)
  const seen = await peekThread(app.db, thread)
  if (!seen) throw notFound('thread', thread.id)
  // The run before the thread, as commits lock them.
  let holder = seen.run_id === null ? undefined : await lockRun(app.db, caller.tenantId, { id: seen.run_id })
  const now = await lockThread(app.db, thread)
  if (now?.run_id !== seen.run_id || (seen.run_id !== null && !holder)) throw new Moved()
  const behind = now.next_at === null ? [] : await runsBehind(app.db, thread, BEHIND_MAX)
  const outcome: Outcome = { started: undefined, queued: undefined, ended: [], asked: [] }
  // Whoever waits for an answer makes way: a graph's run goes on from where it stands, another one leaves its calls unanswered.
  if (holder?.status === 'waiting') {
    await endIdle(app, outcome, { id: holder.id, status: draft.call === null ? 'cancelled' : 'completed' })
    holder = undefined
  }
  if (holder || behind.length > 0) {
    const held = await makeWay(app, outcome, { caller, draft, holder, behind })
    if (held) return { ...outcome, queued: await queueBehind(app, caller, draft) }
  } else if (draft.delayMs > 0) return { ...outcome, queued: await queueBehind(app, caller, draft) }
  await freeThread(app.db, thread)
  const { item, inserted } = draftRun(app, caller, { ...draft, slot: taken.slot })
  const row = await app.db.batch(createRunStatement, item)
  if (!row) throw notFound('assistant', draft.assistantId)
  return { ...outcome, started: inserted(row) }
}

/** Does to the others what the strategy says. True: the new run has to wait. */
async function makeWay(
  app: TakenNeeds,
  outcome: Outcome,
  { caller, draft, holder, behind }: { caller: Caller; draft: RunDraft; holder: RemovableRun | undefined; behind: string[] },
): Promise<boolean> {
  const busy = () =>
    new Fault('busy', 'The thread already has an active run.', {
      threadId: draft.threadId,
      runId: holder?.id ?? behind[0] ?? '',
      action: 'create_run',
    })
  if (draft.strategy === 'reject' || (draft.strategy === 'enqueue' && behind.length >= BEHIND_MAX)) throw busy()
  if (draft.strategy === 'enqueue') return true
  const idle = [...behind, ...(holder?.status === 'queued' ? [holder.id] : [])]
  for (const id of idle) {
    if (draft.strategy === 'interrupt') await endIdle(app, outcome, { id, status: 'cancelled' })
    else await remove(app, outcome, { id, tenantId: caller.tenantId })
  }
  if (holder?.status !== 'running' && holder?.status !== 'cancelling') return draft.delayMs > 0
  await markCancelling(app.db, holder.id, draft.strategy === 'rollback')
  outcome.asked.push(holder.id)
  return true
}

async function endIdle(app: TakenNeeds, outcome: Outcome, end: { id: string; status: 'completed' | 'cancelled' }): Promise<void> {
  const locked = await lockIdleRun(app.db, end.id)
  if (locked) outcome.ended.push({ runId: end.id, segment: await endLocked(app, locked, end.status) })
}

async function remove(app: TakenNeeds, outcome: Outcome, run: { id: string; tenantId: string }): Promise<void> {
  const locked = await lockRun(app.db, run.tenantId, { id: run.id })
  if (!locked) return
  await deleteRunRows(app.db, locked)
  outcome.ended.push({ runId: run.id, segment: undefined })
}

async function queueBehind(app: TakenNeeds, caller: Caller, draft: RunDraft): Promise<CreatedRun> {
  const { item, inserted } = draftRun(app, caller, { ...draft, slot: undefined })
  const config = await insertBehind(app.db, item.run)
  if (config === undefined) throw notFound('assistant', draft.assistantId)
  return inserted({ id: item.run.id, config, head_id: null, head_seq: 0, base: 0, pending: null })
}
