import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { grantsOf, type Role } from '../../../src/core/access/roles.ts'
import { newId } from '../../../src/core/id.ts'
import { KeyRing } from '../../../src/core/identity/keys.ts'
import type { JsonObject } from '../../../src/core/json.ts'
import { looksLikeToken } from '../../../src/core/sessions/ring.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { until } from '../../support/runs.ts'
import { changeUser, endSession, machineOf, type SignedInInput, type SignedInUser, signedIn } from '../../support/sign-ins.ts'

let app: TestApp
let other: TestApp
beforeAll(async () => {
  app = await openTestApp({ slots: 0, shared: true })
  other = await app.replica()
}, OPEN_MS)
afterAll(() => app.close())

const user = (input: Partial<SignedInInput> = {}): Promise<SignedInUser> => signedIn(app, { tenantId: app.one.tenantId, ...input })
const refused = { code: 'unauthenticated', facts: { why: 'invalid_token' } }
const signed = async (claims: JsonObject): Promise<string> => (await app.tokens.sign(claims)).token

describe('an access token of a user', () => {
  test('resolves to user, tenant, session and role', async () => {
    const { token, claims, ...ids } = await user({ role: 'member' })
    const principal = await app.keys.principal(token)
    const scopes = new Set(['read', 'write'] as const)
    expect(principal).toEqual({
      ...{ kind: 'user', userId: ids.userId, account: null, tenantId: ids.tenantId, role: 'member', isOperator: false },
      ...{ grants: grantsOf({ role: 'member' }), emailVerified: true, credentialId: ids.credentialId, sessionId: ids.sessionId },
      ...{ serviceTokenId: null, claims: expect.objectContaining(claims) },
      caller: { tenantId: ids.tenantId, userId: ids.userId, keyId: ids.sessionId, scopes, role: 'member' },
    })
    expect(await app.keys.resolve(token)).toEqual(principal.caller as NonNullable<typeof principal.caller>)
  })

  test.each<[Role, string[]]>([
    ['viewer', ['read']],
    ['member', ['read', 'write']],
    ['admin', ['read', 'write', 'admin']],
    ['owner', ['read', 'write', 'admin']],
  ])('of a %s has the scopes of that role', async (role, scopes) => {
    expect([...(await app.keys.resolve((await user({ role })).token)).scopes]).toEqual(scopes as never)
  })

  test('of a user without a role is as good as a key of his own', async () => {
    const caller = await app.keys.resolve((await user({ role: null })).token)
    expect([...caller.scopes]).toEqual(['read', 'write'])
    expect(caller.role).toBeUndefined()
  })

  test('of an operator grants what operators may', async () => {
    const { grants, isOperator } = await app.keys.principal((await user({ role: 'owner', isOperator: true })).token)
    expect(isOperator).toBe(true)
    expect(grants).toContain('platform:operator')
  })

  test('grants no more than it says and no more than the role still does', async () => {
    const { claims, userId } = await user({ role: 'admin' })
    const narrow = await signed({ ...claims, scope: 'conversations:read platform:operator support:manage' })
    expect((await app.keys.principal(narrow)).grants).toEqual(['conversations:read'])
    const wide = await signed({ ...claims, scope: 'support:*' })
    expect((await app.keys.principal(wide)).grants).toEqual(grantsOf({ role: 'admin' }))
    await changeUser(app, userId, { role: 'viewer' })
    const now = await app.keys.principal(wide)
    expect([now.role, now.grants, [...(now.caller?.scopes ?? [])]]).toEqual(['viewer', grantsOf({ role: 'viewer' }), ['read']])
  })

  test.each<[string, (claims: JsonObject, stranger: SignedInUser) => JsonObject]>([
    ['another session of another user', (claims, { sessionId }) => ({ ...claims, sid: sessionId })],
    ['another user', (claims, { userId }) => ({ ...claims, sub: `user:${userId}` })],
    ['another tenant', (claims, { tenantId }) => ({ ...claims, tenant_id: tenantId })],
    ['no tenant', ({ tenant_id: _tenant, ...claims }) => claims],
    ['an empty tenant', (claims) => ({ ...claims, tenant_id: '' })],
    ['no session', ({ sid: _sid, ...claims }) => claims],
    ['an unknown session', (claims) => ({ ...claims, sid: newId() })],
    ['a session that is no id', (claims) => ({ ...claims, sid: "x' or true --" })],
    ['a session that is many', (claims) => ({ ...claims, sid: [String(claims.sid)] })],
    ['a list of sessions in a text', (claims) => ({ ...claims, sid: `${claims.sid},${claims.sid}` })],
  ])('that names %s is refused, although its signature is good', async (_name, change) => {
    const stranger = await user({ tenantId: app.two.tenantId, role: 'owner' })
    const { claims } = await user({ role: 'owner' })
    const token = await signed(change(claims, stranger))
    await app.tokens.verify(token, 'access')
    await expect(app.keys.resolve(token)).rejects.toMatchObject(refused)
    await expect(app.keys.principal(token, { fresh: true })).rejects.toMatchObject(refused)
  })

  test('of a credential that the user has no more is refused', async () => {
    const [one, two] = [await user(), await user()]
    await app.db.query('update app_user set credential_id = null where id = $1', [two.userId])
    await app.db.query('update app_user set credential_id = $2 where id = $1', [one.userId, two.credentialId])
    for (const { token } of [one, two]) await expect(app.keys.resolve(token)).rejects.toMatchObject(refused)
  })

  test('does not outlive its session, also where it is remembered, and says when it has expired', async () => {
    const { token, sessionId } = await user()
    const { token: short } = await user()
    await app.keys.resolve(short)
    await app.db.query(`update session set expires_at = to_timestamp($2::float8 / 1000) where id = $1`, [sessionId, app.clock.now() + 1000])
    await app.keys.resolve(token)
    app.clock.advance(1000)
    await expect(app.keys.resolve(token)).rejects.toMatchObject({ code: 'unauthenticated' })
    app.clock.advance(app.identity.accessMs - 1001)
    await app.keys.resolve(short)
    app.clock.advance(1)
    await expect(app.keys.resolve(short)).rejects.toMatchObject({ code: 'unauthenticated', facts: { expired: true } })
  })
})

describe('what changes counts at once, in a replica too', () => {
  const refusedBy = (at: TestApp, token: string): Promise<boolean> =>
    at.keys.resolve(token).then(
      () => false,
      (error) => error.code === 'unauthenticated',
    )

  test('a session that is ended', async () => {
    const { token, sessionId } = await user()
    for (const at of [app, other]) await at.keys.resolve(token)
    await endSession(app, sessionId)
    await expect(app.keys.resolve(token)).rejects.toMatchObject(refused)
    // The clock stands still: only the signal can tell the other process.
    await until(() => refusedBy(other, token))
  })

  test('a user who is disabled', async () => {
    const { token, userId } = await user()
    for (const at of [app, other]) await at.keys.resolve(token)
    await changeUser(app, userId, { status: 'disabled' })
    await expect(app.keys.resolve(token)).rejects.toMatchObject(refused)
    await until(() => refusedBy(other, token))
  })

  test('a role that is taken away', async () => {
    const { token, userId } = await user({ role: 'admin' })
    expect((await other.keys.resolve(token)).scopes.has('admin')).toBe(true)
    await changeUser(app, userId, { role: 'viewer' })
    await until(async () => (await other.keys.resolve(token)).role === 'viewer')
  })

  test('a service token that is revoked', async () => {
    const { token, jti } = await machineOf(app, { account: 'analytics-batch', tenantId: app.one.tenantId, scopes: ['conversations:read'] })
    for (const at of [app, other]) await at.keys.resolve(token)
    await app.db.query('update service_token set revoked_at = now() where jti = $1', [jti])
    app.signals.keyChanged()
    await expect(app.keys.resolve(token)).rejects.toMatchObject(refused)
    await until(() => refusedBy(other, token))
  })
})

describe('what is remembered', () => {
  const endSilently = (id: string) => app.db.query('update session set revoked_at = now() where id = $1', [id])

  test('saves the look into the database, and is not trusted for more than ten seconds', async () => {
    const { token, sessionId } = await user()
    await app.keys.resolve(token)
    const looks = () => app.db.sent.filter((name) => name === 'session.find').length
    const before = looks()
    for (let n = 0; n < 20; n++) await app.keys.resolve(token)
    expect(looks()).toBe(before)
    await endSilently(sessionId)
    app.clock.advance(10_000)
    await app.keys.resolve(token)
    app.clock.advance(1)
    await expect(app.keys.resolve(token)).rejects.toMatchObject(refused)
  })

  test('is not trusted for longer where the clock is set back', async () => {
    const { token, sessionId } = await user()
    await app.keys.resolve(token)
    await endSilently(sessionId)
    app.clock.advance(-10_001)
    try {
      await expect(app.keys.resolve(token)).rejects.toMatchObject(refused)
    } finally {
      app.clock.advance(10_001)
    }
  })

  test('does not count where a fresh look is asked for, nor after it', async () => {
    const { token, sessionId } = await user()
    await app.keys.resolve(token)
    await endSilently(sessionId)
    await app.keys.resolve(token)
    await expect(app.keys.principal(token, { fresh: true })).rejects.toMatchObject(refused)
    await expect(app.keys.resolve(token)).rejects.toMatchObject(refused)
  })

  test('is nothing that was read before a change', async () => {
    const { token, sessionId } = await user()
    const pause = app.db.pauseNext('session.find', 'after')
    const first = app.keys.resolve(token)
    await pause.reached
    await endSession(app, sessionId)
    pause.release()
    await first.catch(() => undefined) // it began before the end: either answer is right
    await expect(app.keys.resolve(token)).rejects.toMatchObject(refused)
  })

  test('a database that is away is no wrong token', async () => {
    const { token } = await user()
    app.db.failNext('session.find', 'before')
    await expect(app.keys.resolve(token)).rejects.toMatchObject({ code: 'unavailable' })
    await app.keys.resolve(token)
  })
})

describe('an access token of a service account', () => {
  test('resolves to the tenant and what its scopes allow', async () => {
    const { token, jti } = await machineOf(app, {
      account: 'synthetic-monitor',
      tenantId: app.one.tenantId,
      scopes: ['conversations:write', 'tools:read'],
    })
    const principal = await app.keys.principal(token)
    expect(principal).toMatchObject({ kind: 'service', account: 'synthetic-monitor', role: null, serviceTokenId: jti, userId: null })
    expect(principal.grants).toEqual(['conversations:write', 'tools:read'])
    expect(await app.keys.resolve(token)).toEqual({
      ...{
        tenantId: app.one.tenantId,
        userId: null,
        keyId: jti,
        scopes: new Set(['read', 'write'] as const),
        account: 'synthetic-monitor',
      },
    })
  })

  test('grants no more than the token it was exchanged for', async () => {
    const { jti } = await machineOf(app, { account: 'billing-worker', tenantId: app.one.tenantId, scopes: ['billing:read'] })
    const claims = await app.tokens.verify(
      (await machineOf(app, { account: 'billing-worker', tenantId: app.one.tenantId, scopes: ['billing:manage', 'billing:read'] })).token,
      'access',
    )
    const token = await signed({ ...claims, parent: jti })
    expect((await app.keys.principal(token)).grants).toEqual(['billing:read'])
    expect((await app.keys.resolve(token)).scopes.size).toBe(0)
  })

  test('of the whole server is nobody where a tenant is needed', async () => {
    const { token } = await machineOf(app, { account: 'support-console', tenantId: null, scopes: ['support:*'] })
    const principal = await app.keys.principal(token)
    expect([principal.tenantId, principal.caller, principal.grants]).toEqual([null, null, ['support:*']])
    await expect(app.keys.resolve(token)).rejects.toMatchObject({ code: 'forbidden', facts: { why: 'tenant_required' } })
  })

  test('is refused with the name, tenant or token of another', async () => {
    const { token, refreshToken } = await machineOf(app, { account: 'demo-bot', tenantId: null, scopes: ['chat:write'] })
    const other = await machineOf(app, { account: 'support-console', tenantId: null, scopes: ['support:*', 'status:manage'] })
    const claims = await app.tokens.verify(token, 'access')
    const forged = [
      { ...claims, sub: 'service-account:support-console' },
      { ...claims, parent: other.jti },
      { ...claims, parent: newId() },
      { ...claims, parent: null },
      { ...claims, tenant_id: app.two.tenantId },
    ]
    for (const claim of forged) await expect(app.keys.principal(await signed(claim))).rejects.toMatchObject(refused)
    await expect(app.keys.principal(refreshToken)).rejects.toMatchObject(refused)
  })
})

test('a user whose address is not verified has his account, and no surface of the tenant', async () => {
  const { token } = await user({ emailVerified: false })
  expect((await app.keys.principal(token)).emailVerified).toBe(false)
  await expect(app.keys.resolve(token)).rejects.toMatchObject({ code: 'forbidden', facts: { why: 'email_unverified' } })
})

test('what has the form of a token is one, and keys of other forms are keys', async () => {
  expect(looksLikeToken((await user()).token)).toBe(true)
  for (const key of ['tp_abc', 'my.own.secret', 'a.b', 'eyJ', 'eyJ.a', 'eyJ.a.b.c', 'eyJ.a.b c', ''])
    expect(looksLikeToken(key)).toBe(false)
})

test('each session has a limit of requests of its own', async () => {
  const limited = new KeyRing(app, 1)
  const [one, two] = [await user(), await user()]
  for (let n = 0; n < 10; n++) await limited.resolve(one.token)
  await expect(limited.resolve(one.token)).rejects.toMatchObject({ code: 'rate_limited' })
  await limited.resolve(two.token)
  limited.close()
})
