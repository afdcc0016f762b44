import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { newId } from '../../../src/core/id.ts'
import type { JsonObject } from '../../../src/core/json.ts'
import { type BridgeRequest, issueServiceToken } from '../../../src/core/service-accounts/issue.ts'
import { isSignedWith } from '../../../src/core/service-accounts/signature.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { AS_OPERATOR, admin, faultOf, issueBy, issueBySignature, request, runsServer, SECRET } from './kit.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp({ auth: { serviceSecret: SECRET } })
}, OPEN_MS)
afterAll(() => app.close())

interface Event {
  event: string
  result: string
  reason: string | null
  user_id: string | null
  tenant_id: string | null
  details: JsonObject
}

const eventsOf = async (parts: TestApp, jti: string): Promise<Event[]> => {
  const rows = await parts.records.db.query<Event & { details: string }>('select * from audit_event order by created_at, id')
  const events = rows.map((row) => ({ ...row, details: JSON.parse(row.details) as JsonObject }))
  const issued = events.findIndex(({ details }) => details.jti === jti)
  return events.slice(Math.max(0, issued - 1), issued + 1)
}

describe('an admin', () => {
  test('gets tokens for the own tenant, which need not be named', async () => {
    const caller = await app.newTenant()
    for (const tenantId of [null, caller.tenantId, caller.tenantId.toUpperCase()]) {
      const { token } = await issueBy(app, admin(caller), { tenantId, force: true })
      expect([token.tenantId, token.account]).toEqual([caller.tenantId, 'analytics-batch'])
    }
    expect((await issueBy(app, admin(caller, { role: 'owner' }))).token.actorUserId).not.toBeNull()
  })

  test.each([
    ['for another tenant', { tenantId: '01a1ff9a-1070-74da-aa8b-538a494ec8b4' }, ['forbidden', 'tenant_mismatch']],
    ['without a reason', { reason: ' '.repeat(20) }, ['invalid', 'reason']],
    ['with too short a reason', { reason: 'too short' }, ['invalid', 'reason']],
    ['with too long a reason', { reason: 'x'.repeat(513) }, ['invalid', 'reason']],
    ['with a reason that cannot be stored', { reason: 'nightly \u0000 report' }, ['invalid', 'reason']],
    ['of an account that does not exist', { account: 'nobody' }, ['invalid', 'account']],
    ['of an account of the whole server', { account: 'support-console', scopes: ['support:*'] }, ['invalid', 'tenant_id']],
    ['without scopes', { scopes: [] }, ['invalid', 'scopes']],
    ['with a scope that the account may not have', { scopes: ['conversations:read', 'conversations:write'] }, ['invalid', 'scopes']],
    ['with part of a name of a scope', { scopes: ['conversations:*'] }, ['invalid', 'scopes']],
    ['for too long', { lifetimeMinutes: 30 * 24 * 60 + 1 }, ['invalid', 'lifetime_minutes']],
    ['for no time', { lifetimeMinutes: 0 }, ['invalid', 'lifetime_minutes']],
    ['with an endless fingerprint', { fingerprint: 'f'.repeat(257) }, ['invalid', 'fingerprint']],
    ['with a fingerprint that cannot be stored', { fingerprint: '\ud800' }, ['invalid', 'fingerprint']],
    ['as an operator', AS_OPERATOR, ['forbidden', 'insufficient_scope']],
  ] as [string, Partial<BridgeRequest>, unknown][])('gets none %s', async (_, over, fault) => {
    const caller = await app.newTenant()
    expect<unknown>(await faultOf(issueBy(app, admin(caller), over))).toEqual(fault)
    expect(await app.records.db.query('select jti from service_token where tenant_id = $1', [caller.tenantId])).toEqual([])
  })

  test('is the least that it takes', async () => {
    const caller = await app.newTenant()
    for (const role of ['viewer', 'member', null] as const)
      expect(await faultOf(issueBy(app, admin(caller, { role })))).toEqual(['forbidden', 'insufficient_role'])
  })

  test('who belongs to no tenant gets none', async () => {
    const caller = await app.newTenant()
    expect(await faultOf(issueBy(app, admin(caller, { tenantId: null, caller: null })))).toEqual(['forbidden', 'tenant_required'])
  })

  test('is held to five a minute, in the own tenant, whoever asks there', async () => {
    const caller = await app.newTenant()
    for (let n = 0; n < 5; n++) await issueBy(app, admin(caller), { force: n % 2 === 0 })
    expect(await faultOf(issueBy(app, admin(caller), { scopes: [] }))).toEqual(['rate_limited', undefined])
    expect(await faultOf(issueBySignature(app, request(caller.tenantId)))).toEqual(['rate_limited', undefined])
    expect((await issueBy(app, admin(await app.newTenant()))).isNew).toBe(true)
  })
})

describe('an operator', () => {
  test('gets tokens for any tenant, and for none', async () => {
    const [own, other] = [await app.newTenant(), await app.newTenant()]
    const operator = runsServer(own)
    expect((await issueBy(app, operator, { ...AS_OPERATOR, tenantId: other.tenantId })).token.tenantId).toBe(other.tenantId)
    const server = { ...AS_OPERATOR, account: 'demo-bot', scopes: ['chat:write'], tenantId: null, force: true }
    const { refreshToken, token } = await issueBy(app, operator, server)
    expect([token.tenantId, (await app.tokens.verify(refreshToken, 'refresh')).tenant_id]).toEqual([null, undefined])
  })

  test('names the tenant where the account needs one, and says why he acts', async () => {
    const operator = runsServer(await app.newTenant())
    expect(await faultOf(issueBy(app, operator, { ...AS_OPERATOR, tenantId: null }))).toEqual(['invalid', 'tenant_id'])
    expect(await faultOf(issueBy(app, operator, { ...AS_OPERATOR, tenantId: 'nowhere' }))).toEqual(['invalid', 'tenant_id'])
    for (const operatorReason of [null, '  ', 'x'.repeat(513)])
      expect(await faultOf(issueBy(app, operator, { ...AS_OPERATOR, operatorReason }))).toEqual(['invalid', 'X-Operator-Reason'])
  })

  test('who does not say that he acts as one is held to his tenant', async () => {
    const other = (await app.newTenant()).tenantId
    expect(await faultOf(issueBy(app, runsServer(await app.newTenant()), { tenantId: other }))).toEqual(['forbidden', 'tenant_mismatch'])
  })
})

test('a service account cannot get tokens for itself, whatever it may', async () => {
  const caller = await app.newTenant()
  const machine = admin(caller, { kind: 'service', userId: null, account: 'support-console', grants: ['support:*'], role: 'owner' })
  for (const over of [{}, { ...AS_OPERATOR, account: 'support-console', scopes: ['support:*'], tenantId: null }])
    expect(await faultOf(issueBy(app, machine, over))).toEqual(['forbidden', 'insufficient_role'])
})

describe('the records', () => {
  test('name who asked, why, and hold a signature that can be checked and not be used', async () => {
    const caller = await app.newTenant()
    const principal = admin(caller)
    const { token } = await issueBy(app, principal, { fingerprint: 'f' })
    const [sign, issue] = await eventsOf(app, token.jti)
    const actor = { user_id: principal.userId, tenant_id: caller.tenantId, role: 'tenant_admin' }
    const same = { reason: 'nightly report', user_id: principal.userId, tenant_id: caller.tenantId }
    expect(sign).toMatchObject({ event: 'service_token.sign', result: 'pending', ...same })
    expect(issue).toMatchObject({ event: 'service_token.issue', result: 'success', ...same, details: { actor, is_new: true } })
    const { claims, signature } = (sign?.details ?? {}) as { claims: JsonObject; signature: string }
    expect(claims).toMatchObject({
      account: 'analytics-batch',
      tenant_id: caller.tenantId,
      fingerprint: 'f',
      lifetime_minutes: 43_200,
      actor,
    })
    const payload = Buffer.from(JSON.stringify(claims)).toString('base64url')
    expect(isSignedWith(SECRET, { payload, signature })).toBe(true)
    const signed = { authorization: `Bearer vault:${signature}`, payload }
    const replayed = issueServiceToken(app, { signed, body: request(caller.tenantId) })
    expect(await replayed.catch((error) => error.message)).toBe('The nonce of the payload was used before.')
  })

  test('name an operator as one, and why he acted', async () => {
    const { token } = await issueBy(app, runsServer(await app.newTenant()), { ...AS_OPERATOR, tenantId: (await app.newTenant()).tenantId })
    const [, issue] = await eventsOf(app, token.jti)
    expect(issue?.details.actor).toMatchObject({ role: 'platform_operator', operator_reason: 'a customer asked' })
  })

  test('name the key that was used, where it was nobody in person', async () => {
    const caller = { ...(await app.newTenant()), keyId: newId() }
    const { token } = await issueBy(app, admin(caller, { kind: 'key', userId: null }))
    const [sign, issue] = await eventsOf(app, token.jti)
    expect(sign).toMatchObject({ user_id: null, details: { claims: { by: caller.keyId } } })
    expect(issue).toMatchObject({ user_id: null, details: { by: caller.keyId } })
  })

  test('name the machine that signed', async () => {
    const { token } = await issueBySignature(app, request((await app.newTenant()).tenantId))
    expect((await eventsOf(app, token.jti)).at(-1)).toMatchObject({
      event: 'service_token.issue',
      details: { subject: 'ci' },
      user_id: null,
    })
  })

  test('hold no token', async () => {
    const { refreshToken } = await issueBy(app, admin(await app.newTenant()))
    const tables = await Promise.all(
      ['audit_event', 'service_token', 'used_nonce'].map((name) => app.records.db.query(`select * from ${name}`)),
    )
    expect(JSON.stringify(tables)).not.toContain(refreshToken.split('.')[2] ?? refreshToken)
  })

  test('have no signature on a server without a secret, and people get tokens all the same', async () => {
    const plain = await app.replica({ auth: { serviceSecret: null } })
    const { token } = await issueBy(plain, admin(await app.newTenant()))
    const [sign] = await eventsOf(app, token.jti)
    expect([sign?.event, sign?.details.signature]).toEqual(['service_token.sign', null])
  })
})
