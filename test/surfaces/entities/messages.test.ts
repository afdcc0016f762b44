import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { ensureActions } from '../../../src/core/actions/actions.ts'
import { operator } from '../../../src/core/identity/tenants.ts'
import type { JsonObject } from '../../../src/core/json.ts'
import { findRun } from '../../../src/core/runs/runs.ts'
import { requireId, spell } from '../../../src/surfaces/entities/ids.ts'
import { Calls } from '../../support/calls.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { newPerson, type Person, sender, told } from './kit.ts'

const ARGUMENTS = { departure: 'LAX', arrival: 'JFK', via: [1, { x: null }] }

let served: Served
let calls: Calls
let ada: Person
let bob: Person
beforeAll(async () => {
  const call = { id: 'call_1', name: 'get_flight_times', arguments: ARGUMENTS }
  served = await serve({ scripts: { flights: [{ calls: [call] }, { text: ['Four hours.'] }] } }, { worker: true })
  calls = new Calls(served)
  ada = await newPerson(served)
  bob = await newPerson(served)
}, SERVER_START_MS)
afterAll(() => served.close())

const as = (who: Person | string) => sender(served, typeof who === 'string' ? who : who.key)

async function json<T = JsonObject>(response: Promise<Response>): Promise<T> {
  const [status, body] = await told(response)
  if (status !== 200) throw new Error(`answered ${status}: ${JSON.stringify(body)}`)
  return body as T
}

const newThread = async (who: Person | string, participant_ids: string[] = []): Promise<string> =>
  String((await json(as(who)('POST', '/threads', { participant_ids }))).id)

const bodyOf = (thread_id: string, content: string, more: JsonObject = {}): JsonObject => ({
  ...{ content, thread_id, assistant_id: 'default', role: 'user' },
  ...more,
})
const say = (who: Person | string, threadId: string, content: string, more: JsonObject = {}) =>
  json(as(who)('POST', '/messages', bodyOf(threadId, content, more)))
const list = (who: Person | string, threadId: string, query = '') =>
  json<JsonObject[]>(as(who)('GET', `/threads/${threadId}/messages${query}`))
const textsOf = (messages: JsonObject[]) => messages.map(({ role, content }) => `${role}: ${content}`)
const formatted = (who: Person | string, threadId: string) => json<JsonObject[]>(as(who)('GET', `/threads/${threadId}/formatted_messages`))

/** A run that waits for its client, and the action that says for what. */
async function waitingRun(): Promise<{ threadId: string; runId: string; openaiThread: string; openaiRun: string; actionId: string }> {
  const openaiThread = await calls.thread('Flight times LAX to JFK?')
  const functions = [{ type: 'function', function: { name: 'get_flight_times', parameters: { type: 'object' } } }]
  const run = await calls.run(openaiThread, await calls.assistant('scripted/flights', { tools: functions }))
  await calls.reached(openaiThread, String(run.id))
  const caller = await operator(served.app, 'one')
  const found = await findRun(served.app, caller, requireId('run', String(run.id)))
  const [action] = await ensureActions(served.app, caller, found)
  return {
    ...{ threadId: spell('thread', found.threadId), runId: spell('run', found.id), openaiThread, openaiRun: String(run.id) },
    actionId: spell('action', action?.id ?? ''),
  }
}

const SYSTEM = { role: 'system', content: 'Be as kind, intelligent, and helpful' }

describe('a message', () => {
  test('is answered as it was sent', async () => {
    const thread = await newThread(ada)
    const meta_data = { word: 'x', n: 2, deep: { a: [1] } }
    const sent = { role: 'USER', sender_id: ada.id, tool_id: 'dropped', meta_data, is_last_chunk: true, later: 'field' }
    const message = await say(ada, thread, 'hello', sent)
    expect(message).toEqual({
      ...{ id: expect.stringMatching(/^message_[A-Za-z0-9]{22}$/), assistant_id: 'default', attachments: [], completed_at: null },
      ...{ content: 'hello', created_at: expect.any(Number), incomplete_at: null, incomplete_details: null, meta_data },
      ...{ object: 'message', role: 'user', run_id: null, tool_id: null, status: null, thread_id: thread, sender_id: ada.id },
    })
    expect(await json(as(ada)('GET', `/messages/${message.id}`))).toEqual(message)
    expect(await list(ada, thread)).toEqual([message])
  })

  test('of every role is shown in that role', async () => {
    const thread = await newThread(ada)
    for (const role of ['user', 'assistant', 'system', 'platform', 'tool']) await say(ada, thread, role, { role, meta_data: null })
    expect((await list(ada, thread)).map(({ role }) => role)).toEqual(['user', 'assistant', 'system', 'platform', 'tool'])
    const [status, body] = await told(as(ada)('POST', '/messages', bodyOf(thread, 'x', { role: 'robot' })))
    expect([status, body]).toMatchObject([422, { detail: [{ type: 'enum', loc: ['body', 'role'], input: 'robot' }] }])
  })

  test('is listed with the others in their order, from either end', async () => {
    const thread = await newThread(ada)
    const words = Array.from({ length: 25 }, (_, i) => `m${i}`)
    for (const word of words) await say(ada, thread, word)
    const contents = async (query: string) => (await list(ada, thread, query)).map(({ content }) => content)
    expect(await contents('')).toEqual(words.slice(0, 20))
    expect(await contents('?limit=1000000')).toEqual(words)
    expect(await contents('?order=asc&limit=2')).toEqual(['m0', 'm1'])
    expect(await contents('?order=newest&limit=2')).toEqual(['m24', 'm23'])
    expect(await contents('?limit=0')).toEqual([])
    for (const limit of ['-1', 'x', '1.5'])
      expect(await told(as(ada)('GET', `/threads/${thread}/messages?limit=${limit}`))).toMatchObject([
        422,
        { detail: [{ loc: ['query', 'limit'] }] },
      ])
  })

  test('with what no table can hold is refused', async () => {
    const thread = await newThread(ada)
    for (const content of ['nul \u0000', 'half \ud800'])
      expect((await as(ada)('POST', '/messages', bodyOf(thread, content))).status).toBe(422)
    expect(await list(ada, thread)).toEqual([])
  })

  test('is written once, however often it is sent with one key', async () => {
    const thread = await newThread(ada)
    const headers = { 'idempotency-key': crypto.randomUUID() }
    const send = (path: string, more: JsonObject = {}) => json(as(ada)('POST', path, bodyOf(thread, 'x', more), { headers }))
    expect(await send('/messages')).toEqual(await send('/messages'))
    expect(await send('/messages/assistant', { is_last_chunk: true })).toEqual(await send('/messages/assistant', { is_last_chunk: true }))
    expect(await send('/messages/tools')).toEqual(await send('/messages/tools'))
    expect(await list(ada, thread)).toHaveLength(3)
  })

  test('changes its meta_data only, and can be deleted', async () => {
    const thread = await newThread(ada)
    const { id } = await say(ada, thread, 'x', { meta_data: { a: 1, b: 'c' } })
    const changed = await json(as(ada)('PUT', `/messages/${id}`, { meta_data: { a: 'one', d: [2] } }))
    expect(changed).toMatchObject({ content: 'x', meta_data: { a: 'one', b: 'c', d: [2] } })
    expect(await json(as(ada)('GET', `/messages/${id}`))).toEqual(changed)
    expect((await as(ada)('PUT', `/messages/${id}`, { content: 'y', meta_data: {} })).status).toBe(422)
    expect(await told(as(ada)('DELETE', `/messages/${id}`))).toEqual([200, { id: id as string, object: 'message', deleted: true }])
    expect(await told(as(ada)('GET', `/messages/${id}`))).toEqual([404, { detail: 'Message not found' }])
    expect(await list(ada, thread)).toEqual([])
  })
})

describe('who may', () => {
  test('take part writes and reads, and changes what is his own', async () => {
    const thread = await newThread(ada, [bob.id])
    const { id: hers } = await say(ada, thread, 'hers')
    const { id: his } = await say(bob, thread, 'his')
    expect(textsOf(await list(bob, thread))).toEqual(['user: hers', 'user: his'])
    expect((await as(bob)('PUT', `/messages/${hers}`, { meta_data: {} })).status).toBe(403)
    expect((await as(bob)('DELETE', `/messages/${hers}`)).status).toBe(403)
    expect((await as(bob)('PUT', `/messages/${his}`, { meta_data: {} })).status).toBe(200)
    expect((await as(ada)('DELETE', `/messages/${his}`)).status).toBe(200)
  })

  test('writes in the name of no other user, unless he is a manager', async () => {
    const thread = await newThread(ada, [bob.id])
    expect((await as(bob)('POST', '/messages', bodyOf(thread, 'x', { sender_id: ada.id }))).status).toBe(403)
    expect((await say(served.key, thread, 'x', { sender_id: ada.id })).sender_id).toBe(ada.id)
    expect((await say(bob, thread, 'x', { sender_id: 'somebody' })).sender_id).toBe('somebody')
  })

  test('not take part finds no thread and no message', async () => {
    const thread = await newThread(ada)
    const { id } = await say(ada, thread, 'mine')
    const noThread = [404, { detail: 'Thread not found' }] as [number, unknown]
    const noMessage = [404, { detail: 'Message not found' }] as [number, unknown]
    for (const who of [bob, served.otherKey]) {
      for (const path of ['/messages', '/messages/assistant', '/messages/tools'])
        expect(await told(as(who)('POST', path, bodyOf(thread, 'x')))).toEqual(noThread)
      for (const path of ['messages', 'formatted_messages'])
        expect(await told(as(who)('GET', `/threads/${thread}/${path}`))).toEqual(noThread)
      expect(await told(as(who)('GET', `/messages/${id}`))).toEqual(noMessage)
      expect(await told(as(who)('PUT', `/messages/${id}`, { meta_data: {} }))).toEqual(noMessage)
      expect(await told(as(who)('DELETE', `/messages/${id}`))).toEqual(noMessage)
    }
    expect(await told(as(ada)('POST', '/messages', bodyOf('thread_x', 'x')))).toEqual(noThread)
    expect(await list(ada, thread)).toHaveLength(1)
  })
})

describe('an assistant message', () => {
  const piece = (thread: string, content: string, more: JsonObject = {}) =>
    as(ada)('POST', '/messages/assistant', bodyOf(thread, content, { role: 'assistant', sender_id: 'default', ...more }))

  test('comes in pieces, and is there with the last one', async () => {
    const thread = await newThread(ada)
    for (const content of ['one ', 'two ']) expect(await told(piece(thread, content))).toEqual([202, { status: 'buffered' }])
    expect(await told(piece(thread, 'of somebody else', { sender_id: 'other' }))).toEqual([202, { status: 'buffered' }])
    expect(await list(ada, thread)).toEqual([])
    const message = await json(piece(thread, 'three', { is_last_chunk: true }))
    expect(message).toMatchObject({ role: 'assistant', content: 'one two three', sender_id: 'default', tool_id: null, meta_data: {} })
    expect(message.completed_at).toBe(message.created_at as number)
    expect(await list(ada, thread)).toEqual([message])
    expect((await json(piece(thread, 'again', { is_last_chunk: true }))).content).toBe('again')
  })

  test('a piece that is sent again with its key is there once', async () => {
    const thread = await newThread(ada)
    const headers = { 'idempotency-key': crypto.randomUUID() }
    for (let i = 0; i < 2; i++)
      await as(ada)('POST', '/messages/assistant', bodyOf(thread, 'once ', { role: 'assistant', sender_id: 'default' }), { headers })
    expect((await json(piece(thread, 'end', { is_last_chunk: true }))).content).toBe('once end')
  })

  test('that grows too large is refused', async () => {
    const thread = await newThread(ada)
    const half = 'x'.repeat(600_000)
    expect((await piece(thread, half)).status).toBe(202)
    expect((await piece(thread, half)).status).toBe(413)
    expect(String((await json(piece(thread, '', { is_last_chunk: true }))).content)).toHaveLength(600_000)
  })
})

describe('what a tool came to', () => {
  test('completes the action it answers, and is the same message before and after the run goes on', async () => {
    const { threadId, runId, openaiThread, openaiRun, actionId } = await waitingRun()
    const body = bodyOf(threadId, '{"status": "success"}', { role: 'user', tool_id: actionId, sender_id: 'me' })
    const message = await json(as(served.key)('POST', '/messages/tools', body))
    expect(message).toMatchObject({ role: 'tool', tool_id: actionId, sender_id: null, run_id: null, completed_at: null })
    expect(await json(as(served.key)('POST', '/messages/tools', body))).toEqual(message)
    const before = await list(served.key, threadId)
    expect(before.at(-1)).toEqual({ ...message, sender_id: 'me' })
    expect(await json(as(served.key)('GET', `/messages/${message.id}`))).toEqual({ ...message, sender_id: 'me' })
    expect((await list(served.key, threadId, '?order=desc&limit=1'))[0]?.id).toBe(message.id as string)
    const call = '{"name": "get_flight_times", "arguments": {"departure": "LAX", "arrival": "JFK", "via": [1, {"x": null}]}}'
    const conversation = [
      SYSTEM,
      { role: 'user', content: 'Flight times LAX to JFK?' },
      { role: 'assistant', content: call },
      { role: 'tool', tool_call_id: actionId, content: '{"status": "success"}' },
    ]
    expect(await formatted(served.key, threadId)).toEqual(conversation)
    const caller = await operator(served.app, 'one')
    const { id } = await findRun(served.app, caller, requireId('run', runId))
    const [action] = await ensureActions(served.app, caller, await findRun(served.app, caller, id))
    expect(action).toMatchObject({ status: 'completed', result: { output: '{"status": "success"}' } })
    await calls.submit(openaiThread, openaiRun, { call_1: '{"status": "success"}' })
    await calls.reached(openaiThread, openaiRun)
    expect(textsOf(await list(served.key, threadId))).toEqual([
      ...['user: Flight times LAX to JFK?', `assistant: ${call}`, 'tool: {"status": "success"}', 'assistant: Four hours.'],
    ])
    expect((await formatted(served.key, threadId))[3]).toMatchObject({ role: 'tool', content: '{"status": "success"}' })
  })

  test('is shown by its assistant and its run where the engine wrote it', async () => {
    const { threadId, runId, openaiThread, openaiRun } = await waitingRun()
    await calls.submit(openaiThread, openaiRun, { call_1: 'ok' })
    await calls.reached(openaiThread, openaiRun)
    const [, , output, last] = await list(served.key, threadId)
    expect(output).toMatchObject({ role: 'tool', tool_id: expect.any(String), run_id: runId })
    expect(last?.assistant_id).toStartWith('asst_')
    expect(last?.sender_id).toBe(last?.assistant_id as string)
    expect(last).toMatchObject({ role: 'assistant', run_id: runId, completed_at: expect.any(Number) })
  })

  test('for no action is a message, and refused while a run waits for another answer', async () => {
    const thread = await newThread(ada)
    const message = await json(as(ada)('POST', '/messages/tools', bodyOf(thread, 'out', { tool_id: 'dummy' })))
    expect(message).toMatchObject({ role: 'tool', tool_id: 'dummy', content: 'out' })
    expect(await formatted(ada, thread)).toEqual([SYSTEM, { role: 'tool', tool_call_id: 'dummy', content: 'out' }])
    await json(as(ada)('POST', '/messages/tools', bodyOf(thread, 'bare')))
    expect((await formatted(ada, thread)).at(-1)).toEqual({ role: 'tool', content: 'bare' })
    const { threadId, openaiThread, openaiRun } = await waitingRun()
    const [status, body] = await told(as(served.key)('POST', '/messages/tools', bodyOf(threadId, 'x', { tool_id: 'dummy' })))
    expect([status, body]).toMatchObject([400, { detail: expect.stringContaining('waits for the outputs') }])
    expect((await calls.getRun(openaiThread, openaiRun)).status).toBe('requires_action')
  })
})

test('a message on a thread whose run waits ends that run', async () => {
  const { threadId, openaiThread, openaiRun } = await waitingRun()
  await say(served.key, threadId, 'never mind')
  expect((await calls.getRun(openaiThread, openaiRun)).status).toBe('cancelled')
  expect((await list(served.key, threadId)).at(-1)?.content).toBe('never mind')
})

test("a thread goes on through the other surface's messages, and back", async () => {
  const thread = await newThread(served.key)
  await say(served.key, thread, 'from here', { meta_data: { k: 'v', n: 1 } })
  const there = await calls.ok('GET', `/v1/threads/${thread}/messages`)
  expect(there.data ?? there).toMatchObject([{ content: [{ text: { value: 'from here' } }], metadata: { k: 'v' } }])
  const content = [
    { type: 'text', text: 'from there' },
    { type: 'text', text: 'twice' },
  ]
  await calls.ok('POST', `/v1/threads/${thread}/messages`, { role: 'user', content })
  expect(textsOf(await list(served.key, thread))).toEqual(['user: from here', 'user: from there\ntwice'])
})
