import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { newId } from '../../../src/core/id.ts'
import { operator } from '../../../src/core/identity/tenants.ts'
import { RecordedLog } from '../../support/app.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { machineOf, signedIn } from '../../support/sign-ins.ts'

const UUID4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const SETTINGS = '/api/v1/tenants/settings'

let served: Served
let log: RecordedLog
let one: string
let admin: string

beforeAll(async () => {
  log = new RecordedLog()
  served = await serve({}, { log })
  one = (await operator(served.app, 'one')).tenantId
  admin = (await signedIn(served.app, { tenantId: one, role: 'admin' })).token
}, SERVER_START_MS)
afterAll(() => served?.close())

type Told = { status: number; body: Record<string, unknown>; headers: Headers }

async function ask(method: string, path: string, { key = null, headers = {}, body }: Asked = {}): Promise<Told> {
  const answer = await served.send(method, path, body, { key, headers })
  const text = await answer.text()
  return { status: answer.status, headers: answer.headers, body: text === '' ? {} : (JSON.parse(text) as Told['body']) }
}

interface Asked {
  key?: string | null
  headers?: Record<string, string>
  body?: unknown
}

describe('an answer of the surface', () => {
  test('says how long it took and under which new id it is in the log, errors too', async () => {
    const inbound = { 'x-correlation-id': 'mine' }
    const asked: [string, string, Asked, number][] = [
      ['GET', '/', {}, 200],
      ['GET', '/health', {}, 200],
      ['GET', '/.well-known/jwks.json', {}, 200],
      ['GET', '/api/v1/auth/signup-policy', {}, 200],
      ['GET', SETTINGS, { key: admin }, 200],
      ['GET', SETTINGS, {}, 401],
      ['GET', '/api/v1/nothing', {}, 404],
      ['POST', '/api/v1/auth/token', { body: {} }, 422],
      ['POST', '/api/v1/auth/token', { body: '{' }, 422],
    ]
    const seen = new Set<string>()
    for (const [method, path, given, status] of asked) {
      const { headers, ...answer } = await ask(method, path, { ...given, headers: inbound })
      expect([path, answer.status]).toEqual([path, status])
      const id = headers.get('x-correlation-id') ?? ''
      expect(id).toMatch(UUID4)
      seen.add(id)
      expect(headers.get('x-process-time')).toMatch(/^\d+\.\d{4}$/)
      const entry = log.entries.find(({ fields }) => (fields as Record<string, unknown> | undefined)?.correlationId === id)
      expect(entry?.fields).toMatchObject({ path, id: headers.get('x-request-id') })
    }
    expect(seen.size).toBe(asked.length)
  })

  test('of another surface says nothing of the kind', async () => {
    const { headers } = await ask('GET', '/v1/models', { key: served.key })
    expect([headers.get('x-correlation-id'), headers.get('x-process-time')]).toEqual([null, null])
  })

  test('can be read by a browser, which may send the headers of tenants', async () => {
    const origin = 'https://app.example.com'
    const asking = { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'x-tenant-id,if-match' }
    const preflight = await served.send('OPTIONS', SETTINGS, undefined, { key: null, headers: asking })
    expect(preflight.headers.get('access-control-allow-headers')).toContain('x-tenant-id')
    expect(preflight.headers.get('access-control-allow-headers')).toContain('if-match')
    const { headers } = await ask('GET', SETTINGS, { key: admin, headers: { origin } })
    for (const name of ['x-correlation-id', 'etag', 'retry-after']) expect(headers.get('access-control-expose-headers')).toContain(name)
  })
})

describe('what no route takes', () => {
  test('is 404 in the envelope, and 405 where only the method is wrong', async () => {
    for (const path of ['/api/v1/nothing', '/api/v1', '/api/v1/auth/token/x'])
      expect(await ask('GET', path)).toMatchObject({ status: 404, body: { success: false, error: 'not_found', detail: 'Not Found' } })
    const { status, headers, body } = await ask('DELETE', '/api/v1/auth/token')
    expect([status, headers.get('allow'), body]).toMatchObject([405, 'POST', { error: 'method_not_allowed', detail: 'Method Not Allowed' }])
  })
})

describe('a request that breaks its schema', () => {
  test('is told where, without what was sent', async () => {
    const body = { email: 'a@example.com', password: 1234567890123 }
    const { status, body: told } = await ask('POST', '/api/v1/auth/token', { body })
    expect([status, told]).toMatchObject([422, { error: 'ValidationError', details: [{ type: 'string_type', loc: ['body', 'password'] }] }])
    expect(JSON.stringify(told)).not.toContain('1234567890123')
  })

  test('as one that is no JSON', async () => {
    const { status, body } = await ask('POST', '/api/v1/auth/token', { body: '{"password": hunter2secret}' })
    expect([status, body]).toMatchObject([422, { details: [{ type: 'json_invalid', loc: ['body'] }] }])
    expect(JSON.stringify(body)).not.toContain('hunter2secret')
  })

  test('is looked at only when its sender is known', async () => {
    expect((await ask('PUT', SETTINGS, { body: '{' })).status).toBe(401)
    expect((await ask('PUT', SETTINGS, { key: admin, body: '{' })).status).toBe(422)
  })
})

describe('credentials', () => {
  test('that are missing and such of another scheme are told apart from wrong ones', async () => {
    for (const headers of [{}, { authorization: 'Basic dTpw' }, { authorization: 'Bearer' }] as Record<string, string>[])
      expect(await ask('GET', SETTINGS, { headers })).toMatchObject({ status: 401, body: { error: 'unauthenticated' } })
    const wrong = await ask('GET', SETTINGS, { key: 'tp_wrong' })
    expect([wrong.status, wrong.body.error, wrong.headers.get('www-authenticate')]).toEqual([401, 'invalid_token', 'Bearer'])
  })
})

describe('X-Tenant-Id', () => {
  const asking = (key: string, id: string) => ask('GET', SETTINGS, { key, headers: { 'x-tenant-id': id } })

  test('must be the tenant of the token', async () => {
    for (const id of [one, one.toUpperCase(), ` ${one} `]) expect((await asking(admin, id)).status).toBe(200)
    const two = (await operator(served.app, 'two')).tenantId
    for (const id of [two, newId(), 'one', "' or 1=1"])
      expect(await asking(admin, id)).toMatchObject({ status: 403, body: { error: 'tenant_mismatch' } })
  })

  test('chooses the tenant of a token that has none, which has to say so', async () => {
    const { token } = await machineOf(served.app, { account: 'support-console', tenantId: null, scopes: ['support:*'] })
    expect(await ask('GET', SETTINGS, { key: token })).toMatchObject({ status: 401, body: { error: 'tenant_required' } })
    expect(await asking(token, one)).toMatchObject({ status: 403, body: { error: 'insufficient_role' } })
    for (const id of [newId(), 'one']) expect(await asking(token, id)).toMatchObject({ status: 403, body: { error: 'tenant_mismatch' } })
  })
})

describe('X-Tenant-Role', () => {
  const asking = async (key: string, role: string) => {
    const { status, body } = await ask('GET', SETTINGS, { key, headers: { 'x-tenant-role': role } })
    return [status, body.error]
  }

  test('lowers the role, never raises it, and means nothing where it is unknown', async () => {
    const owner = (await signedIn(served.app, { tenantId: one, role: 'owner' })).token
    const viewer = (await signedIn(served.app, { tenantId: one, role: 'viewer' })).token
    expect(await asking(owner, 'admin')).toEqual([200, undefined])
    for (const role of ['viewer', 'Member']) expect(await asking(owner, role)).toEqual([403, 'insufficient_role'])
    for (const role of ['owner', 'admin', 'member']) expect(await asking(viewer, role)).toEqual([403, 'insufficient_role'])
    for (const role of ['editor', '', 'root']) expect(await asking(owner, role)).toEqual([200, undefined])
  })

  test('lowers what the role grants as well', async () => {
    const owner = (await signedIn(served.app, { tenantId: one, role: 'owner' })).token
    const invites = (role: string) => ask('GET', '/api/v1/auth/invites', { key: owner, headers: { 'x-tenant-role': role } })
    expect((await invites('admin')).status).toBe(200)
    expect(await invites('member')).toMatchObject({ status: 403, body: { error: 'insufficient_scope' } })
  })
})
