import type { App } from '../../app.ts'
import type { Caller } from '../../core/caller.ts'
import { Fault } from '../../core/fault.ts'
import type { Run } from '../../core/runs/runs.ts'
import { stopRun } from './run-stop.ts'

/** Who reads of a run, and when nothing is left to cancel. */
export interface Reader {
  caller: Caller
  run: Run
  /** The request's: fires when its client goes. */
  client: AbortSignal
  /** The stream's: fires when nobody reads any more, because the client went, all was said, or this server goes down. */
  signal: AbortSignal
  /** True once the reader knows the end. */
  ended(): boolean
}

/** Cancels the run when its client goes before it knows the end. */
export function cancelWhenGone(app: App, { caller, run, client, signal, ended }: Reader): void {
  const onEnd = () => {
    if (client.aborted && !ended()) void cancelLeft(app, caller, run)
  }
  signal.addEventListener('abort', onEnd, { once: true })
}

async function cancelLeft(app: App, caller: Caller, run: Run): Promise<void> {
  try {
    await stopRun(app, caller, { threadId: run.threadId, id: run.id, rollback: false })
  } catch (cause) {
    if (!(cause instanceof Fault) || cause.code !== 'not_found') app.log.error('run.not_cancelled', { run: run.id, cause })
  }
}
