import type { App } from '../../app.ts'
import { ensureActions } from '../../core/actions/actions.ts'
import type { Caller } from '../../core/caller.ts'
import { Fault } from '../../core/fault.ts'
import { goOn, type Stretch } from '../../core/runs/continuation.ts'
import type { Segment } from '../../core/runs/events.ts'
import { followRun } from '../../core/runs/journal.ts'
import { findRun, type Run } from '../../core/runs/runs.ts'
import { withBeats } from '../../http/heartbeat.ts'
import { sseResponse } from '../../http/sse.ts'
import { actionFrame, BROKEN, CompletionFrames, DONE, errorFrame, KEEP_ALIVE, OPENING } from './completion-stream.ts'

/** What is to be told of a run; or why there is nothing, of one that was over before it began. */
export type Telling = { caller: Caller } & (
  | { over: string }
  | {
      run: Run
      /** The first events, where the caller has them at hand. */
      first?: Segment
      stretch: Pick<Stretch, 'after' | 'waits'>
    }
)

const HEADERS = { 'x-stream-init': 'true', 'cache-control': 'no-cache, no-transform', connection: 'keep-alive' }

/**
 * The frames of a completion. A reader that goes away changes nothing for the run; when the server goes away the stream
 * breaks, as clients take an end for the end of the answer.
 */
export const streamCompletion = (app: App, request: Request, telling: Telling): Response =>
  sseResponse({
    ...{ signal: request.signal, streams: app.streams, comment: ': ping\n\n', breaks: true, headers: HEADERS },
    open: (signal) => withBeats(tell(app, telling, signal), { everyMs: app.config.entities.heartbeatMs, beat: KEEP_ALIVE }),
    onError: (error) => broken(app, error),
  })

async function* tell(app: App, telling: Telling, signal: AbortSignal): AsyncGenerator<string> {
  yield OPENING
  if ('over' in telling) {
    yield errorFrame(telling.over) + DONE
    return
  }
  const { caller, run, first, stretch } = telling
  if (stretch.waits && !(await goOn(app, caller, { run, after: stretch.after, signal }))) return
  const frames = new CompletionFrames(stretch.after)
  for await (const segment of followRun(app, caller, { run, signal, ...(first ? { first } : {}) })) yield frames.push(segment)
  if (signal.aborted) return
  if (frames.state === 'waiting') yield await tellActions(app, caller, { run, calls: frames.waitsFor })
  yield DONE
}

/** They are there before the stream ends: whoever reads the end looks for them. */
async function tellActions(app: App, caller: Caller, { run, calls }: { run: Run; calls: ReadonlySet<string> }): Promise<string> {
  const actions = await ensureActions(app, caller, await findRun(app, caller, run.id))
  return actions
    .filter(({ callId }) => callId !== null && calls.has(callId))
    .map(actionFrame)
    .join('')
}

/** What went wrong after the headers went out. */
function broken(app: App, error: unknown): string {
  if (error instanceof Fault && error.code !== 'internal') return errorFrame(error.message) + DONE
  app.log.error('stream.failed', { path: 'completions', cause: error })
  return BROKEN + DONE
}
