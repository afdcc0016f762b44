import { expect, test } from 'bun:test'
import { type RawSocket, SocketSender } from '../../src/http/socket.ts'
import { openStreams } from '../../src/http/streams.ts'

class FakeSocket implements RawSocket {
  sent: string[] = []
  buffered = 0
  readonly closed = Promise.withResolvers<number | undefined>()
  sendText(text: string): number {
    this.sent.push(text)
    this.buffered += text.length
    return text.length
  }
  getBufferedAmount(): number {
    return this.buffered
  }
  close(code?: number): void {
    this.closed.resolve(code)
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function sending(open: (signal: AbortSignal) => AsyncIterable<string>, bytesMax = 1000) {
  const socket = new FakeSocket()
  const streams = openStreams({ streamsMax: 10, keepAliveMs: 1000 })
  const sender = new SocketSender(socket, { streams, bytesMax, open, onError: (error) => `error ${String(error)}` })
  return { socket, streams, sender }
}

test('items are sent in order, then the socket is closed as done', async () => {
  const { socket, streams } = sending(async function* () {
    yield 'a'
    yield 'b'
  })
  expect(await socket.closed.promise).toBe(1000)
  expect(socket.sent).toEqual(['a', 'b'])
  expect(streams.size).toBe(0)
})

test('a slow client is waited for, not buffered for', async () => {
  let asked = 0
  const { socket, sender } = sending(async function* () {
    for (; asked < 10; asked++) yield 'x'.repeat(60)
  }, 100)
  await turn()
  expect(socket.sent).toHaveLength(2)
  socket.buffered = 0
  sender.drain()
  await turn()
  expect(socket.sent).toHaveLength(4)
  expect(asked).toBeLessThan(5)
})

test('an error is told, then the socket is closed as failed', async () => {
  const { socket } = sending(async function* () {
    yield 'a'
    throw new Error('boom')
  })
  expect(await socket.closed.promise).toBe(1011)
  expect(socket.sent).toEqual(['a', 'error Error: boom'])
})

test('at shutdown the client is told to come back', async () => {
  const { socket, streams } = sending(async function* (signal) {
    yield 'a'
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    yield 'never'
  })
  await turn()
  streams.closeAll()
  expect(await socket.closed.promise).toBe(1012)
  await turn()
  expect(socket.sent).toEqual(['a'])
})

test('a client that went away stops the source, also while it is waited for', async () => {
  const ended = Promise.withResolvers<string>()
  const { sender, streams } = sending(async function* () {
    try {
      for (;;) yield 'x'.repeat(2000)
    } finally {
      ended.resolve('ended')
    }
  })
  await turn()
  sender.gone()
  expect(await ended.promise).toBe('ended')
  expect(streams.size).toBe(0)
})
