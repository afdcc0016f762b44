import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { JsonObject } from '../../../src/core/json.ts'
import type { ScriptTurn } from '../../../src/drivers/models/port.ts'
import { Calls } from '../../support/calls.ts'
import { EventReader, readEvents } from '../../support/events.ts'
import { eventually } from '../../support/eventually.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { SocketReader } from '../../support/socket-reader.ts'

const SCRIPTS: Record<string, ScriptTurn[]> = {
  held: [{ text: ['Hel', 'lo'], pauseMs: 3_600_000 }],
  caller: [{ calls: [{ id: 'call_1', name: 'look', arguments: {} }] }, { text: ['seen'] }],
}

/** Two servers on one database. Only `worker` executes runs; `front` only serves. */
let worker: Served
let front: Served
let calls: Calls

beforeAll(async () => {
  worker = await serve({ scripts: SCRIPTS }, { worker: true })
  front = await serve({ scripts: SCRIPTS }, { beside: worker })
  calls = new Calls(front)
}, SERVER_START_MS)
afterAll(async () => {
  await front.close()
  await worker.close()
})

test('a run that one server executes is streamed by the other, whole and in order', async () => {
  const threadId = await calls.thread()
  const frames = await readEvents(await calls.stream(threadId, await calls.assistant('scripted/t40-d2')))
  expect(frames.at(-2)?.event).toBe('thread.run.completed')
  const runId = String((frames[0]?.data as JsonObject | undefined)?.id)
  expect(await readEvents(await worker.send('GET', `/v1/threads/${threadId}/runs/${runId}/stream`))).toEqual(frames)
})

test('a stream that began at one server is continued at the other after any frame', async () => {
  const threadId = await calls.thread()
  const frames = await readEvents(await calls.stream(threadId, await calls.assistant('scripted/t10-d1')))
  const runId = String((frames[0]?.data as JsonObject | undefined)?.id)
  for (const [i, { id }] of frames.entries()) {
    if (id === undefined) continue
    const server = i % 2 ? front : worker
    const rest = await server.send('GET', `/v1/threads/${threadId}/runs/${runId}/stream`, undefined, { headers: { 'last-event-id': id } })
    expect([id, await readEvents(rest)]).toEqual([id, frames.slice(i + 1)])
  }
})

test('a run is cancelled through the server that does not execute it, and every reader sees it', async () => {
  const threadId = await calls.thread()
  const reader = new EventReader(await calls.stream(threadId, await calls.assistant('held')))
  const seen = await reader.until('thread.message.delta')
  const path = `/v1/threads/${threadId}/runs/${(seen[0]?.data as JsonObject | undefined)?.id}`
  const socket = new SocketReader(`${worker.url}${path}/stream`, { key: worker.key })
  await socket.until('thread.message.delta')
  expect(['cancelling', 'cancelled']).toContain(String((await calls.ok('POST', `${path}/cancel`)).status))
  expect((await reader.rest()).at(-2)?.event).toBe('thread.run.cancelled')
  expect((await socket.rest()).at(-2)?.event).toBe('thread.run.cancelled')
})

test('outputs given to one server go on at the other', async () => {
  const threadId = await calls.thread()
  const run = await calls.run(threadId, await calls.assistant('caller'))
  await calls.reached(threadId, String(run.id), ['requires_action'])
  const frames = await readEvents(await calls.submit(threadId, String(run.id), { call_1: 'ok' }, { stream: true }))
  expect(frames[0]?.event).toBe('thread.run.step.completed')
  expect(frames.at(-2)?.event).toBe('thread.run.completed')
})

test('a key that is revoked at one server is refused by the other as soon as it hears of it', async () => {
  const key = await front.newKey('one')
  const status = async () => (await worker.send('GET', '/v1/models', undefined, { key })).status
  expect(await status()).toBe(200)
  await front.revoke('one', key)
  // Without the signal it would be trusted for ten seconds.
  await eventually(async () => ((await status()) === 401 ? true : undefined), 4000)
})

test('a server that closes ends its streams, and the run is read on at the other', async () => {
  const third = await serve({ scripts: SCRIPTS }, { beside: worker })
  const threadId = await calls.thread()
  const reader = new EventReader(await new Calls(third).stream(threadId, await calls.assistant('held')))
  const seen = await reader.until('thread.message.delta')
  await third.close()
  expect(await reader.next()).toBeUndefined()
  const path = `/v1/threads/${threadId}/runs/${(seen[0]?.data as JsonObject | undefined)?.id}`
  const headers = { 'last-event-id': seen.at(-1)?.id ?? '' }
  const rest = new EventReader(await front.send('GET', `${path}/stream`, undefined, { headers }))
  await calls.ok('POST', `${path}/cancel`)
  expect((await rest.rest()).map(({ event }) => event)).toEqual([
    ...['thread.run.cancelling', 'thread.message.incomplete', 'thread.run.step.cancelled', 'thread.run.cancelled', 'done'],
  ])
})
