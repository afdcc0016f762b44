import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eventually } from '../../support/eventually.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { breakingFetch, CLIENTS, FrameReader, lines, openClient, readFrames, serveGraphs } from './kit.ts'

let served: Served
let base: string
beforeAll(async () => {
  served = await serveGraphs({ http: { keepAliveMs: 40 } })
  base = served.app.config.langgraph.prefix
}, SERVER_START_MS)
afterAll(() => served.close())

const send = (method: string, path: string, body?: unknown, init: Parameters<Served['send']>[3] = {}) =>
  served.send(method, base + path, body, init)
const newThread = async () => (await openClient(served).threads.create()).thread_id
const SLOW = { assistant_id: 'delay', input: { delay_ms: 60_000 } }
/** Twenty custom events, 10 ms apart. */
const WRITES = { assistant_id: 'streamer', input: { chunks: 20, interval_ms: 10 }, stream_mode: ['custom'] }

const locationOf = (response: Response): string => response.headers.get('content-location') ?? ''
const statusOf = async (path: string) => ((await (await send('GET', path)).json()) as { status: string }).status
const untilStatus = (path: string, wanted: string) => eventually(async () => ((await statusOf(path)) === wanted ? true : undefined))

describe.each(CLIENTS)('the client of langgraph-sdk %s', (_version, Sdk) => {
  test('goes on without gap or repeat where its connection broke, under this prefix too', async () => {
    const { fetch, asked } = breakingFetch(5)
    const thread = await newThread()
    const seen: { id?: string; event: string; data: unknown }[] = []
    const payload = { input: WRITES.input, streamMode: 'custom' as const, streamResumable: true }
    for await (const chunk of openClient(served, Sdk, fetch).runs.stream(thread, 'streamer', payload)) seen.push(chunk)
    const numbers = seen.filter(({ event }) => event === 'custom').map(({ data }) => (data as { i: number }).i)
    expect(numbers).toEqual(Array.from({ length: 20 }, (_, i) => i))
    const back = asked.find(({ lastEventId }) => lastEventId !== null)
    expect(back?.path).toMatch(new RegExp(`^${base}/threads/${thread}/runs/[^/]+/stream`))
    expect(back?.lastEventId).toBe(seen[4]?.id ?? '')
  })

  test('sees no heartbeats', async () => {
    const seen: string[] = []
    const stream = openClient(served, Sdk).runs.stream(await newThread(), 'delay', { input: { delay_ms: 300 } })
    for await (const { event } of stream) seen.push(event)
    expect(seen).toEqual(['metadata', 'values', 'values'])
  })
})

test('heartbeats are comments of one line', async () => {
  const response = await send('POST', `/threads/${await newThread()}/runs/stream`, { ...SLOW, input: { delay_ms: 300 } })
  const text = await response.text()
  expect(text).toContain('\n: heartbeat\n: heartbeat\n')
  expect(text).not.toContain(': heartbeat\n\n')
})

describe('a reader of a run that goes on', () => {
  test('is told all of it, from the event it names, or of the modes it asks for', async () => {
    const live = new FrameReader(
      await send('POST', `/threads/${await newThread()}/runs/stream`, { ...WRITES, stream_mode: ['custom', 'values'] }),
    )
    const [metadata] = await live.until(({ event }) => event === 'metadata')
    const { run_id, thread_id } = (metadata?.data ?? {}) as { run_id: string; thread_id: string }
    const path = `/threads/${thread_id}/runs/${run_id}/stream`
    const join = async (query: string, after?: string) =>
      readFrames(await send('GET', path + query, undefined, after ? { headers: { 'last-event-id': after } } : {}))
    const [all, fromStart, later, values] = await Promise.all([join(''), join('', '-1'), join('', '5'), join('?stream_mode=["values"]')])
    expect([metadata, ...(await live.rest())]).toEqual(all as never)
    expect(fromStart).toEqual(all)
    expect(later).toEqual(all.filter(({ id }) => Number(id) > 5))
    expect(values).toEqual(all.filter(({ event }) => event === 'metadata' || event === 'values'))
  })

  test('may come to another process', async () => {
    const other = await serve({}, { beside: served, langgraph: { graphs: served.app.config.langgraph.graphs } })
    try {
      const response = await send('POST', `/threads/${await newThread()}/runs/stream`, WRITES)
      const path = `${locationOf(response)}/stream`
      const [here, there] = await Promise.all([readFrames(response), other.send('GET', base + path).then(readFrames)])
      expect(there).toEqual(here)
    } finally {
      await other.close()
    }
  })
})

describe('a client that goes', () => {
  const leave = async (body: object, path = '/runs/stream') => {
    const gone = new AbortController()
    const response = await send('POST', `/threads/${await newThread()}${path}`, { ...SLOW, ...body }, { signal: gone.signal })
    await untilStatus(locationOf(response), 'running')
    gone.abort()
    return locationOf(response)
  }
  const stop = async (path: string) => {
    await send('POST', `${path}/cancel?wait=1`)
  }

  test('ends the run that it said to end with it, streaming or waiting', async () => {
    await untilStatus(await leave({ on_disconnect: 'cancel' }), 'interrupted')
    await untilStatus(await leave({ on_disconnect: 'cancel' }, '/runs/wait'), 'interrupted')
  })
  test('leaves the run at work otherwise', async () => {
    const paths = [await leave({}), await leave({ on_disconnect: 'continue' }), await leave({}, '/runs/wait')]
    // The server has noticed: its streams are closed.
    await eventually(() => (served.app.streams.size === 0 ? true : undefined))
    expect(await Promise.all(paths.map(statusOf))).toEqual(['running', 'running', 'running'])
    await Promise.all(paths.map(stop))
  })
  test('ends a run that it joined only where it said so', async () => {
    const path = locationOf(await send('POST', `/threads/${await newThread()}/runs`, SLOW))
    for (const [query, expected] of [
      ['cancel_on_disconnect=0', 'running'],
      ['cancel_on_disconnect=1', 'interrupted'],
    ] as const) {
      const gone = new AbortController()
      const reader = new FrameReader(await send('GET', `${path}/stream?${query}`, undefined, { signal: gone.signal }))
      await reader.until(({ event }) => event === 'values')
      gone.abort()
      await eventually(() => (served.app.streams.size === 0 ? true : undefined))
      await untilStatus(path, expected)
    }
  })
  test('after the run stopped to ask ends nothing', async () => {
    const response = await send('POST', `/threads/${await newThread()}/runs/stream`, {
      assistant_id: 'approval',
      input: { plan: 'a' },
      on_disconnect: 'cancel',
    })
    const reader = new FrameReader(response)
    await reader.until(({ data }) => Object.hasOwn(data as object, '__interrupt__'))
    await reader.leave()
    await eventually(() => (served.app.streams.size === 0 ? true : undefined))
    expect(await statusOf(locationOf(response))).toBe('success')
  })
})

test('a server that goes down breaks streams, not the runs of their clients', async () => {
  const going = await serve({}, { beside: served, worker: false, langgraph: { graphs: served.app.config.langgraph.graphs } })
  const thread = await newThread()
  const response = await going.send('POST', `${base}/threads/${thread}/runs/stream`, { ...SLOW, on_disconnect: 'cancel' })
  const path = locationOf(response)
  const reader = new FrameReader(response)
  await reader.until(({ event }) => event === 'values')
  await going.close()
  const last = reader.rest().then(
    () => 'ended',
    () => 'broken',
  )
  expect(await last).toBe('broken')
  expect(await statusOf(path)).toBe('running')
  await send('POST', `${path}/cancel?wait=1`)
})

test('a run whose events are no longer kept is not found by readers of its stream, but by others', async () => {
  const response = await send('POST', `/threads/${await newThread()}/runs/wait`, { assistant_id: 'steps', input: {} })
  const values = await response.json()
  const path = locationOf(response)
  await served.app.db.query('delete from run_event where run_id = $1', [path.slice(-36)])
  const gone = await send('GET', `${path}/stream`)
  expect(gone.status).toBe(404)
  expect(await gone.json()).toEqual({ detail: 'The events of this run are no longer kept.' })
  expect(await (await send('GET', `${path}/join`)).json()).toEqual(values)
})

test(
  'streams end with an end frame where the server is configured to',
  async () => {
    const old = await serveGraphs({ langgraph: { endEvent: true } })
    try {
      const told = lines(await readFrames(await old.send('POST', `${base}/runs/stream`, { assistant_id: 'steps', input: {} })))
      expect(told.at(-1)).toBe('end null')
    } finally {
      await old.close()
    }
  },
  SERVER_START_MS,
)
