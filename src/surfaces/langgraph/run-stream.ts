import type { App } from '../../app.ts'
import type { Caller } from '../../core/caller.ts'
import { Fault } from '../../core/fault.ts'
import type { StreamMode } from '../../core/runs/call.ts'
import type { Segment } from '../../core/runs/events.ts'
import { followRun } from '../../core/runs/journal.ts'
import type { Run } from '../../core/runs/runs.ts'
import { isEnd } from '../../core/runs/status.ts'
import { sseResponse } from '../../http/sse.ts'
import { type Cursor, START } from './cursor.ts'
import { cancelWhenGone } from './disconnect.ts'
import { Refusal } from './refusal.ts'
import { errorFrame, HEARTBEAT } from './sse-frames.ts'
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
  try {
    return sseResponse({
      signal: request.signal,
      streams: app.streams,
      open: (signal) => tell(app, { ...telling, client: request.signal }, { segments, read, signal, stop }),
      onError: (error) => errorFrame(error, app.log),
      comment: HEARTBEAT,
      headers,
    })
  } catch (error) {
    stop.abort()
    if (first && error instanceof Fault) throw new Fault(error.code, error.message, { ...error.facts, committed: true })
    throw error
  }
}

interface Source {
  segments: AsyncGenerator<Segment>
  /** What was read of them already. */
  read: Segment | undefined
  signal: AbortSignal
  stop: AbortController
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

function tell(app: App, telling: Telling & { client: AbortSignal }, { segments, read, signal, stop }: Source): AsyncGenerator<string> {
  const { caller, run, after, modes, client } = telling
  const frames = langgraphFrames({ run, modes, ...(app.config.langgraph.endEvent ? { closing: END } : {}) }, after)
  if (telling.cancel) cancelWhenGone(app, { caller, run, client, signal, ended: frames.ended })
  signal.addEventListener('abort', () => stop.abort(), { once: true })
  async function* told(): AsyncGenerator<string> {
    if (read) yield frames.push(read)
    for await (const segment of segments) yield frames.push(segment)
  }
  return told()
}

export const FROM_START: Pick<Telling, 'after' | 'modes'> = { after: START, modes: null }
