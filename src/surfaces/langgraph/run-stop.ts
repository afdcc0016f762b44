import type { App } from '../../app.ts'
import type { Caller } from '../../core/caller.ts'
import { Fault } from '../../core/fault.ts'
import { followRun } from '../../core/runs/journal.ts'
import { getRun, type Run, type RunSearch, searchRuns } from '../../core/runs/runs.ts'
import { isEnd, type RunStatus } from '../../core/runs/status.ts'
import { cancelRun } from '../../core/runs/stop.ts'

export interface RunKey {
  threadId: string
  id: string
}

/** Nothing is left to stop: a run that stopped to ask has ended, as this API sees it. */
export const isOver = (status: RunStatus): boolean => status === 'waiting' || isEnd(status)

/** Asks a run to stop; one that is over stays as it is. Throws not_found. */
export async function stopRun(app: App, caller: Caller, { rollback, ...key }: RunKey & { rollback: boolean }): Promise<Run> {
  const run = await getRun(app, caller, key)
  if (isOver(run.status)) return run
  try {
    return await cancelRun(app, caller, { ...key, rollback })
  } catch (error) {
    if (error instanceof Fault && error.code === 'wrong_state') return run
    throw error
  }
}

/** Resolves when the run is over or gone. */
export async function waitForEnd(app: App, caller: Caller, { run, signal }: { run: Run; signal: AbortSignal }): Promise<void> {
  if (isOver(run.status)) return
  try {
    for await (const _ of followRun(app, caller, { run, signal })); // its end is all that matters
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'not_found') throw error
  }
}

/** Of one request. */
export const STOPPED_MAX = 10_000
const PAGE = 1000

/** Stops all runs that the search finds, the newest first. Answers how many it asked. */
export async function stopRuns(
  app: App,
  caller: Caller,
  { search, rollback }: { search: Pick<RunSearch, 'threadId' | 'ids' | 'status'>; rollback: boolean },
): Promise<number> {
  // All of them are known before the first is stopped: the pages stand on what is still at work.
  const keys: RunKey[] = []
  while (keys.length < STOPPED_MAX) {
    const found = await searchRuns(app, caller, { ...search, limit: PAGE, offset: keys.length })
    keys.push(...found.map(({ id, threadId }) => ({ id, threadId })))
    if (found.length < PAGE) break
  }
  for (const key of keys) await stopIfThere(app, caller, { ...key, rollback })
  return keys.length
}

async function stopIfThere(app: App, caller: Caller, run: RunKey & { rollback: boolean }): Promise<void> {
  try {
    await stopRun(app, caller, run)
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'not_found') throw error
  }
}
