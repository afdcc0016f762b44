import { afterAll, beforeAll, expect, test } from 'bun:test'
import { eventually } from '../../support/eventually.ts'
import { SERVER_START_MS, type Served } from '../../support/served.ts'
import { openClient, serveGraphs } from './kit.ts'

let served: Served
let base: string
beforeAll(async () => {
  served = await serveGraphs({ http: { keepAliveMs: 40, streamsMax: 2 } }, { scripts: { talker: [{ text: ['Hello ', 'there'] }] } })
  base = served.app.config.langgraph.prefix
}, SERVER_START_MS)
afterAll(() => served.close())

const send = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  served.send(method, base + path, body, { headers })
const newThread = async () => (await openClient(served).threads.create()).thread_id
const SLOW = { assistant_id: 'delay', input: { delay_ms: 60_000 } }
const stop = (path: string, query = '?wait=1') => send('POST', `${path}/cancel${query}`)
const pathOf = (response: Response): string => response.headers.get('content-location') ?? ''

test('white space keeps the connection alive until the values are there', async () => {
  const response = await send('POST', `/threads/${await newThread()}/runs/wait`, { assistant_id: 'delay', input: { delay_ms: 300 } })
  expect(response.headers.get('content-type')).toBe('application/json')
  const text = await response.text()
  expect(text).toMatch(/^\n{2,}\{/)
  expect(JSON.parse(text)).toEqual({ delay_ms: 300, slept: true })
})

test('a run that was cancelled answers what it had by then', async () => {
  const response = await send('POST', `/threads/${await newThread()}/runs/wait`, SLOW)
  await stop(pathOf(response))
  expect(await response.json()).toEqual({ delay_ms: 60_000 })
})

test('a run that was rolled back answers that it is gone', async () => {
  const response = await send('POST', `/threads/${await newThread()}/runs/wait`, SLOW)
  await stop(pathOf(response), '?wait=1&action=rollback')
  expect(await response.json()).toEqual({ __error__: { error: 'NotFoundError', message: 'Run not found' } })
})

test('a run that waits for its turn is waited for, and the values are its own', async () => {
  const thread = await newThread()
  const first = await send('POST', `/threads/${thread}/runs`, SLOW)
  const second = send('POST', `/threads/${thread}/runs/wait`, { assistant_id: 'steps', input: { start: 5 }, multitask_strategy: 'enqueue' })
  await eventually(async () => ((await openClient(served).runs.list(thread)).length === 2 ? true : undefined))
  await stop(pathOf(first))
  expect(await (await second).json()).toMatchObject({ start: 8 })
})

test('a run of another dialect can be joined: its values are those of the thread', async () => {
  const post = async (path: string, body: object) =>
    (await served.send('POST', `/v1${path}`, body, { headers: { 'openai-beta': 'assistants=v2' } })).json() as Promise<{ id: string }>
  const uuid = (id: string) => id.replace(/^[a-z]+_/, '').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  const assistant = await post('/assistants', { model: 'talker' })
  const thread = await post('/threads', { messages: [{ role: 'user', content: 'hi' }] })
  const run = await post(`/threads/${thread.id}/runs`, { assistant_id: assistant.id })
  const values = await (await send('GET', `/threads/${uuid(thread.id)}/runs/${uuid(run.id)}/join`)).json()
  expect(values).toMatchObject({ messages: [{ type: 'human' }, { type: 'ai', content: 'Hello there' }] })
})

test('a run that was started is not started again because too many wait: the answer is no reason to repeat it', async () => {
  const open = await Promise.all([1, 2].map(async () => send('POST', `/threads/${await newThread()}/runs/wait`, SLOW)))
  const thread = await newThread()
  const refused = await send('POST', `/threads/${thread}/runs/wait`, { assistant_id: 'steps', input: {} })
  expect(refused.status).toBe(409)
  expect(await openClient(served).runs.list(thread)).toHaveLength(1)
  for (const response of open) {
    await stop(pathOf(response))
    await response.text()
  }
})

test('a run without a thread answers its values too where it streams something else', async () => {
  const response = await send('POST', '/runs/wait', { assistant_id: 'steps', input: { start: 5 }, stream_mode: ['updates'] })
  expect(await response.json()).toEqual({ start: 8, trail: ['one 5', 'two 6', 'three 7'] })
})
