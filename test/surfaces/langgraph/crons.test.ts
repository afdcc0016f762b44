import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Client } from '@langchain/langgraph-sdk'
import { eventually } from '../../support/eventually.ts'
import { SERVER_START_MS, type Served } from '../../support/served.ts'
import { CLIENTS, openClient, serveGraphs } from './kit.ts'

let served: Served
beforeAll(async () => {
  served = await serveGraphs({ engine: { pollMs: 50 } })
}, SERVER_START_MS)
afterAll(() => served.close())

const HI = { messages: [{ role: 'user', content: 'hi' }] }
const AGENT_OF_ECHO = '046b5dc7-2108-582c-9c6c-31d556d138f0'

interface Shown extends Record<string, unknown> {
  cron_id: string
  payload: Record<string, unknown>
}

const send = (method: string, path: string, body?: unknown, key = served.key) =>
  served.send(method, `${served.app.config.langgraph.prefix}${path}`, body, { key })
const create = async (body: object = {}, path = '/runs/crons'): Promise<Shown> => {
  const response = await send('POST', path, { assistant_id: 'echo', schedule: '0 0 1 1 *', input: HI, ...body })
  expect(response.status).toBe(200)
  return (await response.json()) as Shown
}
const refusal = async (method: string, path: string, body?: unknown) => {
  const response = await send(method, path, body)
  const { detail } = (await response.json()) as { detail: string | { loc: (string | number)[] }[] }
  return [response.status, typeof detail === 'string' ? detail : detail[0]?.loc.join('.')]
}
const search = async (body: object = {}): Promise<Shown[]> => (await (await send('POST', '/runs/crons/search', body)).json()) as Shown[]
const newThread = async (client: Client): Promise<string> => (await client.threads.create()).thread_id

describe.each(CLIENTS)('the client of langgraph-sdk %s', (_version, Sdk) => {
  test('goes through the life of a cron', async () => {
    const { crons } = openClient(served, Sdk)
    const metadata = { of: crypto.randomUUID() }
    const made = await crons.create('echo', {
      ...{ schedule: '27 15 * * *', input: HI, config: { tags: ['t'] }, context: { c: 1 }, metadata, multitaskStrategy: 'enqueue' },
      ...{ webhook: 'https://example.com/hook?x=1', interruptBefore: ['talk'], onRunCompleted: 'keep', enabled: true },
    })
    const [found] = await crons.search({ assistantId: 'echo', limit: 1 })
    expect(found).toEqual(made as never)
    expect(found).toMatchObject({
      ...{ schedule: '27 15 * * *', thread_id: null, end_time: null, enabled: true, metadata, on_run_completed: 'keep' },
      payload: {
        input: HI,
        config: { tags: ['t'] },
        context: { c: 1 },
        metadata,
        webhook: 'https://example.com/hook?x=1',
        interrupt_before: ['talk'],
      },
    })
    expect(new Date(found?.next_run_date ?? 0).toISOString()).toEndWith('T15:27:00.000Z')
    const { cron_id } = made as unknown as Shown
    expect(await crons.count({ assistantId: 'echo' })).toBeGreaterThan(0)
    expect(await crons.update(cron_id, { enabled: false, schedule: '0 1 * * *' })).toMatchObject({
      ...{ enabled: false, schedule: '0 1 * * *', next_run_date: null, metadata },
      payload: { input: HI },
    })
    await crons.delete(cron_id)
    expect((await crons.search({ limit: 1000 })).map((cron) => cron.cron_id)).not.toContain(cron_id)
  })

  test('makes crons of a thread, which start their runs there', async () => {
    const client = openClient(served, Sdk)
    const threadId = await newThread(client)
    const made = await client.crons.createForThread(threadId, 'echo', { schedule: '* * * * * *', input: HI, multitaskStrategy: 'enqueue' })
    await eventually(async () => (await client.runs.list(threadId, { status: 'success' }))[0])
    await client.crons.delete((made as unknown as Shown).cron_id)
    const state = await client.threads.getState<{ messages: { content: string }[] }>(threadId)
    expect(state.values.messages[0]?.content).toBe('hi')
  })
})

test('the fields of 1.15.0: a timezone, stream modes, and an end that null takes away', async () => {
  const { crons } = openClient(served)
  const made = (await crons.create('echo', {
    ...{
      schedule: '0 12 * * *',
      timezone: 'Asia/Kolkata',
      endTime: '2100-01-01T00:00:00+02:00',
      streamMode: ['updates'],
      streamSubgraphs: true,
    },
    ...{ streamResumable: true, durability: 'exit' },
  })) as unknown as Shown
  expect(made).toMatchObject({ timezone: 'Asia/Kolkata', end_time: '2099-12-31T22:00:00.000Z' })
  expect(String(made.next_run_date)).toEndWith('T06:30:00.000Z')
  expect(made.payload).toMatchObject({ stream_mode: ['updates'], stream_subgraphs: true, stream_resumable: true, durability: 'exit' })
  expect(await crons.update(made.cron_id, { streamMode: 'values' })).toMatchObject({ end_time: '2099-12-31T22:00:00.000Z' })
  const changed = await crons.update(made.cron_id, { endTime: null, webhook: '/own' })
  expect(changed).toMatchObject({ end_time: null, payload: { stream_mode: ['values'], webhook: '/own', durability: 'exit' } })
})

test('an assistant is named by its id or by its graph', async () => {
  expect((await create()).assistant_id).toBe(AGENT_OF_ECHO)
  expect((await create({ assistant_id: AGENT_OF_ECHO.toUpperCase() })).assistant_id).toBe(AGENT_OF_ECHO)
  const [byGraph, byId] = [await search({ assistant_id: 'echo', limit: 1000 }), await search({ assistant_id: AGENT_OF_ECHO, limit: 1000 })]
  expect(byGraph).toEqual(byId)
  expect(await search({ assistant_id: 'nothing' })).toEqual([])
})

test('what cannot be is refused by the name of its field', async () => {
  const made = (body: object) => refusal('POST', '/runs/crons', { assistant_id: 'echo', schedule: '* * * * *', ...body })
  expect(await made({ schedule: 'often' })).toEqual([422, 'body.schedule'])
  expect(await made({ schedule: undefined })).toEqual([422, 'body.schedule'])
  expect(await made({ timezone: 'Mars/Base' })).toEqual([422, 'body.timezone'])
  expect(await made({ end_time: 'soon' })).toEqual([422, 'body.end_time'])
  expect(await made({ webhook: 'http://169.254.169.254/' })).toEqual([422, 'body.webhook'])
  expect(await made({ after_seconds: 5 })).toEqual([422, 'body.after_seconds'])
  expect(await made({ on_completion: 'keep' })).toEqual([422, 'body.on_completion'])
  expect((await made({ assistant_id: 'nobody' }))[0]).toBe(404)
})

test('a cron of a thread needs the thread, or makes it where it is told to', async () => {
  const id = crypto.randomUUID()
  const path = `/threads/${id}/runs/crons`
  expect(await refusal('POST', path, { assistant_id: 'echo', schedule: '* * * * *' })).toEqual([404, `Thread with ID ${id} not found`])
  expect((await create({ if_not_exists: 'create' }, path)).thread_id).toBe(id)
  expect(await refusal('POST', path, { assistant_id: 'echo', schedule: '* * * * *', on_run_completed: 'delete' })).toEqual([
    422,
    'body.on_run_completed',
  ])
  expect('on_run_completed' in (await create({}, path))).toBe(false)
  expect(await refusal('POST', '/threads/nonsense/runs/crons', { assistant_id: 'echo', schedule: '* * * * *' })).toEqual([
    422,
    'path.thread_id',
  ])
})

test('crons are searched, sorted, paged and shown in parts', async () => {
  const of = crypto.randomUUID()
  const [one, two] = [await create({ metadata: { of, deep: { n: 1 } } }), await create({ metadata: { of }, enabled: false })]
  const ids = async (body: object) => (await search(body)).map((cron) => cron.cron_id)
  expect(await ids({ metadata: { of } })).toEqual([two.cron_id, one.cron_id])
  expect(await ids({ metadata: { of }, sort_by: 'created_at', sort_order: 'asc', limit: 1 })).toEqual([one.cron_id])
  expect(await ids({ metadata: { of }, offset: 1 })).toEqual([one.cron_id])
  expect(await ids({ metadata: { of }, enabled: false })).toEqual([two.cron_id])
  expect(await ids({ metadata: { deep: { n: 1 }, of } })).toEqual([one.cron_id])
  const parts: unknown = await search({ metadata: { of }, enabled: true, select: ['cron_id', 'schedule'] })
  expect(parts).toEqual([{ cron_id: one.cron_id, schedule: '0 0 1 1 *' }])
  const count = await send('POST', '/runs/crons/count', { metadata: { of } })
  expect(await count.json()).toBe(2)
  expect(await refusal('POST', '/runs/crons/search', { sort_by: 'payload' })).toEqual([422, 'body.sort_by'])
  expect(await refusal('POST', '/runs/crons/search', { limit: 1001 })).toEqual([422, 'body.limit'])
})

test('a change says one thing only, and null where it means nothing changes nothing', async () => {
  const made = await create({ config: { configurable: { a: 1 } }, metadata: { m: 1 }, webhook: 'https://example.com/' })
  const patch = async (body: object) => (await (await send('PATCH', `/runs/crons/${made.cron_id}`, body)).json()) as Shown
  const { updated_at: _, ...same } = await patch({ schedule: null, config: null, metadata: null, webhook: null, timezone: null })
  expect({ ...made, ...same }).toEqual(made)
  expect((await patch({ input: null })).payload).toEqual({ ...made.payload, input: null })
  expect((await patch({ config: { tags: ['x'] } })).payload.config).toEqual({ tags: ['x'] })
  expect(await refusal('PATCH', `/runs/crons/${made.cron_id}`, { schedule: '61 * * * *' })).toEqual([422, 'body.schedule'])
})

test('what is not there is not found, and another tenant sees none of it', async () => {
  const made = await create()
  const path = `/runs/crons/${made.cron_id}`
  for (const [method, body] of [
    ['PATCH', { enabled: false }],
    ['DELETE', undefined],
  ] as const) {
    expect((await send(method, path, body, served.otherKey)).status).toBe(404)
    expect(await refusal(method, `/runs/crons/${crypto.randomUUID()}`, body)).toEqual([404, 'Cron not found'])
    expect(await refusal(method, '/runs/crons/nonsense', body)).toEqual([422, 'path.cron_id'])
  }
  const others = await send('POST', '/runs/crons/search', {}, served.otherKey)
  expect(await others.json()).toEqual([])
  expect((await send('DELETE', path)).status).toBe(200)
})

test('a request that is sent again with its key makes one cron', async () => {
  const of = crypto.randomUUID()
  const body = { assistant_id: 'echo', schedule: '0 0 1 1 *', metadata: { of } }
  const again = () =>
    served.send('POST', `${served.app.config.langgraph.prefix}/runs/crons`, body, { key: served.key, headers: { 'idempotency-key': of } })
  const [first, second] = [(await (await again()).json()) as Shown, (await (await again()).json()) as Shown]
  expect([second.cron_id, (await search({ metadata: { of } })).length]).toEqual([first.cron_id, 1])
})
