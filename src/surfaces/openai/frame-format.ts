import type { ErrorBody } from './refusal.ts'

/** How one frame is written: `before` id `middle(event)` data `after`. */
export interface FrameFormat {
  before: string
  middle(event: string): string
  after: string
  done: string
  error(body: ErrorBody): string
}

/** SDKs raise only when the error is wrapped in a key of that name. */
const wrapped = (body: ErrorBody): string => JSON.stringify({ error: body })

/** What keeps a silent event stream open. */
export const COMMENT = ': keep-alive\n\n'

export const SSE: FrameFormat = {
  before: 'id: ',
  middle: (event) => `\nevent: ${event}\ndata: `,
  after: '\n\n',
  done: 'event: done\ndata: [DONE]\n\n',
  error: (body) => `event: error\ndata: ${wrapped(body)}\n\n`,
}

/** One JSON text per line: a line is one message of a socket. */
export const JSON_LINES: FrameFormat = {
  before: '{"id":"',
  middle: (event) => `","event":"${event}","data":`,
  after: '}\n',
  done: '{"event":"done","data":"[DONE]"}\n',
  error: (body) => `{"event":"error","data":${wrapped(body)}}\n`,
}
