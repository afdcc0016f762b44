import type { App } from '../../app.ts'
import type { Caller } from '../../core/caller.ts'
import { isUuid } from '../../core/id.ts'
import type { Run } from '../../core/runs/runs.ts'
import { followThread } from '../../core/runs/thread-journal.ts'
import { getThread, type Thread } from '../../core/threads/threads.ts'
import { sseResponse } from '../../http/sse.ts'
import { type Cursor, LAST_EVENT, lastEventId, readCursor, refuseCursor } from './cursor.ts'
import { errorFrame, HEARTBEAT } from './sse-frames.ts'
import { type Frames, langgraphFrames } from './stream.ts'
import { toState } from './thread-state.wire.ts'

export const THREAD_MODES = ['run_modes', 'lifecycle', 'state_update'] as const
export type ThreadMode = (typeof THREAD_MODES)[number]

/** A place in the stream of a thread: frames are named by run and place in its journal. */
interface Place extends Cursor {
  runId: string
}

export interface ThreadTelling {
  caller: Caller
  threadId: string
  modes: ReadonlySet<ThreadMode>
}

/** All that happens on a thread from now on, or from the last event that the client names. Ends only with the client, or the thread. */
export async function streamThread(app: App, request: Request, telling: ThreadTelling): Promise<Response> {
  const from = placeOf(request.headers)
  await getThread(app, telling.caller, telling.threadId)
  return sseResponse({
    signal: request.signal,
    streams: app.streams,
    open: (signal) => tell(app, { ...telling, from }, signal),
    onError: (error) => errorFrame(error, app.log),
    comment: HEARTBEAT,
    breaks: true,
  })
}

/** Undefined: from now on. */
function placeOf(headers: Headers): Place | 'start' | undefined {
  const text = lastEventId(headers)
  if (text === undefined) return headers.get(LAST_EVENT)?.trim() === '-1' ? 'start' : undefined
  const [runId = '', rest = ''] = text.split(':')
  const cursor = readCursor(rest)
  if (!cursor || !isUuid(runId)) throw refuseCursor(text)
  return { ...cursor, runId }
}

async function* tell(
  app: App,
  { caller, threadId, modes, from }: ThreadTelling & { from: Place | 'start' | undefined },
  signal: AbortSignal,
): AsyncGenerator<string> {
  const runs = modes.has('run_modes') || modes.has('lifecycle')
  let frames: Frames | undefined
  for await (const news of followThread(app, caller, { threadId, signal, ...(from ? { from } : {}) })) {
    if (news.kind === 'segment') yield frames?.push(news.segment) ?? ''
    else if (news.kind === 'head') yield modes.has('state_update') ? await stateFrame(app, caller, news.thread) : ''
    else if (runs) {
      const { run, told } = news
      const resumed = typeof from === 'object' && from.runId === run.id && from.seq === told
      frames = framesOf(run, modes, resumed ? from : { seq: told, part: null })
    }
  }
}

const NONE: ReadonlySet<never> = new Set()

function framesOf(run: Run, modes: ReadonlySet<ThreadMode>, after: Cursor): Frames {
  const shown = modes.has('run_modes') ? null : NONE
  const closing = ['metadata', JSON.stringify({ status: 'run_done', run_id: run.id })] as const
  return langgraphFrames({ run, modes: shown, closing, idPrefix: `${run.id}:` }, after)
}

/** Without an id of its own: who comes back is told of the newest state only when it changes again. */
async function stateFrame(app: App, caller: Caller, thread: Thread): Promise<string> {
  const state = await app.graphs.state(caller, { thread, at: {}, subgraphs: false })
  return `event: state_update\ndata: ${JSON.stringify({ thread_id: thread.id, state: toState(thread.id, state) })}\n\n`
}
