import { type Caller, requireScope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import type { Needs } from '../needs.ts'
import { transactAgain } from './deadlock.ts'
import { promoteThread } from './promotion.ts'
import { lockThread } from './promotion-store.ts'
import { deleteRunRows, lockRun, standsOn } from './removal-store.ts'
import { getRun } from './runs.ts'

/**
 * Removes a run with its checkpoints, events and what it added to the thread's log. Throws not_found, wrong_state (action
 * 'delete') while a worker is at it, or busy while one is at another run of the thread.
 */
export async function deleteRun(
  app: Needs<'db' | 'clock' | 'signals'>,
  caller: Caller,
  input: { threadId: string; id: string },
): Promise<void> {
  requireScope(caller, 'write')
  await getRun(app, caller, input)
  await transactAgain(app.db, async (db) => {
    const run = await lockRun(db, caller.tenantId, { id: input.id })
    if (!run) throw notFound('run', input.id)
    if (run.status === 'running' || run.status === 'cancelling')
      throw new Fault('wrong_state', 'The run is at work.', { kind: 'run', id: run.id, status: run.status, action: 'delete' })
    // A run at work may build on what this one left, in a commit that is still to come; one that waits for an answer may stand
    // on its checkpoint. A run that waits for its turn left nothing.
    const thread = await lockThread(db, { id: run.thread_id, tenantId: run.tenant_id })
    if (run.status !== 'queued' && thread?.run_id != null && thread.run_id !== run.id && (await standsOn(db, thread.run_id, run)))
      throw new Fault('busy', 'Another run of the thread goes on from this one.', {
        threadId: run.thread_id,
        runId: thread.run_id,
        action: 'delete',
      })
    await deleteRunRows(db, run)
  })
  await afterRemoval(app, caller.tenantId, { runId: input.id, threadId: input.threadId })
}

/** Of a run that no worker holds and that has not ended. False: it was begun meanwhile, or has ended, and stays. */
export async function removeIdleRun(
  app: Needs<'db' | 'clock' | 'signals'>,
  tenantId: string,
  input: { threadId: string; id: string },
): Promise<boolean> {
  const done = await transactAgain(app.db, async (db) => {
    const run = await lockRun(db, tenantId, { id: input.id })
    if (run?.status !== 'queued' && run?.status !== 'waiting') return false
    await deleteRunRows(db, run)
    return true
  })
  if (done) await afterRemoval(app, tenantId, { runId: input.id, threadId: input.threadId })
  return done
}

/**
 * The end of a run that is to be rolled back, by the worker that has it. False: it is not, or not under this fence.
 */
export async function rollbackRun(
  app: Needs<'db' | 'clock' | 'signals'>,
  run: { id: string; tenantId: string; threadId: string; fence: number },
): Promise<boolean> {
  const done = await transactAgain(app.db, async (db) => {
    const locked = await lockRun(db, run.tenantId, run)
    if (locked) await deleteRunRows(db, locked)
    return locked !== undefined
  })
  if (done) await afterRemoval(app, run.tenantId, { runId: run.id, threadId: run.threadId })
  return done
}

async function afterRemoval(
  app: Needs<'db' | 'clock' | 'signals'>,
  tenantId: string,
  gone: { runId: string; threadId: string },
): Promise<void> {
  // Readers find that it is gone.
  app.signals.cancel(gone.runId)
  await promoteThread(app, { id: gone.threadId, tenantId })
}
