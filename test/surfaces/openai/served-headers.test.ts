import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { JsonObject } from '../../../src/core/json.ts'
import type { ScriptTurn } from '../../../src/drivers/models/port.ts'
import { Calls } from '../../support/calls.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'

const SCRIPTS: Record<string, ScriptTurn[]> = { silent: [{ waitMs: 3_600_000 }] }
const ORIGIN = { origin: 'https://app.example' }

let served: Served
let calls: Calls

beforeAll(async () => {
  served = await serve({ scripts: SCRIPTS }, { worker: true })
  calls = new Calls(served)
}, SERVER_START_MS)
afterAll(() => served.close())

const namesIn = (list: string | null): string[] => (list ?? '').split(',').map((name) => name.trim().toLowerCase())

describe('a browser', () => {
  test('may call every path with what the SDKs send', async () => {
    const asked = 'authorization,content-type,openai-beta,x-stainless-lang,x-stainless-retry-count,idempotency-key,last-event-id'
    for (const path of ['/v1/threads', '/v1/threads/runs', '/v1/assistants/asst_1', '/v1/nothing']) {
      const response = await fetch(served.url + path, {
        method: 'OPTIONS',
        headers: { ...ORIGIN, 'access-control-request-method': 'POST', 'access-control-request-headers': asked },
      })
      expect([path, response.status]).toEqual([path, 204])
      expect(response.headers.get('access-control-allow-origin')).toBe('*')
      expect(namesIn(response.headers.get('access-control-allow-methods'))).toEqual(expect.arrayContaining(['get', 'post', 'delete']))
      expect(namesIn(response.headers.get('access-control-allow-headers'))).toEqual(expect.arrayContaining(asked.split(',')))
    }
  })

  test('may read answers, errors and streams, and the headers that clients need', async () => {
    const threadId = await calls.thread()
    const body = { assistant_id: await calls.assistant('echo'), stream: true }
    const answers = [
      await served.send('GET', '/v1/assistants', undefined, { headers: ORIGIN }),
      await served.send('GET', '/v1/assistants', undefined, { headers: ORIGIN, key: null }),
      await served.send('GET', '/v1/nothing', undefined, { headers: ORIGIN }),
      await served.send('GET', '/elsewhere', undefined, { headers: ORIGIN }),
      await served.send('POST', `/v1/threads/${threadId}/runs`, body, { headers: ORIGIN }),
    ]
    for (const answer of answers) {
      expect(answer.headers.get('access-control-allow-origin')).toBe('*')
      const exposed = namesIn(answer.headers.get('access-control-expose-headers'))
      expect(exposed).toEqual(expect.arrayContaining(['x-request-id', 'openai-poll-after-ms', 'retry-after', 'retry-after-ms']))
      await answer.text()
    }
  })

  test('has no CORS headers to read where it asked from no other origin', async () => {
    expect((await served.send('GET', '/v1/assistants')).headers.get('access-control-allow-origin')).toBeNull()
  })
})

test('every answer has a request id: its own, or the one that the client chose', async () => {
  const ids = new Set<string | null>()
  for (const [path, key] of [
    ['/v1/assistants', undefined],
    ['/v1/assistants', null],
    ['/v1/nothing', undefined],
    ['/elsewhere', undefined],
    ['/health', undefined],
  ] as const) {
    ids.add((await served.send('GET', path, undefined, key === undefined ? {} : { key })).headers.get('x-request-id'))
  }
  expect(ids.size).toBe(5)
  expect(ids.has(null)).toBe(false)
  const chosen = await served.send('GET', '/v1/assistants', undefined, { headers: { 'x-request-id': 'req-7' } })
  expect(chosen.headers.get('x-request-id')).toBe('req-7')
  const unfit = await served.send('GET', '/v1/assistants', undefined, { headers: { 'x-request-id': 'a b"<' } })
  expect(unfit.headers.get('x-request-id')).not.toBe('a b"<')
})

test('answers name the version of the API and how long they took', async () => {
  const { headers } = await served.send('GET', '/v1/assistants')
  expect(headers.get('openai-version')).toBe('2020-10-01')
  expect(headers.get('openai-processing-ms')).toMatch(/^\d+$/)
})

test('a run that goes on says when to ask again, within the bounds that SDKs bear, and one that ended does not', async () => {
  const threadId = await calls.thread()
  const created = await served.send('POST', `/v1/threads/${threadId}/runs`, { assistant_id: await calls.assistant('silent') })
  const { id } = (await created.json()) as JsonObject
  const path = `/v1/threads/${threadId}/runs/${id}`
  for (const response of [created, await served.send('GET', path), await served.send('POST', `${path}/cancel`)]) {
    const wait = Number(response.headers.get('openai-poll-after-ms'))
    expect(wait).toBeGreaterThanOrEqual(50)
    expect(wait).toBeLessThanOrEqual(1000)
  }
  await calls.reached(threadId, String(id), ['cancelled'])
  expect((await served.send('GET', path)).headers.get('openai-poll-after-ms')).toBeNull()
})

test('a path that the surface does not have is 404 in the envelope, whoever asks', async () => {
  for (const [method, path] of [
    ['GET', '/v1/nothing'],
    ['POST', '/v1/assistants/asst_1/nothing'],
    ['GET', '/v1'],
    ['GET', '/v1/'],
    ['DELETE', '/v1/threads/thread_1/runs/run_1/steps/step_1/x'],
  ] as const) {
    const response = await served.send(method, path)
    expect([path, response.status]).toEqual([path, 404])
    expect(await response.json()).toEqual({
      error: { message: expect.stringContaining(`${method} ${path}`), type: 'invalid_request_error', param: null, code: 'unknown_url' },
    })
  }
})

test('a known path under another method is 405 in the envelope and names the methods', async () => {
  const id = '0'.repeat(32)
  for (const [method, path] of [
    ['PUT', '/v1/assistants'],
    ['PATCH', `/v1/threads/thread_${id}`],
    ['DELETE', `/v1/threads/thread_${id}/runs/run_${id}`],
    ['GET', `/v1/threads/thread_${id}/runs/run_${id}/cancel`],
    ['GET', '/v1/embeddings'],
  ] as const) {
    const response = await served.send(method, path)
    expect([path, response.status]).toEqual([path, 405])
    const { error } = (await response.json()) as { error: JsonObject }
    expect(error).toMatchObject({ type: 'invalid_request_error', param: null, code: 'method_not_supported' })
    expect(error.message).toContain(`Not allowed to ${method} on ${path}.`)
  }
})

test('a path outside of every surface is 404 with the list of surfaces', async () => {
  for (const path of ['/elsewhere', '/v2/threads', '/v1x']) {
    const response = await served.send('GET', path)
    expect([path, response.status]).toEqual([path, 404])
    const body = (await response.json()) as JsonObject
    expect(body).toMatchObject({ error: 'not_found', docs: '/docs' })
    expect(body.surfaces).toEqual([
      { name: 'openai', path: '/v1', openapi: '/openapi/openai.json' },
      { name: 'langgraph', path: '/langgraph', openapi: '/openapi/langgraph.json' },
      { name: 'entities', path: '/entities', openapi: '/openapi/entities.json' },
      { name: 'platform', path: '/api/v1', openapi: '/openapi/platform.json' },
    ])
  }
})

test('a broken percent-encoding in a path is refused in the envelope', async () => {
  for (const path of ['/v1/models/%E0%A4%A', '/v1/threads/%ff', '/v1/assistants/%']) {
    const response = await served.send('GET', path)
    expect([path, response.status]).toEqual([path, 400])
    expect(await response.json()).toMatchObject({ error: { code: 'invalid_url', type: 'invalid_request_error', param: null } })
  }
})

/** Sends bytes as they are, and answers the status line; empty where the server just closed. */
async function raw(request: string): Promise<string> {
  const { hostname, port } = new URL(served.url)
  const socket = connect({ host: hostname, port: Number(port) })
  await once(socket, 'connect')
  const first = Promise.race([once(socket, 'data'), once(socket, 'close')])
  socket.write(request)
  const [bytes] = (await first) as [unknown]
  socket.destroy()
  return Buffer.isBuffer(bytes) ? (bytes.toString('latin1').split('\r\n')[0] ?? '') : ''
}

test('routes do not depend on the name that the client has for the host', async () => {
  for (const host of ['a', 'api', 'localhost:8787', 'tetraport.internal.example']) {
    const status = await raw(`GET /v1/models HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${served.key}\r\n\r\n`)
    expect([host, status]).toEqual([host, 'HTTP/1.1 200 OK'])
  }
})

test('a method that nobody knows is refused, and the server goes on', async () => {
  for (const method of ['TRACE', 'PROPFIND', 'FOO', 'get', 'CONNECT', '\u0000']) {
    const status = await raw(`${method} /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${served.key}\r\n\r\n`)
    // A method that the HTTP parser itself does not know ends the connection.
    expect([method, status]).toEqual([method, expect.stringMatching(/^(?:HTTP\/1\.1 4\d\d .*)?$/)])
  }
  expect((await served.send('GET', '/v1/models')).status).toBe(200)
})

test('a key is taken from either header, spaces and all', async () => {
  const key = await served.newKey('one', { secret: 'My API Key, of some length' })
  expect((await served.send('GET', '/v1/models', undefined, { key })).status).toBe(200)
  expect((await served.send('GET', '/v1/models', undefined, { key: null, headers: { 'x-api-key': key } })).status).toBe(200)
  expect((await served.send('GET', '/v1/models', undefined, { key: null, headers: { authorization: `bearer   ${key}` } })).status).toBe(200)
})

test('a beta that nobody knows, and one that is none, is refused where betas are read', async () => {
  const ask = async (beta: string) => {
    const response = await served.send('GET', '/v1/assistants', undefined, { headers: { 'openai-beta': beta } })
    return [response.status, ((await response.json()) as { error?: JsonObject }).error?.message]
  }
  expect(await ask('assistants=v2')).toEqual([200, undefined])
  expect(await ask('assistants=v9')).toEqual([400, "Unknown beta requested: 'assistants'."])
  expect(await ask('nonsense')).toEqual([
    400,
    "Invalid beta header provided: 'nonsense'. The header should be in the format 'OpenAI-Beta: example_beta=v1'.",
  ])
  expect((await served.send('GET', '/v1/models', undefined, { headers: { 'openai-beta': 'nonsense' } })).status).toBe(200)
})
