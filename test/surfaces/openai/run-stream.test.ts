import { afterAll, beforeAll, expect, test } from 'bun:test'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { JsonObject } from '../../../src/core/json.ts'
import type { ScriptTurn } from '../../../src/drivers/models/port.ts'
import { Calls } from '../../support/calls.ts'
import { EventReader, readEvents, type SeenEvent } from '../../support/events.ts'
import { eventually } from '../../support/eventually.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'

const KEEP_ALIVE_MS = 40
/** More than sockets and buffers on the way hold. */
const LONG_CHUNKS = 600
const LONG_CHUNK = 'x'.repeat(20_000)

const SCRIPTS: Record<string, ScriptTurn[]> = {
  speaker: [{ text: ['one ', 'two'] }],
  silent: [{ waitMs: 3_600_000 }],
  long: [{ text: Array.from({ length: LONG_CHUNKS }, () => LONG_CHUNK) }],
}

let served: Served
let calls: Calls

beforeAll(async () => {
  served = await serve({ scripts: SCRIPTS }, { worker: true, http: { keepAliveMs: KEEP_ALIVE_MS } })
  calls = new Calls(served)
}, SERVER_START_MS)
afterAll(() => served.close())

const runOf = ([created]: readonly SeenEvent[]): string => String(((created?.data ?? {}) as JsonObject).id)

test('a quiet stream sends comments, and nothing of them becomes an event', async () => {
  const threadId = await calls.thread()
  const reader = new EventReader(await calls.stream(threadId, await calls.assistant('silent')))
  const seen = await reader.until('thread.run.in_progress')
  await reader.untilComments(3)
  await calls.ok('POST', `/v1/threads/${threadId}/runs/${runOf(seen)}/cancel`)
  expect((await reader.rest()).map(({ event }) => event)).toEqual(['thread.run.cancelling', 'thread.run.cancelled', 'done'])
})

test('a stream that has nothing to say yet answers its headers all the same', async () => {
  const quiet = await serve({ scripts: SCRIPTS }, { worker: true, beside: served })
  const own = new Calls(quiet)
  const threadId = await own.thread()
  const reader = new EventReader(await own.stream(threadId, await own.assistant('silent')))
  const seen = await reader.until('thread.run.in_progress')
  const runId = runOf(seen)
  const headers = { 'last-event-id': seen.at(-1)?.id ?? '' }
  const began = performance.now()
  const response = await quiet.send('GET', `/v1/threads/${threadId}/runs/${runId}/stream`, undefined, { headers })
  // The first comment is due after five seconds here.
  expect(performance.now() - began).toBeLessThan(2500)
  expect(response.status).toBe(200)
  await own.ok('POST', `/v1/threads/${threadId}/runs/${runId}/cancel`)
  expect((await readEvents(response)).at(-2)?.event).toBe('thread.run.cancelled')
  await reader.leave()
  await quiet.close()
})

test('the head of a stream says what it is and that nobody may store or buffer it', async () => {
  const response = await calls.stream(await calls.thread(), await calls.assistant('speaker'))
  const { headers } = response
  expect(headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
  expect(headers.get('cache-control')).toBe('no-cache')
  expect(headers.get('x-accel-buffering')).toBe('no')
  expect(headers.get('x-request-id')).toBeString()
  await readEvents(response)
})

test('a client that disconnects in the middle does not stop its run', async () => {
  const threadId = await calls.thread()
  const abort = new AbortController()
  const body = { assistant_id: await calls.assistant('scripted/t40-d5'), stream: true }
  const response = await served.send('POST', `/v1/threads/${threadId}/runs`, body, { signal: abort.signal })
  const seen = await new EventReader(response).until('thread.message.delta')
  abort.abort()
  const run = await calls.reached(threadId, runOf(seen))
  expect(run.status).toBe('completed')
  const { data } = await calls.ok('GET', `/v1/threads/${threadId}/messages?limit=1`)
  const [message] = data as { content: { text: { value: string } }[] }[]
  expect(message?.content[0]?.text.value).toBe(Array.from({ length: 40 }, (_, i) => `tok${i} `).join(''))
  await eventually(() => (served.app.streams.size === 0 ? true : undefined))
})

test('a reader that takes nothing does not slow the run, and gets all of it later', async () => {
  const threadId = await calls.thread()
  const created = await calls.run(threadId, await calls.assistant('long'))
  const path = `/v1/threads/${threadId}/runs/${created.id}/stream`
  const reader = await openStubborn(path)
  const run = await calls.reached(threadId, String(created.id))
  expect(run.status).toBe('completed')
  const text = await reader.takeAll()
  expect(text.match(/x{20000}/g)?.length).toBe(2 * LONG_CHUNKS)
  expect(text).toContain('event: done')
}, 20_000)

/** Asks for a stream and takes nothing of it before it is told to. A client of `fetch` would read ahead. */
async function openStubborn(path: string): Promise<{ takeAll(): Promise<string> }> {
  const { hostname, port } = new URL(served.url)
  const socket = connect({ host: hostname, port: Number(port) })
  await once(socket, 'connect')
  socket.pause()
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${served.key}\r\n\r\n`)
  return {
    takeAll: () =>
      new Promise((resolve, reject) => {
        const parts: string[] = []
        socket.setEncoding('latin1')
        socket.on('error', reject)
        socket.on('data', (part: string) => {
          parts.push(part)
          if (!parts.slice(-2).join('').endsWith('\r\n0\r\n\r\n')) return
          socket.destroy()
          // What the transfer put between its own chunks is not part of the stream.
          resolve(parts.join('').replace(/\r\n[0-9a-f]+\r\n/g, ''))
        })
        socket.resume()
      }),
  }
}

test('many readers of one run all see the same', async () => {
  const threadId = await calls.thread()
  const run = await calls.run(threadId, await calls.assistant('scripted/t50-d1'))
  const path = `/v1/threads/${threadId}/runs/${run.id}/stream`
  const all = await Promise.all(Array.from({ length: 20 }, async () => readEvents(await served.send('GET', path))))
  for (const frames of all) expect(frames).toEqual(all[0] ?? [])
  expect(all[0]?.at(-2)?.event).toBe('thread.run.completed')
})
