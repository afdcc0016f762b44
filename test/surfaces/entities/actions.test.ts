import { afterAll, beforeAll, expect, test } from 'bun:test'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { newPerson, type Person, sender, told } from './kit.ts'

let served: Served
let owner: Person
let send: ReturnType<typeof sender>
beforeAll(async () => {
  served = await serve()
  owner = await newPerson(served)
  send = sender(served, owner.key)
  expect((await ask('POST', '/tools', { name: 'fetch', type: 'function', function: null }))[0]).toBe(201)
}, SERVER_START_MS)
afterAll(() => served.close())

type Wire = Record<string, unknown> & { id: string }
const ask = async (method: string, path: string, body?: unknown, by = send): Promise<[number, Wire]> =>
  (await told(by(method, path, body))) as [number, Wire]

async function newRun(): Promise<Wire> {
  const [, thread] = await ask('POST', '/threads', { participant_ids: [owner.id] })
  const [, assistant] = await ask('POST', '/assistants', { name: 'A', model: 'echo' })
  return (await ask('POST', '/runs', { thread_id: thread.id, assistant_id: assistant.id }))[1]
}

const newAction = (run_id: string, more: object = {}) =>
  ask('POST', '/actions', { tool_name: 'fetch', run_id, function_args: { url: 'x' }, ...more })

/** The Python SDK refuses an answer with any other key. */
const KEYS = [
  ...['id', 'run_id', 'tool_id', 'tool_name', 'triggered_at', 'expires_at', 'is_processed', 'processed_at', 'status', 'function_args'],
  'result',
].toSorted()

test('every answer about an action has the same keys, and fills those that it should', async () => {
  const run = await newRun()
  const [status, made] = await newAction(run.id, { expires_at: '2999-01-01T00:00:00' })
  expect(status).toBe(200)
  expect(made).toMatchObject({ status: 'pending', result: null, run_id: null, tool_name: null, function_args: null })
  const [, read] = await ask('GET', `/actions/${made.id}`)
  expect(read).toMatchObject({
    ...{ run_id: run.id, tool_name: 'fetch', function_args: { url: 'x' }, is_processed: false, processed_at: null, status: 'pending' },
    tool_id: expect.stringMatching(/^tool_\w{22}$/),
  })
  expect(read.triggered_at).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/)
  const [, [listed]] = (await ask('GET', `/runs/${run.id}/actions/status`)) as unknown as [number, Wire[]]
  expect(listed).toEqual({ ...read, tool_id: null, tool_name: null })
  const [, changed] = await ask('PUT', `/actions/${made.id}`, { status: 'completed', result: { rows: 1 } })
  expect(changed).toMatchObject({ id: made.id, status: 'completed', result: { rows: 1 }, tool_name: null })
  expect(changed.processed_at).toMatch(/Z$/)
  for (const answer of [made, read, listed, changed]) expect(Object.keys(answer ?? {}).toSorted()).toEqual(KEYS)
  expect((await ask('GET', `/actions/${made.id}`))[1]).toMatchObject({ is_processed: true, result: { rows: 1 } })
})

test('what is pending is listed with the words that pollers read', async () => {
  const run = await newRun()
  const [, one] = await newAction(run.id)
  await newAction(run.id, { status: 'processing' })
  expect(await ask('GET', `/actions/pending/${run.id}`)).toEqual([
    200,
    [
      {
        ...{ action_id: one.id, action_status: 'pending', function_arguments: { url: 'x' }, tool_name: 'fetch', run_id: run.id },
        run_status: 'queued',
      },
    ] as never,
  ])
  const counts: number[] = []
  for (const status of ['pending', 'processing', 'completed', 'nonsense'])
    counts.push(((await ask('GET', `/runs/${run.id}/actions/status?status=${status}`))[1] as unknown as Wire[]).length)
  expect(counts).toEqual([1, 1, 0, 0])
})

test('of a run that is not there nothing is pending', async () => {
  for (const id of ['run_nobody', 'run_0000000000000000000001']) {
    expect(await ask('GET', `/actions/pending/${id}`)).toEqual([200, [] as never])
    expect(await ask('GET', `/runs/${id}/actions/status`)).toEqual([200, [] as never])
    expect((await newAction(id))[0]).toBe(404)
  }
})

test('an action that is over changes no more', async () => {
  const [, { id }] = await newAction((await newRun()).id)
  const put = (status: string) => ask('PUT', `/actions/${id}`, { status })
  expect((await put('processing'))[0]).toBe(200)
  expect((await put('failed'))[0]).toBe(200)
  expect(await put('completed')).toEqual([400, { detail: 'Invalid status transition' } as never])
  expect((await put('failed'))[0]).toBe(200)
  expect((await put('queued'))[0]).toBe(422)
})

test('an unknown tool, and a time that is none, are refused', async () => {
  const run = await newRun()
  expect((await newAction(run.id, { tool_name: 'nothing' }))[0]).toBe(404)
  expect((await newAction(run.id, { tool_name: '' }))[0]).toBe(422)
  expect((await newAction(run.id, { expires_at: 'soon' }))[0]).toBe(422)
  expect((await newAction(run.id, { status: 'nonsense' }))[0]).toBe(422)
})

test('a deleted action is gone', async () => {
  const [, { id }] = await newAction((await newRun()).id)
  expect((await send('DELETE', `/actions/${id}`)).status).toBe(204)
  expect((await ask('GET', `/actions/${id}`))[0]).toBe(404)
  expect((await ask('DELETE', `/actions/${id}`))[0]).toBe(404)
})

test('cancelling the run cancels what it has open', async () => {
  const run = await newRun()
  const [, { id }] = await newAction(run.id)
  await ask('POST', `/runs/${run.id}/cancel`)
  expect((await ask('GET', `/actions/${id}`))[1].status).toBe('cancelled')
  expect((await newAction(run.id))[0]).toBe(400)
})

test('another user, and another tenant, finds no such action; the run shows its actions to an admin', async () => {
  const run = await newRun()
  const [, { id }] = await newAction(run.id)
  const outsiders = [(await newPerson(served)).key, served.otherKey, (await newPerson(served, { tenant: 'two', admin: true })).key]
  for (const by of outsiders.map((key) => sender(served, key))) {
    const answers = [
      (await ask('GET', `/actions/${id}`, undefined, by))[0],
      (await ask('PUT', `/actions/${id}`, { status: 'failed' }, by))[0],
      (await ask('DELETE', `/actions/${id}`, undefined, by))[0],
      (await ask('POST', '/actions', { tool_name: 'fetch', run_id: run.id }, by))[0],
    ]
    expect(answers).toEqual([404, 404, 404, 404])
    expect(await ask('GET', `/actions/pending/${run.id}`, undefined, by)).toEqual([200, [] as never])
    expect(await ask('GET', `/runs/${run.id}/actions/status`, undefined, by)).toEqual([200, [] as never])
  }
  const admin = sender(served, (await newPerson(served, { admin: true })).key)
  expect((await ask('GET', `/runs/${run.id}`, undefined, admin))[1].actions).toMatchObject([{ id, status: 'pending' }])
})
