import type { App } from '../../app.ts'
import { takeSeat } from '../../http/seats.ts'
import { type RawSocket, SocketSender } from '../../http/socket.ts'
import { toReply } from './errors.ts'
import { errorOf } from './events.wire.ts'
import { Refusal } from './refusal.ts'
import { type Subscriber, subscription } from './subscription.ts'

/** Who may listen to one run at once, in one process. */
const SUBSCRIBERS_MAX = 32

export const seatOf = ({ view }: Subscriber) => ({ of: view.id, max: SUBSCRIBERS_MAX })

/** What went wrong, to whoever listens already. */
export function errorTold(app: App, { view }: Subscriber, error: unknown): { event: string; data: object } {
  const { detail } = toReply(error, { method: 'GET', path: 'subscribe', requestId: null }, app.log)
  return { event: 'error', data: errorOf(view.id, typeof detail === 'string' ? detail : detail.map(({ msg }) => msg).join(' ')) }
}

/** What of Elysia's socket is used. */
interface Socket {
  readonly raw: object
  readonly data: { readonly subscriber: Subscriber }
}

/** Bun's own socket, of which Elysia's types leave out a part. */
const rawOf = ({ raw }: Socket): RawSocket => raw as RawSocket

const CODE_TRY_LATER = 1013

/** A run's events over WebSockets, each as one message. */
export function subscriberSockets(app: App) {
  const senders = new WeakMap<object, SocketSender>()
  const errorText = ({ data }: Socket, error: unknown): string => JSON.stringify(errorTold(app, data.subscriber, error))

  const open = (socket: Socket): void => {
    const { subscriber } = socket.data
    try {
      const sender = new SocketSender(rawOf(socket), {
        streams: app.streams,
        bytesMax: app.config.http.socketBytesMax,
        open: (signal) => lines(app, subscriber, signal),
        onError: (error) => errorText(socket, error),
      })
      senders.set(socket.raw, sender)
    } catch (error) {
      rawOf(socket).sendText(errorText(socket, error))
      rawOf(socket).close(CODE_TRY_LATER)
    }
  }

  return {
    open,
    message: (socket: Socket): void => {
      rawOf(socket).sendText(errorText(socket, new Refusal(400, 'This socket reads nothing.')))
    },
    drain: ({ raw }: Socket): void => senders.get(raw)?.drain(),
    close: ({ raw }: Socket): void => senders.get(raw)?.gone(),
  }
}

async function* lines(app: App, subscriber: Subscriber, signal: AbortSignal): AsyncGenerator<string> {
  const leave = takeSeat(app.streams, seatOf(subscriber))
  try {
    for await (const frame of subscription(app, subscriber, signal)) yield JSON.stringify(frame)
  } finally {
    leave()
  }
}
