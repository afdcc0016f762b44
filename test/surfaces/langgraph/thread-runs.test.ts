import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Client } from '@langchain/langgraph-sdk'
import { eventually } from '../../support/eventually.ts'
import { SERVER_START_MS, type Served } from '../../support/served.ts'
import { CLIENTS, lines, openClient, readFrames, serveGraphs } from './kit.ts'

let served: Served
let base: string
beforeAll(async () => {
  served = await serveGraphs()
  base = served.app.config.langgraph.prefix
}, SERVER_START_MS)
afterAll(() => served.close())

const send = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  served.send(method, base + path, body, { headers })
const NOWHERE = '01928374-0000-7000-8000-00000000dead'
const newThread = async (client: Client): Promise<string> => (await client.threads.create()).thread_id
const untilStatus = (client: Client, thread: string, run: string, status: string) =>
  eventually(async () => ((await client.runs.get(thread, run)).status === status ? true : undefined))
const detailOf = async (response: Response) => ({ status: response.status, ...((await response.json()) as { detail: unknown }) })

describe.each(CLIENTS)('the client of langgraph-sdk %s', (_version, Sdk) => {
  const open = () => openClient(served, Sdk)

  test('starts a run in the background, and learns its ids from the header', async () => {
    const client = open()
    const thread = await newThread(client)
    let told: object | undefined
    const run = await client.runs.create(thread, 'steps', { input: {}, metadata: { a: 1 }, onRunCreated: (ids) => (told = ids) })
    expect(told).toEqual({ run_id: run.run_id, thread_id: thread })
    expect(run).toMatchObject({ thread_id: thread, status: 'pending', multitask_strategy: 'reject', metadata: { a: 1 } })
    expect(await client.runs.join(thread, run.run_id)).toEqual({ start: 3, trail: ['one 0', 'two 1', 'three 2'] })
    expect(await client.runs.get(thread, run.run_id)).toMatchObject({ run_id: run.run_id, status: 'success' })
  })

  test('streams a run, and the frames of a join of the finished one are the same, ids included', async () => {
    const client = open()
    const thread = await newThread(client)
    let runId = ''
    const live: object[] = []
    const stream = client.runs.stream(thread, 'steps', {
      input: {},
      streamMode: ['values', 'updates'],
      onRunCreated: ({ run_id }) => (runId = run_id),
    })
    for await (const chunk of stream) live.push(chunk)
    expect(live).toHaveLength(8)
    for (const lastEventId of ['-1', undefined]) {
      const again: object[] = []
      for await (const chunk of client.runs.joinStream(thread, runId, lastEventId ? { lastEventId } : {})) again.push(chunk)
      expect(again).toEqual(live)
    }
  })

  test('waits for values, and throws what a run failed with', async () => {
    const client = open()
    const thread = await newThread(client)
    expect(await client.runs.wait(thread, 'steps', { input: { start: 4 } })).toMatchObject({ start: 7 })
    await expect(client.runs.wait(thread, 'failing', { input: {} })).rejects.toThrow('CustomError: Boo!')
    expect(await client.runs.wait(thread, 'failing', { input: {}, raiseError: false })).toEqual({
      __error__: { error: 'CustomError', message: 'Boo!' },
    } as never)
  })

  test('is told what an interrupted graph asks, and resumes it', async () => {
    const client = open()
    const thread = await newThread(client)
    expect(await client.runs.wait(thread, 'approval', { input: { plan: 'swim' } })).toMatchObject({
      plan: 'swim',
      __interrupt__: [{ value: { plan: 'swim' } }],
    })
    const resume = { approved: true, plan: 'run' }
    expect(await client.runs.wait(thread, 'approval', { command: { resume } })).toEqual({ plan: 'run', done: 'did run' })
  })

  test('lists runs, the newest first, by status and page, with the fields it selects', async () => {
    const client = open()
    const thread = await newThread(client)
    for (const graph of ['steps', 'failing', 'steps']) await client.runs.wait(thread, graph, { input: {}, raiseError: false })
    const all = await client.runs.list(thread)
    expect(all.map(({ status }) => status)).toEqual(['success', 'error', 'success'])
    expect(await client.runs.list(thread, { limit: 1, offset: 1 })).toEqual(all.slice(1, 2))
    expect(await client.runs.list(thread, { status: 'error' })).toEqual(all.slice(1, 2))
    const selected = await client.runs.list(thread, { select: ['run_id', 'status'] as never })
    expect(selected).toEqual(all.map(({ run_id, status }) => ({ run_id, status })) as never)
  })

  test('cancels a run and waits until it has stopped', async () => {
    const client = open()
    const thread = await newThread(client)
    const run = await client.runs.create(thread, 'delay', { input: { delay_ms: 60_000 } })
    await untilStatus(client, thread, run.run_id, 'running')
    await client.runs.cancel(thread, run.run_id, true)
    expect((await client.runs.get(thread, run.run_id)).status).toBe('interrupted')
  })

  test('cancels a run so that nothing of it remains', async () => {
    const client = open()
    const thread = await newThread(client)
    await client.runs.wait(thread, 'steps', { input: {} })
    const before = await client.threads.getState(thread)
    const run = await client.runs.create(thread, 'delay', { input: { delay_ms: 60_000 } })
    await untilStatus(client, thread, run.run_id, 'running')
    await client.runs.cancel(thread, run.run_id, true, 'rollback')
    await expect(client.runs.get(thread, run.run_id)).rejects.toThrow('404')
    expect((await client.threads.getState(thread)).checkpoint).toEqual(before.checkpoint)
  })

  test('deletes a run, but not one that is at work', async () => {
    const client = open()
    const thread = await newThread(client)
    const run = await client.runs.create(thread, 'delay', { input: { delay_ms: 60_000 } })
    await untilStatus(client, thread, run.run_id, 'running')
    await expect(client.runs.delete(thread, run.run_id)).rejects.toThrow('409')
    await client.runs.cancel(thread, run.run_id, true)
    await client.runs.delete(thread, run.run_id)
    await expect(client.runs.get(thread, run.run_id)).rejects.toThrow('404')
  })
})

describe('a run is created', () => {
  test('with headers that say where it is, and where a resumable stream goes on', async () => {
    const thread = await newThread(openClient(served))
    const body = { assistant_id: 'steps', input: {} }
    const created = await send('POST', `/threads/${thread}/runs`, body)
    const { run_id } = (await created.json()) as { run_id: string }
    expect(created.headers.get('content-location')).toBe(`/threads/${thread}/runs/${run_id}`)
    await send('GET', `/threads/${thread}/runs/${run_id}/join`).then((r) => r.text())
    const plain = await send('POST', `/threads/${thread}/runs/stream`, body)
    expect(plain.headers.get('location')).toBeNull()
    await plain.text()
    const resumable = await send('POST', `/threads/${thread}/runs/stream`, { ...body, stream_resumable: true })
    expect(resumable.headers.get('location')).toBe(`${resumable.headers.get('content-location')}/stream`)
    await resumable.text()
    const waited = await send('POST', `/threads/${thread}/runs/wait`, body)
    expect(waited.headers.get('location')).toBe(`${waited.headers.get('content-location')}/join`)
    expect(waited.headers.get('content-type')).toBe('application/json')
  })

  test('on a thread that it makes, where the client says so', async () => {
    const body = { assistant_id: 'steps', input: {} }
    expect(await detailOf(await send('POST', `/threads/${NOWHERE}/runs/wait`, body))).toEqual({
      status: 404,
      detail: `Thread with ID ${NOWHERE} not found`,
    })
    const made = await send('POST', `/threads/${NOWHERE}/runs/wait`, { ...body, if_not_exists: 'create' })
    expect(await made.json()).toMatchObject({ start: 3 })
    expect((await send('GET', `/threads/${NOWHERE}`)).status).toBe(200)
  })

  test('not for an assistant that is not there, nor on a thread that rejects it', async () => {
    const client = openClient(served)
    const thread = await newThread(client)
    const unknown = await detailOf(await send('POST', `/threads/${thread}/runs`, { assistant_id: 'nobody', input: {} }))
    expect(unknown).toMatchObject({ status: 404, detail: expect.stringMatching(/^No assistant found for "nobody"\./) })
    const run = await client.runs.create(thread, 'delay', { input: { delay_ms: 60_000 } })
    const rejected = await detailOf(
      await send('POST', `/threads/${thread}/runs/stream`, { assistant_id: 'steps', multitask_strategy: 'reject' }),
    )
    expect(rejected).toMatchObject({ status: 409, detail: expect.stringMatching(/^Thread is already running a task/) })
    await client.runs.cancel(thread, run.run_id, true)
  })

  test('once for one Idempotency-Key, whatever is made of it', async () => {
    const thread = await newThread(openClient(served))
    const headers = { 'idempotency-key': `key of ${thread}` }
    const body = { assistant_id: 'steps', input: {} }
    const first = await readFrames(await send('POST', `/threads/${thread}/runs/stream`, body, headers))
    const again = await readFrames(await send('POST', `/threads/${thread}/runs/stream`, body, headers))
    expect(again).toEqual(first)
    expect(await openClient(served).runs.list(thread)).toHaveLength(1)
  })

  test('to begin later', async () => {
    const client = openClient(served)
    const thread = await newThread(client)
    const run = await client.runs.create(thread, 'steps', { input: {}, afterSeconds: 3600 })
    expect(await client.runs.get(thread, run.run_id)).toMatchObject({ status: 'pending' })
    expect(await client.threads.get(thread)).toMatchObject({ status: 'busy' })
    await client.runs.cancel(thread, run.run_id)
    expect(await client.runs.get(thread, run.run_id)).toMatchObject({ status: 'interrupted' })
  })

  test('with headers of the request in what the graph is given', async () => {
    const client = openClient(served)
    const thread = await newThread(client)
    const response = await send('POST', `/threads/${thread}/runs`, { assistant_id: 'steps', input: {} }, { 'x-user': 'ada' })
    const { kwargs } = (await response.json()) as { kwargs: { config: { configurable: object } } }
    expect(kwargs.config.configurable).toMatchObject({ 'x-user': 'ada', graph_id: 'steps', thread_id: thread })
    expect(JSON.stringify(kwargs)).not.toContain(served.key)
  })
})

describe('values are', () => {
  const wait = async (graph: string, body: object) => {
    const client = openClient(served)
    const thread = await newThread(client)
    return { thread, values: await client.runs.wait(thread, graph, body as never) }
  }
  test('those of the last step where a breakpoint stops the graph, with an empty interrupt', async () => {
    expect((await wait('steps', { input: {}, interruptBefore: ['two'] })).values).toEqual({
      start: 1,
      trail: ['one 0'],
      __interrupt__: [],
    } as never)
  })
  test('those of the run, when others ran after it and its stream recorded none', async () => {
    const client = openClient(served)
    const thread = await newThread(client)
    const run = await client.runs.create(thread, 'steps', { input: { start: 10 }, streamMode: 'updates' })
    expect(await client.runs.join(thread, run.run_id)).toMatchObject({ start: 13 })
    await client.runs.wait(thread, 'steps', { input: { start: 20 } })
    expect(await client.runs.join(thread, run.run_id)).toMatchObject({ start: 13 })
  })
  test('not there for a run of another tenant', async () => {
    const { thread } = await wait('steps', { input: {} })
    const [run] = await openClient(served).runs.list(thread)
    const asked = ['', '/join', '/stream'].map((what) =>
      served.send('GET', `${base}/threads/${thread}/runs/${run?.run_id}${what}`, undefined, { key: served.otherKey }),
    )
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([404, 404, 404])
  })
})

test('a subgraph is told under its path, and only where it is asked for', async () => {
  const client = openClient(served)
  const told = async (stream_subgraphs: boolean) => {
    const body = { assistant_id: 'nested', input: { topic: 'sea' }, stream_subgraphs }
    return lines(await readFrames(await send('POST', `/threads/${await newThread(client)}/runs/stream`, body)))
  }
  const paths = (await told(true)).map((line) => line.split(' ', 1)[0]?.replaceAll(/:[^|]+/g, ''))
  expect(new Set(paths)).toEqual(new Set(['metadata', 'values', 'values|middle', 'values|middle|inner']))
  expect(new Set((await told(false)).map((line) => line.split(' ', 1)[0]))).toEqual(new Set(['metadata', 'values']))
})

describe('a run that is not there, or an address that is none', () => {
  test('is told by name', async () => {
    const thread = await newThread(openClient(served))
    for (const path of [
      `/threads/${thread}/runs/${NOWHERE}`,
      `/threads/${thread}/runs/${NOWHERE}/join`,
      `/threads/${thread}/runs/${NOWHERE}/stream`,
    ])
      expect(await detailOf(await send('GET', path))).toEqual({ status: 404, detail: 'Run not found' })
    expect(await detailOf(await send('POST', `/threads/${thread}/runs/${NOWHERE}/cancel`))).toEqual({
      status: 404,
      detail: 'Run not found',
    })
    expect((await send('GET', `/threads/${thread}/runs/first`)).status).toBe(422)
    expect((await send('GET', `/threads/${thread}/runs?select=secrets`)).status).toBe(422)
    expect((await send('POST', `/threads/${thread}/runs`, {})).status).toBe(422)
  })
  test('as is an event id that is none of this stream', async () => {
    const client = openClient(served)
    const thread = await newThread(client)
    const run = await client.runs.create(thread, 'steps', { input: {} })
    const response = await send('GET', `/threads/${thread}/runs/${run.run_id}/stream`, undefined, { 'last-event-id': '1729-0' })
    expect(response.status).toBe(422)
    await client.runs.join(thread, run.run_id)
  })
})
