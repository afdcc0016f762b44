import type { App } from '../../app.ts'
import type { Caller } from '../../core/caller.ts'
import { Fault } from '../../core/fault.ts'
import type { Segment } from '../../core/runs/events.ts'
import { followRun } from '../../core/runs/journal.ts'
import { sseResponse } from '../../http/sse.ts'
import { askedOf } from './caller.ts'
import type { Cursor } from './cursor.ts'
import { toReply } from './errors.ts'
import { COMMENT, type FrameFormat, SSE } from './frame-format.ts'
import { openaiFrames, type Story } from './stream.ts'

export interface Telling {
  caller: Caller
  story: Story
  /** The first events, where the caller has them at hand. */
  first?: Segment
  after: Cursor
}

/** The frames of a run from the cursor on, until it ends or waits for its client. */
export async function* tellRun(
  app: App,
  { caller, story, first, after }: Telling,
  how: { signal: AbortSignal; format: FrameFormat },
): AsyncGenerator<string> {
  const frames = openaiFrames(story, after, how.format)
  const input = { run: story.run, signal: how.signal, ...(first === undefined ? {} : { first }) }
  for await (const segment of followRun(app, caller, input)) yield frames.push(segment)
  if (frames.ended()) yield how.format.done
}

/** The event stream of a run. A reader that goes away changes nothing for the run. */
export const streamRun = (app: App, request: Request, telling: Telling): Response =>
  sseResponse({
    signal: request.signal,
    streams: app.streams,
    comment: COMMENT,
    open: (signal) => tellRun(app, telling, { signal, format: SSE }),
    onError: (error) => SSE.error(toReply(error, askedOf(request), app.log).body),
  })

/** As `streamRun`, for a run that this request has just started or continued: a failure must not make the client do it again. */
export function streamNewRun(app: App, request: Request, telling: Telling): Response {
  const { first, ...story } = telling
  // A repeated request gets the answer of the first one, and by then the first events are not the newest ones.
  const repeatable = first === undefined || request.headers.has('idempotency-key')
  try {
    return streamRun(app, request, repeatable ? story : telling)
  } catch (error) {
    if (error instanceof Fault) throw new Fault(error.code, error.message, { ...error.facts, committed: true })
    throw error
  }
}
