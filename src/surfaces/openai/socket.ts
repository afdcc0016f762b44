import type { App } from '../../app.ts'
import { cancelRun } from '../../core/runs/stop.ts'
import { type RawSocket, SocketSender } from '../../http/socket.ts'
import { askedOf } from './caller.ts'
import { toReply } from './errors.ts'
import { JSON_LINES } from './frame-format.ts'
import { Refusal } from './refusal.ts'
import { type Telling, tellRun } from './run-stream.ts'

/** What of Elysia's socket is used. */
interface Socket {
  readonly raw: object
  readonly data: { readonly telling: Telling; readonly request: Request }
}

/** Bun's own socket, of which Elysia's types leave out a part. */
const rawOf = ({ raw }: Socket): RawSocket => raw as RawSocket

const CODE_TRY_LATER = 1013

const unknownMessage = (): Refusal =>
  new Refusal(400, { message: 'Unknown message. This socket reads {"type":"cancel"}.', code: 'unknown_message' })

const isCancel = (message: unknown): boolean =>
  typeof message === 'object' && message !== null && 'type' in message && message.type === 'cancel' && Object.keys(message).length === 1

/** A run's events over WebSockets, each as one message. */
export function runSockets(app: App) {
  const senders = new WeakMap<object, SocketSender>()
  const errorText = ({ data }: Socket, error: unknown): string =>
    JSON_LINES.error(toReply(error, askedOf(data.request), app.log).body).trimEnd()

  const open = (socket: Socket): void => {
    const { raw, data } = socket
    try {
      const sender = new SocketSender(rawOf(socket), {
        streams: app.streams,
        bytesMax: app.config.http.socketBytesMax,
        open: (signal) => lines(tellRun(app, data.telling, { signal, format: JSON_LINES })),
        onError: (error) => errorText(socket, error),
      })
      senders.set(raw, sender)
    } catch (error) {
      rawOf(socket).sendText(errorText(socket, error))
      rawOf(socket).close(CODE_TRY_LATER)
    }
  }

  const message = async (socket: Socket, sent: unknown): Promise<void> => {
    const { caller, story } = socket.data.telling
    try {
      if (!isCancel(sent)) throw unknownMessage()
      await cancelRun(app, caller, { threadId: story.run.threadId, id: story.run.id })
    } catch (error) {
      rawOf(socket).sendText(errorText(socket, error))
    }
  }

  return {
    open,
    message,
    drain: ({ raw }: Socket): void => senders.get(raw)?.drain(),
    close: ({ raw }: Socket): void => senders.get(raw)?.gone(),
  }
}

async function* lines(texts: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const text of texts) for (const line of text.split('\n')) if (line !== '') yield line
}
