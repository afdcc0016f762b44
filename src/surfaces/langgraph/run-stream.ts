import type { App } from '../../app.ts'
import type { Caller } from '../../core/caller.ts'
import { Fault } from '../../core/fault.ts'
import type { StreamMode } from '../../core/runs/call.ts'
import type { Segment } from '../../core/runs/events.ts'
import { followRun } from '../../core/runs/journal.ts'
import type { Run } from '../../core/runs/runs.ts'
import { isEnd } from '../../core/runs/status.ts'
import { type Cursor, START } from './cursor.ts'
import { cancelWhenGone } from './disconnect.ts'
import { Refusal } from './refusal.ts'
import { errorFrame, HEARTBEAT, openStream } from './sse-frames.ts'
import { langgraphFrames } from './stream.ts'

export interface Telling {
  caller: Caller
  run: Run
  /** The first events, where the caller has them at hand. */
  first?: Segment
  after: Cursor
  /** Null: all that was recorded. */
  modes: ReadonlySet<StreamMode> | null
  /** The run is cancelled when its reader goes before the end. */
  cancel: boolean
  headers?: Record<string, string>
}

const END = ['end', 'null'] as const

/** The event stream of a run from the cursor on, until it ends or stops to ask. */
export async function streamRun(app: App, request: Request, telling: Telling): Promise<Response> {
  const { caller, run, first, headers = {} } = telling
  const stop = new AbortController()
  const segments = followRun(app, caller, { run, signal: stop.signal, ...(first?.events.length ? { first } : {}) })
  // Of a run that has ended the events may be gone: that is an answer, not a frame.
  const read = isEnd(run.status) ? await firstOf(segments) : undefined
  const close = () => {
    stop.abort()
    void segments.return(undefined)
  }
  const open = (signal: AbortSignal) => {
    signal.addEventListener('abort', close, { once: true })
    return tell(app, telling, { client: request.signal, segments, read, signal })
  }
  try {
    const onError = (error: unknown) => errorFrame(error, app.log)
    return openStream({ signal: request.signal, streams: app.streams, open, onError, comment: HEARTBEAT, headers }, first !== undefined)
  } catch (error) {
    close()
    throw error
  }
}

interface Source {
  segments: AsyncGenerator<Segment>
  /** What was read of them already. */
  read: Segment | undefined
  signal: AbortSignal
  client: AbortSignal
}

async function firstOf(segments: AsyncGenerator<Segment>): Promise<Segment | undefined> {
  try {
    const { value, done } = await segments.next()
    return done ? undefined : value
  } catch (error) {
    if (error instanceof Fault && error.code === 'invalid') throw new Refusal(404, error.message)
    throw error
  }
}

function tell(
  app: App,
  { caller, run, after, modes, cancel }: Telling,
  { segments, read, signal, client }: Source,
): AsyncGenerator<string> {
  const frames = langgraphFrames({ run, modes, ...(app.config.langgraph.endEvent ? { closing: END } : {}) }, after)
  if (cancel) cancelWhenGone(app, { caller, run, client, signal, ended: frames.ended })
  async function* told(): AsyncGenerator<string> {
    if (read) yield frames.push(read)
    for await (const segment of segments) yield frames.push(segment)
  }
  return told()
}

export const FROM_START: Pick<Telling, 'after' | 'modes'> = { after: START, modes: null }
