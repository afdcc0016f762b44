import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../src/core/json.ts'
import { eventually } from '../support/eventually.ts'
import { SERVER_START_MS, type Served, serve, through } from '../support/served.ts'
import { newPerson, type Person, sender } from '../surfaces/entities/kit.ts'
import { ENTITIES } from './entities-terms.ts'
import { countedLine, neverSucceeded, okOf, openPlays, refusedWith } from './plays.ts'
import { type CheckedTraffic, checkTraffic, hasProxy, violationsOf } from './proxy.ts'

const ALL_MS = 60_000
const TOOL = 'get_flight_times'
const SCRIPTS = {
  flies: [{ calls: [{ id: 'call_1', name: TOOL, arguments: { from: 'LAX' } }] }, { text: ['At ', 'noon.'] }],
  slow: [{ text: ['never', 'said'], pauseMs: 3_600_000 }],
}
const FUNCTION = { name: TOOL, description: 'Finds flights.', parameters: { type: 'object', properties: {} } }

describe.skipIf(!hasProxy)('all Entities traffic keeps the contract', () => {
  let served: Served
  let proxy: CheckedTraffic
  let user: Person
  let admin: Person

  beforeAll(async () => {
    served = await serve({ scripts: SCRIPTS }, { worker: true })
    proxy = checkTraffic(`${served.url}/entities/v1`, ENTITIES)
    user = await newPerson(served)
    admin = await newPerson(served, { admin: true })
  }, SERVER_START_MS)
  afterAll(async () => {
    await proxy?.stop()
    await served?.close()
  })

  const send = (key: string | null, method: string, path: string, body?: unknown): Promise<Response> =>
    sender(through(served, proxy.url), key, '')(method, path, body)

  const ok = (method: string, path: string, body?: unknown, key = user.key): Promise<JsonObject> =>
    okOf(`${method} ${path}`, send(key, method, path, body))
  const refused = (status: number, method: string, path: string, body?: unknown, key: string | null = user.key): Promise<void> =>
    refusedWith(status, `${method} ${path}`, send(key, method, path, body))
  const made = async (path: string, body: unknown): Promise<string> => String((await ok('POST', path, body)).id)

  const { play, allTraffic } = openPlays(() => proxy, ALL_MS)

  play('the server is well', async () => {
    await ok('GET', '/health')
  })

  play('users and their keys are made, read, changed and removed', async () => {
    const { id } = await ok('POST', '/users', { email: 'new@example.com', full_name: 'New' }, admin.key)
    await refused(403, 'POST', '/users', {})
    await refused(409, 'POST', '/users', { email: 'new@example.com' }, admin.key)
    await refused(422, 'POST', '/users', { email: 1 }, admin.key)
    await ok('GET', `/users/${id}`, undefined, admin.key)
    await ok('PUT', `/users/${id}`, { full_name: 'Newer' }, admin.key)
    const issued = await ok('POST', `/admin/users/${id}/keys`, { key_name: 'first', expires_in_days: 1 }, admin.key)
    const key = String(issued.plain_key)
    const { details } = (await ok('POST', `/users/${id}/apikeys`, {}, key)) as { details: JsonObject }
    await ok('GET', `/users/${id}/apikeys`, undefined, key)
    await ok('GET', `/users/${id}/apikeys/${details.prefix}`, undefined, key)
    await ok('DELETE', `/users/${id}/apikeys/${details.prefix}`, undefined, key)
    await ok('GET', `/users/${id}/apikeys?include_inactive=true`, undefined, key)
    await refused(422, 'POST', `/users/${id}/apikeys`, { other: 1 }, key)
    await refused(403, 'GET', `/users/${id}/apikeys`)
    await ok('DELETE', `/users/${id}`, undefined, admin.key)
    await refused(404, 'GET', `/users/${id}`, undefined, admin.key)
    await refused(401, 'GET', `/users/${id}`, undefined, key)
    await refused(401, 'GET', `/users/${id}`, undefined, null)
  })

  play('assistants and tools are made, put together, changed and removed', async () => {
    const assistant = await made('/assistants', { name: 'A', model: 'echo', temperature: 0.7, top_p: 0.5, meta_data: { a: 1 } })
    await ok('GET', `/assistants/${assistant}`)
    await ok('PUT', `/assistants/${assistant}`, { instructions: 'Be kind.' })
    await refused(404, 'GET', '/assistants/none')
    const tool = await made('/tools', { name: 'nested', type: 'function', function: { function: { ...FUNCTION, name: 'nested' } } })
    await made('/tools', { name: 'flat', type: 'function', function: { ...FUNCTION, name: 'flat' } })
    await refused(422, 'POST', '/tools', { name: 'x', type: 'function', function: { function: { name: 'x' } } })
    await refused(400, 'POST', '/tools', { name: 'flat', type: 'function' })
    await ok('GET', '/tools')
    await ok('GET', `/tools/${tool}`)
    await ok('GET', '/tools/name/nested')
    await ok('PUT', `/tools/${tool}`, { name: 'renamed' })
    await ok('POST', `/assistants/${assistant}/tools/${tool}`)
    await ok('GET', `/assistants/${assistant}/tools`)
    await ok('DELETE', `/assistants/${assistant}/tools/${tool}`)
    await refused(400, 'DELETE', `/assistants/${assistant}/tools/${tool}`)
    await ok('DELETE', `/tools/${tool}`)
    await refused(404, 'GET', `/tools/${tool}`)
    await ok('POST', `/users/${user.id}/assistants/${assistant}`)
    await ok('GET', `/users/${user.id}/assistants`)
    await ok('DELETE', `/users/${user.id}/assistants/${assistant}`)
    await refused(400, 'DELETE', `/users/${user.id}/assistants/${assistant}`)
    await ok('DELETE', `/assistants/${assistant}`)
  })

  play('threads and messages are made, read, changed and removed', async () => {
    const thread = await made('/threads', { participant_ids: [user.id], meta_data: { a: 1 } })
    await ok('GET', `/threads/${thread}`)
    await ok('PUT', `/threads/${thread}`, { meta_data: { b: 2 } })
    await ok('POST', `/threads/${thread}`, { meta_data: { c: 3 } })
    await ok('PUT', `/threads/${thread}/metadata`, { d: 4 })
    await ok('GET', `/threads/user/${user.id}`)
    await ok('GET', `/users/${user.id}/threads`)
    const said = { thread_id: thread, assistant_id: 'default', content: 'Hello', sender_id: user.id }
    const message = await made('/messages', { ...said, role: 'user', meta_data: { a: 1 } })
    await ok('GET', `/messages/${message}`)
    await ok('POST', '/messages/assistant', { ...said, role: 'assistant', content: 'Hel', is_last_chunk: false })
    await ok('POST', '/messages/assistant', { ...said, role: 'assistant', content: 'lo', is_last_chunk: true })
    await ok('POST', '/messages/tools', { ...said, role: 'tool', tool_id: 'dummy' })
    await ok('GET', `/threads/${thread}/messages?limit=5&order=desc`)
    await ok('GET', `/threads/${thread}/formatted_messages`)
    await refused(422, 'GET', `/threads/${thread}/messages?limit=-1`)
    await refused(422, 'POST', '/messages', { ...said, role: 'nobody' })
    await ok('DELETE', `/threads/${thread}`)
    await refused(404, 'GET', `/threads/${thread}`)
    await refused(404, 'GET', `/messages/${message}`)
    await refused(400, 'POST', '/threads', { participant_ids: ['user_none'] })
  })

  play('a run asks for a tool, gets its output and ends; events tell so', async () => {
    const assistant = await made('/assistants', { name: 'Flies', model: 'flies' })
    const tool = await made('/tools', { name: TOOL, type: 'function', function: { function: FUNCTION } })
    await ok('POST', `/assistants/${assistant}/tools/${tool}`)
    const thread = await made('/threads', { participant_ids: [user.id] })
    const said = { thread_id: thread, assistant_id: assistant }
    await made('/messages', { ...said, content: 'When?', role: 'user', sender_id: user.id })
    const run = await made('/runs', said)
    await ok('GET', `/runs/${run}`)
    await ok('POST', '/monitor', { run_id: run })
    await ok('POST', '/completions', { ...said, provider: 'Hyperbolic', model: 'flies', run_id: run, message_id: 'm' })
    const pending = (await ok('GET', `/actions/pending/${run}`)) as unknown as { action_id: string }[]
    const action = pending[0]?.action_id ?? ''
    await ok('GET', `/runs/${run}/actions/status?status=pending`)
    await ok('GET', `/actions/${action}`)
    await made('/messages/tools', { ...said, content: '{"at":"noon"}', role: 'tool', tool_id: action })
    await ok('POST', '/completions', { ...said, model: 'flies', run_id: run, message_id: 'regenerated' })
    const { status } = await eventually(async () => {
      const found = await ok('GET', `/runs/${run}`)
      return found.status === 'completed' ? found : undefined
    })
    expect(status).toBe('completed')
    await ok('GET', `/subscribe/${run}`)
    await ok('GET', `/threads/${thread}/formatted_messages`)
    await refused(400, 'POST', `/runs/${run}/cancel`)
    await ok('GET', '/runs')
  })

  play('runs and actions are changed, cancelled and removed', async () => {
    const thread = await made('/threads', { participant_ids: [user.id] })
    const assistant = await made('/assistants', { name: 'B', model: 'echo' })
    await made('/tools', { name: 'by_hand', type: 'function' })
    const [first, second] = [
      await made('/runs', { thread_id: thread, assistant_id: assistant }),
      await made('/runs', sdkRun(thread, assistant)),
    ]
    const action = await made('/actions', { tool_name: 'by_hand', run_id: first, function_args: { a: [1] } })
    await ok('PUT', `/actions/${action}`, { status: 'completed', result: { a: 1 } })
    await ok('DELETE', `/actions/${action}`)
    await refused(404, 'GET', `/actions/${action}`)
    await ok('PUT', `/runs/${first}/status`, { status: 'completed' })
    await refused(400, 'PUT', `/runs/${first}/status`, { status: 'queued' })
    await refused(422, 'PUT', `/runs/${first}/status`, { status: 'cancelling' })
    await ok('POST', `/runs/${second}/cancel`)
    await ok('GET', `/runs/${second}`)
    await ok('DELETE', `/runs/${second}`)
    await refused(404, 'GET', `/runs/${second}`)
    await refused(422, 'POST', '/completions', { model: 'hyperbolic/none', thread_id: thread, run_id: first, assistant_id: assistant })
    await refused(400, 'POST', '/completions', { model: 'nowhere/none', thread_id: thread, run_id: first, assistant_id: assistant })
  })

  play('files are uploaded, downloaded in every way and removed', async () => {
    const form = new FormData()
    form.set('purpose', 'assistants')
    form.set('user_id', user.id)
    form.set('file', new File(['content'], 'a.txt', { type: 'text/plain' }))
    const file = await made('/uploads', form)
    await ok('GET', `/uploads/${file}`)
    await ok('GET', `/uploads/${file}/object`)
    for (const base of ['/uploads', '/v1/uploads']) {
      await ok('GET', `${base}/${file}/base64`)
      const { signed_url: link } = await ok('GET', `${base}/${file}/signed-url`)
      const { search } = new URL(String(link))
      await ok('GET', `/files/download${search}`)
    }
    const { signed_url: named } = await ok('GET', `/v1/uploads/${file}/signed-url?expires_in=60&use_real_filename=true`)
    const { search } = new URL(String(named))
    await ok('GET', `/v1/files/download${search}`)
    await refused(403, 'GET', `/files/download?file_id=${file}&expires=9999999999&signature=00`)
    await refused(422, 'GET', '/files/download')
    await refused(404, 'GET', '/uploads/file_none')
    await ok('DELETE', `/uploads/${file}`)
  })

  play('vector stores and their files are kept', async () => {
    const store = 'vect_ABCDEFGHIJKLMNOPQRSTUV'
    const assistant = await made('/assistants', { name: 'C', model: 'echo' })
    const body = { shared_id: store, name: 'Mine', user_id: user.id, vector_size: 384, distance_metric: 'cosine' }
    await ok('POST', '/vector-stores', body)
    await refused(409, 'POST', '/vector-stores', body)
    await ok('GET', `/vector-stores/${store}`)
    await ok('GET', `/vector-stores/lookup/collection?name=${store}`)
    const files = `/vector-stores/${store}/files`
    await ok('POST', files, { file_id: 'vsf_1', file_name: 'a.txt', file_path: '/a.txt', status: 'completed' })
    await refused(409, 'POST', files, { file_id: 'vsf_1', file_name: 'a.txt', file_path: '/a.txt' })
    await ok('GET', files)
    await ok('PATCH', `${files}/vsf_1`, { status: 'failed', error_message: 'Broken.' })
    await ok('DELETE', `${files}?file_path=/a.txt`)
    await ok('POST', `/assistants/${assistant}/vector-stores/${store}/attach`)
    await ok('GET', `/assistants/${assistant}/vector-stores`)
    await ok('DELETE', `/assistants/${assistant}/vector-stores/${store}/detach`)
    await ok('GET', `/users/${user.id}/vector-stores`)
    await ok('DELETE', `/vector-stores/${store}`)
    await ok('DELETE', `/vector-stores/${store}?permanent=true`)
    await refused(404, 'GET', `/vector-stores/${store}`)
    await refused(401, 'GET', `/vector-stores/${store}`, undefined, null)
  })

  /** As the Python SDK sends it, every field said. */
  const sdkRun = (thread: string, assistant: string) => ({
    ...{ id: 'run_sdk', thread_id: thread, assistant_id: assistant, created_at: 1, expires_at: Math.floor(Date.now() / 1000) + 3600 },
    ...{ cancelled_at: null, completed_at: null, failed_at: null, started_at: null, incomplete_details: null, last_error: null },
    ...{ instructions: '', max_completion_tokens: 1000, max_prompt_tokens: 500, meta_data: {}, model: 'llama3.1', object: 'run' },
    ...{ parallel_tool_calls: false, required_action: null, response_format: 'text', status: 'pending', tool_choice: 'none', tools: [] },
    ...{ truncation_strategy: {}, usage: null, temperature: 0.7, top_p: 0.9, tool_resources: {} },
  })

  test(
    'every operation was called, and succeeded',
    async () => {
      const report = await allTraffic()
      expect(neverSucceeded(report)).toEqual([])
      expect(report.operations).toHaveLength(72)
    },
    ALL_MS,
  )

  test(
    'nothing that was answered broke the contract',
    async () => {
      const report = await allTraffic()
      console.log(countedLine(report))
      expect(violationsOf(report, ENTITIES)).toEqual([])
    },
    ALL_MS,
  )
})
