import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../../src/core/json.ts'
import type { ScriptTurn } from '../../../src/drivers/models/port.ts'
import { Calls } from '../../support/calls.ts'
import { readEvents } from '../../support/events.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { type SocketFrame, type SocketOpening, SocketReader } from '../../support/socket-reader.ts'

const SCRIPTS: Record<string, ScriptTurn[]> = {
  speaker: [{ text: ['one ', 'two'] }],
  caller: [{ calls: [{ id: 'call_1', name: 'look', arguments: {} }] }, { text: ['seen'] }],
  held: [{ text: ['Hel', 'lo'], pauseMs: 3_600_000 }],
}

let served: Served
let calls: Calls

beforeAll(async () => {
  served = await serve({ scripts: SCRIPTS }, { worker: true })
  calls = new Calls(served)
}, SERVER_START_MS)
afterAll(() => served.close())

async function start(model: string): Promise<{ path: string; threadId: string; runId: string }> {
  const threadId = await calls.thread()
  const run = await calls.run(threadId, await calls.assistant(model))
  return { threadId, runId: String(run.id), path: `/v1/threads/${threadId}/runs/${run.id}/stream` }
}

const open = (path: string, opening: SocketOpening = { key: served.key }): SocketReader => new SocketReader(served.url + path, opening)

/** What the event stream of the same run says, as a socket would say it. */
async function asStream(path: string): Promise<SocketFrame[]> {
  const frames = await readEvents(await served.send('GET', path))
  return frames.map(({ id, event, data }) => ({ ...(id === undefined ? {} : { id }), event, data }))
}

test('a socket carries the same events as the stream, and closes well behind the last one', async () => {
  const { path } = await start('speaker')
  const socket = open(path)
  const frames = await socket.rest()
  expect(frames).toEqual(await asStream(path))
  expect(frames.at(-1)).toEqual({ event: 'done', data: '[DONE]' })
  expect(await socket.closed).toBe(1000)
})

test('a socket is continued after any event', async () => {
  const { path } = await start('speaker')
  const whole = await open(path).rest()
  for (const [i, { id }] of whole.entries()) {
    if (id !== undefined) expect([id, await open(`${path}?after=${id}`).rest()]).toEqual([id, whole.slice(i + 1)])
  }
})

test('a socket ends where a run waits for outputs, and shows the rest to who comes back', async () => {
  const { path, threadId, runId } = await start('caller')
  const first = await open(path).rest()
  expect(first.at(-2)?.event).toBe('thread.run.requires_action')
  expect((await calls.submit(threadId, runId, { call_1: 'ok' })).status).toBe(200)
  const second = await open(`${path}?after=${first.at(-2)?.id}`).rest()
  expect(second[0]?.event).toBe('thread.run.step.completed')
  expect(second.at(-2)?.event).toBe('thread.run.completed')
})

test('the cancel message cancels the run, and the socket tells it to the end', async () => {
  const { path, threadId, runId } = await start('held')
  const socket = open(path)
  await socket.until('thread.message.delta')
  socket.send('{"type":"cancel"}')
  const names = (await socket.rest()).map(({ event }) => event)
  expect(names).toEqual([
    ...['thread.run.cancelling', 'thread.message.incomplete', 'thread.run.step.cancelled', 'thread.run.cancelled', 'done'],
  ])
  expect(await socket.closed).toBe(1000)
  expect((await calls.getRun(threadId, runId)).status).toBe('cancelled')
})

test('any other message is answered with an error and changes nothing', async () => {
  const { path, threadId, runId } = await start('held')
  const socket = open(path)
  await socket.until('thread.message.delta')
  for (const message of ['{"type":"pause"}', 'hello', '', '[]', 'null', '{"type":"cancel","now":true}', '{"type":["cancel"]}', '\u0000']) {
    socket.send(message)
    const frame = await socket.next()
    expect([message, frame]).toEqual([
      message,
      { event: 'error', data: { error: expect.objectContaining({ code: 'unknown_message', param: null, type: 'invalid_request_error' }) } },
    ])
  }
  expect((await calls.getRun(threadId, runId)).status).toBe('in_progress')
  socket.send('{"type":"cancel"}')
  expect((await socket.rest()).at(-2)?.event).toBe('thread.run.cancelled')
})

test('a message that is too long ends the socket, and not the run', async () => {
  const { path, threadId, runId } = await start('held')
  const socket = open(path)
  await socket.until('thread.message.delta')
  socket.send('x'.repeat(100_000))
  await socket.closed
  expect((await calls.getRun(threadId, runId)).status).toBe('in_progress')
  await calls.ok('POST', `/v1/threads/${threadId}/runs/${runId}/cancel`)
})

test('a client that leaves does not stop the run', async () => {
  const { path, threadId, runId } = await start('scripted/t30-d5')
  const socket = open(path)
  await socket.until('thread.message.delta')
  socket.leave()
  expect((await calls.reached(threadId, runId)).status).toBe('completed')
})

test('a key in a subprotocol is as good as one in a header, and the plain name is taken', async () => {
  const { path } = await start('speaker')
  const both = open(path, { protocols: ['tetraport', `tetraport-key.${encodeURIComponent(served.key)}`] })
  await both.opened
  expect(both.protocol).toBe('tetraport')
  expect((await both.rest()).at(-1)?.event).toBe('done')
  const alone = open(path, { protocols: [`tetraport-key.${served.key}`] })
  await alone.opened
  expect((await alone.rest()).at(-1)?.event).toBe('done')
})

describe('a socket is refused before it opens', () => {
  const upgrade = async (path: string, headers: Record<string, string>) => {
    const response = await fetch(served.url + path, {
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
        ...headers,
      },
    })
    return { status: response.status, body: (await response.json()) as { error: JsonObject } }
  }
  const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

  test('without a key, with a wrong one and with a key in the query', async () => {
    const { path } = await start('speaker')
    expect((await upgrade(path, {})).status).toBe(401)
    expect((await upgrade(path, bearer('wrong'))).status).toBe(401)
    expect((await upgrade(path, { 'sec-websocket-protocol': 'tetraport, tetraport-key.wrong' })).status).toBe(401)
    expect((await upgrade(`${path}?key=${served.key}`, {})).status).toBe(401)
    await expect(open(path, {}).opened).rejects.toThrow('refused')
  })

  test("for another tenant's run exactly as for none", async () => {
    const { path, runId } = await start('speaker')
    const missing = `run_${'0'.repeat(31)}1`
    const theirs = await upgrade(path, bearer(served.otherKey))
    const none = await upgrade(path.replace(runId, missing), bearer(served.otherKey))
    expect(theirs.status).toBe(404)
    expect(JSON.stringify(theirs)).toBe(JSON.stringify(none).replaceAll(missing, runId))
  })

  test('for a place that no stream has', async () => {
    const { path } = await start('speaker')
    const refused = await upgrade(`${path}?after=abc`, bearer(served.key))
    expect([refused.status, refused.body.error.param]).toEqual([400, 'after'])
  })
})
