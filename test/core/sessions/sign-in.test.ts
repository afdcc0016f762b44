import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Caller } from '../../../src/core/caller.ts'
import { newId } from '../../../src/core/id.ts'
import { noteFailure } from '../../../src/core/rates/guard.ts'
import { signIn } from '../../../src/core/sessions/sign-in.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import {
  auditOf,
  enter,
  type Member,
  newClient,
  newMember,
  OTHER_PASSWORD,
  PASSWORD,
  principalOf,
  refusalOf,
} from '../../support/members.ts'

let app: TestApp
let one: Caller
beforeAll(async () => {
  app = await openTestApp()
  one = await app.newTenant()
}, OPEN_MS)
afterAll(() => app.close())

const tryIn = (email: string, password: string, more: { tenantId?: string; client?: ReturnType<typeof newClient> } = {}) =>
  signIn(app, { email, password, client: newClient(), ...more })
const wrong = { code: 'unauthenticated', message: 'The e-mail address or the password is wrong.' }

test('who knows his password gets a session and two tokens that say who he is', async () => {
  const member = await newMember(app, { tenantId: one.tenantId, role: 'admin' })
  const client = newClient()
  const signedIn = await tryIn(`  ${member.email.toUpperCase()} `, PASSWORD, { client })
  expect(signedIn).toMatchObject({ userId: member.userId, tenantId: one.tenantId, emailVerified: true })
  expect(signedIn.expiresAt - app.clock.now()).toBe(app.identity.accessMs)
  expect(signedIn.refreshExpiresAt - app.clock.now()).toBe(app.identity.refreshMs)
  const principal = await principalOf(app, signedIn)
  expect(principal).toMatchObject({ kind: 'user', userId: member.userId, role: 'admin', sessionId: signedIn.sessionId })
  expect(principal.credentialId).toBe(member.credentialId)
  const refresh = await app.tokens.verify(signedIn.refreshToken, 'refresh')
  expect(refresh).toMatchObject({
    ...{ sub: `user:${member.userId}`, account: `user:${member.userId}`, tenant_id: one.tenantId, sid: signedIn.sessionId },
    ...{ token_use: 'refresh', email_verified: true, scope: signedIn.grants.join(' ') },
  })
  expect(refresh).not.toHaveProperty('aud')
  expect(refresh).not.toHaveProperty('roles')
  expect(await auditOf(app, member.userId)).toEqual([{ event: 'session.open', result: 'success', reason: 'login' }])
  const [row] = await app.records.db.query<Record<string, unknown>>('select * from session where id = $1', [signedIn.sessionId])
  expect(row).toMatchObject({ platform: 'Linux', browser: 'Firefox', device: 'desktop', refresh_jti: refresh.jti, revoked_at: null })
  expect(row?.ip_masked).toBe(client.ip.replace(/\d+$/, '*'))
  expect(row?.fingerprint).toMatch(/^[0-9a-f]{64}$/)
})

test('an unknown address, a wrong password and a foreign tenant are refused in the same words', async () => {
  const member = await newMember(app, { tenantId: one.tenantId })
  const refusals = await Promise.all(
    [
      tryIn('nobody@example.com', PASSWORD),
      tryIn(member.email, OTHER_PASSWORD),
      tryIn(member.email, PASSWORD.repeat(20)),
      tryIn(member.email, PASSWORD, { tenantId: newId() }),
      tryIn(member.email, PASSWORD, { tenantId: 'no uuid' }),
      tryIn('a\u0000b@example.com', PASSWORD),
    ].map(refusalOf),
  )
  for (const refusal of refusals) expect(refusal).toEqual({ ...wrong, facts: {} })
})

/** What the database was asked, and how many passwords were compared. */
async function workOf(email: string, password: string): Promise<{ statements: string[]; compared: number }> {
  const before = app.db.sent.length
  let compared = 0
  const passwords = {
    hash: app.passwords.hash,
    verify: (...given: Parameters<typeof app.passwords.verify>) => {
      compared++
      return app.passwords.verify(...given)
    },
  }
  await refusalOf(signIn({ ...app, passwords }, { email, password, client: newClient() }))
  return { statements: app.db.sent.slice(before), compared }
}

test('a known and an unknown address take the same work, locked ones too', async () => {
  const member = await newMember(app, { tenantId: one.tenantId })
  const known = await workOf(member.email, OTHER_PASSWORD)
  expect(known.compared).toBe(1)
  expect(known.statements.length).toBeGreaterThan(2)
  expect(await workOf('nobody at all', OTHER_PASSWORD)).toEqual(known)
  for (let i = 1; i < app.identity.failuresMax; i++)
    for (const email of [member.email, 'nobody at all']) await refusalOf(tryIn(email, OTHER_PASSWORD))
  const locked = await workOf(member.email, PASSWORD)
  expect(locked.compared).toBe(0)
  expect(await workOf('nobody at all', PASSWORD)).toEqual(locked)
  const [mine, nobodys] = await Promise.all([member.email, 'nobody at all'].map((email) => refusalOf(tryIn(email, PASSWORD))))
  expect(mine).toEqual(nobodys)
  expect(mine).toMatchObject({ code: 'forbidden', facts: { why: 'locked' } })
})

test('the failure that locks is written down as such, and the lock ends with its time', async () => {
  const member = await newMember(app, { tenantId: one.tenantId })
  const codes: unknown[] = []
  for (let i = 0; i < app.identity.failuresMax; i++) codes.push((await refusalOf(tryIn(member.email, OTHER_PASSWORD)))?.code)
  expect(codes).toEqual(['unauthenticated', 'unauthenticated', 'unauthenticated', 'unauthenticated', 'forbidden'])
  const failure = { event: 'session.open', result: 'failure', reason: 'invalid_password' }
  const locking = { event: 'session.open', result: 'locked', reason: 'lockout_threshold' }
  expect(await auditOf(app, member.userId)).toEqual([failure, failure, failure, failure, locking])
  expect(await refusalOf(tryIn(member.email, PASSWORD))).toMatchObject({ facts: { why: 'locked' } })
  app.clock.advance(app.identity.lockMs + 1000)
  expect((await tryIn(member.email, PASSWORD)).userId).toBe(member.userId)
})

test('who belongs to several tenants names one, and is told so only with the right password', async () => {
  const two = await app.newTenant()
  const first = await newMember(app, { tenantId: one.tenantId })
  const second = await newMember(app, { tenantId: two.tenantId, role: 'owner', as: first })
  expect(await refusalOf(tryIn(first.email, OTHER_PASSWORD))).toEqual({ ...wrong, facts: {} })
  expect(await refusalOf(tryIn(first.email, PASSWORD))).toMatchObject({ code: 'invalid', facts: { param: 'tenant_id' } })
  for (const { tenantId, userId } of [first, second])
    expect(await tryIn(first.email, PASSWORD, { tenantId })).toMatchObject({ tenantId, userId })
})

test('who is disabled in one tenant signs in to the other without naming it', async () => {
  const two = await app.newTenant()
  const first = await newMember(app, { tenantId: one.tenantId, status: 'disabled' })
  const second = await newMember(app, { tenantId: two.tenantId, as: first })
  expect((await tryIn(first.email, PASSWORD)).userId).toBe(second.userId)
  expect(await refusalOf(tryIn(first.email, PASSWORD, { tenantId: one.tenantId }))).toMatchObject({ facts: { why: 'disabled' } })
})

test('that an account is disabled is said only to who knows its password', async () => {
  const member = await newMember(app, { tenantId: one.tenantId, status: 'disabled' })
  expect(await refusalOf(tryIn(member.email, OTHER_PASSWORD))).toEqual({ ...wrong, facts: {} })
  expect(await refusalOf(tryIn(member.email, PASSWORD))).toMatchObject({ code: 'forbidden', facts: { why: 'disabled' } })
  const [sessions] = await app.records.db.query<{ n: number }>('select count(*)::int as n from session where user_id = $1', [member.userId])
  expect(sessions?.n).toBe(0)
})

test('an address from which too many failed is refused before anything is compared', async () => {
  const client = newClient()
  for (let i = 1; i < 50; i++) await noteFailure(app, { email: `nobody${i}@example.com`, ip: client.ip })
  expect(await refusalOf(tryIn('nobody50@example.com', OTHER_PASSWORD, { client }))).toMatchObject({ code: 'unauthenticated' })
  const member = await newMember(app, { tenantId: one.tenantId })
  expect(await refusalOf(tryIn(member.email, PASSWORD, { client }))).toMatchObject({ code: 'rate_limited' })
  expect((await tryIn(member.email, PASSWORD, { client: { ...client, ip: '192.0.2.1' } })).userId).toBe(member.userId)
})

/** Does `work` when the sign-in has compared the password, and is about to write. */
const signInDuring = (member: Member, work: () => Promise<unknown>) =>
  signIn(
    {
      ...app,
      tokens: {
        sign: async (claims) => {
          await work()
          return app.tokens.sign(claims)
        },
        signAgain: app.tokens.signAgain,
        verify: app.tokens.verify,
        publicKeys: app.tokens.publicKeys,
      },
    },
    { email: member.email, password: PASSWORD, client: newClient() },
  )

test('who changes while he signs in gets no session of what he was', async () => {
  const changes = {
    disabled: (m: Member) => app.records.db.query(`update app_user set status = 'disabled' where id = $1`, [m.userId]),
    removed: (m: Member) => app.records.db.query('delete from app_user where id = $1', [m.userId]),
    'given another password': (m: Member) =>
      app.records.db.query(`update credential set password_hash = 'x' where id = $1`, [m.credentialId]),
  }
  for (const change of Object.values(changes)) {
    const member = await newMember(app, { tenantId: one.tenantId })
    expect(await refusalOf(signInDuring(member, () => change(member)))).toMatchObject({ code: 'unauthenticated' })
    expect(await app.records.db.query('select 1 from session where user_id = $1', [member.userId])).toEqual([])
  }
  const unchanged = await newMember(app, { tenantId: one.tenantId })
  expect((await signInDuring(unchanged, () => Promise.resolve())).userId).toBe(unchanged.userId)
})

test('who has no role signs in to what is his own', async () => {
  const member = await newMember(app, { tenantId: one.tenantId, role: null })
  expect((await enter(app, member)).grants).toEqual([])
})
