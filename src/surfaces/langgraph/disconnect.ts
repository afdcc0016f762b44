import type { App } from '../../app.ts'
import type { Caller } from '../../core/caller.ts'
import { Fault } from '../../core/fault.ts'
import type { Run } from '../../core/runs/runs.ts'
import { stopRun } from './run-stop.ts'

/** Who reads of a run, and when nothing is left to cancel. */
export interface Reader {
  caller: Caller
  run: Run
  /** The request's: fires when the client goes, and only then. */
  client: AbortSignal
  /** True once the reader knows the end. */
  ended(): boolean
}

/** Cancels the run when its client goes before it knows the end. Returns how to stop watching. */
export function cancelWhenGone(app: App, { caller, run, client, ended }: Reader): () => void {
  const onGone = () => {
    if (!ended()) void cancelLeft(app, caller, run)
  }
  if (client.aborted) onGone()
  else client.addEventListener('abort', onGone, { once: true })
  return () => client.removeEventListener('abort', onGone)
}

async function cancelLeft(app: App, caller: Caller, run: Run): Promise<void> {
  try {
    await stopRun(app, caller, { threadId: run.threadId, id: run.id, rollback: false })
  } catch (cause) {
    if (!(cause instanceof Fault) || cause.code !== 'not_found') app.log.error('run.not_cancelled', { run: run.id, cause })
  }
}
