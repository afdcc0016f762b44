import { type Static, Type as t } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import type { Caller } from '../../core/caller.ts'
import { getRun } from '../../core/runs/runs.ts'
import { getThread } from '../../core/threads/threads.ts'
import { acceptedProtocol } from '../../http/socket-key.ts'
import { openaiCaller } from './caller.ts'
import { type Cursor, requireCursor, START } from './cursor.ts'
import { CLOSED } from './fields.wire.ts'
import { requireId } from './ids.ts'
import { asks, asksBeta, streams } from './route.ts'
import { streamRun } from './run-stream.ts'
import { runSockets } from './socket.ts'
import type { Story } from './stream.ts'
import { StreamEvent } from './stream-events.wire.ts'

const FollowQuery = t.Object(
  { after: t.Optional(t.String({ description: 'Id of the last event that was seen; the header Last-Event-ID says the same.' })) },
  CLOSED,
)

const DESCRIPTION = `An extension: the original has no such operation.

Sends the events of a run, from the first or after the one that Last-Event-ID or \`after\` names, until the run ends or waits for
tool outputs. Every event has an id, so a stream that broke can be continued anywhere, also after a restart of the server.

The same path upgraded to a WebSocket sends each event as one JSON text \`{"id","event","data"}\`. The message
\`{"type":"cancel"}\` cancels the run. Where no header can be set, offer the subprotocols \`tetraport\` and \`tetraport-key.<key>\`,
the key percent-encoded.`

interface Asked {
  params: { thread_id: string; run_id: string }
  query: Static<typeof FollowQuery>
  headers: Headers
}

/** Where the reader stopped. A header that an event source sends by itself is newer than the address it was opened with. */
function cursorOf({ query, headers }: Asked): Cursor {
  const last = headers.get('last-event-id')
  if (last) return requireCursor(last, 'Last-Event-ID')
  return query.after ? requireCursor(query.after, 'after') : START
}

async function storyOf(app: App, caller: Caller, { params }: Asked): Promise<Story> {
  const threadId = requireId('thread', 'thread_id', params.thread_id)
  const run = await getRun(app, caller, { threadId, id: requireId('run', 'run_id', params.run_id) })
  return { run, thread: await getThread(app, caller, threadId) }
}

export const follow = (app: App) =>
  new Elysia({ prefix: '/threads/:thread_id/runs/:run_id/stream', tags: ['Runs'] })
    .use(openaiCaller(app))
    .guard({ ...asksBeta(app.config.openai.betaHeader), ...asks(FollowQuery) })
    .resolve(async ({ caller, params, query, request }) => {
      const asked = { params: params as Asked['params'], query, headers: request.headers }
      const after = cursorOf(asked)
      return { telling: { caller, after, story: await storyOf(app, caller, asked) } }
    })
    .get('', ({ telling, request }) => streamRun(app, request, telling), {
      ...streams({ id: 'streamRunEvents', summary: 'Follow the events of a run', description: DESCRIPTION }, StreamEvent),
    })
    .ws('', {
      ...runSockets(app),
      upgrade({ request, set }) {
        const protocol = acceptedProtocol(request.headers)
        if (protocol !== undefined) set.headers['sec-websocket-protocol'] = protocol
      },
    })
