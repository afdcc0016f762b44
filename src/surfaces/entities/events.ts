import type { Static } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { requireRun } from '../../core/ownership/access.ts'
import { getPlanned } from '../../core/runs/planned.ts'
import { takeSeat } from '../../http/seats.ts'
import { acceptedProtocol } from '../../http/socket-key.ts'
import { sseResponse } from '../../http/sse.ts'
import { entitiesCaller } from './caller.ts'
import { errorTold, seatOf, subscriberSockets } from './event-socket.ts'
import { MonitorRequest, MonitorResponse, SubscribeQuery, toMonitor } from './events.wire.ts'
import { PathId } from './fields.wire.ts'
import { requireId } from './ids.ts'
import { refuseField } from './refusal.ts'
import { answers, asks, paths, streams, takes } from './route.ts'
import { type Frame, hasHeardAll, type Place, type Subscriber, subscription } from './subscription.ts'

const DESCRIPTION = `\`connected\` says how the run stands, then \`action_required\` and one \`tool_invoked\` for each call tell what it wants done,
and \`run_ended\` or \`cancelled\` close the stream. Every event has an id: with the header Last-Event-ID a stream goes on behind it.
The same path upgraded to a WebSocket sends each event as one JSON text \`{"id","event","data"}\`.`

const PLACE = /^(\d{1,9})(?:\.(\d{1,3}))?$/

/** Where the reader stopped. A header that an event source sends by itself is newer than the address it was opened with. */
function placeOf(headers: Headers, { after }: Static<typeof SubscribeQuery>): Place | undefined {
  const header = headers.get('last-event-id')
  const text = header || after
  if (!text) return undefined
  const match = PLACE.exec(text)
  if (match) return { seq: Number(match[1]), part: match[2] === undefined ? null : Number(match[2]) }
  const [place, name] = header ? (['header', 'last-event-id'] as const) : (['query', 'after'] as const)
  throw refuseField([name], 'this is not the id of an event of this stream', { place, input: text })
}

const sse = ({ id, event, data }: Frame): string => `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`

async function* frames(app: App, subscriber: Subscriber, signal: AbortSignal): AsyncGenerator<string> {
  for await (const frame of subscription(app, subscriber, signal)) yield sse(frame)
}

async function subscribe(app: App, request: Request, subscriber: Subscriber): Promise<Response> {
  // An event source comes back after every end, unless it is told that there is nothing more.
  if (await hasHeardAll(app, subscriber)) return new Response(null, { status: 204 })
  const leave = takeSeat(app.streams, seatOf(subscriber))
  try {
    return sseResponse({
      ...{ signal: request.signal, streams: app.streams, comment: ': keep-alive\n\n', breaks: true },
      open(signal) {
        signal.addEventListener('abort', leave, { once: true })
        return frames(app, subscriber, signal)
      },
      onError(error) {
        const { event, data } = errorTold(app, subscriber, error)
        return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
      },
    })
  } catch (error) {
    leave()
    throw error
  }
}

/** The Event Monitoring part. Nothing has to be registered: whoever subscribes hears everything. */
export const events = (app: App) => new Elysia({ tags: ['Event Monitoring'] }).use(monitor(app)).use(subscribing(app))

const monitor = (app: App) =>
  new Elysia({ tags: ['Event Monitoring'] }).use(entitiesCaller(app)).post(
    '/monitor',
    async ({ caller, body }) => {
      const id = requireId('run', body.run_id)
      await requireRun(app, caller, id)
      return toMonitor(id)
    },
    { ...takes(MonitorRequest), ...answers({ id: 'register_run_monitoring', summary: 'Announce an interest in a run' }, MonitorResponse) },
  )

const subscribing = (app: App) =>
  new Elysia({ prefix: '/subscribe/:run_id', tags: ['Event Monitoring'] })
    .use(entitiesCaller(app))
    .guard({ ...paths({ run_id: PathId }), ...asks(SubscribeQuery) })
    .resolve(async ({ caller, params, query, request }) => {
      const id = requireId('run', params.run_id)
      await requireRun(app, caller, id)
      return { subscriber: { caller, view: await getPlanned(app, caller, id), after: placeOf(request.headers, query) } }
    })
    .get('', ({ subscriber, request }) => subscribe(app, request, subscriber), {
      ...streams({ id: 'subscribe_to_run_events', summary: 'Listen to what happens to a run', description: DESCRIPTION }),
    })
    .ws('', {
      ...subscriberSockets(app),
      upgrade({ request, set }) {
        const protocol = acceptedProtocol(request.headers)
        if (protocol !== undefined) set.headers['sec-websocket-protocol'] = protocol
      },
    })
