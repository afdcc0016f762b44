import { expect } from 'bun:test'
import type { JsonObject } from '../../src/core/json.ts'
import { AGENTS, Device, type Said } from '../support/device.ts'
import type { Served } from '../support/served.ts'
import type { Mailbox } from './platform-mails.ts'

export const OPERATOR = { email: 'root@example.com', password: 'Harbour-lantern-42-quiet' }
const FIRST = 'Copper-otter-88-window'
const SECOND = 'Seven-kites-over-Bergen-31'
const THIRD = 'Mild-turnip-orchestra-57'
const ANN = 'ann@example.com'
const VIC = 'vic@example.com'

/** Fails with what was said instead. */
export function said(answer: Said, status: number): JsonObject {
  expect([answer.status, answer.text]).toEqual([status, expect.any(String)])
  return answer.body
}

/** Of one tenant, from the operator's invite to a machine's token, by HTTP alone. */
export class Journey {
  readonly operator: Device
  readonly desktop: Device
  readonly phone: Device
  readonly viewer: Device

  constructor(
    private readonly served: Served,
    private readonly mails: Mailbox,
  ) {
    this.operator = new Device(served)
    this.desktop = new Device(served, AGENTS.desktop)
    this.phone = new Device(served, AGENTS.phone)
    this.viewer = new Device(served)
  }

  async register(): Promise<void> {
    said(await this.operator.signIn(OPERATOR.email, OPERATOR.password), 200)
    const invite = said(await this.operator.auth('POST', '/invites', { invited_email: ANN, note: 'The first customer.' }), 201)
    expect(invite).toMatchObject({ invited_email: ANN, status: 'active', tenant_id: null })
    const token = await this.mails.secretTo(ANN, 'register')
    expect(token).toBe(String(invite.invite_token))
    const body = { email: ANN, password: FIRST, tenant_name: 'Ann & Co', invite_token: token }
    expect(said(await this.desktop.register(body), 201)).toMatchObject({ tenant_slug: 'ann-co', email_verified: false })
    said(await this.viewer.register({ ...body, email: 'eve@example.com' }), 403)
    const invites = said(await this.operator.auth('GET', '/invites?status=exhausted'), 200)
    expect(invites).toMatchObject({ invites: [{ id: String(invite.id), redeemed_count: 1 }] })
  }

  async verify(): Promise<void> {
    const refused = await this.desktop.auth('GET', '/service-accounts/tokens')
    expect(said(refused, 403)).toMatchObject({ success: false, error: 'email_unverified' })
    const token = await this.mails.secretTo(ANN, 'verify-email')
    said(await this.desktop.auth('POST', '/email/verify', { token }), 200)
    said(await this.desktop.auth('POST', '/email/verify', { token }), 400)
    expect(said(await this.desktop.signIn(ANN, FIRST), 200)).toMatchObject({ email_verified: true })
    said(await this.desktop.auth('GET', '/service-accounts/tokens'), 200)
  }

  async sessions(): Promise<void> {
    const { session_id: id } = said(await this.phone.signIn(ANN, FIRST), 200)
    const { sessions } = said(await this.desktop.auth('GET', '/sessions'), 200) as { sessions: JsonObject[] }
    const ofPhone = sessions.find((session) => session.id === id)
    expect(ofPhone).toMatchObject({ current: false, client: { platform: 'iOS', browser: 'Safari', device: 'mobile' } })
    expect(sessions.find(({ current }) => current === true)).toMatchObject({ client: { platform: 'Linux', browser: 'Firefox' } })
    said(await this.desktop.auth('DELETE', `/sessions/${String(id)}`), 200)
    said(await this.desktop.auth('DELETE', `/sessions/${String(id)}`), 404)
    await this.isOut(this.phone)
    said(await this.desktop.auth('GET', '/me'), 200)
  }

  private async isOut(device: Device): Promise<void> {
    said(await device.auth('GET', '/me'), 401)
    said(await device.send('GET', '/v1/assistants'), 401)
    said(await device.auth('POST', '/refresh', { refresh_token: device.refresh }), 401)
  }

  async passwords(): Promise<void> {
    said(await this.phone.signIn(ANN, FIRST), 200)
    const change = { current_password: FIRST, new_password: SECOND }
    said(await this.desktop.auth('POST', '/password/change', { ...change, current_password: 'not-the-password' }), 401)
    said(await this.desktop.auth('POST', '/password/change', change), 200)
    await this.isOut(this.phone)
    await this.isOut(this.desktop)
    said(await this.desktop.signIn(ANN, FIRST), 401)
    said(await this.desktop.signIn(ANN, SECOND), 200)
    said(await this.phone.auth('POST', '/password/forgot', { email: ANN }), 202)
    const token = await this.mails.secretTo(ANN, 'reset-password')
    said(await this.phone.auth('POST', '/password/confirm', { token, new_password: FIRST }), 400)
    said(await this.phone.auth('POST', '/password/confirm', { token, new_password: THIRD }), 200)
    said(await this.phone.auth('POST', '/password/confirm', { token, new_password: 'Another-one-of-those-99' }), 400)
    await this.isOut(this.desktop)
    said(await this.desktop.signIn(ANN, SECOND), 401)
    said(await this.desktop.signIn(ANN, THIRD), 200)
  }

  async viewers(): Promise<void> {
    said(await this.desktop.auth('POST', '/invites', { invited_email: VIC, role: 'viewer' }), 201)
    const token = await this.mails.secretTo(VIC, 'register')
    const joined = said(await this.viewer.register({ email: VIC, password: FIRST, tenant_name: 'Unused', invite_token: token }), 201)
    expect(joined).toMatchObject({ tenant_slug: 'ann-co' })
    said(await this.viewer.auth('POST', '/email/verify', { token: await this.mails.secretTo(VIC, 'verify-email') }), 200)
    said(await this.viewer.signIn(VIC, FIRST), 200)
    const made = said(await this.desktop.send('POST', '/v1/assistants', { model: 'echo', name: 'Shared' }), 200)
    said(await this.viewer.send('GET', `/v1/assistants/${String(made.id)}`), 200)
    for (const [method, path, body] of FORBIDDEN_TO_VIEWERS)
      expect([path, (await this.viewer.send(method, path, body)).status]).toEqual([path, 403])
  }

  /** One token opens every surface. */
  async everywhere(): Promise<void> {
    said(await this.desktop.send('POST', '/v1/threads', {}), 200)
    said(await this.desktop.send('POST', '/langgraph/threads', {}), 200)
    said(await this.desktop.send('POST', '/entities/assistants', { name: 'Mine', model: 'echo' }), 200)
    said(await this.desktop.send('GET', '/api/v1/tenants/settings'), 200)
    const { access, refresh } = this.desktop
    // What is for exchange only opens nothing.
    this.desktop.access = refresh
    for (const path of ['/v1/assistants', `/langgraph/threads/${crypto.randomUUID()}`, '/entities/tools', '/api/v1/auth/me'])
      expect([path, (await this.desktop.send('GET', path)).status]).toEqual([path, 401])
    this.desktop.access = access
  }

  async machines(): Promise<void> {
    const me = said(await this.desktop.auth('GET', '/me'), 200) as { data: { token_payload: JsonObject } }
    const tenant = String(me.data.token_payload.tenant_id)
    const ask = { account: 'analytics-batch', scopes: ['conversations:read'], tenant_id: tenant, reason: 'Nightly statistics.' }
    const issued = said(await this.desktop.auth('POST', '/service-accounts/browser-issue', ask), 201)
    const machine = new Device(this.served, 'curl/8.5.0')
    const refresh_token = String(issued.refresh_token)
    const exchanged = said(await machine.auth('POST', '/service-accounts/exchange', { refresh_token }), 200)
    expect(exchanged).toMatchObject({ token_type: 'bearer', scopes: ['conversations:read'], tenant_id: tenant, account: 'analytics-batch' })
    machine.access = String(exchanged.access_token)
    said(await machine.send('GET', '/v1/assistants'), 200)
    said(await machine.send('POST', '/v1/assistants', { model: 'echo' }), 403)
    const { items } = said(await this.desktop.auth('GET', '/service-accounts/tokens?account=analytics'), 200) as { items: JsonObject[] }
    const [token] = items
    said(await this.desktop.auth('POST', `/service-accounts/tokens/${String(token?.jti)}/revoke`, { reason: 'No longer needed.' }), 200)
    said(await machine.send('GET', '/v1/assistants'), 401)
    said(await machine.auth('POST', '/service-accounts/exchange', { refresh_token }), 401)
  }

  async leave(): Promise<void> {
    said(await this.phone.signIn(ANN, THIRD), 200)
    const refreshed = said(await this.phone.auth('POST', '/refresh', { refresh_token: this.phone.refresh }), 200)
    this.phone.keep({ body: refreshed } as Said)
    const out = said(await this.phone.auth('POST', '/logout', { refresh_token: this.phone.refresh }), 200)
    expect(out).toMatchObject({ data: { revoked: true } })
    await this.isOut(this.phone)
    said(await this.desktop.auth('POST', '/logout/all'), 200)
    await this.isOut(this.desktop)
  }
}

const FORBIDDEN_TO_VIEWERS: readonly (readonly [method: string, path: string, body?: JsonObject])[] = [
  ['POST', '/v1/assistants', { model: 'echo' }],
  ['POST', '/langgraph/threads', {}],
  ['POST', '/api/v1/auth/invites', {}],
  ['GET', '/api/v1/auth/invites'],
  ['GET', '/api/v1/auth/signup-requests'],
  ['GET', '/api/v1/auth/service-accounts/tokens'],
  [
    'POST',
    '/api/v1/auth/service-accounts/browser-issue',
    { account: 'analytics-batch', scopes: ['conversations:read'], reason: 'Because I want to.' },
  ],
  ['GET', '/api/v1/tenants/settings'],
]
