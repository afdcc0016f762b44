import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { JsonObject } from '../../src/core/json.ts'
import type { ScriptTurn } from '../../src/drivers/models/port.ts'
import { EntitiesClient, HttpError, textOf } from '../support/entities-client.ts'
import { SERVER_START_MS, type Served, serve } from '../support/served.ts'
import { newPerson, type Person } from '../surfaces/entities/kit.ts'

const SCRIPTS: Record<string, ScriptTurn[]> = {
  pilot: [{ calls: [{ name: 'get_flight_times', arguments: { departure: 'LAX', arrival: 'JFK' } }] }, { text: ['It takes ', '5 h.'] }],
  speaker: [{ text: ['Hello'] }],
}

let served: Served
let admin: Person
let user: Person
let asAdmin: EntitiesClient
let client: EntitiesClient

beforeAll(async () => {
  served = await serve({ scripts: SCRIPTS }, { worker: true, jobs: true })
  admin = await newPerson(served, { admin: true })
  user = await newPerson(served)
  asAdmin = new EntitiesClient(`${served.url}/entities`, admin.key)
  client = new EntitiesClient(`${served.url}/entities`, user.key)
}, SERVER_START_MS)
afterAll(() => served.close())

/** What the SDK's models cannot do without. */
const NEEDED = {
  user: ['id', 'created_at', 'updated_at'],
  keyDetails: ['prefix', 'user_id', 'created_at', 'is_active'],
  assistant: ['id', 'object', 'created_at', 'name', 'model', 'top_p', 'temperature', 'response_format', 'vector_stores'],
  thread: ['id', 'created_at', 'meta_data', 'object', 'tool_resources', 'participants'],
  message: [
    ...['id', 'assistant_id', 'attachments', 'completed_at', 'content', 'created_at', 'incomplete_at', 'incomplete_details'],
    ...['meta_data', 'object', 'role', 'run_id', 'status', 'thread_id'],
  ],
  run: [
    ...['id', 'assistant_id', 'cancelled_at', 'completed_at', 'created_at', 'expires_at', 'failed_at', 'incomplete_details'],
    ...['instructions', 'last_error', 'max_completion_tokens', 'max_prompt_tokens', 'meta_data', 'model', 'object'],
    ...['parallel_tool_calls', 'required_action', 'response_format', 'started_at', 'status', 'thread_id', 'tool_choice', 'tools'],
    ...['truncation_strategy', 'usage', 'temperature', 'top_p', 'tool_resources'],
  ],
  action: ['action_id', 'action_status', 'function_arguments', 'tool_name', 'run_id', 'run_status'],
  file: ['id', 'object', 'bytes', 'created_at', 'filename', 'purpose', 'status', 'expires_at'],
  store: [
    ...['id', 'name', 'user_id', 'collection_name', 'vector_size', 'distance_metric', 'created_at', 'updated_at', 'status'],
    ...['config', 'file_count', 'object'],
  ],
  entry: ['id', 'vector_store_id', 'file_name', 'file_path', 'processed_at', 'status', 'error_message', 'meta_data', 'object'],
} as const

/** The field names that are missing. */
const missing = (kind: keyof typeof NEEDED, value: JsonObject): string[] => NEEDED[kind].filter((name) => !Object.hasOwn(value, name))

function needs(kind: keyof typeof NEEDED, value: JsonObject | undefined): JsonObject {
  expect([kind, missing(kind, value ?? {})]).toEqual([kind, []])
  return value as JsonObject
}

const statusOf = (asked: Promise<unknown>): Promise<number> =>
  asked.then(
    () => 200,
    (error: unknown) => {
      if (error instanceof HttpError) return error.status
      throw error
    },
  )

test('users: create, retrieve, update, delete', async () => {
  const { id } = needs('user', await asAdmin.createUser({ full_name: 'A' }))
  needs('user', await asAdmin.json('GET', `/users/${id}`))
  expect(needs('user', await asAdmin.json('PUT', `/users/${id}`, { full_name: 'B' }))).toMatchObject({ full_name: 'B' })
  expect(await asAdmin.json<JsonObject[]>('GET', `/users/${id}/assistants`)).toEqual([])
  expect((await asAdmin.request('DELETE', `/users/${id}`)).status).toBe(204)
})

test('keys: a user makes, lists, reads and revokes one, and an admin makes one for a user', async () => {
  const made = await client.json('POST', `/users/${user.id}/apikeys`, { key_name: 'laptop' })
  expect(made.plain_key).toMatch(/^ea_[\w-]{43}$/)
  const { prefix } = needs('keyDetails', made.details as JsonObject)
  const { keys } = await client.json<{ keys: JsonObject[] }>('GET', `/users/${user.id}/apikeys`)
  expect(keys.map((key) => needs('keyDetails', key).prefix)).toContain(prefix as string)
  needs('keyDetails', await client.json('GET', `/users/${user.id}/apikeys/${prefix}`))
  expect((await client.request('DELETE', `/users/${user.id}/apikeys/${prefix}`)).status).toBe(204)
  expect(await statusOf(client.request('DELETE', `/users/${user.id}/apikeys/ea_none0`))).toBe(404)
  needs('keyDetails', (await asAdmin.json('POST', `/admin/users/${user.id}/keys`, {})).details as JsonObject)
})

test('assistants: create, retrieve, update, associate, disassociate, delete', async () => {
  const { id } = needs('assistant', await client.createAssistant({ top_p: 0.9, temperature: 0.7 }))
  expect(needs('assistant', await client.json('GET', `/assistants/${id}`))).toMatchObject({ top_p: 0.9, temperature: 0.7 })
  expect(needs('assistant', await client.json('PUT', `/assistants/${id}`, { name: 'New' }))).toMatchObject({ name: 'New' })
  await client.request('POST', `/users/${user.id}/assistants/${id}`)
  const [listed] = (await client.json<JsonObject[]>('GET', `/users/${user.id}/assistants`)).filter((each) => each.id === id)
  needs('assistant', listed)
  await client.request('DELETE', `/users/${user.id}/assistants/${id}`)
  await client.json('DELETE', `/assistants/${id}`)
})

test('tools: create, by id, by name, list, update, associate, disassociate, delete', async () => {
  const { id } = await client.createTool('measure')
  const nested = { function: { function: { name: 'measure', description: 'Does measure.' } } }
  expect(await client.json('GET', `/tools/${id}`)).toMatchObject({ id, name: 'measure', ...nested })
  expect(await client.json('GET', '/tools/name/measure')).toMatchObject({ id, ...nested })
  expect((await client.json<{ tools: JsonObject[] }>('GET', '/tools')).tools).toContainEqual(expect.objectContaining({ id }))
  const assistant = (await client.createAssistant()).id
  await client.request('POST', `/assistants/${assistant}/tools/${id}`)
  expect((await client.json<{ tools: JsonObject[] }>('GET', `/assistants/${assistant}/tools`)).tools).toMatchObject([{ id, ...nested }])
  await client.request('DELETE', `/assistants/${assistant}/tools/${id}`)
  expect(await client.json('PUT', `/tools/${id}`, { name: 'gauge' })).toMatchObject({ id, name: 'gauge' })
  await client.request('DELETE', `/tools/${id}`)
  expect(await statusOf(client.request('GET', `/tools/${id}`))).toBe(404)
})

test('threads: create, retrieve, update, list, delete', async () => {
  const { id } = needs('thread', await client.createThread([user.id], { topic: 'a' }))
  expect(needs('thread', await client.json('GET', `/threads/${id}`)).participants).toMatchObject([{ id: user.id }])
  expect(needs('thread', await client.json('POST', `/threads/${id}`, { meta_data: { more: 1 } }))).toMatchObject({
    meta_data: { topic: 'a', more: 1 },
  })
  expect((await client.json<{ thread_ids: string[] }>('GET', `/users/${user.id}/threads`)).thread_ids).toContain(id as string)
  expect(await (await client.request('DELETE', `/threads/${id}`)).json()).toBe(true)
  expect(await statusOf(client.request('DELETE', `/threads/${id}`))).toBe(404)
})

test('messages: create, retrieve, list, formatted, in chunks, update and delete', async () => {
  const assistant = String((await client.createAssistant()).id)
  const thread = String((await client.createThread()).id)
  const { id } = needs('message', await client.createMessage(thread, 'Hi', { assistantId: assistant }))
  expect(needs('message', await client.json('GET', `/messages/${id}`))).toMatchObject({ content: 'Hi', role: 'user' })
  const chunk = { thread_id: thread, assistant_id: assistant, sender_id: assistant, role: 'assistant', meta_data: {} }
  expect((await client.request('POST', '/messages/assistant', { ...chunk, content: 'Hel', is_last_chunk: false })).status).toBe(202)
  const last = needs('message', await client.json('POST', '/messages/assistant', { ...chunk, content: 'lo', is_last_chunk: true }))
  expect(last).toMatchObject({ content: 'Hello', role: 'assistant' })
  const listed = await client.json<JsonObject[]>('GET', `/threads/${thread}/messages?limit=20&order=asc`)
  expect(listed.map((message) => needs('message', message).content)).toEqual(['Hi', 'Hello'])
  expect(await client.formatted(thread)).toEqual([
    { role: 'system', content: 'Be as kind, intelligent, and helpful' },
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: 'Hello' },
  ])
  await client.json('PUT', `/messages/${id}`, { meta_data: { seen: true } })
  await client.json('DELETE', `/messages/${id}`)
})

const LOOK = { name: 'get_flight_times', arguments: { departure: 'LAX', arrival: 'JFK' } }

async function flight() {
  const assistant = String((await client.createAssistant()).id)
  const tool = await client.json('GET', '/tools/name/get_flight_times').catch(() => client.createTool('get_flight_times'))
  await client.request('POST', `/assistants/${assistant}/tools/${tool.id}`)
  const thread = String((await client.createThread([user.id])).id)
  await client.createMessage(thread, 'Flight times LAX to JFK?', { assistantId: assistant })
  const run = needs('run', await client.createRun(thread, assistant))
  return { thread_id: thread, assistant_id: assistant, run_id: String(run.id) }
}

test('the whole flow of a function call: run, stream, poll, output, stream', async () => {
  const on = { ...(await flight()), model: 'pilot' }
  expect(await client.retrieveRun(on.run_id)).toMatchObject({ status: 'queued', instructions: '', meta_data: {}, tools: [] })
  expect(JSON.parse(textOf(await client.chunks(on)))).toEqual(LOOK)
  needs('action', (await client.pendingActions(on.run_id))[0])
  const called: unknown[] = []
  const executed = await client.pollAndExecute({ runId: on.run_id, threadId: on.thread_id, assistantId: on.assistant_id }, (name, args) => {
    called.push({ name, arguments: args })
    return '{"status": "success"}'
  })
  expect([executed, called]).toEqual([true, [LOOK]])
  expect(await client.pendingActions(on.run_id)).toEqual([])
  expect(await client.complete(on)).toBe('It takes 5 h.')
  expect(needs('run', await client.retrieveRun(on.run_id))).toMatchObject({ status: 'completed', actions: [{ status: 'completed' }] })
  const said = await client.formatted(on.thread_id)
  expect(said.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'tool', 'assistant'])
  expect(said.filter(({ role }) => role === 'tool').every((message) => typeof message.tool_call_id === 'string')).toBe(true)
  expect(JSON.parse(String(said[2]?.content))).toEqual(LOOK)
})

test('a poller that begins before the stream, and a stream that begins before the output, meet', async () => {
  const on = { ...(await flight()), model: 'pilot' }
  const at = { runId: on.run_id, threadId: on.thread_id, assistantId: on.assistant_id }
  const polling = client.pollAndExecute(at, () => 'ok')
  const first = await client.complete(on)
  const second = client.complete(on)
  expect(await polling).toBe(true)
  expect([first, await second].map((text) => text.startsWith('{') || text)).toEqual([true, 'It takes 5 h.'])
  expect(await client.formatted(on.thread_id)).toHaveLength(5)
})

test('runs: status and cancel', async () => {
  const { run_id: id } = await flight()
  expect(needs('run', await client.json('PUT', `/runs/${id}/status`, { status: 'in_progress' }))).toMatchObject({ status: 'in_progress' })
  await client.json('POST', `/runs/${id}/cancel`)
  expect(await client.retrieveRun(id)).toMatchObject({ status: 'cancelled', cancelled_at: expect.any(Number) })
  expect(await statusOf(client.request('POST', `/runs/${id}/cancel`))).toBe(400)
  expect(await client.json<JsonObject[]>('GET', '/runs')).toContainEqual(expect.objectContaining({ id }))
  await client.json('DELETE', `/runs/${id}`)
})

/** The SDK's model of an action refuses every other field. */
const ACTION_FIELDS = [
  ...[
    'function_args',
    'id',
    'is_processed',
    'processed_at',
    'result',
    'run_id',
    'status',
    'tool_id',
    'tool_name',
    'triggered_at',
    'expires_at',
  ],
].sort()
const onlyAction = (value: JsonObject | undefined) =>
  expect(Object.keys(value ?? {}).filter((name) => !ACTION_FIELDS.includes(name))).toEqual([])

test('actions: create, read, by status, update', async () => {
  const { run_id: run } = await flight()
  const made = await client.json('POST', '/actions', { tool_name: 'get_flight_times', run_id: run, function_args: { a: 1 } })
  onlyAction(made)
  expect(made).toMatchObject({ status: 'pending', result: null })
  onlyAction(await client.json('GET', `/actions/${made.id}`))
  const [listed] = await client.json<JsonObject[]>('GET', `/runs/${run}/actions/status?status=pending`)
  onlyAction(listed)
  expect(listed).toMatchObject({ id: made.id, function_args: { a: 1 } })
  const changed = await client.json('PUT', `/actions/${made.id}`, { status: 'completed', result: { output: 'x' } })
  onlyAction(changed)
  expect(changed).toMatchObject({ status: 'completed', result: { output: 'x' }, processed_at: expect.any(String) })
  expect(await statusOf(client.request('GET', '/actions/act_none'))).toBe(404)
})

test('files: upload, read, object, signed URL, base64, delete', async () => {
  const form = new FormData()
  form.append('file', new File(['hello'], 'a.txt', { type: 'text/plain' }))
  form.append('purpose', 'assistants')
  form.append('user_id', user.id)
  const { id } = needs('file', await client.json('POST', '/uploads', form))
  needs('file', await client.json('GET', `/uploads/${id}`))
  expect(await (await client.request('GET', `/uploads/${id}/object`)).text()).toBe('hello')
  const { signed_url: url } = await client.json<{ signed_url: string }>('GET', `/uploads/${id}/signed-url`)
  expect(await (await fetch(url)).text()).toBe('hello')
  expect(await client.json('GET', `/uploads/${id}/base64`)).toMatchObject({ base64: btoa('hello') })
  expect(await client.json('DELETE', `/uploads/${id}`)).toEqual({ deleted: true })
})

test('vector stores: create, read, by collection, files, status, attach, detach, lists, delete', async () => {
  const id = `vect_${crypto.randomUUID().replaceAll('-', '').slice(0, 22)}`
  const made = await client.json('POST', '/vector-stores', {
    ...{ shared_id: id, name: 'docs-documents', user_id: user.id, vector_size: 384, distance_metric: 'Cosine', config: {} },
  })
  expect(needs('store', made)).toMatchObject({ id, collection_name: id, distance_metric: 'COSINE', status: 'active', file_count: 0 })
  needs('store', await client.json('GET', `/vector-stores/${id}`))
  needs('store', await client.json('GET', `/vector-stores/lookup/collection?name=${id}`))
  const file = `vsf_${crypto.randomUUID()}`
  const entry = await client.json('POST', `/vector-stores/${id}/files`, {
    file_id: file,
    file_name: 'a.txt',
    file_path: '/a.txt',
    status: 'completed',
  })
  needs('entry', entry)
  expect((await client.json<JsonObject[]>('GET', `/vector-stores/${id}/files`)).map((each) => needs('entry', each).id)).toEqual([file])
  needs('entry', await client.json('PATCH', `/vector-stores/${id}/files/${file}`, { status: 'failed', error_message: 'x' }))
  expect((await client.request('DELETE', `/vector-stores/${id}/files?file_path=${encodeURIComponent('/a.txt')}`)).status).toBe(204)
  const assistant = (await client.createAssistant()).id
  expect(await client.json('POST', `/assistants/${assistant}/vector-stores/${id}/attach`)).toEqual({ success: true })
  for (const list of [`/assistants/${assistant}/vector-stores`, `/users/${user.id}/vector-stores`])
    expect((await client.json<JsonObject[]>('GET', list)).map((each) => needs('store', each).id)).toContain(id)
  expect(await client.json('DELETE', `/assistants/${assistant}/vector-stores/${id}/detach`)).toEqual({ success: true })
  expect((await client.request('DELETE', `/vector-stores/${id}?permanent=true`)).status).toBe(204)
})

test('a completion without a stream is all of its content', async () => {
  const on = { ...(await flight()), model: 'speaker' }
  expect(await client.complete(on)).toBe('Hello')
})
