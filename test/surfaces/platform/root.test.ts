import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHandler, mountSurfaces } from '../../../src/server.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'

let served: Served
let aloneToo: Served
beforeAll(async () => {
  served = await serve()
  aloneToo = await serve({}, { platform: { appUrl: 'https://app.example.com' }, beside: served })
}, SERVER_START_MS)
afterAll(async () => {
  await aloneToo?.close()
  await served?.close()
})

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> => fetch(served.url + path, { headers })
const json = async (path: string): Promise<Record<string, unknown>> => (await (await get(path)).json()) as Record<string, unknown>

const FACTS = {
  timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}$/),
  version: 'test',
  uptime: expect.any(Number),
}

describe('health', () => {
  test('of the process is healthy, for as long as it has been up', async () => {
    const told = await json('/health')
    expect(told).toEqual({ status: 'healthy', ...FACTS })
    expect(Number(told.uptime)).toBeCloseTo(Math.round(Number(told.uptime) * 100) / 100, 9)
  })

  test('of what it needs is ready, part by part', async () => {
    expect(await json('/health/ready')).toEqual({ status: 'ready', ...FACTS, checks: { server: 'ok' } })
  })

  test('of what it needs is an error in the envelope when a part fails, still part by part', async () => {
    const probes = { database: () => Promise.reject(new Error('connection to 10.0.0.5 refused')) }
    const { fetch: ask } = createHandler({ app: served.app, surfaces: mountSurfaces(served.app), probes })
    const answer = await ask(new Request('http://localhost/health/ready'))
    expect(answer.status).toBe(503)
    const body = await answer.text()
    expect(JSON.parse(body)).toEqual({
      ...{ success: false, error: 'unavailable', details: null },
      ...{ message: 'Not ready: database: failed', detail: 'Not ready: database: failed' },
      ...{ status: 'unavailable', checks: { server: 'ok', database: 'failed' } },
    })
    expect(answer.headers.get('x-correlation-id')).not.toBeNull()
  })

  test('of the store is told with 200, whatever it is', async () => {
    expect(await json('/health/storage')).toEqual({ status: 'healthy', ...FACTS })
    const { files: _, ...storeless } = served.app
    const bare = createHandler({ app: storeless, surfaces: [], probes: {} })
    expect(await (await bare.fetch(new Request('http://localhost/health/storage'))).json()).toMatchObject({ status: 'unconfigured' })
    const broken = { ...served.app, files: { ...served.app.files, check: () => Promise.reject(new Error('gone')) } }
    const answer = await createHandler({ app: broken, surfaces: [], probes: {} }).fetch(new Request('http://localhost/health/storage'))
    expect([answer.status, await answer.json()]).toMatchObject([200, { status: 'unavailable' }])
  })
})

test('the root says what stands where, as every client looks for it', async () => {
  expect(await json('/')).toMatchObject({
    ...{ service: 'tetraport', name: 'tetraport', version: 'test', docs: '/docs', health: '/health', ready: '/health/ready' },
    ...{ api: '/api/v1', chat: '/api/v1/chat', agents: '/api/v1/agents', description: expect.any(String) },
  })
})

describe('the public keys', () => {
  test('are those that verify, without their private halves, and may be kept for minutes', async () => {
    const answer = await get('/.well-known/jwks.json')
    expect(answer.headers.get('cache-control')).toBe('public, max-age=300')
    expect(answer.headers.get('content-type')).toStartWith('application/json')
    expect(Number.isNaN(Date.parse(answer.headers.get('last-modified') ?? ''))).toBe(false)
    const { keys } = (await answer.json()) as { keys: Record<string, unknown>[] }
    expect(keys.length).toBeGreaterThan(1)
    for (const key of keys) {
      expect(key).toMatchObject({
        kty: 'OKP',
        crv: 'Ed25519',
        use: 'sig',
        alg: 'EdDSA',
        kid: expect.stringMatching(/^ed25519-[0-9a-f]{12}$/),
      })
      expect(Object.keys(key)).not.toContain('d')
    }
  })

  test('are not sent to who has them', async () => {
    const etag = (await get('/.well-known/jwks.json')).headers.get('etag') ?? ''
    expect(etag).toMatch(/^"[0-9a-f]{64}"$/)
    for (const tag of [etag, `W/${etag}`, `"other", ${etag}`]) {
      const answer = await get('/.well-known/jwks.json', { 'if-none-match': tag })
      expect([answer.status, answer.headers.get('etag'), await answer.text()]).toEqual([304, etag, ''])
    }
    expect((await get('/.well-known/jwks.json', { 'if-none-match': '"other"' })).status).toBe(200)
  })
})

describe('pages that mails lead to', () => {
  const PATHS = ['/verify-email', '/reset-password', '/register']

  test('open without doing anything, and let nothing of another place in', async () => {
    for (const path of PATHS) {
      const answer = await get(`${path}?token=%3Cscript%3Ealert(1)%3C/script%3E`)
      const html = await answer.text()
      expect([path, answer.status, answer.headers.get('content-type')]).toEqual([path, 200, 'text/html; charset=utf-8'])
      expect(answer.headers.get('cache-control')).toBe('no-store')
      expect(answer.headers.get('referrer-policy')).toBe('no-referrer')
      const policy = answer.headers.get('content-security-policy') ?? ''
      expect(policy).toStartWith("default-src 'none'")
      expect(policy).not.toContain('unsafe')
      // What was sent is never part of the page.
      expect(html).not.toContain('alert(1)')
      expect(html).not.toMatch(/(?:src|href)=/)
    }
  })

  test('run their own script and style only', async () => {
    const answer = await get('/register')
    const html = await answer.text()
    const policy = answer.headers.get('content-security-policy') ?? ''
    for (const tag of ['script', 'style']) {
      const text = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(html)?.[1] ?? ''
      expect(text.length).toBeGreaterThan(100)
      expect(policy).toContain(`${tag}-src 'sha256-${new Bun.CryptoHasher('sha256').update(text).digest('base64')}'`)
    }
  })

  test('name every field, for people who listen to them', async () => {
    for (const path of PATHS) {
      const html = await (await get(path)).text()
      expect(html).toContain('<html lang="en">')
      expect(html).toContain('name="viewport"')
      expect(html).toContain('role="status"')
      const ids = [...html.matchAll(/<input id="([\w]+)"[^>]*type="(\w+)"/g)]
      expect(ids.length).toBeGreaterThan(0)
      for (const [, id, type] of ids) if (type !== 'checkbox') expect(html).toContain(`<label for="${id}">`)
    }
  })

  test('send their form where the API takes it', async () => {
    const { paths } = (await json('/openapi/platform.json')) as { paths: Record<string, { post?: object }> }
    for (const path of PATHS) {
      const html = await (await get(path)).text()
      const action = /data-action="([^"]+)"/.exec(html)?.[1] ?? ''
      expect(paths[action]?.post).toBeDefined()
    }
  })

  test('are not there where a web application has its own', async () => {
    for (const path of PATHS) expect((await fetch(aloneToo.url + path)).status).toBe(404)
  })
})
