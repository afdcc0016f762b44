import { afterAll, beforeAll, expect, test } from 'bun:test'
import { Client } from '@langchain/langgraph-sdk'
import { newId } from '../../../src/core/id.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'

let served: Served
let client: Client
beforeAll(async () => {
  served = await serve()
  client = new Client({ apiUrl: `${served.url}/langgraph`, apiKey: served.key, callerOptions: { maxRetries: 0 } })
}, SERVER_START_MS)
afterAll(() => served.close())

const send = (method: string, path: string, body?: unknown) => served.send(method, `/langgraph/threads${path}`, body)
const json = async (response: Response): Promise<Record<string, unknown>> => (await response.json()) as Record<string, unknown>
const says = (type: string, content: string) => ({ messages: [{ type, content }] })
const textsOf = (values: unknown): string[] => (values as { messages: { content: string }[] }).messages.map((m) => m.content)

/** Three checkpoints: the input, the answer, and one more answer. */
async function spoken(): Promise<string> {
  const { thread_id } = await client.threads.create({
    graphId: 'assistant',
    supersteps: [
      { updates: [{ values: says('human', 'a'), asNode: '__start__' }] },
      { updates: [{ values: says('ai', 'b'), asNode: 'model' }] },
      { updates: [{ values: says('ai', 'c'), asNode: 'model' }] },
    ],
  })
  return thread_id
}

test('a state is told in the shape of today and in that of 2024', async () => {
  const id = await spoken()
  const state = await json(await send('GET', `/${id}/state`))
  const [parent] = (await client.threads.getHistory(id, { limit: 1, before: state.checkpoint as never })) ?? []
  expect(state).toEqual({
    values: {
      messages: [
        expect.objectContaining({ type: 'human', content: 'a' }),
        expect.objectContaining({ content: 'b' }),
        expect.objectContaining({ content: 'c' }),
      ],
    },
    next: [],
    tasks: [],
    metadata: expect.objectContaining({ source: 'update', step: expect.any(Number), parents: {} }),
    created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    checkpoint: { thread_id: id, checkpoint_ns: '', checkpoint_id: expect.any(String), checkpoint_map: null },
    parent_checkpoint: parent?.checkpoint as never,
    interrupts: [],
    checkpoint_id: (state.checkpoint as { checkpoint_id: string }).checkpoint_id,
    parent_checkpoint_id: parent?.checkpoint.checkpoint_id as never,
  })
})

test('a thread without checkpoints has an empty state and an empty history', async () => {
  const { thread_id: id } = await client.threads.create()
  const empty = { values: {}, next: [], tasks: [], created_at: null, checkpoint: null, parent_checkpoint: null }
  expect(await json(await send('GET', `/${id}/state`))).toMatchObject(empty)
  expect(await client.threads.getHistory(id)).toEqual([])
  expect(await (await send('GET', `/${id}/history`)).json()).toEqual([])
})

test('a past state is found by the id of its checkpoint, in each way that clients ask', async () => {
  const id = await spoken()
  const history = await client.threads.getHistory(id)
  const past = history.at(1)
  const checkpoint_id = past?.checkpoint.checkpoint_id as string
  expect(textsOf(past?.values)).toEqual(['a', 'b'])
  expect(await client.threads.getState(id, checkpoint_id)).toEqual(past as never)
  expect(await client.threads.getState(id, past?.checkpoint)).toEqual(past as never)
  expect(await client.threads.getState(id, checkpoint_id.toUpperCase())).toEqual(past as never)
  expect(await json(await send('POST', `/${id}/state/checkpoint`, { checkpoint: { checkpoint_id } }))).toEqual(past as never)
})

test('a checkpoint that is not there is 404', async () => {
  const id = await spoken()
  for (const missing of [newId(), 'no-id']) {
    for (const response of [
      await send('GET', `/${id}/state/${missing}`),
      await send('POST', `/${id}/state/checkpoint`, { checkpoint: { checkpoint_id: missing } }),
      await send('POST', `/${id}/state`, { values: says('ai', 'x'), as_node: 'model', checkpoint_id: missing }),
    ])
      expect([response.status, await json(response)]).toEqual([404, { detail: 'Checkpoint not found' }])
  }
})

test('a missing thread is 404 in every form', async () => {
  const id = newId()
  const asked: [string, string, unknown?][] = [
    ['GET', '/state'],
    ['GET', `/state/${newId()}`],
    ['POST', '/state', { values: {} }],
    ['PATCH', '/state', { metadata: {} }],
    ['POST', '/state/checkpoint', { checkpoint: {} }],
    ['GET', '/history'],
    ['POST', '/history', {}],
  ]
  for (const [method, path, body] of asked) {
    const response = await send(method, `/${id}${path}`, body)
    expect([method, path, response.status, await json(response)]).toEqual([method, path, 404, { detail: `Thread with ID ${id} not found` }])
  }
})

test('only what was selected is told', async () => {
  const id = await spoken()
  const state = (await client.threads.getState(id, undefined, { select: ['next', 'values.messages'] } as never)) as object
  expect(Object.keys(state).toSorted()).toEqual(['next', 'values'])
  const { checkpoint } = await client.threads.getState(id)
  expect(await json(await send('POST', `/${id}/state/checkpoint`, { checkpoint, select: ['values.nobody'] }))).toEqual({ values: {} })
  expect(await json(await send('GET', `/${id}/state/${checkpoint.checkpoint_id}?select=next,created_at`))).toHaveProperty('created_at')
  const history = (await client.threads.getHistory(id, { select: ['checkpoint'] } as never)) as object[]
  expect(history.map((s) => Object.keys(s))).toEqual(history.map(() => ['checkpoint']))
  const refused = await send('GET', `/${id}/state?select=nobody`)
  expect([refused.status, await json(refused)]).toMatchObject([422, { detail: [{ msg: expect.stringContaining("'nobody'") }] }])
})

test('an update adds a checkpoint, and answers where it is in both shapes', async () => {
  const id = await spoken()
  const before = await client.threads.getState(id)
  const written = await json(await send('POST', `/${id}/state`, { values: says('human', 'd'), as_node: '__start__' }))
  const checkpoint_id = written.checkpoint_id as string
  expect(written).toEqual({
    configurable: { thread_id: id, checkpoint_ns: '', checkpoint_id },
    checkpoint: { thread_id: id, checkpoint_ns: '', checkpoint_id, checkpoint_map: null },
    checkpoint_id,
  })
  const after = await client.threads.getState(id)
  expect(after.checkpoint.checkpoint_id).toBe(checkpoint_id)
  expect(after.parent_checkpoint).toEqual(before.checkpoint)
  expect(textsOf(after.values)).toEqual(['a', 'b', 'c', 'd'])
  expect(after.next).toEqual(['model'])
  const thread = await client.threads.get(id)
  expect(thread.values).toEqual(after.values as never)
  expect(Date.parse(thread.state_updated_at)).toBeGreaterThanOrEqual(Date.parse(thread.created_at))
})

test('an update of a past checkpoint is a branch', async () => {
  const id = await spoken()
  const [, past] = await client.threads.getHistory(id)
  await client.threads.updateState(id, { values: says('ai', 'other'), asNode: 'model', checkpoint: past?.checkpoint as never })
  const head = await client.threads.getState(id)
  expect(textsOf(head.values)).toEqual(['a', 'b', 'other'])
  expect(head.parent_checkpoint).toEqual(past?.checkpoint as never)
  expect(await client.threads.getHistory(id)).toHaveLength(4)
})

test('an update that the graph cannot take is refused by the field', async () => {
  const id = await spoken()
  const unknown = await send('POST', `/${id}/state`, { values: {}, as_node: 'nobody' })
  expect([unknown.status, await json(unknown)]).toMatchObject([422, { detail: [{ loc: ['body', 'as_node'] }] }])
  const { thread_id: blank } = await client.threads.create()
  const without = await send('POST', `/${blank}/state`, { values: { a: 1 } })
  expect([without.status, await json(without)]).toEqual([400, { detail: `Thread ${blank} has no graph ID` }])
  const mapped = await send('POST', `/${id}/state`, { values: {}, checkpoint: { checkpoint_map: { a: 'b' } } })
  expect([mapped.status, await json(mapped)]).toMatchObject([422, { detail: [{ loc: ['body', 'checkpoint', 'checkpoint_map'] }] }])
})

test('a thread at work takes no update', async () => {
  const id = await spoken()
  await served.app.db.query(`update thread set status = 'busy' where id = $1`, [id])
  const response = await send('POST', `/${id}/state`, { values: says('ai', 'x'), as_node: 'model' })
  expect([response.status, await json(response)]).toEqual([409, { detail: 'Thread is busy' }])
})

test('the metadata of the newest checkpoint can be added to, and is searched by', async () => {
  const id = await spoken()
  await client.threads.patchState(id, { reviewed: { by: 'me' } })
  const head = await client.threads.getState(id)
  expect(head.metadata).toMatchObject({ reviewed: { by: 'me' }, source: 'update' })
  const found = await client.threads.getHistory(id, { metadata: { reviewed: { by: 'me' } } })
  expect(found.map((s) => s.checkpoint)).toEqual([head.checkpoint])
  const { thread_id: blank } = await client.threads.create()
  expect((await send('PATCH', `/${blank}/state`, { metadata: {} })).status).toBe(404)
})

test('a history goes back from where it is asked to, in every spelling', async () => {
  const id = await spoken()
  const all = await client.threads.getHistory(id)
  expect(all.map((s) => textsOf(s.values).length)).toEqual([3, 2, 1])
  const checkpoint_id = all[0]?.checkpoint.checkpoint_id as string
  for (const before of [checkpoint_id, { checkpoint_id }, { configurable: { checkpoint_id } }, all[0]?.checkpoint])
    expect(await (await send('POST', `/${id}/history`, { before })).json()).toEqual(all.slice(1))
  expect(await (await send('GET', `/${id}/history?before=${checkpoint_id}&limit=1`)).json()).toEqual(all.slice(1, 2))
  expect(await (await send('POST', `/${id}/history`, { limit: 2 })).json()).toEqual(all.slice(0, 2))
  expect(await (await send('POST', `/${id}/history`, { checkpoint: all[1]?.checkpoint })).json()).toEqual(all.slice(1, 2))
  expect(await (await send('POST', `/${id}/history`, { metadata: { step: all[2]?.metadata?.step } })).json()).toEqual(all.slice(2))
  for (const limit of [0, 1001, 'x']) expect((await send('GET', `/${id}/history?limit=${limit}`)).status).toBe(422)
  expect((await send('POST', `/${id}/history`, { before: { nothing: 1 } })).status).toBe(422)
})
