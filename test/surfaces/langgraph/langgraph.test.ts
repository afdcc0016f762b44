import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mountAlone, openServer, type Server } from '../../../src/server.ts'
import { SERVER_START_MS, type SendInit, type Served, serve } from '../../support/served.ts'

const ID = 'fe096781-5601-53d2-b2f6-0d3403f7e9ca'

let served: Served
let texts: Served
let alone: Server
beforeAll(async () => {
  served = await serve()
  texts = await serve({}, { beside: served, langgraph: { errorBodies: 'text' } })
  const { app } = served
  const [own] = mountAlone({
    ...app,
    config: { ...app.config, langgraph: { ...app.config.langgraph, listen: { host: '127.0.0.1', port: 0 } } },
  })
  if (!own) throw new Error('no listener of its own')
  alone = openServer({ app, probes: {}, ...own })
}, SERVER_START_MS)
afterAll(async () => {
  await alone?.close(0)
  await texts?.close()
  await served?.close()
})

const send = (method: string, path: string, body?: unknown, init?: SendInit) => served.send(method, `/langgraph${path}`, body, init)
const told = async (answer: Response): Promise<unknown> => [answer.status, await answer.json()]

describe('a key', () => {
  test('is taken from x-api-key and from Authorization', async () => {
    for (const headers of [{ 'x-api-key': served.key }, { authorization: `Bearer ${served.key}` }] as Record<string, string>[])
      expect((await send('POST', '/threads', {}, { key: null, headers })).status).toBe(200)
  })

  test('in Authorization goes before one that an SDK found somewhere', async () => {
    const headers = { authorization: `Bearer ${served.key}`, 'x-api-key': 'lsv2_of_another_service' }
    expect((await send('POST', '/threads', {}, { key: null, headers })).status).toBe(200)
  })

  test('that is missing or unknown is 401, before a broken body', async () => {
    for (const key of [null, 'unknown']) {
      const [status, body] = (await told(await send('POST', '/threads', '{', { key }))) as [number, { detail: string }]
      expect(status).toBe(401)
      expect(body.detail).toContain('x-api-key')
    }
  })

  test('that may only read is 403 for who writes', async () => {
    const key = await served.newKey('one', { scopes: ['read'] })
    expect(await told(await send('POST', '/threads', {}, { key }))).toEqual([403, { detail: "This key lacks the 'write' scope." }])
  })
})

describe('an Idempotency-Key', () => {
  test('makes a repeated request have one effect', async () => {
    const headers = { 'idempotency-key': 'create-once' }
    const ids = new Set<string>()
    for (let n = 0; n < 3; n++) {
      const answer = await send('POST', '/threads', { metadata: { n: 1 } }, { headers })
      expect(answer.status).toBe(200)
      ids.add(((await answer.json()) as { thread_id: string }).thread_id)
    }
    expect(ids.size).toBe(1)
    const other = await send('POST', '/threads', { metadata: { n: 2 } }, { headers })
    expect(other.status).toBe(422)
  })
})

describe('a URL', () => {
  test('that nothing serves is 404', async () => {
    expect(await told(await send('GET', '/nothing?secret=1'))).toEqual([404, { detail: 'No operation at GET /langgraph/nothing.' }])
    expect((await send('GET', '')).status).toBe(404)
  })

  test('with another method says which methods it has', async () => {
    const answer = await send('PUT', `/threads/${ID}`)
    expect(answer.headers.get('allow')?.split(', ').sort()).toEqual(['DELETE', 'GET', 'PATCH'])
    expect(answer.status).toBe(405)
  })

  test('of a part that is not built says its name, to who has a key', async () => {
    const parts: [string, string, string][] = [
      ['POST', `/threads/${ID}/commands`, 'Protocol v2'],
      ['POST', `/threads/${ID}/stream/events`, 'Protocol v2'],
      ['GET', `/threads/${ID}/stream/events`, 'Protocol v2'],
      ['POST', '/ui/agent', '/ui'],
      ['POST', '/mcp', '/mcp'],
      ['POST', '/mcp/', '/mcp'],
      ['POST', `/a2a/${ID}`, '/a2a'],
      ['POST', '/internal/truncate', '/internal/truncate'],
    ]
    for (const [method, path, name] of parts) {
      const body = method === 'POST' ? {} : undefined
      const [status, { detail }] = (await told(await send(method, path, body))) as [number, { detail: string }]
      expect([path, status]).toEqual([path, 501])
      expect(detail).toContain(name)
      expect([path, (await send(method, path, body, { key: null })).status]).toEqual([path, 401])
    }
  })
})

describe('an error', () => {
  test('has a detail, and 422 the place of the mistake', async () => {
    expect(await told(await send('GET', `/threads/${ID}`))).toEqual([404, { detail: `Thread with ID ${ID} not found` }])
    expect(await told(await send('GET', '/threads/x'))).toEqual([
      422,
      { detail: [{ loc: ['path', 'thread_id'], msg: "thread_id: expected a UUID, but got 'x'.", type: 'uuid_parsing' }] },
    ])
    expect(await told(await send('POST', '/threads', '{'))).toMatchObject([422, { detail: [{ loc: ['body'], type: 'json_invalid' }] }])
  })

  test('is plain text of the same words where that is configured', async () => {
    const answer = await texts.send('GET', `/langgraph/threads/${ID}`)
    expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([
      404,
      'text/plain; charset=utf-8',
      `Thread with ID ${ID} not found`,
    ])
  })
})

describe('a listener of its own', () => {
  test('serves the same at the root, with the documentation and health beside it', async () => {
    const { thread_id: id } = (await (await send('POST', '/threads', {})).json()) as { thread_id: string }
    const there = await fetch(`${alone.url}/threads/${id}`, { headers: { 'x-api-key': served.key } })
    expect(await there.json()).toMatchObject({ thread_id: id })
    for (const path of ['/ok', '/health', '/docs', '/openapi/langgraph.json', '/'])
      expect([path, (await fetch(alone.url + path)).status]).toEqual([path, 200])
    const { paths } = (await (await fetch(`${alone.url}/openapi/langgraph.json`)).json()) as { paths: object }
    expect(Object.keys(paths)).toContain('/threads/{thread_id}')
  })

  test('has nothing of other surfaces', async () => {
    expect((await fetch(`${alone.url}/v1/models`, { headers: { 'x-api-key': served.key } })).status).toBe(404)
    expect((await fetch(`${alone.url}/langgraph/ok`)).status).toBe(404)
  })
})

test('a browser may read the headers that clients need', async () => {
  const answer = await send('GET', '/ok', undefined, { headers: { origin: 'https://app.example' } })
  const exposed = answer.headers.get('access-control-expose-headers')?.split(', ') ?? []
  for (const name of ['content-location', 'location', 'x-pagination-total', 'x-pagination-next']) expect(exposed).toContain(name)
})

test('the document names both ways to send a key, and no hidden part', async () => {
  const document = (await (await fetch(`${served.url}/openapi/langgraph.json`)).json()) as {
    paths: Record<string, Record<string, { security: object[] }>>
    components: { securitySchemes: object }
  }
  expect(Object.keys(document.components.securitySchemes)).toEqual(['bearer', 'apiKey'])
  expect(document.paths['/langgraph/threads']?.post?.security).toEqual([{ bearer: [] }, { apiKey: [] }])
  expect(document.paths['/langgraph/ok']?.get?.security).toEqual([])
  expect(Object.keys(document.paths).filter((path) => /commands|mcp|a2a|internal|\*/.test(path))).toEqual([])
})
