import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createAssistant } from '../../../src/core/assistants/assistants.ts'
import { operator } from '../../../src/core/identity/tenants.ts'
import { createThread } from '../../../src/core/threads/threads.ts'
import { decodeId, requireId, spell } from '../../../src/surfaces/entities/ids.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { newPerson, type Person, sender, told } from './kit.ts'

let served: Served
let owner: Person
let other: Person
let admin: Person
let send: ReturnType<typeof sender>
beforeAll(async () => {
  served = await serve()
  ;[owner, other, admin] = [await newPerson(served), await newPerson(served), await newPerson(served, { admin: true })]
  send = sender(served, owner.key)
}, SERVER_START_MS)
afterAll(() => served.close())

type Wire = Record<string, unknown> & { id: string }
const ask = async (method: string, path: string, body?: unknown, by = send): Promise<[number, Wire]> =>
  (await told(by(method, path, body))) as [number, Wire]

async function ground(): Promise<{ thread_id: string; assistant_id: string }> {
  const [, thread] = await ask('POST', '/threads', { participant_ids: [owner.id] })
  const [, assistant] = await ask('POST', '/assistants', { name: 'A', model: 'echo' })
  return { thread_id: thread.id, assistant_id: assistant.id }
}

/** What the Python SDK sends for a new run. */
const SDK_RUN = {
  ...{ id: 'run_Zz', cancelled_at: null, completed_at: null, created_at: 1, failed_at: null, incomplete_details: null, instructions: '' },
  ...{ last_error: null, max_completion_tokens: 1000, max_prompt_tokens: 500, meta_data: { n: 1 }, model: 'llama3.1', object: 'run' },
  ...{ parallel_tool_calls: false, required_action: null, response_format: 'text', started_at: null, status: 'pending' },
  ...{ tool_choice: 'none', tools: [], truncation_strategy: {}, usage: null, temperature: 0.7, top_p: 0.9, tool_resources: {} },
}

async function newRun(more: object = {}): Promise<Wire> {
  const [status, run] = await ask('POST', '/runs', { ...SDK_RUN, ...(await ground()), ...more })
  expect([status, run]).toMatchObject([200, {}])
  return run
}

test('a run is kept as it is sent, but for its id, its time and its status', async () => {
  const expires_at = Math.floor(Date.now() / 1000) + 3600
  const { thread_id, assistant_id } = await ground()
  const [, run] = await ask('POST', '/runs', { ...SDK_RUN, expires_at, thread_id, assistant_id })
  const { id, created_at, ...kept } = run
  expect(kept).toEqual({ ...rest(SDK_RUN), expires_at, thread_id, assistant_id, status: 'queued' })
  expect(id).toMatch(/^run_[A-Za-z0-9]{22}$/)
  expect(created_at as number).toBeGreaterThan(1_700_000_000)
  expect(await ask('GET', `/runs/${id}`)).toEqual([200, { ...run, actions: [] }])
})

const rest = ({ id: _, created_at: __, status: ___, ...kept }: typeof SDK_RUN) => kept

test('a run needs a thread and an assistant only; then it has an hour', async () => {
  const [status, run] = await ask('POST', '/runs', await ground())
  expect(status).toBe(200)
  expect((run.expires_at as number) - (run.created_at as number)).toBe(3600)
  expect(run).toMatchObject({ instructions: '', meta_data: {}, tools: [], truncation_strategy: {}, tool_resources: {}, temperature: 0.7 })
})

test('a chosen id of an assistant is shown as it was chosen', async () => {
  const { thread_id } = await ground()
  const id = `mine-${crypto.randomUUID()}`
  await ask('POST', '/assistants', { id, name: 'A', model: 'echo' })
  const [, run] = await ask('POST', '/runs', { thread_id, assistant_id: id })
  expect([run.assistant_id, (await ask('GET', `/runs/${run.id}`))[1].assistant_id]).toEqual([id, id])
})

test('an unknown thread and an unknown assistant are missing', async () => {
  const { thread_id, assistant_id } = await ground()
  const unknown = spell('thread', crypto.randomUUID())
  expect(await ask('POST', '/runs', { thread_id: unknown, assistant_id })).toEqual([404, { detail: 'Thread not found' } as never])
  expect(await ask('POST', '/runs', { thread_id, assistant_id: 'asst_nobody' })).toEqual([404, { detail: 'Assistant not found' } as never])
  expect((await ask('POST', '/runs', { thread_id }))[0]).toBe(422)
})

test('with the same Idempotency-Key it is planned once', async () => {
  const body = await ground()
  const by: typeof send = (method, path, sent) => send(method, path, sent, { headers: { 'idempotency-key': 'run-1' } })
  const [[, one], [, two]] = [await ask('POST', '/runs', body, by), await ask('POST', '/runs', body, by)]
  expect(one.id).toBe(two.id)
})

test('its status goes where the contract lets it go', async () => {
  const { id } = await newRun()
  const put = (status: string) => ask('PUT', `/runs/${id}/status`, { status })
  for (const status of ['in_progress', 'action_required', 'queued', 'failed']) expect(await put(status)).toMatchObject([200, { status }])
  expect((await put('failed'))[0]).toBe(200)
  expect(await put('queued')).toEqual([400, { detail: 'Invalid status transition' } as never])
  for (const status of ['cancelling', 'deleted', 'active', 'nonsense']) expect((await put(status))[0]).toBe(422)
  expect((await ask('GET', `/runs/${id}`))[1].failed_at).toBeGreaterThan(1_700_000_000)
})

test('a run is cancelled once', async () => {
  const { id } = await newRun()
  const [status, run] = await ask('POST', `/runs/${id}/cancel`)
  expect([status, run]).toMatchObject([200, { status: 'cancelled' }])
  expect(run.cancelled_at as number).toBeGreaterThan(1_700_000_000)
  const detail = 'Cannot cancel a completed or already cancelled run'
  expect(await ask('POST', `/runs/${id}/cancel`)).toEqual([400, { detail } as never])
})

test('a run whose time is over has expired', async () => {
  const { id, status } = await newRun({ expires_at: 1_700_000_000 })
  expect([status, (await ask('GET', `/runs/${id}`))[1].status]).toEqual(['queued', 'expired'])
})

test('runs are listed for their user, newest first, or for a thread, and a deleted one is gone', async () => {
  const asOther = sender(served, other.key)
  const body = await ground()
  const [[, one], [, two]] = [await ask('POST', '/runs', body), await ask('POST', '/runs', body)]
  const listed = async (path: string, by = send) => ((await told(by('GET', path)))[1] as Wire[]).map(({ id }) => id)
  expect(await listed(`/runs?thread_id=${body.thread_id}`)).toEqual([two.id, one.id])
  expect((await listed('/runs?limit=2')).toSorted()).toEqual([one.id, two.id].toSorted())
  expect(await listed('/runs', asOther)).toEqual([])
  expect(await ask('DELETE', `/runs/${one.id}`)).toEqual([200, { id: one.id, deleted: true }])
  expect(await ask('GET', `/runs/${one.id}`)).toEqual([404, { detail: 'Run not found' } as never])
  expect(await listed(`/runs?thread_id=${body.thread_id}`)).toEqual([two.id])
})

test('another user, and another tenant, finds no such run; an admin does', async () => {
  const { id, thread_id, assistant_id } = await newRun()
  const outsiders = [
    sender(served, other.key),
    sender(served, served.otherKey),
    sender(served, (await newPerson(served, { tenant: 'two' })).key),
  ]
  for (const by of outsiders) {
    const answers = [
      await ask('GET', `/runs/${id}`, undefined, by),
      await ask('PUT', `/runs/${id}/status`, { status: 'failed' }, by),
      await ask('POST', `/runs/${id}/cancel`, undefined, by),
      await ask('DELETE', `/runs/${id}`, undefined, by),
    ]
    for (const answer of answers) expect(answer).toEqual([404, { detail: 'Run not found' } as never])
    expect((await ask('POST', '/runs', { thread_id, assistant_id }, by))[0]).toBe(404)
    expect((await ask('GET', `/runs?thread_id=${thread_id}`, undefined, by))[0]).toBe(404)
  }
  expect(await ask('GET', `/runs/${id}`, undefined, sender(served, admin.key))).toMatchObject([200, { status: 'queued' }])
})

test('a run of the OpenAI API shows all that clients here need of it', async () => {
  const caller = await operator(served.app, 'one')
  const assistant = await createAssistant(served.app, caller, { model: 'echo', instructions: 'be brief', tools: [] })
  const thread = await createThread(served.app, caller, {})
  const created = await served.send('POST', `/v1/threads/thread_${thread.id.replaceAll('-', '')}/runs`, {
    assistant_id: `asst_${assistant.id.replaceAll('-', '')}`,
  })
  const { id } = (await created.json()) as Wire
  const byTenant = sender(served, served.key)
  const [status, run] = await ask('GET', `/runs/${id}`, undefined, byTenant)
  expect([status, run]).toMatchObject([
    200,
    {
      ...{ status: 'queued', model: 'echo', instructions: 'be brief', tools: [], meta_data: {}, actions: [], response_format: 'auto' },
      ...{ thread_id: spell('thread', thread.id), assistant_id: spell('assistant', assistant.id), object: 'run', tool_choice: 'auto' },
    },
  ])
  expect(decodeId('run', run.id)).toBe(requireId('run', id))
  expect((await ask('POST', `/runs/${id}/cancel`, undefined, byTenant))[1].status).toBe('cancelled')
})
