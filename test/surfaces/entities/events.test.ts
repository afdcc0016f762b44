import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { JsonObject } from '../../../src/core/json.ts'
import type { ScriptTurn } from '../../../src/drivers/models/port.ts'
import { EntitiesClient } from '../../support/entities-client.ts'
import { eventually } from '../../support/eventually.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { SocketReader } from '../../support/socket-reader.ts'
import { newPerson, sender, told } from './kit.ts'

const SCRIPTS: Record<string, ScriptTurn[]> = {
  speaker: [{ text: ['Hello'] }],
  caller: [{ calls: [{ name: 'look', arguments: { city: 'JFK' } }] }, { text: ['There.'] }],
  held: [{ text: ['Hel', 'lo'], pauseMs: 3_600_000 }],
  failing: [{ fail: { status: 500, message: 'broken pipe' } }],
}

let served: Served
let client: EntitiesClient
let key: string
let assistant: string

beforeAll(async () => {
  served = await serve({ scripts: SCRIPTS, retriesMax: 0 }, { worker: true })
  key = (await newPerson(served)).key
  client = new EntitiesClient(`${served.url}/entities`, key)
  assistant = String((await client.createAssistant()).id)
  const tool = await client.createTool('look')
  await client.request('POST', `/assistants/${assistant}/tools/${tool.id}`)
}, SERVER_START_MS)
afterAll(() => served.close())

async function stage() {
  const thread = String((await client.createThread()).id)
  await client.createMessage(thread, 'Hi', { assistantId: assistant })
  const run = await client.createRun(thread, assistant)
  return { thread_id: thread, assistant_id: assistant, run_id: String(run.id) }
}

interface Event {
  id: string
  event: string
  data: JsonObject
}

/** Opens the event stream of a run; `next` waits for one event, `rest` for all up to the end. */
async function subscribe(runId: string, headers: Record<string, string> = {}) {
  const stop = new AbortController()
  const response = await sender(served, key)('GET', `/subscribe/${runId}`, undefined, { headers, signal: stop.signal })
  const events = read(response)
  return {
    response,
    next: async (): Promise<Event | undefined> => (await events.next()).value,
    rest: () => Array.fromAsync(events),
    leave: () => stop.abort(),
  }
}

async function* read(response: Response): AsyncGenerator<Event, undefined> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const bytes of response.body ?? []) {
    const frames = (text + decoder.decode(bytes, { stream: true })).split('\n\n')
    text = frames.pop() ?? ''
    for (const frame of frames) {
      if (frame.startsWith(':')) continue
      const fields = Object.fromEntries(
        frame.split('\n').map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]),
      )
      yield { id: String(fields.id), event: String(fields.event), data: JSON.parse(String(fields.data)) }
    }
  }
}

const names = (events: readonly Event[]) => events.map(({ event }) => event)

test('a subscriber hears how a run stands, what it wants done, and its end, and then the stream ends', async () => {
  const on = await stage()
  const listener = await subscribe(on.run_id)
  expect(listener.response.headers.get('content-type')).toContain('text/event-stream')
  expect(await listener.next()).toMatchObject({
    event: 'connected',
    data: { run_id: on.run_id, message: 'Subscription active', status: 'queued', run: { id: on.run_id } },
  })
  await client.chunks({ ...on, model: 'caller' })
  expect(await listener.next()).toMatchObject({
    event: 'action_required',
    data: { id: on.run_id, run_id: on.run_id, status: 'action_required' },
  })
  const invoked = await listener.next()
  const [pending] = await client.pendingActions(on.run_id)
  expect(invoked).toMatchObject({
    event: 'tool_invoked',
    data: {
      ...{ event: 'tool_invoked', run_id: on.run_id, thread_id: on.thread_id, assistant_id: assistant },
      ...{ tool_call_id: pending?.action_id, tool_name: 'look', function_args: { city: 'JFK' }, result: {} },
    },
  })
  expect(invoked?.data.tool_id).toMatch(/^tool_/)
  await client.submitToolOutput(on.thread_id, { actionId: String(pending?.action_id), content: 'x', assistantId: assistant })
  await client.chunks({ ...on, model: 'caller' })
  expect(await listener.rest()).toMatchObject([{ event: 'run_ended', data: { id: on.run_id, status: 'completed' } }])
})

test('a stream that broke goes on behind any event, and one that was heard to its end is over', async () => {
  const on = await stage()
  const whole = await subscribe(on.run_id)
  const events = [(await whole.next()) as Event]
  await client.chunks({ ...on, model: 'caller' })
  const [pending] = await client.pendingActions(on.run_id)
  await client.submitToolOutput(on.thread_id, { actionId: String(pending?.action_id), content: 'x', assistantId: assistant })
  await client.chunks({ ...on, model: 'caller' })
  events.push(...(await whole.rest()))
  expect(names(events)).toEqual(['connected', 'action_required', 'tool_invoked', 'run_ended'])
  for (const [i, { id }] of events.entries()) {
    const again = await subscribe(on.run_id, { 'last-event-id': id })
    if (i === events.length - 1) expect(again.response.status).toBe(204)
    else expect(names(await again.rest())).toEqual(['connected', ...names(events.slice(i + 1))])
  }
})

test('whoever comes late hears what a run waits for, and how it ended', async () => {
  const on = await stage()
  await client.chunks({ ...on, model: 'caller' })
  const late = await subscribe(on.run_id)
  expect(names([await late.next(), await late.next(), await late.next()] as Event[])).toEqual([
    'connected',
    'action_required',
    'tool_invoked',
  ])
  await client.request('POST', `/runs/${on.run_id}/cancel`)
  expect(await late.rest()).toMatchObject([{ event: 'cancelled', data: { id: on.run_id, status: 'cancelled' } }])
  expect(names(await (await subscribe(on.run_id)).rest())).toEqual(['connected', 'cancelled'])
})

test('a run that fails says why', async () => {
  const on = await stage()
  await client.chunks({ ...on, model: 'failing' })
  const [, error, end] = await (await subscribe(on.run_id, { 'last-event-id': '0' })).rest()
  expect(error).toMatchObject({ event: 'error', data: { run_id: on.run_id, error: expect.stringContaining('broken pipe') } })
  expect(end).toMatchObject({ event: 'run_ended', data: { status: 'failed' } })
})

test('a run that is over before it begins ends the stream too', async () => {
  const on = await stage()
  const listener = await subscribe(on.run_id)
  await listener.next()
  await client.request('POST', `/runs/${on.run_id}/cancel`)
  const [end] = await listener.rest()
  expect(end).toMatchObject({ event: 'cancelled', data: { run_id: on.run_id } })
  expect((await subscribe(on.run_id, { 'last-event-id': String(end?.id) })).response.status).toBe(204)
})

test('the same path as a WebSocket carries the same events', async () => {
  const on = await stage()
  const socket = new SocketReader(`${served.url}/entities/v1/subscribe/${on.run_id}`, { key })
  await socket.opened
  await client.chunks({ ...on, model: 'speaker' })
  const frames = await socket.rest()
  expect(frames.map(({ event }) => event)).toEqual(['connected', 'run_ended'])
  expect(frames[1]).toMatchObject({ data: { status: 'completed', run_id: on.run_id } })
  expect(await socket.closed).toBe(1000)
})

test('a run has a limited number of subscribers, and one who leaves makes room', async () => {
  const on = await stage()
  const listeners = await Promise.all(Array.from({ length: 32 }, () => subscribe(on.run_id)))
  expect(await told(sender(served, key)('GET', `/subscribe/${on.run_id}`))).toMatchObject([429, {}])
  const [first] = listeners
  await first?.next()
  first?.leave()
  const status = await eventually(async () => {
    const again = await subscribe(on.run_id)
    again.leave()
    return again.response.status === 200 ? 200 : undefined
  })
  expect(status).toBe(200)
  for (const listener of listeners) listener.leave()
})

test('monitoring may be announced as often as one likes, and is about runs that are there', async () => {
  const on = await stage()
  const send = sender(served, key)
  for (let i = 0; i < 2; i++)
    expect(await told(send('POST', '/monitor', { run_id: on.run_id }))).toEqual([
      200,
      { status: 'monitoring_registered', run_id: on.run_id },
    ])
  expect(await told(send('POST', '/monitor', { run_id: 'run_x' }))).toEqual([404, { detail: 'Run not found' }])
})

test("another's run has no subscribers, and a place that is none is refused", async () => {
  const on = await stage()
  const other = sender(served, (await newPerson(served)).key)
  expect(await told(other('GET', `/subscribe/${on.run_id}`))).toEqual([404, { detail: 'Run not found' }])
  expect(await told(other('POST', '/monitor', { run_id: on.run_id }))).toEqual([404, { detail: 'Run not found' }])
  expect(await told(sender(served, key)('GET', `/subscribe/${on.run_id}?after=soon`))).toMatchObject([
    422,
    { detail: [{ loc: ['query', 'after'] }] },
  ])
})

test('a subscriber of another server on the same database hears the same', async () => {
  const beside = await serve({ scripts: SCRIPTS }, { beside: served })
  try {
    const on = await stage()
    const response = await sender(beside, key)('GET', `/subscribe/${on.run_id}`)
    const events = read(response)
    expect((await events.next()).value).toMatchObject({ event: 'connected' })
    await client.chunks({ ...on, model: 'speaker' })
    expect(names(await Array.fromAsync(events))).toEqual(['run_ended'])
  } finally {
    await beside.close()
  }
})
