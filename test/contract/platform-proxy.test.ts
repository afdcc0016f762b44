import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { operator } from '../../src/core/identity/tenants.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { signedHeaders } from '../../src/core/service-accounts/signature.ts'
import { createOperator } from '../../src/core/sign-up/operator.ts'
import { RecordedLog } from '../support/app.ts'
import { BEHIND_PROXY, Device } from '../support/device.ts'
import { SERVER_START_MS, type Served, serve, through } from '../support/served.ts'
import { OPERATOR, said } from './platform-journey.ts'
import { type Mailbox, outboxOf } from './platform-mails.ts'
import { PLATFORM } from './platform-terms.ts'
import { countedLine, neverSucceeded, openPlays } from './plays.ts'
import { type CheckedTraffic, checkTraffic, hasProxy, violationsOf } from './proxy.ts'

const ALL_MS = 120_000
const PASSWORDS = ['Copper-otter-88-window', 'Seven-kites-over-Bergen-31', 'Mild-turnip-orchestra-57'] as const
const SERVICE_SECRET = 'what-machines-sign-with'

/** What this issue serves of the contract: later parts are not asked for. */
const SERVED = /^(?:\/|\/health.*|\/api\/v1\/(?:auth|tenants)\/.*)$/

describe.skipIf(!hasProxy)('all platform traffic keeps the contract', () => {
  let served: Served
  let behind: Served
  let proxy: CheckedTraffic
  let mails: Mailbox
  let root: Device
  let owner: Device

  beforeAll(async () => {
    const log = new RecordedLog()
    served = await serve({}, { ...BEHIND_PROXY, jobs: true, log, auth: { serviceSecret: SERVICE_SECRET } })
    mails = outboxOf(log)
    proxy = checkTraffic(served.url, PLATFORM)
    behind = through(served, proxy.url)
    await createOperator(served.app, await operator(served.app), OPERATOR)
    root = new Device(behind)
    owner = new Device(behind)
  }, SERVER_START_MS)
  afterAll(async () => {
    await proxy?.stop()
    await served?.close()
  })

  const { play, allTraffic } = openPlays(() => proxy, ALL_MS, { inOrder: true })

  play('the server is well', async () => {
    for (const path of ['/', '/health', '/health/ready', '/health/storage']) said(await new Device(behind).send('GET', path), 200)
  })

  play('an owner is invited, registers and verifies his address', async () => {
    const stranger = new Device(behind)
    said(await stranger.auth('GET', '/signup-policy'), 200)
    said(await stranger.auth('GET', '/invites'), 401)
    said(await root.signIn(OPERATOR.email, OPERATOR.password), 200)
    said(await root.signIn(OPERATOR.email, 'not-the-password'), 401)
    said(await root.signIn(OPERATOR.email, OPERATOR.password), 200)
    said(await root.signIn(OPERATOR.email, 'short'), 422)
    said(await root.signIn(OPERATOR.email, OPERATOR.password), 200)
    const { id, invite_token } = said(await root.auth('POST', '/invites', { max_redemptions: 2, expires_in_hours: null, note: 'n' }), 201)
    said(await root.auth('POST', '/invites', { max_redemptions: 11 }), 422)
    said(await root.auth('GET', '/invites?status=active&limit=5&offset=0'), 200)
    const body = { email: 'owner@example.com', password: PASSWORDS[0], tenant_name: 'Owner', invite_token }
    const others = { ...body, email: 'other@example.com' }
    said(await stranger.register({ ...others, invite_token: 'unknown' }), 403)
    said(await stranger.register({ ...others, password: 'passwordpassword' }), 422)
    said(await stranger.register({ ...others, accept_terms: false }), 422)
    said(await stranger.register({ ...others, plan_code: 'gold' }), 404)
    said(await owner.register({ ...body, display_name: 'Olga', plan_code: null, trial_days: 7 }), 201)
    said(await new Device(behind).register(body), 409)
    said(await root.auth('POST', `/invites/${String(id)}/revoke`), 200)
    said(await root.auth('POST', `/invites/${crypto.randomUUID()}/revoke`), 404)
    said(await root.auth('POST', '/invites/none/revoke'), 422)
    said(await owner.auth('GET', '/service-accounts/tokens'), 403)
    said(await owner.auth('POST', '/email/send'), 202)
    said(await stranger.auth('POST', '/email/verify', { token: 'none' }), 400)
    said(await stranger.auth('POST', '/email/verify', { token: await mails.secretTo('owner@example.com', 'verify-email') }), 200)
    said(await owner.signIn('owner@example.com', PASSWORDS[0]), 200)
    said(await owner.auth('POST', '/email/send'), 202)
  })

  play('sessions are listed, refreshed and ended', async () => {
    said(await owner.auth('GET', '/me'), 200)
    const second = new Device(behind)
    const { session_id: id, tenant_id: tenant } = said(await second.signIn('owner@example.com', PASSWORDS[0]), 200)
    const named = { email: 'owner@example.com', password: PASSWORDS[0], tenant_id: String(tenant) }
    said(await second.auth('POST', '/token', named), 200)
    said(await second.auth('POST', '/token', { ...named, tenant_id: 'none' }), 401)
    said(await owner.auth('GET', `/sessions?include_revoked=true&limit=3&offset=0&tenant_id=${String(tenant)}`), 200)
    said(await owner.auth('GET', '/sessions?limit=0'), 422)
    said(await owner.auth('DELETE', `/sessions/${String(id)}`), 200)
    said(await owner.auth('DELETE', `/sessions/${String(id)}`), 404)
    said(await owner.auth('DELETE', '/sessions/none'), 422)
    owner.keep(await owner.auth('POST', '/refresh', { refresh_token: owner.refresh }))
    said(await owner.auth('POST', '/refresh', { refresh_token: 'none' }), 401)
    said(await second.signIn('owner@example.com', PASSWORDS[0]), 200)
    said(await second.auth('POST', '/logout', { refresh_token: 'none' }), 403)
    said(await second.auth('POST', '/logout', { refresh_token: second.refresh }), 200)
    said(await second.signIn('owner@example.com', PASSWORDS[0]), 200)
    said(await second.auth('POST', '/logout/all'), 200)
    said(await owner.auth('GET', '/me'), 401)
  })

  play('passwords are changed, forgotten and set by an admin', async () => {
    const [first, second, third] = PASSWORDS
    said(await owner.signIn('owner@example.com', first), 200)
    said(await owner.auth('POST', '/password/change', { current_password: 'not-it-at-all', new_password: second }), 401)
    said(await owner.auth('POST', '/password/change', { current_password: first, new_password: first }), 400)
    said(await owner.auth('POST', '/password/change', { current_password: first, new_password: 'short' }), 422)
    said(await owner.auth('POST', '/password/change', { current_password: first, new_password: second }), 200)
    said(await owner.auth('POST', '/password/forgot', { email: 'owner@example.com' }), 202)
    said(await owner.auth('POST', '/password/forgot', { email: 'nobody' }), 422)
    said(await owner.auth('POST', '/password/confirm', { token: 'none', new_password: third }), 400)
    const token = await mails.secretTo('owner@example.com', 'reset-password')
    said(await owner.auth('POST', '/password/confirm', { token, new_password: 'passwordpassword' }), 422)
    said(await owner.auth('POST', '/password/confirm', { token, new_password: third }), 200)
    said(await owner.signIn('owner@example.com', third), 200)
    const { invite_token } = said(await owner.auth('POST', '/invites', { invited_email: 'member@example.com', role: 'member' }), 201)
    const member = new Device(behind)
    const body = { email: 'member@example.com', password: first, tenant_name: 'Unused', invite_token }
    const { user_id } = said(await member.register(body), 201)
    said(await owner.auth('POST', '/password/reset', { user_id, new_password: second }), 200)
    said(await owner.auth('POST', '/password/reset', { user_id: crypto.randomUUID(), new_password: third }), 404)
    said(await member.signIn('member@example.com', second), 200)
    said(await member.auth('POST', '/password/reset', { user_id, new_password: third }), 403)
    said(await member.auth('GET', '/signup-requests'), 403)
  })

  play('machines get tokens, in both ways', async () => {
    const { data } = said(await owner.auth('GET', '/me'), 200) as { data: { token_payload: JsonObject } }
    const tenant_id = String(data.token_payload.tenant_id)
    const ask = { account: 'analytics-batch', scopes: ['conversations:read'], tenant_id }
    const machine = new Device(behind)
    const now = Math.floor(Date.now() / 1000)
    const claims = {
      iss: 'vault-transit',
      aud: ['auth-service'],
      sub: 'batch',
      nonce: crypto.randomUUID(),
      iat: now,
      exp: now + 60,
      ...ask,
    }
    const { authorization, payload } = signedHeaders(SERVICE_SECRET, claims)
    const headers = { authorization, 'x-vault-payload': payload }
    const { refresh_token } = said(await machine.auth('POST', '/service-accounts/issue', ask, headers), 201)
    said(await machine.auth('POST', '/service-accounts/issue', ask, headers), 401)
    said(await machine.auth('POST', '/service-accounts/issue', { ...ask, account: 'none' }, headers), 400)
    said(await machine.auth('POST', '/service-accounts/issue', { account: 1 }, headers), 422)
    said(await machine.auth('POST', '/service-accounts/exchange', { refresh_token }), 200)
    const reason = 'For the statistics.'
    said(await owner.auth('POST', '/service-accounts/browser-issue', { ...ask, reason, lifetime_minutes: 60, force: true }), 201)
    said(await owner.auth('POST', '/service-accounts/browser-issue', { ...ask, reason, account: 'none' }), 400)
    said(await owner.auth('POST', '/service-accounts/browser-issue', { ...ask, reason, tenant_id: crypto.randomUUID() }), 403)
    said(await owner.auth('GET', '/service-accounts/tokens', undefined, { 'x-operator-override': 'on' }), 403)
    const as = { 'x-operator-override': 'on', 'x-operator-reason': 'A question of a customer.' }
    said(await root.auth('GET', '/service-accounts/tokens', undefined, { 'x-operator-override': 'on' }), 400)
    said(await root.auth('GET', `/service-accounts/tokens?tenant_id=${tenant_id}&include_global=true&status=all`, undefined, as), 200)
    const { items } = said(await owner.auth('GET', '/service-accounts/tokens'), 200) as { items: JsonObject[] }
    said(await owner.auth('POST', `/service-accounts/tokens/${String(items[0]?.jti)}/revoke`, { reason: null }), 200)
    said(await owner.auth('POST', '/service-accounts/tokens/unknown/revoke', {}), 200)
  })

  play('strangers ask for access, and operators decide', async () => {
    const ask = { email: 'asks@example.com', organization: 'Acme', full_name: 'Al', accept_terms: true }
    for (const email of ['asks@example.com', 'begs@example.com'])
      said(await new Device(behind).auth('POST', '/request-access', { ...ask, email }), 202)
    said(await new Device(behind).auth('POST', '/request-access', { ...ask, accept_terms: false }), 422)
    const { requests } = said(await root.auth('GET', '/signup-requests?status=pending'), 200) as { requests: JsonObject[] }
    const [first, second] = requests.map(({ id }) => String(id))
    said(await root.auth('POST', `/signup-requests/${first}/approve`, { note: 'Known.' }), 200)
    said(await root.auth('POST', `/signup-requests/${first}/approve`, {}), 409)
    said(await root.auth('POST', `/signup-requests/${second}/reject`, { reason: 'Not known.' }), 200)
    said(await root.auth('POST', `/signup-requests/${crypto.randomUUID()}/reject`, {}), 404)
  })

  play('a tenant writes down its settings', async () => {
    said(await owner.send('GET', '/api/v1/tenants/settings'), 200)
    const contact = { name: 'Ann', email: 'ann@example.com' }
    const settings = {
      billing_contacts: [contact],
      plan_metadata: { a: 'b' },
      flags: { c: true },
      billing_webhook_url: 'https://example.com',
    }
    said(await owner.send('PUT', '/api/v1/tenants/settings', settings), 200)
    said(await owner.send('PUT', '/api/v1/tenants/settings', { ...settings, more: 1 }), 422)
  })

  play('whoever guesses is locked out', async () => {
    const guesser = new Device(behind)
    const statuses: number[] = []
    for (let i = 0; i < 6; i++) statuses.push((await guesser.signIn('victim@example.com', 'guess-after-guess')).status)
    expect(statuses.at(-1)).toBe(423)
  })

  test(
    'every operation was called, and succeeded',
    async () => {
      const operations = (await allTraffic()).operations.filter(({ path }) => SERVED.test(path))
      expect(neverSucceeded({ operations })).toEqual([])
      expect(operations).toHaveLength(32)
    },
    ALL_MS,
  )

  test(
    'nothing that was answered broke the contract',
    async () => {
      const report = await allTraffic()
      console.log(countedLine(report))
      expect(violationsOf(report, PLATFORM)).toEqual([])
    },
    ALL_MS,
  )
})
