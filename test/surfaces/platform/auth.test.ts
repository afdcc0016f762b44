import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { operator } from '../../../src/core/identity/tenants.ts'
import type { JsonObject } from '../../../src/core/json.ts'
import { signedHeaders } from '../../../src/core/service-accounts/signature.ts'
import { createOperator } from '../../../src/core/sign-up/operator.ts'
import { OPERATOR, said } from '../../contract/platform-journey.ts'
import { AGENTS, BEHIND_PROXY, Device, type Said } from '../../support/device.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { buildWorld, type World } from './isolation-world.ts'

const SERVICE_SECRET = 'what-machines-sign-with'
const PASSWORD = 'Copper-otter-88-window'

let served: Served
let root: Device
let world: World
beforeAll(async () => {
  served = await serve({}, { ...BEHIND_PROXY, auth: { serviceSecret: SERVICE_SECRET } })
  await createOperator(served.app, await operator(served.app), OPERATOR)
  root = new Device(served)
  said(await root.signIn(OPERATOR.email, OPERATOR.password), 200)
  world = await buildWorld(served, root, 'acme')
}, SERVER_START_MS)
afterAll(() => served?.close())

const ANSWER = { organization: 'Acme', full_name: 'Al', accept_terms: true }

async function request(email: string): Promise<string> {
  said(await new Device(served).auth('POST', '/request-access', { ...ANSWER, email }), 202)
  const { requests } = said(await root.auth('GET', '/signup-requests?status=pending'), 200) as { requests: JsonObject[] }
  return String(requests.find((row) => row.email === email)?.id)
}

describe('an answer that holds a secret may be kept by nobody', () => {
  const machine = (): Promise<Said> => {
    const now = Math.floor(Date.now() / 1000)
    const ask = { account: 'analytics-batch', scopes: ['conversations:read'], tenant_id: world.ids.tenant }
    const whole = { iss: 'vault', aud: ['auth-service'], sub: 'batch', nonce: crypto.randomUUID(), iat: now, exp: now + 60, ...ask }
    const { authorization, payload } = signedHeaders(SERVICE_SECRET, whole)
    return new Device(served).auth('POST', '/service-accounts/issue', ask, { authorization, 'x-vault-payload': payload })
  }
  const person = async (email: string, invite: JsonObject): Promise<Said> => {
    const body = { email, password: PASSWORD, tenant_name: 'New', invite_token: invite.invite_token }
    return new Device(served).register(body)
  }
  const ACTS: Record<string, () => Promise<Said>> = {
    token: () => new Device(served).signIn(OPERATOR.email, OPERATOR.password),
    refresh: async () => {
      const device = new Device(served)
      await device.signIn(OPERATOR.email, OPERATOR.password)
      return device.auth('POST', '/refresh', { refresh_token: device.refresh })
    },
    invites: () => root.auth('POST', '/invites', {}),
    register: async () => person('new@acme.example', said(await root.auth('POST', '/invites', {}), 201)),
    approve: async () => root.auth('POST', `/signup-requests/${await request('asks@acme.example')}/approve`, {}),
    issue: machine,
    exchange: async () => root.auth('POST', '/service-accounts/exchange', { refresh_token: said(await machine(), 201).refresh_token }),
    'browser-issue': () => {
      const ask = { account: 'synthetic-monitor', scopes: ['tools:read'], reason: 'Watches the tools.' }
      return world.owner.auth('POST', '/service-accounts/browser-issue', ask)
    },
  }
  for (const [name, act] of Object.entries(ACTS))
    test(name, async () => {
      const { status, text, headers } = await act()
      expect([status < 300, text]).toEqual([true, expect.stringContaining('token')])
      expect(headers.get('cache-control')).toBe('no-store')
    })
})

test('a decision that is repeated with its key is answered again, and with none is a conflict', async () => {
  const id = await request('begs@acme.example')
  const reject = (headers: Record<string, string> = {}) => root.auth('POST', `/signup-requests/${id}/reject`, { reason: 'No.' }, headers)
  const once = { 'idempotency-key': 'one-decision' }
  const first = said(await reject(once), 200)
  expect(first).toMatchObject({ request: { id, status: 'rejected', decision_reason: 'No.' }, invite: null })
  expect(said(await reject(once), 200)).toEqual(first)
  said(await reject(), 409)
})

test('an invite that is asked for twice with one key is two invites, as its token is not kept', async () => {
  const once = { 'idempotency-key': 'one-invite' }
  const [first, second] = [await root.auth('POST', '/invites', {}, once), await root.auth('POST', '/invites', {}, once)]
  expect(said(first, 201).id).not.toBe(said(second, 201).id)
})

describe('who asks is told', () => {
  test('to a person, with all that the token says', async () => {
    const { data } = said(await root.auth('GET', '/me'), 200) as { data: { user_id: string; token_payload: JsonObject } }
    expect(data.token_payload).toMatchObject({ sub: `user:${data.user_id}`, roles: ['owner'], token_use: 'access', email_verified: true })
  })

  test('to a key, which is nobody', async () => {
    const device = new Device(served)
    device.access = served.key
    expect(said(await device.auth('GET', '/me'), 200)).toMatchObject({ success: true, data: { user_id: null, token_payload: null } })
    said(await device.auth('GET', '/sessions'), 403)
  })

  test('to a machine, which is no user', async () => {
    const ask = { account: 'analytics-batch', scopes: ['conversations:read'], reason: 'For the test.' }
    const { refresh_token } = said(await world.owner.auth('POST', '/service-accounts/browser-issue', ask), 201)
    const device = new Device(served)
    device.access = String(said(await device.auth('POST', '/service-accounts/exchange', { refresh_token }), 200).access_token)
    const payload = { sub: 'service-account:analytics-batch', tenant_id: world.ids.tenant, scope: 'conversations:read' }
    expect(said(await device.auth('GET', '/me'), 200)).toMatchObject({ data: { user_id: null, token_payload: payload } })
  })
})

test('an invite says into which tenant it leads, and as what', async () => {
  const own = said(await world.owner.auth('POST', '/invites', {}), 201)
  expect(own).toMatchObject({ tenant_id: world.ids.tenant, role: 'member', max_redemptions: 1, redeemed_count: 0 })
  expect(String(own.invite_token).startsWith(String(own.token_hint))).toBe(true)
  expect(own.expires_at).toEqual(expect.stringMatching(/^\d{4}-.*Z$/))
  expect(said(await world.owner.auth('POST', '/invites', { expires_in_hours: null }), 201).expires_at).toBeNull()
  const revoked = said(await world.owner.auth('POST', `/invites/${String(own.id)}/revoke`), 200)
  expect(revoked).toMatchObject({ id: own.id, status: 'revoked' })
  expect(revoked.invite_token).toBeUndefined()
  expect(said(await world.owner.auth('POST', `/invites/${String(own.id)}/revoke`), 200)).toEqual(revoked)
})

test('a session shows the device, and of the address only where about it is', async () => {
  const device = new Device(served, AGENTS.phone, '198.51.100.77')
  const { session_id: id } = said(await device.signIn(OPERATOR.email, OPERATOR.password), 200)
  const { sessions, ...page } = said(await device.auth('GET', '/sessions?limit=1'), 200) as { sessions: JsonObject[] }
  expect(page).toMatchObject({ limit: 1, offset: 0, total: expect.any(Number) })
  expect(sessions).toMatchObject([
    {
      ...{ id, current: true, ip_address_masked: '198.51.100.*', revoked_at: null, location: null },
      client: { platform: 'iOS', browser: 'Safari', device: 'mobile', user_agent: AGENTS.phone },
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
    },
  ])
})

test("nobody signs out with another person's refresh token", async () => {
  const other = new Device(served)
  said(await other.signIn(OPERATOR.email, OPERATOR.password), 200)
  const refused = await world.owner.auth('POST', '/logout', { refresh_token: other.refresh })
  expect(said(refused, 403)).toMatchObject({ success: false, error: 'invalid_token' })
  said(await other.auth('GET', '/me'), 200)
})

test('what is asked for too often is refused, with the time to wait', async () => {
  const forget = () => new Device(served).auth('POST', '/password/forgot', { email: 'often@acme.example' })
  for (let i = 0; i < 5; i++) said(await forget(), 202)
  const refused = await forget()
  expect(said(refused, 429)).toMatchObject({ error: 'rate_limited' })
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(3000)
})

test('a weak password is refused with what is wrong, by register as a field', async () => {
  const { invite_token } = said(await root.auth('POST', '/invites', {}), 201)
  const body = { email: 'weak@acme.example', password: 'passwordpassword', tenant_name: 'Weak', invite_token }
  const { details } = said(await new Device(served).register(body), 422) as { details: JsonObject[] }
  expect(details).toMatchObject([{ loc: ['body', 'password'], msg: expect.any(String) }])
  const change = { current_password: OPERATOR.password, new_password: 'passwordpassword' }
  expect(said(await root.auth('POST', '/password/change', change), 400)).toMatchObject({ error: 'validation_error' })
})
