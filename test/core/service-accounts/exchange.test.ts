import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { FaultCode } from '../../../src/core/fault.ts'
import { newId } from '../../../src/core/id.ts'
import { exchangeServiceToken } from '../../../src/core/service-accounts/exchange.ts'
import { revokeServiceToken } from '../../../src/core/service-accounts/tokens.ts'
import { serviceClaims, userClaims } from '../../../src/core/tokens/claims.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { eventually } from '../../support/eventually.ts'
import { AS_ADMIN, AS_OPERATOR, admin, faultOf, issueBy, runsServer, SECRET } from './kit.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp({ auth: { serviceSecret: SECRET }, shared: true })
}, OPEN_MS)
afterAll(() => app.close())

const MINUTE_MS = 60_000
const REFUSED: [FaultCode, string] = ['unauthenticated', 'invalid_token']
const exchange = (refreshToken: string) => exchangeServiceToken(app, { refreshToken })

describe('an exchanged token', () => {
  test('says for whom, what, and what it was exchanged for', async () => {
    const caller = await app.newTenant()
    const { refreshToken, token } = await issueBy(app, admin(caller), { fingerprint: 'f' })
    const given = await exchange(refreshToken)
    const now = app.clock.now()
    expect(given).toMatchObject({ account: 'analytics-batch', tenantId: caller.tenantId, grants: ['conversations:read'] })
    expect(given.expiresAt).toBe(now + 30 * MINUTE_MS)
    expect(await app.tokens.verify(given.accessToken, 'access')).toMatchObject({
      ...{ sub: 'service-account:analytics-batch', parent: token.jti, scope: 'conversations:read', tenant_id: caller.tenantId },
      ...{ exp: Math.floor((now + 30 * MINUTE_MS) / 1_000) },
    })
  })

  test('ends with the one it was exchanged for', async () => {
    const { refreshToken, token } = await issueBy(app, admin(await app.newTenant()), { lifetimeMinutes: 10 })
    expect((await exchange(refreshToken)).expiresAt).toBe(token.expiresAt)
  })

  test('works, and does no more once that is revoked or replaced, in another server too', async () => {
    const other = await app.replica()
    const principal = admin(await app.newTenant())
    for (const end of ['revoke', 'replace']) {
      const { refreshToken, token } = await issueBy(app, principal)
      const { accessToken } = await exchange(refreshToken)
      const expected = { kind: 'service', account: 'analytics-batch', tenantId: token.tenantId, grants: ['conversations:read'], role: null }
      for (const server of [app, other]) expect(await server.keys.principal(accessToken)).toMatchObject(expected)
      if (end === 'revoke') await revokeServiceToken(app, principal, { jti: token.jti, reason: null, ...AS_ADMIN })
      else await issueBy(app, principal, { force: true })
      expect(await faultOf(app.keys.principal(accessToken))).toEqual(REFUSED)
      expect(await faultOf(other.keys.principal(accessToken, { fresh: true }))).toEqual(REFUSED)
      // What it remembers is dropped by the signal.
      await eventually(async () => ((await faultOf(other.keys.principal(accessToken))) === 'none' ? undefined : true))
      expect(await faultOf(exchange(refreshToken))).toEqual(REFUSED)
    }
  })

  test('of the whole server is of no tenant', async () => {
    const operator = runsServer(await app.newTenant())
    const demo = { ...AS_OPERATOR, account: 'demo-bot', scopes: ['chat:write'], tenantId: null, force: true }
    const { accessToken, tenantId } = await exchange((await issueBy(app, operator, demo)).refreshToken)
    expect([tenantId, (await app.keys.principal(accessToken)).tenantId]).toEqual([null, null])
  })
})

describe('refused is', () => {
  test('a token that has expired', async () => {
    const { refreshToken } = await issueBy(app, admin(await app.newTenant()), { lifetimeMinutes: 1 })
    app.clock.advance(MINUTE_MS)
    expect(await faultOf(exchange(refreshToken))).toEqual(REFUSED)
  })

  test('what is no refresh token of a service account, though this server signed it', async () => {
    const { refreshToken, token } = await issueBy(app, admin(await app.newTenant()))
    const { accessToken } = await exchange(refreshToken)
    const times = { issuedAt: app.clock.now(), expiresAt: app.clock.now() + MINUTE_MS }
    const ofUser = { userId: newId(), tenantId: newId(), role: 'owner', grants: [], emailVerified: true, sessionId: newId() }
    const user = await app.tokens.sign(userClaims({ use: 'refresh', ...ofUser, ...times, jti: token.jti }))
    const { account: _, ...same } = token
    const otherAccount = await app.tokens.sign(serviceClaims({ ...same, use: 'refresh', account: 'billing-worker' }))
    const unknown = await app.tokens.sign(serviceClaims({ ...token, use: 'refresh', jti: newId() }))
    for (const text of [accessToken, user.token, otherAccount.token, unknown.token, '', 'a.b.c', `${refreshToken}A`])
      expect(await faultOf(exchange(text))).toEqual(REFUSED)
  })

  test('a token of an account that may have nothing of it any more', async () => {
    const { refreshToken, token } = await issueBy(app, admin(await app.newTenant()))
    await app.records.db.query(`update service_token set scopes = 'something:else' where jti = $1`, [token.jti])
    expect(await faultOf(exchange(refreshToken))).toEqual(REFUSED)
  })
})
