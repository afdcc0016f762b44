import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
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

const send = (method: string, path: string, body?: unknown, init: Parameters<Served['send']>[3] = {}) =>
  served.send(method, base + path, body, init)
interface RunAnswer {
  run_id: string
  thread_id: string
  status: string
}
const run = async (response: Response) => (await response.json()) as RunAnswer
const statusOf = async ({ thread_id, run_id }: RunAnswer) => (await run(await send('GET', `/threads/${thread_id}/runs/${run_id}`))).status
const ended = (of: RunAnswer) => eventually(async () => ((await statusOf(of)) === 'success' ? true : undefined))

describe.each(CLIENTS)('the client of langgraph-sdk %s', (_version, Sdk) => {
  const open = () => openClient(served, Sdk)

  test('runs a graph without a thread: in the background, streaming and waiting', async () => {
    const client = open()
    let told: object | undefined
    const created = await client.runs.create(null, 'steps', { input: { start: 1 }, onRunCreated: (ids) => (told = ids) })
    expect(told).toEqual({ run_id: created.run_id, thread_id: undefined })
    const live: object[] = []
    for await (const chunk of client.runs.stream(null, 'steps', { input: { start: 1 } })) live.push(chunk)
    expect(live.at(-1)).toMatchObject({ event: 'values', data: { start: 4 } })
    expect(await client.runs.wait(null, 'steps', { input: { start: 1 } })).toEqual({ start: 4, trail: ['one 1', 'two 2', 'three 3'] })
  })

  test('joins the stream of a run by its id alone', async () => {
    const client = open()
    const created = await client.runs.create(null, 'steps', { input: { start: 1 } })
    const seen: { event: string }[] = []
    for await (const chunk of client.runs.joinStream(null, created.run_id)) seen.push(chunk)
    expect(seen.map(({ event }) => event)).toEqual(['metadata', 'values', 'values', 'values', 'values'])
  })

  test('starts a batch in its own spelling', async () => {
    const runs = await open().runs.createBatch([
      { assistantId: 'steps', input: { start: 1 }, streamMode: 'updates', metadata: { n: 1 } },
      { assistantId: 'echo', input: { messages: [] }, onCompletion: 'keep' as never },
    ])
    expect(runs).toHaveLength(2)
    expect(runs[0]).toMatchObject({ metadata: { n: 1 }, kwargs: { stream_mode: ['updates'], temporary: true } })
    expect(runs[1]).toMatchObject({ kwargs: { stream_mode: ['values'], temporary: false } })
  })
})

describe('the thread of a run without one', () => {
  test('is gone after the run, whose stream can still be read', async () => {
    const created = await run(await send('POST', '/runs', { assistant_id: 'steps', input: {} }))
    expect(lines(await readFrames(await send('GET', `/runs/${created.run_id}/stream`))).at(-1)).toContain('three 2')
    expect((await send('GET', `/threads/${created.thread_id}`)).status).toBe(404)
    expect(lines(await readFrames(await send('GET', `/runs/${created.run_id}/stream`))).at(-1)).toContain('three 2')
  })
  test('stays where the client says so', async () => {
    const created = await run(await send('POST', '/runs', { assistant_id: 'steps', input: {}, on_completion: 'keep' }))
    await ended(created)
    expect((await send('GET', `/threads/${created.thread_id}`)).status).toBe(200)
  })
  test('is not found by another tenant, nor is its run', async () => {
    const created = await run(await send('POST', '/runs', { assistant_id: 'steps', input: {}, on_completion: 'keep' }))
    expect((await send('GET', `/runs/${created.run_id}/stream`, undefined, { key: served.otherKey })).status).toBe(404)
  })
})

test('a run that failed, or stopped to ask, is told as one with a thread is', async () => {
  const wait = async (body: object) => (await send('POST', '/runs/wait', body)).json()
  expect(await wait({ assistant_id: 'failing', input: {} })).toEqual({ __error__: { error: 'CustomError', message: 'Boo!' } })
  expect(await wait({ assistant_id: 'approval', input: { plan: 'swim' } })).toMatchObject({
    plan: 'swim',
    __interrupt__: [{ value: { plan: 'swim' } }],
  })
})

test('headers of a run without a thread name no thread', async () => {
  const streamed = await send('POST', '/runs/stream', { assistant_id: 'steps', input: {}, stream_resumable: true })
  expect(streamed.headers.get('content-location')).toMatch(/^\/runs\/[\da-f-]{36}$/)
  expect(streamed.headers.get('location')).toBe(`${streamed.headers.get('content-location')}/stream`)
  await streamed.text()
  const batch = await send('POST', '/runs/batch', [{ assistant_id: 'steps' }])
  expect(batch.headers.get('content-location')).toBeNull()
})

describe('a batch', () => {
  test('is refused as a whole, with the place of the mistake', async () => {
    const tenant = await served.newKey('batch')
    const batch = (body: unknown) => send('POST', '/runs/batch', body, { key: tenant })
    const wrong = await batch([{ assistant_id: 'steps' }, { assistant_id: 'steps', stream_mode: 'all' }])
    expect(wrong.status).toBe(422)
    expect(await wrong.json()).toMatchObject({ detail: [{ loc: ['body', 1, 'stream_mode'] }] })
    expect((await batch([{ assistant_id: 'steps' }, { assistant_id: 'nobody' }])).status).toBe(404)
    expect((await batch([])).status).toBe(422)
    expect(await (await send('POST', '/threads/count', {}, { key: tenant })).json()).toBe(0)
  })
})

describe('many runs', () => {
  const start = async (key: string) =>
    run(await send('POST', '/runs', { assistant_id: 'delay', input: { delay_ms: 60_000 }, on_completion: 'keep' }, { key }))
  const status = async ({ thread_id, run_id }: RunAnswer, key: string) =>
    (await run(await send('GET', `/threads/${thread_id}/runs/${run_id}`, undefined, { key }))).status
  const untilStatus = (of: RunAnswer, key: string, wanted: string) =>
    eventually(async () => ((await status(of, key)) === wanted ? true : undefined))

  test('are cancelled by their ids, by their status, and never those of another tenant', async () => {
    const [mine, others] = await Promise.all([served.newKey('canceller'), served.newKey('bystander')])
    const [a, b, theirs] = await Promise.all([start(mine), start(mine), start(others)])
    await Promise.all([untilStatus(a, mine, 'running'), untilStatus(b, mine, 'running'), untilStatus(theirs, others, 'running')])
    const cancel = (body: object, key: string) => send('POST', '/runs/cancel', body, { key })
    expect((await cancel({ run_ids: [a.run_id, theirs.run_id] }, mine)).status).toBe(204)
    await untilStatus(a, mine, 'interrupted')
    expect(await status(b, mine)).toBe('running')
    expect((await cancel({ status: 'all' }, mine)).status).toBe(204)
    await untilStatus(b, mine, 'interrupted')
    expect(await status(theirs, others)).toBe('running')
    await cancel({ thread_id: theirs.thread_id, run_ids: [theirs.run_id] }, others)
    await untilStatus(theirs, others, 'interrupted')
  })
  test('are not cancelled by a request that does not say which', async () => {
    expect((await send('POST', '/runs/cancel', {})).status).toBe(422)
  })
})

test('a webhook that will never be called is refused by name', async () => {
  const refused = await send('POST', '/runs', { assistant_id: 'steps', webhook: 'ftp://somewhere' })
  expect(refused.status).toBe(422)
  expect(await refused.json()).toMatchObject({ detail: [{ loc: ['body', 'webhook'] }] })
})
