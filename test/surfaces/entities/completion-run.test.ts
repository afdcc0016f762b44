import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { serverOf } from '../../../src/core/caller.ts'
import { findRun } from '../../../src/core/runs/runs.ts'
import { requireId } from '../../../src/surfaces/entities/ids.ts'
import { type Chunk, EntitiesClient, textOf } from '../../support/entities-client.ts'
import { eventually } from '../../support/eventually.ts'
import { type ModelServer, startModelServer } from '../../support/model-server.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { newPerson, sender, told } from './kit.ts'

let upstream: ModelServer
let served: Served
let client: EntitiesClient
let key: string
let assistant: string

const providers = () => [{ name: 'up', baseUrl: upstream.url, apiKey: 'sk-of-the-server', models: [] }]

beforeAll(async () => {
  upstream = startModelServer()
  served = await serve({ providers: providers(), retriesMax: 0 }, { worker: true, entities: { heartbeatMs: 50 } })
  key = (await newPerson(served)).key
  client = new EntitiesClient(`${served.url}/entities`, key)
  assistant = String((await client.createAssistant()).id)
  const tool = await client.createTool('look')
  await client.request('POST', `/assistants/${assistant}/tools/${tool.id}`)
}, SERVER_START_MS)
afterAll(async () => {
  await served.close()
  await upstream.stop()
})
beforeEach(() => {
  upstream.requests.length = 0
  upstream.script = () => undefined
})

async function stage() {
  const thread = String((await client.createThread()).id)
  await client.createMessage(thread, 'Hi', { assistantId: assistant })
  const run = await client.createRun(thread, assistant)
  return { thread_id: thread, assistant_id: assistant, run_id: String(run.id), model: 'up/m' }
}

/** First a call, then an answer. */
const callThenAnswer = () => {
  upstream.script = ({ body }) => {
    const messages = body.messages as { role: string }[]
    return messages.at(-1)?.role === 'tool'
      ? { text: ['Se', 'en.'] }
      : { calls: [{ id: 'call_1', name: 'look', arguments: '{"city":"JFK"}' }] }
  }
}

test('a cancel ends the stream as the contract says, and the request to the model within a second', async () => {
  upstream.script = () => ({ text: ['Hel', 'lo'], ending: 'hang' })
  const on = await stage()
  const chunks: Chunk[] = []
  let cancelledAt = 0
  for await (const chunk of client.stream(on)) {
    chunks.push(chunk)
    if (textOf(chunks) === 'Hello' && cancelledAt === 0) {
      cancelledAt = performance.now()
      await client.request('POST', `/runs/${on.run_id}/cancel`)
    }
  }
  const isGone = () => (upstream.requests[0]?.gone ? true : undefined)
  await eventually(isGone, 1000)
  expect(performance.now() - cancelledAt).toBeLessThan(1000)
  expect(chunks.filter(({ status }) => status === undefined).at(-1)).toEqual({ type: 'error', content: 'Run cancelled' })
  expect(await client.retrieveRun(on.run_id)).toMatchObject({ status: 'cancelled' })
})

test('a client that goes away changes nothing: the answer is there afterwards', async () => {
  let release: () => void = () => undefined
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  upstream.script = async () => {
    await gate
    return { text: ['late'] }
  }
  const on = await stage()
  const stop = new AbortController()
  const reading = client.chunks(on, { signal: stop.signal })
  await eventually(() => (upstream.requests.length > 0 ? true : undefined))
  stop.abort()
  await reading
  release()
  expect(await client.complete(on)).toBe('late')
  expect(upstream.requests).toHaveLength(1)
})

test('two completions of one run read the same, and the model is asked once', async () => {
  let release: () => void = () => undefined
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  upstream.script = async () => {
    await gate
    return { text: ['on', 'ce'] }
  }
  const on = await stage()
  const readers = [client.complete(on), client.complete(on)]
  await eventually(() => (upstream.requests.length > 0 ? true : undefined))
  readers.push(client.complete(on))
  release()
  expect(await Promise.all(readers)).toEqual(['once', 'once', 'once'])
  expect(upstream.requests).toHaveLength(1)
  expect(await client.formatted(on.thread_id)).toHaveLength(3)
})

test('a completion that comes before the output waits for it, and says that it does', async () => {
  callThenAnswer()
  const on = await stage()
  await client.chunks(on)
  const beats: Chunk[] = []
  const chunks: Chunk[] = []
  let submitted = false
  for await (const chunk of client.stream(on)) {
    chunks.push(chunk)
    if (chunk.status === 'keep_alive') beats.push(chunk)
    if (beats.length < 2 || submitted) continue
    submitted = true
    const [pending] = await client.pendingActions(on.run_id)
    await client.submitToolOutput(on.thread_id, { actionId: String(pending?.action_id), content: 'x', assistantId: assistant })
  }
  expect(textOf(chunks)).toBe('Seen.')
  expect(upstream.requests).toHaveLength(2)
})

test('one that waits for outputs ends when the run is cancelled', async () => {
  callThenAnswer()
  const on = await stage()
  await client.chunks(on)
  const waiting = client.chunks(on)
  await client.request('POST', `/runs/${on.run_id}/cancel`)
  expect((await waiting).at(-1)).toEqual({ type: 'error', content: 'Run cancelled' })
})

test('a key that comes with the request is used for its run, by any server, and is gone with its end', async () => {
  callThenAnswer()
  const on = { ...(await stage()), api_key: 'sk-of-the-client-0123456789' }
  await client.chunks(on)
  const stored = await served.app.db.query<{ sealed: string }>('select sealed from run_secret', [])
  expect(stored).toHaveLength(1)
  expect(stored[0]?.sealed).not.toContain('client')
  const [pending] = await client.pendingActions(on.run_id)
  await client.submitToolOutput(on.thread_id, { actionId: String(pending?.action_id), content: 'x', assistantId: assistant })
  expect(await client.complete({ ...on, api_key: null })).toBe('Seen.')
  expect(upstream.requests.map(({ headers }) => headers.get('authorization'))).toEqual([
    'Bearer sk-of-the-client-0123456789',
    'Bearer sk-of-the-client-0123456789',
  ])
  const left = () => served.app.db.query('select 1 from run_secret', [])
  await eventually(async () => ((await left()).length === 0 ? true : undefined))
})

test('without one the server uses its own', async () => {
  const on = await stage()
  await client.chunks(on)
  expect(upstream.requests.map(({ headers }) => headers.get('authorization'))).toEqual(['Bearer sk-of-the-server'])
})

test('a key that the provider refuses is not shown, and not blamed on the server', async () => {
  upstream.script = () => ({ status: 401, error: { message: 'Incorrect API key provided: sk-of-the-client-0123456789' } })
  const on = { ...(await stage()), api_key: 'sk-of-the-client-0123456789' }
  const [error] = (await client.chunks(on)).filter(({ type }) => type === 'error')
  expect(error?.content).toBe("Model provider 'up' refused the API key that came with the request (HTTP 401).")
  upstream.script = () => ({ status: 400, error: { message: 'Bad key sk-of-the-client-0123456789 here' } })
  const again = { ...(await stage()), api_key: 'sk-of-the-client-0123456789' }
  const [other] = (await client.chunks(again)).filter(({ type }) => type === 'error')
  expect(other?.content).toContain('Bad key')
  expect(other?.content).not.toContain('0123456789')
})

test('a key that cannot be one is refused, and a server may refuse all of them', async () => {
  const on = await stage()
  const body = { ...on, provider: 'x', message_id: 'm' }
  expect(await told(sender(served, key)('POST', '/completions', { ...body, api_key: 'a\nb' }))).toMatchObject([
    422,
    { detail: [{ loc: ['body', 'api_key'] }] },
  ])
  const strict = await serve({ providers: providers() }, { beside: served, entities: { clientKeys: 'refuse' } })
  try {
    const send = sender(strict, key)
    expect(await told(send('POST', '/completions', { ...body, api_key: 'sk-x' }))).toMatchObject([
      422,
      { detail: [{ loc: ['body', 'api_key'] }] },
    ])
  } finally {
    await strict.close()
  }
})

test('tools reach the model as functions, with the instructions and the time of day', async () => {
  const on = await stage()
  await client.chunks(on)
  const { body } = upstream.requests[0] ?? {}
  expect(body?.tools).toMatchObject([{ type: 'function', function: { name: 'look', description: 'Does look.' } }])
  expect(JSON.stringify(body?.messages)).toMatch(/"Be helpful\.\\nCurrent date and time: \d{4}-/)
})

test('a stream breaks when the server goes, and another one tells the rest', async () => {
  const beside = await serve({ providers: providers(), retriesMax: 0 }, { beside: served })
  upstream.script = () => ({ text: ['Hel', 'lo'], pauseMs: 200 })
  const on = await stage()
  const through = new EntitiesClient(`${beside.url}/entities`, key)
  const chunks: Chunk[] = []
  const reading = (async () => {
    for await (const chunk of through.stream(on)) chunks.push(chunk)
  })()
  reading.catch(() => undefined)
  await eventually(() => (chunks.length > 1 ? true : undefined))
  beside.app.streams.closeAll()
  await expect(reading).rejects.toThrow()
  expect(await client.complete(on)).toBe('Hello')
  const run = await findRun(
    served.app,
    serverOf((await served.app.db.query<{ id: string }>("select id from tenant where name = 'one'", []))[0]?.id ?? ''),
    requireId('run', on.run_id),
  )
  expect(run.status).toBe('completed')
  await beside.close()
})
