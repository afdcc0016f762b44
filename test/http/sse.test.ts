import { afterAll, describe, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { Fault } from '../../src/core/fault.ts'
import { type SseOptions, sseResponse } from '../../src/http/sse.ts'
import { openStreams } from '../../src/http/streams.ts'

type Open = SseOptions['open']

const servers: { stop(force: boolean): Promise<void> }[] = []
afterAll(() => Promise.all(servers.map((server) => server.stop(true))))

function serving(open: Open, { keepAliveMs = 60_000, streamsMax = 1000, comment = ': keep-alive\n\n', breaks = false } = {}) {
  const streams = openStreams({ streamsMax, keepAliveMs })
  const server = Bun.serve({
    port: 0,
    idleTimeout: 0,
    development: false,
    fetch: (request) => {
      try {
        return sseResponse({
          signal: request.signal,
          streams,
          open,
          comment,
          breaks,
          onError: (error) => `event: error\ndata: ${String(error)}\n\n`,
        })
      } catch (error) {
        return new Response(error instanceof Fault ? error.code : 'crashed', { status: 503 })
      }
    },
  })
  servers.push(server)
  return { url: `http://localhost:${server.port}`, port: server.port ?? 0, streams }
}

const frame = (text: string): string => `data: ${text}\n\n`

/** Resolves when the signal fires: what every source waits for when it has nothing more to say. */
const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
  })

async function* count(n: number): AsyncGenerator<string> {
  for (let i = 0; i < n; i++) yield frame(String(i))
}

describe('delivery', () => {
  test('frames come whole, in order, with the headers of an event stream', async () => {
    const { url, streams } = serving(() => count(1000))
    const response = await fetch(url)
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(response.headers.get('x-accel-buffering')).toBe('no')
    expect(await response.text()).toBe(Array.from({ length: 1000 }, (_, i) => frame(String(i))).join(''))
    expect(streams.size).toBe(0)
  })

  test('200 clients at once each get everything', async () => {
    const { url, streams } = serving(() => count(100))
    const texts = await Promise.all(Array.from({ length: 200 }, async () => (await fetch(url)).text()))
    expect(new Set(texts).size).toBe(1)
    expect(texts[0]?.split('\n\n')).toHaveLength(101)
    expect(streams.size).toBe(0)
  })

  test('a frame arrives while the next one is still unknown', async () => {
    const { url } = serving(async function* (signal) {
      yield frame('first')
      await aborted(signal)
    })
    const reader = (await fetch(url)).body?.getReader()
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe(frame('first'))
    await reader?.cancel()
  })

  test('a quiet stream sends comments, also before its first frame', async () => {
    const { url } = serving(
      async function* (signal) {
        await aborted(signal)
        yield ''
      },
      { keepAliveMs: 20 },
    )
    const reader = (await fetch(url)).body?.getReader()
    for (let i = 0; i < 3; i++) expect(new TextDecoder().decode((await reader?.read())?.value)).toBe(': keep-alive\n\n')
    await reader?.cancel()
  })

  test('the comment is the one of the dialect, and may leave out the blank line', async () => {
    const gate = Promise.withResolvers<void>()
    const source = async function* () {
      await gate.promise
      yield frame('after')
    }
    const { url } = serving(source, { keepAliveMs: 20, comment: ': heartbeat\n' })
    const reader = (await fetch(url)).body?.getReader()
    const next = async () => new TextDecoder().decode((await reader?.read())?.value)
    let text = ''
    while (text.length < 30) text += await next()
    gate.resolve()
    for (;;) {
      const piece = await next()
      if (piece === '') break
      text += piece
    }
    expect(text).toMatch(/^(?:: heartbeat\n)+data: after\n\n$/)
  })

  test('an empty item is no end', async () => {
    const { url } = serving(async function* () {
      yield ''
      yield frame('after')
      yield ''
    })
    expect(await (await fetch(url)).text()).toBe(frame('after'))
  })
})

describe('ends', () => {
  test('a late error becomes the dialect’s frame, then the stream ends', async () => {
    const { url, streams } = serving(async function* () {
      yield frame('one')
      throw new Error('boom')
    })
    expect(await (await fetch(url)).text()).toBe(`${frame('one')}event: error\ndata: Error: boom\n\n`)
    expect(streams.size).toBe(0)
  })

  test('a client that goes away stops the source', async () => {
    const stopped = Promise.withResolvers<string>()
    const { url, streams } = serving(async function* (signal) {
      yield frame('one')
      await aborted(signal)
      stopped.resolve('stopped')
    })
    const controller = new AbortController()
    const response = await fetch(url, { signal: controller.signal })
    await response.body?.getReader().read()
    controller.abort()
    expect(await stopped.promise).toBe('stopped')
    expect(streams.size).toBe(0)
  })

  test('closing all streams ends them cleanly and refuses new ones', async () => {
    const { url, streams } = serving(async function* (signal) {
      yield frame('one')
      await aborted(signal)
      yield frame('never')
    })
    const response = await fetch(url)
    const text = response.text()
    while (streams.size === 0) await Bun.sleep(0)
    streams.closeAll()
    expect(['', frame('one')]).toContain(await text)
    expect(streams.size).toBe(0)
    expect((await fetch(url)).status).toBe(503)
  })

  test('closing breaks the streams of clients that would take an end for the end of the story, read or not', async () => {
    const open: Open = async function* (signal) {
      yield frame('first')
      await aborted(signal)
    }
    const { url, streams } = serving(open, { breaks: true })
    const [read, unread] = await Promise.all([fetch(url), fetch(url)])
    const reader = read.body?.getReader()
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe(frame('first'))
    streams.closeAll()
    const outcome = (ended: Promise<unknown>) =>
      ended.then(
        () => 'ended',
        () => 'broken',
      )
    expect(await Promise.all([outcome(reader?.read() ?? Promise.resolve()), outcome(unread.text())])).toEqual(['broken', 'broken'])
    expect(streams.size).toBe(0)
  })

  test('more streams than allowed are refused', async () => {
    const { url, streams } = serving(
      async function* (signal) {
        yield frame('one')
        await aborted(signal)
      },
      { streamsMax: 1 },
    )
    const first = await fetch(url)
    const second = await fetch(url)
    expect([second.status, await second.text()]).toEqual([503, 'unavailable'])
    expect(streams.size).toBe(1)
    await first.body?.cancel()
  })
})

test('a client that does not read holds no more than the socket’s buffers', async () => {
  const big = frame('x'.repeat(10_000))
  let asked = 0
  const stopped = Promise.withResolvers<void>()
  const { port } = serving(async function* (signal) {
    signal.addEventListener('abort', () => stopped.resolve(), { once: true })
    for (; asked < 100_000; asked++) yield big
  })
  const socket = connect(port, 'localhost', () => {
    socket.pause()
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
  })
  // The source stands still when it was not asked for more in many turns of the loop.
  let quietTurns = 0
  for (let last = -1; quietTurns < 200; last = asked) {
    quietTurns = asked === last && asked > 0 ? quietTurns + 1 : 0
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(asked).toBeLessThan(5000)
  socket.destroy()
  await stopped.promise
})
