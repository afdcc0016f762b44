import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../../src/core/json.ts'
import type { ScriptTurn } from '../../../src/drivers/models/port.ts'
import { EntitiesClient, textOf } from '../../support/entities-client.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { newPerson, sender, told } from './kit.ts'

const FLIGHT = { city: 'JFK' }
const SCRIPTS: Record<string, ScriptTurn[]> = {
  speaker: [{ text: ['Hel', 'lo'] }],
  caller: [{ calls: [{ name: 'look', arguments: FLIGHT, argumentChunks: ['{"ci', 'ty":"JFK"}'] }] }, { text: ['It ', 'is there.'] }],
  'many-caller': [
    {
      calls: [
        { name: 'look', arguments: FLIGHT },
        { name: 'look', arguments: {} },
      ],
    },
    { text: ['Both.'] },
  ],
  writer: [{ text: ['I will look: ', '{"name": "look", ', '"arguments": {"when": "now", "city": "JFK"}}'] }, { text: ['Seen.'] }],
  storyteller: [{ text: ['{"name": "unknown", "arguments": {}}'] }],
  coder: [
    { calls: [{ name: 'code_interpreter', arguments: '', argumentChunks: ['{"code": "a = 1', '\\nprint(a', ')"}'] }] },
    { text: ['I cannot run code.'] },
  ],
  failing: [{ text: ['Half'], fail: { status: 500, message: 'broken pipe' } }],
  silent: [{ waitMs: 400, text: ['late'] }],
}

let served: Served
let client: EntitiesClient
let key: string

beforeAll(async () => {
  served = await serve(
    { scripts: SCRIPTS, retriesMax: 0 },
    { worker: true, entities: { models: { 'hyperbolic/some/model': 'speaker' }, heartbeatMs: 100 } },
  )
  key = (await newPerson(served)).key
  client = new EntitiesClient(`${served.url}/entities`, key)
}, SERVER_START_MS)
afterAll(() => served.close())

interface Stage {
  thread_id: string
  run_id: string
  assistant_id: string
}

async function stage(tools: string[] = [], hosted: string[] = []): Promise<Stage> {
  const assistant = String((await client.createAssistant()).id)
  for (const name of tools) await client.request('POST', `/assistants/${assistant}/tools/${await toolId(name)}`)
  for (const name of hosted) {
    const tool = await client.json('GET', `/tools/name/${name}`)
    await client.request('POST', `/assistants/${assistant}/tools/${tool.id}`)
  }
  const thread = String((await client.createThread()).id)
  await client.createMessage(thread, 'Is the flight there?', { assistantId: assistant })
  const run = await client.createRun(thread, assistant)
  return { thread_id: thread, assistant_id: assistant, run_id: String(run.id) }
}

const known = new Map<string, Promise<string>>()
const toolId = (name: string): Promise<string> => {
  const id = known.get(name) ?? client.createTool(name).then((tool) => String(tool.id))
  known.set(name, id)
  return id
}

async function rawFrames(on: Stage, model: string): Promise<string> {
  const send = sender(served, null)
  const response = await send('POST', '/completions', { ...on, model, provider: 'x', message_id: 'm' }, { headers: { 'x-api-key': key } })
  return response.text()
}

const framesOf = (text: string): string[] =>
  text
    .split('\n\n')
    .filter((frame) => frame.startsWith('data: '))
    .map((frame) => frame.slice(6))

describe('frames', () => {
  test('a completion begins with its handshake, tells the text as it comes, and ends with [DONE]', async () => {
    const on = await stage()
    expect(framesOf(await rawFrames(on, 'hyperbolic/some/model'))).toEqual([
      '{"status": "handshake"}',
      '{"status": "initializing"}',
      '{"type":"content","content":"Hel"}',
      '{"type":"content","content":"lo"}',
      '[DONE]',
    ])
    expect(await client.retrieveRun(on.run_id)).toMatchObject({ status: 'completed' })
    expect((await client.formatted(on.thread_id)).slice(1)).toEqual([
      { role: 'user', content: 'Is the flight there?' },
      { role: 'assistant', content: 'Hello' },
    ])
  })

  test('its headers are those of the contract', async () => {
    const on = await stage()
    const response = await sender(served, key)('POST', '/completions', { ...on, model: 'speaker', provider: 'x', message_id: 'm' })
    await response.text()
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    expect(response.headers.get('x-stream-init')).toBe('true')
    expect(response.headers.get('cache-control')).toBe('no-cache, no-transform')
    expect(response.headers.get('content-encoding')).toBeNull()
  })

  test('a call is told as text and as data, the stream ends, and the second one goes on with the output', async () => {
    const on = await stage(['look'])
    const chunks = await client.chunks({ ...on, model: 'caller' })
    expect(JSON.parse(textOf(chunks))).toEqual({ name: 'look', arguments: FLIGHT })
    const [pending] = await client.pendingActions(on.run_id)
    expect(pending).toMatchObject({ tool_name: 'look', function_arguments: FLIGHT, run_status: 'action_required' })
    expect(chunks.at(-1)).toEqual({
      ...{ type: 'function_call', content: '', name: 'look', arguments: FLIGHT },
      ...{ action_id: pending?.action_id, run_id: on.run_id },
    } as JsonObject)
    expect(await client.retrieveRun(on.run_id)).toMatchObject({ status: 'action_required' })
    await client.submitToolOutput(on.thread_id, { actionId: String(pending?.action_id), content: 'landed', assistantId: on.assistant_id })
    expect(await client.complete({ ...on, model: 'caller' })).toBe('It is there.')
    expect((await client.formatted(on.thread_id)).slice(2)).toEqual([
      { role: 'assistant', content: '{"name": "look", "arguments": {"city": "JFK"}}' },
      { role: 'tool', tool_call_id: pending?.action_id ?? '', content: 'landed' },
      { role: 'assistant', content: 'It is there.' },
    ])
  })

  test('calls of one turn are told one after the other, each whole, and each is an action', async () => {
    const on = await stage(['look'])
    const chunks = await client.chunks({ ...on, model: 'many-caller' })
    const said = textOf(chunks)
      .split('\n')
      .map((text) => JSON.parse(text))
    expect(said).toEqual([
      { name: 'look', arguments: FLIGHT },
      { name: 'look', arguments: {} },
    ])
    expect(await client.pendingActions(on.run_id)).toHaveLength(2)
  })

  test('a call that a model writes down as text is a call, and is not told twice', async () => {
    const on = await stage(['look'])
    const chunks = await client.chunks({ ...on, model: 'writer' })
    expect(textOf(chunks)).toBe('I will look: {"name": "look", "arguments": {"when": "now", "city": "JFK"}}')
    const [pending] = await client.pendingActions(on.run_id)
    expect(pending).toMatchObject({ tool_name: 'look', function_arguments: { when: 'now', ...FLIGHT } })
    await client.submitToolOutput(on.thread_id, { actionId: String(pending?.action_id), content: 'x', assistantId: on.assistant_id })
    expect(await client.complete({ ...on, model: 'writer' })).toBe('Seen.')
    expect((await client.formatted(on.thread_id)).slice(2).map(({ role, content }) => [String(role), String(content)])).toEqual([
      ['assistant', 'I will look: {"name": "look", "arguments": {"when": "now", "city": "JFK"}}'],
      ['tool', 'x'],
      ['assistant', 'Seen.'],
    ])
  })

  test('what only looks like a call is an answer', async () => {
    const on = await stage(['look'])
    expect(await client.complete({ ...on, model: 'storyteller' })).toBe('{"name": "unknown", "arguments": {}}')
    expect(await client.retrieveRun(on.run_id)).toMatchObject({ status: 'completed' })
  })

  test('code that a model wants run is shown, and that it is not run', async () => {
    const on = await stage([], ['code_interpreter'])
    const frames = framesOf(await rawFrames(on, 'coder'))
      .slice(2)
      .map((frame) => (frame === '[DONE]' ? frame : JSON.parse(frame)))
    expect(frames).toEqual([
      { type: 'hot_code', content: '```python\n' },
      { type: 'hot_code', content: 'a = 1\n' },
      { type: 'hot_code', content: 'print(a)' },
      {
        stream_type: 'code_execution',
        chunk: {
          type: 'error',
          content: "The tool 'code_interpreter' is not available on this server. There are no tools; answer without.",
        },
        type: 'content',
        content: '',
      },
      { type: 'content', content: 'I cannot run code.' },
      '[DONE]',
    ])
  })

  test('a provider that fails is an error frame, and [DONE]', async () => {
    const on = await stage()
    const frames = framesOf(await rawFrames(on, 'failing')).slice(2)
    expect(frames.map((frame) => (frame === '[DONE]' ? frame : JSON.parse(frame)))).toEqual([
      { type: 'content', content: 'Half' },
      { type: 'error', content: expect.stringContaining('broken pipe') },
      '[DONE]',
    ])
    expect(await client.retrieveRun(on.run_id)).toMatchObject({ status: 'failed' })
  })

  test('while a model is silent the stream says in JSON that it is alive', async () => {
    const on = await stage()
    const chunks = await client.chunks({ ...on, model: 'silent' })
    expect(chunks).toContainEqual({ type: 'status', status: 'keep_alive', content: '' })
    expect(textOf(chunks)).toBe('late')
  })
})

describe('refusals', () => {
  const ask = async (change: JsonObject) => {
    const on = await stage()
    return told(sender(served, key)('POST', '/completions', { ...on, model: 'speaker', provider: 'x', message_id: 'm', ...change }))
  }

  test('a model of a known provider that is not mapped is 422, one of an unknown provider 400', async () => {
    expect(await ask({ model: 'hyperbolic/other' })).toMatchObject([
      422,
      {
        detail: [
          {
            loc: ['body', 'model'],
            msg: expect.stringContaining("Invalid model 'hyperbolic/other'. Must be one of: hyperbolic/some/model"),
          },
        ],
      },
    ])
    expect(await ask({ model: 'nobody/other' })).toEqual([400, { detail: "Invalid or unknown model identifier prefix: 'nobody/other'" }])
  })

  test('runs, threads and assistants that are not there are 404', async () => {
    expect(await ask({ run_id: 'run_x' })).toEqual([404, { detail: 'Run not found' }])
    expect(await ask({ thread_id: String((await client.createThread()).id) })).toEqual([404, { detail: 'Thread not found' }])
    expect(await ask({ assistant_id: 'asst_x' })).toEqual([404, { detail: 'Assistant not found' }])
  })

  test("without a key nothing is said, and another's run is not there", async () => {
    const on = await stage()
    const body = { ...on, model: 'speaker', provider: 'x', message_id: 'm' }
    expect((await told(sender(served, null)('POST', '/completions', body)))[0]).toBe(401)
    const other = (await newPerson(served)).key
    expect(await told(sender(served, other)('POST', '/completions', body))).toEqual([404, { detail: 'Run not found' }])
    expect(await client.retrieveRun(on.run_id)).toMatchObject({ status: 'queued' })
  })
})

test('a run that was cancelled before it began says so', async () => {
  const on = await stage()
  await client.request('POST', `/runs/${on.run_id}/cancel`)
  expect(framesOf(await rawFrames(on, 'speaker')).slice(2)).toEqual(['{"type":"error","content":"Run cancelled"}', '[DONE]'])
})

test('the same completion again tells the same, and nothing is generated again', async () => {
  const on = await stage()
  const [first, second] = [await rawFrames(on, 'speaker'), await rawFrames(on, 'speaker')]
  expect(framesOf(second)).toEqual(framesOf(first))
  expect(await client.formatted(on.thread_id)).toHaveLength(3)
})

test('a run with tools that the OpenAI surface has no word for is shown there all the same', async () => {
  const on = await stage([], ['web_search', 'computer', 'code_interpreter', 'vector_store_search'])
  const odd = await client.createTool('odd', {
    function: { function: { name: 'odd', description: 'Odd.', examples: ['x'], strict: 'no' } },
  })
  await client.request('POST', `/assistants/${on.assistant_id}/tools/${odd.id}`)
  await client.chunks({ ...on, model: 'speaker' })
  const [status, run] = await told(served.send('GET', `/v1/threads/${on.thread_id}/runs/${on.run_id}`))
  expect([status, (run as { tools: { type: string }[] }).tools]).toMatchObject([
    200,
    [{ type: 'code_interpreter' }, { type: 'file_search' }, { type: 'function', function: { name: 'odd', description: 'Odd.' } }],
  ])
})
