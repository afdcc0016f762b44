import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { JsonObject } from '../../../src/core/json.ts'
import type { ScriptTurn } from '../../../src/drivers/models/port.ts'
import { Calls } from '../../support/calls.ts'
import { EventReader, readEvents } from '../../support/events.ts'
import { readData, SERVER_START_MS, type Served, serve } from '../../support/served.ts'

const SCRIPTS: Record<string, ScriptTurn[]> = {
  speaker: [{ text: ['one ', 'two'] }],
  caller: [{ calls: [{ id: 'call_1', name: 'look', arguments: {} }] }, { text: ['seen'] }],
}

let served: Served
let calls: Calls
let keys = 0

beforeAll(async () => {
  served = await serve({ scripts: SCRIPTS }, { worker: true })
  calls = new Calls(served)
}, SERVER_START_MS)
afterAll(() => served.close())

const fresh = (): string => `key ${++keys}`
const post = (path: string, body: unknown, key: string, tenant?: string) =>
  served.send('POST', path, body, { headers: { 'idempotency-key': key }, ...(tenant === undefined ? {} : { key: tenant }) })

const countOf = async (path: string): Promise<number> => ((await calls.ok('GET', `${path}?limit=100`)).data as unknown[]).length

/** Requests that make something, and a list that it would show in. */
const EFFECTS: Record<string, () => Promise<{ path: string; body: JsonObject; other: JsonObject; list?: string }>> = {
  assistant: async () => ({ path: '/v1/assistants', body: { model: 'echo', name: 'a' }, other: { model: 'echo' }, list: '/v1/assistants' }),
  thread: async () => ({ path: '/v1/threads', body: { metadata: { a: '1' } }, other: {} }),
  message: async () => {
    const path = `/v1/threads/${await calls.thread()}/messages`
    return { path, body: { role: 'user', content: 'x' }, other: { role: 'user', content: 'y' }, list: path }
  },
  run: async () => {
    const [path, id] = [`/v1/threads/${await calls.thread()}/runs`, await calls.assistant('speaker')]
    return { path, body: { assistant_id: id }, other: { assistant_id: id, stream: false }, list: path }
  },
  'thread and run': async () => {
    const id = await calls.assistant('speaker')
    return { path: '/v1/threads/runs', body: { assistant_id: id }, other: { assistant_id: id, metadata: { a: '1' } } }
  },
  'stored completion': async () => {
    const body = { model: 'echo', messages: [{ role: 'user', content: 'x' }], store: true }
    return { path: '/v1/chat/completions', body, other: { ...body, store: false }, list: '/v1/chat/completions' }
  },
}

for (const [what, prepare] of Object.entries(EFFECTS)) {
  test(`the same key and body make one ${what}, however often and however many at once`, async () => {
    const { path, body, list } = await prepare()
    const key = fresh()
    const before = list ? await countOf(list) : 0
    const answers = await Promise.all(Array.from({ length: 8 }, () => post(path, body, key)))
    answers.push(await post(path, body, key))
    expect(answers.map(({ status }) => status)).toEqual(Array(9).fill(200))
    const ids = new Set(await Promise.all(answers.map(async (answer) => String(((await answer.json()) as JsonObject).id))))
    expect(ids.size).toBe(1)
    if (list) expect(await countOf(list)).toBe(before + 1)
  })

  test(`another body under the key of a ${what} is refused by name`, async () => {
    const { path, body, other } = await prepare()
    const key = fresh()
    expect((await post(path, body, key)).status).toBe(200)
    const refused = await post(path, other, key)
    expect(refused.status).toBe(400)
    expect(await refused.json()).toMatchObject({ error: { code: 'idempotency_key_reused', param: 'Idempotency-Key' } })
    expect((await post(path, body, key)).status).toBe(200)
  })
}

test('a repeated answer is the first one, word for word', async () => {
  const key = fresh()
  const [first, second] = [await post('/v1/threads', {}, key), await post('/v1/threads', {}, key)]
  expect(await second.text()).toBe(await first.text())
})

test('a streamed run repeated with its key is the same stream from its start', async () => {
  const [path, id] = [`/v1/threads/${await calls.thread()}/runs`, await calls.assistant('speaker')]
  const [key, body] = [fresh(), { assistant_id: id, stream: true }]
  const first = await readEvents(await post(path, body, key))
  expect(first.at(-2)?.event).toBe('thread.run.completed')
  expect(await readEvents(await post(path, body, key))).toEqual(first)
  expect(await countOf(path)).toBe(1)
})

test('a stream that broke is got again with the key, while the run goes on', async () => {
  const [path, id] = [`/v1/threads/${await calls.thread()}/runs`, await calls.assistant('scripted/t40-d5')]
  const [key, body] = [fresh(), { assistant_id: id, stream: true }]
  const broken = new EventReader(await post(path, body, key))
  const seen = await broken.until('thread.message.delta')
  await broken.leave()
  const again = await readEvents(await post(path, body, key))
  expect(again.slice(0, seen.length)).toEqual(seen)
  expect(again.at(-2)?.event).toBe('thread.run.completed')
  expect(await countOf(path)).toBe(1)
})

test('outputs submitted twice with one key go on once', async () => {
  const threadId = await calls.thread()
  const run = await calls.run(threadId, await calls.assistant('caller'))
  await calls.reached(threadId, String(run.id), ['requires_action'])
  const path = `/v1/threads/${threadId}/runs/${run.id}/submit_tool_outputs`
  const [key, body] = [fresh(), { tool_outputs: [{ tool_call_id: 'call_1', output: 'ok' }], stream: true }]
  const first = await readEvents(await post(path, body, key))
  expect(first[0]?.event).toBe('thread.run.step.completed')
  expect(await readEvents(await post(path, body, key))).toEqual(first)
})

test('a streamed completion repeated with its key says the same text', async () => {
  const body = { model: 'echo', messages: [{ role: 'user', content: 'say this' }], stream: true }
  const key = fresh()
  const text = async () => {
    const chunks = (await readData(await post('/v1/chat/completions', body, key))).slice(0, -1)
    return chunks
      .map((chunk) => (JSON.parse(chunk) as { choices: { delta: { content?: string } }[] }).choices[0]?.delta.content ?? '')
      .join('')
  }
  expect([await text(), await text()]).toEqual(['say this', 'say this'])
})

test('a key belongs to its tenant and its route', async () => {
  const key = fresh()
  const mine = (await (await post('/v1/threads', {}, key)).json()) as JsonObject
  const theirs = (await (await post('/v1/threads', {}, key, served.otherKey)).json()) as JsonObject
  expect(theirs.id).not.toBe(mine.id)
  expect((await post(`/v1/threads/${mine.id}`, { metadata: {} }, key)).status).toBe(200)
})

test('a request that was refused keeps nothing: the key is free for the right one', async () => {
  const [path, key] = [`/v1/threads/${await calls.thread()}/runs`, fresh()]
  const missing = { assistant_id: `asst_${'0'.repeat(32)}` }
  expect((await post(path, missing, key)).status).toBe(404)
  expect((await post(path, { assistant_id: await calls.assistant('speaker') }, key)).status).toBe(200)
})

test('a key that is too long is refused by name', async () => {
  const refused = await post('/v1/threads', {}, 'x'.repeat(256))
  expect(refused.status).toBe(400)
  expect(await refused.json()).toMatchObject({ error: { param: 'Idempotency-Key', code: 'invalid_value' } })
  expect((await post('/v1/threads', {}, 'x'.repeat(255))).status).toBe(200)
})
