import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { CLIENTS, FrameReader, openClient, type SeenFrame, serveGraphs } from './kit.ts'

let served: Served
let base: string
beforeAll(async () => {
  served = await serveGraphs()
  base = served.app.config.langgraph.prefix
}, SERVER_START_MS)
afterAll(() => served.close())

const client = () => openClient(served)
const newThread = async () => (await client().threads.create()).thread_id
/** Followed by nobody but the thread's own stream; a run that is waited for tells its last values only. */
const run = async (thread: string, graph = 'steps', input: object = {}) => {
  const { run_id } = await client().runs.create(thread, graph, { input: input as never, streamMode: ['values'] })
  await client().runs.join(thread, run_id)
}

const open = async (thread: string, query = '', after?: string, at: Served = served) => {
  const response = await at.send('GET', `${base}/threads/${thread}/stream${query}`, undefined, {
    ...(after ? { headers: { 'last-event-id': after } } : {}),
  })
  return new FrameReader(response)
}
const isDone = ({ event, data }: SeenFrame) => event === 'metadata' && (data as { status?: string }).status === 'run_done'
const names = (frames: SeenFrame[]) => frames.map((frame) => (isDone(frame) ? 'run_done' : frame.event))
const WHOLE = ['metadata', 'values', 'values', 'values', 'values', 'run_done']

test('runs of the thread are told one after the other as they come, and those before it was opened are not', async () => {
  const thread = await newThread()
  await run(thread)
  const reader = await open(thread)
  for (let i = 0; i < 3; i++) {
    await run(thread)
    expect(names(await reader.until(isDone))).toEqual(WHOLE)
  }
  await reader.leave()
})

test('a run that is at work already is told from its beginning', async () => {
  const thread = await newThread()
  const { run_id } = await client().runs.create(thread, 'delay', { input: { delay_ms: 60_000 } })
  const reader = await open(thread)
  expect(names(await reader.until(({ event }) => event === 'values'))).toEqual(['metadata', 'values'])
  await client().runs.cancel(thread, run_id, true)
  expect(names(await reader.until(isDone))).toEqual(['run_done'])
  await reader.leave()
})

describe('a client that comes back', () => {
  test('after any event is told exactly what came behind it, runs of meanwhile included', async () => {
    const thread = await newThread()
    const first = await open(thread)
    await run(thread)
    await run(thread, 'failing')
    const all = [...(await first.until(isDone)), ...(await first.until(isDone))]
    await first.leave()
    expect(names(all)).toEqual([...WHOLE, 'metadata', 'values', 'error', 'run_done'])
    for (const [i, { id }] of all.entries()) {
      const again = await open(thread, '', id)
      const rest = all.slice(i + 1)
      const seen: SeenFrame[] = []
      while (seen.length < rest.length) seen.push((await again.next()) as SeenFrame)
      expect(seen).toEqual(rest)
      await again.leave()
    }
  })
  test('with -1 is told all, and after a run that is gone what came behind it', async () => {
    const thread = await newThread()
    await run(thread)
    await run(thread)
    const reader = await open(thread, '', '-1')
    const all = [...(await reader.until(isDone)), ...(await reader.until(isDone))]
    await reader.leave()
    expect(names(all)).toEqual([...WHOLE, ...WHOLE])
    const [oldest] = (await client().runs.list(thread)).slice(-1)
    await client().runs.delete(thread, oldest?.run_id ?? '')
    const again = await open(thread, '', all[2]?.id)
    expect(await again.until(isDone)).toEqual(all.slice(WHOLE.length))
    await again.leave()
  })
  test('with an id that is none of this stream is refused', async () => {
    const thread = await newThread()
    for (const id of ['7', 'first:1', `${thread}:x`]) {
      const response = await served.send('GET', `${base}/threads/${thread}/stream`, undefined, { headers: { 'last-event-id': id } })
      expect(response.status).toBe(422)
    }
  })
})

test('lifecycle tells how runs begin and end, and nothing of what they do', async () => {
  const thread = await newThread()
  const reader = await open(thread, '?stream_mode=lifecycle')
  await run(thread)
  await run(thread, 'failing')
  expect(names(await reader.until(isDone))).toEqual(['metadata', 'run_done'])
  expect(names(await reader.until(isDone))).toEqual(['metadata', 'error', 'run_done'])
  await reader.leave()
})

test('state_update tells the state behind each run, and when a client has changed it', async () => {
  const thread = await newThread()
  const reader = await open(thread, '?stream_mode=state_update')
  await run(thread)
  const state = async () => (await reader.next()) as { event: string; data: { thread_id: string; state: { values: unknown } } }
  expect(await state()).toMatchObject({ event: 'state_update', data: { thread_id: thread, state: { values: { start: 3 } } } })
  await client().threads.updateState(thread, { values: { start: 40 }, asNode: 'one' })
  expect(await state()).toMatchObject({ event: 'state_update', data: { state: { values: { start: 40 }, next: ['two'] } } })
  await reader.leave()
})

test('a run that stops to ask is done, and the one that answers it is the next', async () => {
  const thread = await newThread()
  const reader = await open(thread)
  await run(thread, 'approval', { plan: 'swim' })
  expect(names(await reader.until(isDone))).toEqual(['metadata', 'values', 'values', 'run_done'])
  await client().runs.wait(thread, 'approval', { command: { resume: { approved: true } } })
  expect(names(await reader.until(isDone))).toEqual(['metadata', 'values', 'run_done'])
  await reader.leave()
})

test('a run that was made for later is told when it begins, whatever ran before', async () => {
  const thread = await newThread()
  const reader = await open(thread)
  const later = await client().runs.create(thread, 'steps', { input: { start: 7 }, afterSeconds: 1 })
  const told = await reader.until(isDone)
  expect(names(told)).toEqual(WHOLE)
  expect(told[0]?.data).toMatchObject({ run_id: later.run_id })
  await reader.leave()
})

test('another process tells of the thread too', async () => {
  const other = await serve({}, { beside: served, langgraph: { graphs: served.app.config.langgraph.graphs } })
  try {
    const thread = await newThread()
    const reader = await open(thread, '', undefined, other)
    await run(thread)
    expect(names(await reader.until(isDone))).toEqual(WHOLE)
    await reader.leave()
  } finally {
    await other.close()
  }
})

test('the stream ends with the thread, and is not there for another tenant', async () => {
  const thread = await newThread()
  const stranger = await served.send('GET', `${base}/threads/${thread}/stream`, undefined, { key: served.otherKey })
  expect(stranger.status).toBe(404)
  const reader = await open(thread)
  const { run_id } = await client().runs.create(thread, 'delay', { input: { delay_ms: 60_000 } })
  await reader.until(({ event }) => event === 'values')
  await client().threads.delete(thread)
  expect((await reader.rest()).at(-1)).toMatchObject({ event: 'error', data: { message: `Thread with ID ${thread} not found` } })
  expect(run_id).not.toBe('')
})

test.each(CLIENTS)('the client of langgraph-sdk %s joins the stream of a thread', async (_version, Sdk) => {
  const thread = await newThread()
  await run(thread)
  const sdk = openClient(served, Sdk)
  const seen: string[] = []
  for await (const { event } of sdk.threads.joinStream(thread, { lastEventId: '-1', streamMode: ['run_modes', 'state_update'] })) {
    seen.push(event)
    if (seen.length === WHOLE.length) break
  }
  expect(seen).toEqual(WHOLE.map((name) => (name === 'run_done' ? 'metadata' : name)))
})
