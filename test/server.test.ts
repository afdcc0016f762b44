import { afterAll, describe, expect, test } from 'bun:test'
import { Elysia, t } from 'elysia'
import { readConfig } from '../src/config.ts'
import { Fault } from '../src/core/fault.ts'
import type { Log } from '../src/core/needs.ts'
import { sseResponse } from '../src/http/sse.ts'
import { openStreams, type Streams } from '../src/http/streams.ts'
import { createHandler, openServer, type Server, type ServerParts } from '../src/server.ts'

interface Entry {
  level: string
  event: string
  fields: Record<string, unknown>
}

/** Two small surfaces; the first one streams. */
const alpha = (streams: Streams) =>
  new Elysia({ prefix: '/alpha' })
    .onError(({ error }) => Response.json({ alpha: String(error) }, { status: 418 }))
    .get('/things/:id', ({ params }) => ({ id: params.id }), {
      response: t.Object({ id: t.String() }),
      detail: { operationId: 'getThing' },
    })
    .post('/things', ({ body }) => body, { body: t.Object({ name: t.String() }), detail: { operationId: 'createThing' } })
    .get('/broken', () => {
      throw new Error('broken')
    })
    .get('/stream', ({ request }) =>
      sseResponse({
        signal: request.signal,
        streams,
        onError: String,
        comment: ': silence\n\n',
        async *open(signal) {
          yield 'data: 1\n\n'
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
        },
      }),
    )
    .ws('/stream', { open: (ws) => void ws.send('hello'), message: (ws, message) => void ws.send({ echo: message }) })
    .all('/*', () => Response.json({ alpha: 'unknown' }, { status: 404 }), { detail: { hide: true } })

const beta = () => new Elysia({ prefix: '/beta' }).get('/', () => 'beta', { detail: { operationId: 'getBeta' } })

function parts({ probes = {} }: { probes?: ServerParts['probes'] } = {}) {
  const entries: Entry[] = []
  const writer =
    (level: string) =>
    (event: string, fields: object = {}) =>
      void entries.push({ level, event, fields: { ...fields } })
  const log: Log = { debug: writer('debug'), info: writer('info'), warn: writer('warn'), error: writer('error') }
  const { config } = readConfig({ flags: { listen: '127.0.0.1:0' } })
  const streams = openStreams(config.http)
  const surfaces = [
    { name: 'alpha', title: 'Alpha', prefix: '/alpha', plugin: alpha(streams) },
    { name: 'beta', title: 'Beta', prefix: '/beta', plugin: beta() },
  ]
  return { app: { config, log, clock: { now: () => 0 }, version: '1.2.3', streams }, surfaces, probes, entries }
}

function asking(given = parts()) {
  const { fetch } = createHandler(given)
  return async (path: string, init: RequestInit = {}): Promise<Response> => fetch(new Request(`http://localhost${path}`, init))
}

const servers: Server[] = []
afterAll(() => Promise.all(servers.map((server) => server.close(0))))

function listening(given = parts()): Server {
  const server = openServer(given)
  servers.push(server)
  return server
}

describe('own routes', () => {
  test('health costs nothing and tells the version', async () => {
    let asked = 0
    const ask = asking(parts({ probes: { database: () => void asked++ } }))
    expect(await (await ask('/health')).json()).toMatchObject({ status: 'healthy', version: '1.2.3' })
    expect(asked).toBe(0)
  })

  test('are found behind any host, however short its name', async () => {
    const { fetch } = createHandler(parts())
    for (const host of ['api', 'a:1', '[::1]:80', 'localhost', 'a.longer.name.example'])
      expect((await fetch(new Request(`http://${host}/health`))).status).toBe(200)
  })

  test('readiness names the part that fails, without its inner words', async () => {
    const probes = {
      database: () => Promise.reject(new Fault('unavailable', 'The database does not answer.')),
      migrations: () => Promise.reject(new Error('password hunter2')),
      worker: () => undefined,
    }
    const answer = await asking(parts({ probes }))('/health/ready')
    expect(answer.status).toBe(503)
    expect(await answer.json()).toMatchObject({
      status: 'unavailable',
      checks: { server: 'ok', database: 'The database does not answer.', migrations: 'failed', worker: 'ok' },
    })
  })

  test('readiness asked many times at once looks once', async () => {
    let looked = 0
    const gate = Promise.withResolvers<void>()
    const probes = {
      database: () => {
        looked++
        return gate.promise
      },
    }
    const ask = asking(parts({ probes }))
    const answers = Promise.all(Array.from({ length: 50 }, () => ask('/health/ready')))
    await Promise.resolve()
    gate.resolve()
    expect((await answers).every((answer) => answer.status === 200)).toBe(true)
    expect(looked).toBe(1)
  })

  test('the root and unknown paths list the surfaces', async () => {
    const ask = asking()
    const surfaces = [
      { name: 'alpha', path: '/alpha', openapi: '/openapi/alpha.json' },
      { name: 'beta', path: '/beta', openapi: '/openapi/beta.json' },
    ]
    expect(await (await ask('/')).json()).toMatchObject({ name: 'tetraport', surfaces })
    for (const method of ['GET', 'POST', 'DELETE']) {
      const answer = await ask('/v7/nothing?key=secret', { method })
      expect(answer.status).toBe(404)
      expect(await answer.json()).toMatchObject({ error: 'not_found', message: 'No surface serves /v7/nothing.', surfaces })
    }
  })

  test('each surface has a document of its own operations only', async () => {
    const ask = asking()
    const document = async (name: string) =>
      (await ask(`/openapi/${name}.json`)).json() as Promise<{ paths: Record<string, Record<string, object>> }>
    const { paths } = await document('alpha')
    expect(Object.keys(paths).sort()).toEqual(['/alpha/broken', '/alpha/stream', '/alpha/things', '/alpha/things/{id}'])
    expect(Object.keys(paths['/alpha/stream'] ?? {})).toEqual(['get'])
    expect(JSON.stringify(paths['/alpha/things'])).not.toContain('multipart')
    expect(Object.keys((await document('beta')).paths)).toEqual(['/beta/'])
  })

  test('the documentation comes from this server alone', async () => {
    const ask = asking()
    const page = await ask('/docs')
    const html = await page.text()
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'")
    const scripts = [...html.matchAll(/src="([^"]+)"/g)].map((match) => match[1] ?? '')
    expect(scripts).toHaveLength(2)
    for (const path of scripts) {
      const script = await ask(path)
      expect([path, script.status, script.headers.get('content-type')]).toEqual([path, 200, 'text/javascript; charset=utf-8'])
    }
    expect(html).not.toContain('http')
    expect(await (await ask('/docs/start.js')).text()).toContain('"/openapi/alpha.json"')
  })
})

describe('every answer', () => {
  test('carries a request id: the one that was sent, or a new one', async () => {
    const ask = asking()
    for (const path of ['/health', '/nothing', '/alpha/things/1', '/alpha/broken', '/docs']) {
      const sent = await ask(path, { headers: { 'x-request-id': 'mine-1' } })
      expect([path, sent.headers.get('x-request-id')]).toEqual([path, 'mine-1'])
      expect((await ask(path)).headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    }
  })

  test('can be read by a browser, errors too', async () => {
    const ask = asking()
    for (const path of ['/nothing', '/alpha/broken', '/alpha/things/1']) {
      const answer = await ask(path, { headers: { origin: 'https://app.example' } })
      expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    }
    const preflight = await ask('/alpha/things', {
      method: 'OPTIONS',
      headers: { origin: 'https://app.example', 'access-control-request-method': 'POST' },
    })
    expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([204, '*'])
  })

  test('is logged with method, path and status, and without the query', async () => {
    const given = parts()
    await asking(given)('/alpha/things/1?api_key=hunter2', { headers: { authorization: 'Bearer hunter2' } })
    expect(given.entries).toEqual([
      { level: 'info', event: 'request', fields: { method: 'GET', path: '/alpha/things/1', status: 200, ms: 0, id: expect.any(String) } },
    ])
    expect(JSON.stringify(given.entries)).not.toContain('hunter2')
  })

  test('keeps the surface’s own errors', async () => {
    const answer = await asking()('/alpha/broken')
    expect([answer.status, await answer.json()]).toEqual([418, { alpha: 'Error: broken' }])
  })

  test('HEAD has the headers of GET and no body', async () => {
    const answer = await asking()('/health', { method: 'HEAD' })
    expect([answer.status, await answer.text()]).toEqual([200, ''])
  })
})

describe('on a socket', () => {
  test('the URL has the port that was chosen, and a second server cannot have it', async () => {
    const server = listening()
    expect((await fetch(`${server.url}/health`)).status).toBe(200)
    const port = new URL(server.url).port
    const given = parts()
    given.app.config.listen.port = Number(port)
    expect(() => openServer(given)).toThrow('in use')
  })

  test('a stream has a request id and its first frame at once', async () => {
    const server = listening()
    const answer = await fetch(`${server.url}/alpha/stream`)
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    const reader = answer.body?.getReader()
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('data: 1\n\n')
    await reader?.cancel()
  })

  test('the same path answers a WebSocket', async () => {
    const socket = new WebSocket(`${listening().url.replace('http', 'ws')}/alpha/stream`)
    const messages: string[] = []
    await new Promise<void>((resolve, reject) => {
      socket.onerror = () => reject(new Error('The socket failed.'))
      socket.onclose = () => resolve()
      socket.onmessage = ({ data }) => {
        messages.push(String(data))
        if (messages.length === 1) socket.send('{"a":1}')
        else socket.close()
      }
    })
    expect(messages).toEqual(['hello', '{"echo":{"a":1}}'])
  })

  test('draining turns readiness to 503 while requests are still answered', async () => {
    const server = listening()
    server.drain()
    const answer = await fetch(`${server.url}/health/ready`)
    expect(answer.status).toBe(503)
    expect(await answer.json()).toMatchObject({ checks: { server: 'shutting down' } })
    expect((await fetch(`${server.url}/alpha/things/1`)).status).toBe(200)
  })

  test('closing ends streams whole, then refuses connections', async () => {
    const server = listening()
    const answer = await fetch(`${server.url}/alpha/stream`)
    const text = answer.text()
    server.drain()
    const refused = server.refuse()
    await server.close(1000)
    await refused
    expect(['', 'data: 1\n\n']).toContain(await text)
    expect(fetch(`${server.url}/health`)).rejects.toThrow()
  })

  test('a body beyond any limit reaches the surface, which refuses it in its own words', async () => {
    const server = listening()
    const answer = await fetch(`${server.url}/alpha/nowhere`, { method: 'POST', body: new Uint8Array(20_000_000) })
    expect([answer.status, await answer.json()]).toEqual([404, { alpha: 'unknown' }])
  })
})
