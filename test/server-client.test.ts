import { afterAll, expect, test } from 'bun:test'
import { Elysia } from 'elysia'
import { readConfig } from '../src/config.ts'
import type { Log } from '../src/core/needs.ts'
import { clientOf } from '../src/http/client-address.ts'
import { openStreams } from '../src/http/streams.ts'
import { createHandler, openServer, type Server, type ServerParts } from '../src/server.ts'

const servers: Server[] = []
afterAll(() => Promise.all(servers.map((server) => server.close(0))))

function parts(trustedProxies: string[]): ServerParts {
  const ignore = (): void => undefined
  const log: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore }
  const { config } = readConfig({ flags: { listen: '127.0.0.1:0' } })
  const plugin = new Elysia({ prefix: '/who' })
    .get('/', ({ request }) => clientOf(request))
    .get('/headers', ({ request }) => Response.json([...request.headers]))
    .post('/', async ({ request }) => {
      const told = await request.text()
      return { ...clientOf(request), told }
    })
  const app = {
    config: { ...config, http: { ...config.http, trustedProxies } },
    log,
    clock: { now: () => 0 },
    version: '1',
    streams: openStreams(config.http),
  }
  return { app, surfaces: [{ name: 'who', title: 'Who', prefix: '/who', plugin }], probes: {} }
}

async function who(trustedProxies: string[], headers: Record<string, string>, init: RequestInit = {}): Promise<unknown> {
  const server = openServer(parts(trustedProxies))
  servers.push(server)
  return (await fetch(`${server.url}/who/`, { ...init, headers: { 'user-agent': 'teapot/1', ...headers } })).json()
}
const FORGED = { 'x-tetraport-client': '192.0.2.1', 'x-forwarded-for': '192.0.2.2' }

test('who asks is who is at the other end, whatever the headers say', async () => {
  expect(await who([], FORGED)).toEqual({ ip: '127.0.0.1', userAgent: 'teapot/1' })
  expect(await who(['10.0.0.0/8'], FORGED)).toEqual({ ip: '127.0.0.1', userAgent: 'teapot/1' })
})

test('behind a trusted proxy it is who called that, also with a body', async () => {
  expect(await who(['127.0.0.0/8'], FORGED)).toEqual({ ip: '192.0.2.2', userAgent: 'teapot/1' })
  expect(await who(['127.0.0.0/8'], FORGED, { method: 'POST', body: 'hello' })).toEqual({
    ip: '192.0.2.2',
    userAgent: 'teapot/1',
    told: 'hello',
  })
})

test('the address is in no header that a graph could keep', async () => {
  const server = openServer(parts([]))
  servers.push(server)
  const told = await (await fetch(`${server.url}/who/headers`, { headers: { host: 'teapot' } })).text()
  expect(told).toContain('x-request-id')
  expect(told).not.toContain('127.0.0.1')
})

test('without a socket nobody is known', async () => {
  const { fetch: ask } = createHandler(parts(['127.0.0.0/8']))
  const answer = await ask(new Request('http://localhost/who/', { headers: FORGED }))
  expect(await answer.json()).toEqual({ ip: null, userAgent: null })
})
