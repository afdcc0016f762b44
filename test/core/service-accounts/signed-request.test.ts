import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { Fault } from '../../../src/core/fault.ts'
import { newId } from '../../../src/core/id.ts'
import type { JsonObject } from '../../../src/core/json.ts'
import { issueServiceToken } from '../../../src/core/service-accounts/issue.ts'
import { dropNonces } from '../../../src/core/service-accounts/nonces.ts'
import type { TokenRequest } from '../../../src/core/service-accounts/order.ts'
import { signedHeaders, signPayload } from '../../../src/core/service-accounts/signature.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { claimsFor, faultOf, issueBySignature, request, SECRET, signedFor } from './kit.ts'

let app: TestApp
/** Each test has its own: the quota is the tenant's. */
const tenant = async () => (await app.newTenant()).tenantId
beforeAll(async () => {
  app = await openTestApp({ auth: { serviceSecret: SECRET } })
}, OPEN_MS)
afterAll(() => app.close())

const issue = (asked: TokenRequest, signed: { authorization: string | null; payload: string | null }) =>
  issueServiceToken(app, { signed, body: asked })

const refusal = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'taken',
    (error) => (error instanceof Fault ? `${error.code}: ${error.facts.param ?? error.message}` : Promise.reject(error)),
  )

test('a signed request is answered with a refresh token of what was signed', async () => {
  const tenantId = await tenant()
  const { refreshToken, token, isNew } = await issueBySignature(app, request(tenantId, { fingerprint: 'runner-7', lifetimeMinutes: 60 }))
  expect(isNew).toBe(true)
  expect(token).toMatchObject({
    account: 'analytics-batch',
    tenantId,
    scopes: ['conversations:read'],
    fingerprint: 'runner-7',
    actorUserId: null,
  })
  expect(token.expiresAt - token.issuedAt).toBe(3_600_000)
  const claims = await app.tokens.verify(refreshToken, 'refresh')
  expect(claims).toMatchObject({
    ...{ sub: 'service-account:analytics-batch', account: 'analytics-batch', tenant_id: tenantId, scope: 'conversations:read' },
    ...{ jti: token.jti, fingerprint: 'runner-7', iat: token.issuedAt / 1_000, nbf: claims.iat, exp: claims.iat + 3_600 },
  })
  expect(claims.aud).toBeUndefined()
})

test('what was signed counts where the body says nothing', async () => {
  const tenantId = await tenant()
  const signed = signedFor(app, request(tenantId, { fingerprint: 'signed', lifetimeMinutes: 5 }))
  const { token } = await issue(request(null, { force: true }), signed)
  expect([token.tenantId, token.fingerprint, token.expiresAt - token.issuedAt]).toEqual([tenantId, 'signed', 300_000])
})

test('a request that is wrong in every way is refused for one after the other', async () => {
  const tenantId = await tenant()
  const other = await tenant()
  const now = app.clock.now() / 1_000
  const used = newId()
  await issue(request(tenantId), signedFor(app, request(tenantId), { nonce: used }))
  let body = request(other, { account: 'demo-bot', scopes: ['tools:read'], lifetimeMinutes: 7, fingerprint: 'f' })
  let claims: JsonObject = {
    account: 'nobody',
    scopes: ['support:*'],
    tenant_id: null,
    lifetime_minutes: 8,
    nonce: used,
    exp: now - 1,
    iat: now - 601,
  }
  let secret = 'wrong'
  const send = () => refusal(issue(body, signedHeaders(secret, claims)))
  const say = (change: JsonObject) => {
    claims = { ...claims, ...change }
    return send()
  }
  const { payload } = signedHeaders(secret, claims)
  expect(await refusal(issue(body, { authorization: null, payload: null }))).toBe('unauthenticated: This needs Authorization: Bearer ...')
  expect(await refusal(issue(body, { authorization: 'Basic x', payload }))).toBe('unauthenticated: This needs Authorization: Bearer ...')
  expect(await refusal(issue(body, { authorization: 'Bearer dev-local', payload }))).toStartWith(
    'unauthenticated: This needs Authorization: Bearer vault',
  )
  expect(await refusal(issue(body, { authorization: 'Bearer vault:x', payload: null }))).toStartWith(
    'unauthenticated: This needs the signed',
  )
  expect(await refusal(issue(body, { authorization: 'Bearer vault:x', payload: '!' }))).toBe('invalid: X-Vault-Payload')
  const incomplete = 'unauthenticated: The payload must name iss, aud with auth-service, sub, nonce, iat, exp, account and scopes.'
  expect(await send()).toBe(incomplete)
  expect(await say({ iss: 'vault', sub: 'ci', aud: ['another-service'] })).toBe(incomplete)
  expect(await say({ aud: ['another-service', 'auth-service'] })).toBe('invalid: account')
  body = { ...body, account: 'nobody' }
  expect(await send()).toBe('invalid: tenant_id')
  expect(await say({ tenant_id: other })).toBe('invalid: scopes')
  body = { ...body, scopes: ['support:*'] }
  expect(await send()).toBe('invalid: lifetime_minutes')
  expect(await say({ lifetime_minutes: 7 })).toBe('invalid: fingerprint')
  expect(await say({ fingerprint: 'f' })).toBe('unauthenticated: The signature does not fit the payload.')
  secret = SECRET
  expect(await send()).toBe('unauthenticated: The nonce of the payload was used before.')
  expect(await say({ nonce: newId() })).toBe('unauthenticated: The payload has expired.')
  expect(await say({ nonce: newId(), exp: now + 60 })).toBe('unauthenticated: The payload was not signed just now.')
  expect(await say({ nonce: newId(), iat: now + 31 })).toBe('unauthenticated: The payload was not signed just now.')
  expect(await say({ nonce: newId(), iat: now })).toBe('invalid: account')
  body = { ...body, account: 'synthetic-monitor', tenantId: null }
  expect(await say({ nonce: newId(), account: 'synthetic-monitor', tenant_id: null })).toBe('invalid: tenant_id')
  expect(await say({ nonce: newId(), tenant_id: newId() })).toBe('invalid: tenant_id')
  expect(await say({ nonce: newId(), tenant_id: 'no uuid' })).toBe('invalid: tenant_id')
  expect(await say({ nonce: newId(), tenant_id: other.toUpperCase() })).toBe('invalid: scopes')
  body = { ...body, scopes: ['tools:read', 'billing:read', 'tools:read'], lifetimeMinutes: null }
  expect(await say({ nonce: newId(), scopes: ['tools:read', 'billing:read', 'tools:read'], lifetime_minutes: 1_441 })).toBe(
    'invalid: lifetime_minutes',
  )
  expect(await say({ nonce: newId(), lifetime_minutes: 0 })).toBe('invalid: lifetime_minutes')
  expect(await say({ nonce: newId(), lifetime_minutes: 1.5 })).toBe('invalid: lifetime_minutes')
  app.clock.advance(60_000)
  const at = { iat: now + 60, exp: now + 120 }
  expect(await say({ ...at, nonce: newId(), lifetime_minutes: 5, fingerprint: 'x'.repeat(257) })).toBe('invalid: fingerprint')
  const { token } = await issue({ ...body, fingerprint: null }, signedHeaders(SECRET, { ...claims, nonce: newId(), fingerprint: 'f' }))
  expect([token.tenantId, token.scopes, token.expiresAt - token.issuedAt]).toEqual([other, ['billing:read', 'tools:read'], 300_000])
})

describe('a payload', () => {
  test.each([
    ['that is no base64url', 'ey+/'],
    ['that is no JSON', Buffer.from('{"a":').toString('base64url')],
    ['that is a list', Buffer.from('[]').toString('base64url')],
    ['that is null', Buffer.from('null').toString('base64url')],
    ['that is no UTF-8', Buffer.from([0x22, 0xff, 0x22]).toString('base64url')],
    ['that holds a NUL', Buffer.from('{"sub":"\\u0000"}').toString('base64url')],
    ['that is too long', 'e'.repeat(8_193)],
    ['that is empty', ''],
  ])('%s is refused as unreadable', async (_, payload) => {
    expect(await faultOf(issue(request(null), { authorization: 'Bearer vault:x', payload }))).toEqual(['invalid', 'X-Vault-Payload'])
  })

  test('may be padded', async () => {
    const asked = request(await tenant())
    const spell = (claims: JsonObject): string => Buffer.from(JSON.stringify(claims)).toString('base64')
    let claims = claimsFor(app, asked)
    while (!spell(claims).endsWith('=')) claims = { ...claims, sub: `${claims.sub}x` }
    const payload = spell(claims).replaceAll('+', '-').replaceAll('/', '_')
    expect((await issue(asked, { authorization: `bearer vault:${signPayload(SECRET, payload)}`, payload })).isNew).toBe(true)
  })

  test.each(['iss', 'aud', 'sub', 'nonce', 'iat', 'exp', 'account', 'scopes'])(
    'without %s, or with another type of it, is refused',
    async (name) => {
      const asked = request(await tenant())
      for (const value of [null, {}, name === 'iat' || name === 'exp' ? '12' : 12])
        expect(await faultOf(issue(asked, signedFor(app, asked, { [name]: value })))).toEqual(['unauthenticated', 'invalid_token'])
    },
  )

  test.each([
    ['tenant_id', 12],
    ['lifetime_minutes', '12'],
    ['fingerprint', ['f']],
  ])('with another type of %s is refused', async (name, value) => {
    const asked = request(await tenant())
    expect(await faultOf(issue(asked, signedFor(app, asked, { [name]: value })))).toEqual(['invalid', name])
  })

  test('says more than the body may add: neither lifetime nor fingerprint nor tenant', async () => {
    const tenantId = await tenant()
    for (const [name, asked] of [
      ['lifetime_minutes', request(tenantId, { lifetimeMinutes: 5 })],
      ['fingerprint', request(tenantId, { fingerprint: 'f' })],
      ['tenant_id', request(await tenant())],
    ] as const)
      expect(await faultOf(issue(asked, signedFor(app, request(name === 'tenant_id' ? null : tenantId))))).toEqual(['invalid', name])
  })
})

describe('a nonce', () => {
  test('is good once, also of twenty that come at the same time to two servers', async () => {
    const asked = request(await tenant())
    const other = await app.replica()
    const signed = signedFor(app, asked)
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, n) => refusal(issueServiceToken(n % 2 === 0 ? app : other, { signed, body: asked }))),
    )
    expect(outcomes.filter((outcome) => outcome === 'taken')).toHaveLength(1)
    expect(new Set(outcomes)).toEqual(new Set(['taken', 'unauthenticated: The nonce of the payload was used before.']))
  })

  test('is remembered as long as its payload is good, and forgotten then', async () => {
    const asked = request(await tenant())
    const signed = signedFor(app, asked, { exp: Math.floor(app.clock.now() / 1_000) + 86_400 })
    await issue(asked, signed)
    app.clock.advance(599_000)
    await dropNonces(app, 1_000)
    expect(await refusal(issue(asked, signed))).toBe('unauthenticated: The nonce of the payload was used before.')
    app.clock.advance(62_000)
    await dropNonces(app, 1_000)
    expect(
      await app.records.db.query('select nonce from used_nonce where expires_at <= to_timestamp($1::float8 / 1000)', [app.clock.now()]),
    ).toEqual([])
    expect(await refusal(issue(asked, signed))).toBe('unauthenticated: The payload was not signed just now.')
  })

  test('is not kept as text', async () => {
    const asked = request(await tenant())
    await issue(asked, signedFor(app, asked, { nonce: 'planted-nonce' }))
    expect(JSON.stringify(await app.records.db.query('select * from used_nonce'))).not.toContain('planted')
  })
})

test('requests and tokens are counted: five a minute for an account in a tenant, whoever else asks', async () => {
  const [tenantId, other] = [await tenant(), await tenant()]
  for (let n = 0; n < 5; n++) await issueBySignature(app, request(tenantId, { force: true }))
  const sixth = await issueBySignature(app, request(tenantId)).catch((error) => error)
  expect([sixth.code, sixth.facts.retryAfterMs > 0 && sixth.facts.retryAfterMs <= 60_000]).toEqual(['rate_limited', true])
  // Counted before it is looked at.
  expect(await faultOf(issueBySignature(app, request(tenantId, { scopes: ['nonsense'] })))).toEqual(['rate_limited', undefined])
  expect((await issueBySignature(app, request(other))).isNew).toBe(true)
  app.clock.advance(60_000)
  expect((await issueBySignature(app, request(tenantId))).isNew).toBe(false)
})

describe('without a secret', () => {
  test('signed requests are not taken', async () => {
    const closed = await app.replica({ auth: { serviceSecret: null } })
    const asked = request(await tenant())
    for (const signed of [
      signedFor(app, asked),
      { authorization: null, payload: null },
      { authorization: 'Bearer dev-local', payload: null },
    ])
      expect(await faultOf(issueServiceToken(closed, { signed, body: asked }))).toEqual(['unavailable', undefined])
  })

  test('dev-local is taken where it was allowed, alone and without a payload', async () => {
    const open = await app.replica({ auth: { serviceSecret: null, devLocal: true } })
    const asked = request(await tenant())
    const send = (signed: { authorization: string | null; payload: string | null }) => issueServiceToken(open, { signed, body: asked })
    const { payload, authorization } = signedFor(app, asked)
    for (const signed of [
      { authorization: null, payload: null },
      { authorization, payload },
      { authorization: 'Bearer dev-local', payload },
      { authorization: 'Bearer DEV-LOCAL', payload: null },
    ])
      expect((await faultOf(send(signed)))[0]).toBe('unauthenticated')
    expect((await send({ authorization: 'Bearer dev-local', payload: null })).token.account).toBe('analytics-batch')
  })

  test('a server that has one takes no dev-local, whatever was allowed', async () => {
    const both = await app.replica({ auth: { serviceSecret: SECRET, devLocal: true } })
    const asked = request(await tenant())
    const signed = { authorization: 'Bearer dev-local', payload: null }
    expect((await faultOf(issueServiceToken(both, { signed, body: asked })))[0]).toBe('unauthenticated')
    expect((await issueServiceToken(both, { signed: signedFor(app, asked), body: asked })).isNew).toBe(true)
  })
})

test('a signature that does not fit is logged, and neither it nor the secret', async () => {
  const asked = request(await tenant())
  const { payload } = signedFor(app, asked)
  await faultOf(issue(asked, { authorization: 'Bearer vault:vault:v1:planted', payload }))
  const text = JSON.stringify(app.log.entries)
  expect(text).toContain('service_account.refused')
  expect(text).not.toMatch(new RegExp(`${SECRET}|planted|${payload}`))
})
