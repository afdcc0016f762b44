import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Caller } from '../../../src/core/caller.ts'
import { refreshSession } from '../../../src/core/sessions/refresh.ts'
import type { SignedIn } from '../../../src/core/sessions/session.ts'
import { listSessions } from '../../../src/core/sessions/sessions.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { auditOf, enter, newClient, newMember, openFor, principalOf, refusalOf, signedInMember } from '../../support/members.ts'
import { changeUser, machineOf } from '../../support/sign-ins.ts'

let app: TestApp
let one: Caller
beforeAll(async () => {
  app = await openTestApp({ shared: true })
  one = await app.newTenant()
}, OPEN_MS)
afterAll(() => app.close())

const refresh = (refreshToken: string, on: TestApp = app): Promise<SignedIn> => refreshSession(on, { refreshToken, client: newClient() })
const refused = { code: 'unauthenticated', facts: { why: 'invalid_token' } }
const endOf = (id: string) =>
  app.records.db
    .query<{ reason: string | null }>('select revoked_reason as reason from session where id = $1', [id])
    .then(([row]) => row?.reason)

test('a refresh token gives a new pair of the same session, once', async () => {
  const { signedIn, member } = await signedInMember(app, { tenantId: one.tenantId })
  app.clock.advance(60_000)
  const next = await refresh(signedIn.refreshToken)
  expect(next).toMatchObject({ sessionId: signedIn.sessionId, userId: member.userId, tenantId: one.tenantId })
  expect(next.refreshExpiresAt - app.clock.now()).toBe(app.identity.refreshMs)
  expect(next.refreshToken).not.toBe(signedIn.refreshToken)
  const principal = await principalOf(app, next)
  expect(principal.sessionId).toBe(signedIn.sessionId)
  const { sessions } = await listSessions(app, principal, { includeRevoked: false, limit: 10, offset: 0 })
  expect(sessions.map(({ id, lastSeenAt }) => [id, lastSeenAt])).toEqual([[signedIn.sessionId, app.clock.now()]])
  expect(await refusalOf(refresh(signedIn.refreshToken))).toMatchObject(refused)
  expect((await refresh(next.refreshToken)).sessionId).toBe(signedIn.sessionId)
})

test('of 200 pairs of requests with one token at once, here and in a replica, each has one winner and harms nobody', async () => {
  const replica = await app.replica()
  const member = await newMember(app, { tenantId: one.tenantId })
  let signedIn = await enter(app, member)
  for (let race = 0; race < 200; race++) {
    const { refreshToken } = signedIn
    const results = await Promise.allSettled([refresh(refreshToken), refresh(refreshToken, race % 2 ? app : replica)])
    const won = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    expect(won.length).toBe(1)
    for (const result of results) if (result.status === 'rejected') expect(result.reason).toMatchObject(refused)
    signedIn = won[0] as SignedIn
  }
  expect(await endOf(signedIn.sessionId)).toBeNull()
})

test('of 200 pairs of requests outside of the grace none wins, and the session ends once', async () => {
  const members = await Promise.all(Array.from({ length: 200 }, () => newMember(app, { tenantId: one.tenantId })))
  const olds: SignedIn[] = []
  const news: SignedIn[] = []
  for (const member of members) olds.push(await openFor(app, member))
  for (const old of olds) news.push(await refresh(old.refreshToken))
  app.clock.advance(app.identity.refreshGraceMs + 1)
  for (const [i, { refreshToken, sessionId }] of olds.entries()) {
    const results = await Promise.allSettled([refresh(refreshToken), refresh(refreshToken)])
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(await endOf(sessionId)).toBe('reuse')
    expect(await refusalOf(refresh(news[i]?.refreshToken ?? ''))).toMatchObject(refused)
    const noted = (await auditOf(app, members[i]?.userId ?? '')).filter(({ event }) => event === 'session.refresh')
    expect(noted).toEqual([{ event: 'session.refresh', result: 'failure', reason: 'reuse' }])
  }
})

test('an older token than the last one ends the session even within the grace, and its access tokens at once', async () => {
  const first = (await signedInMember(app, { tenantId: one.tenantId })).signedIn
  const second = await refresh(first.refreshToken)
  const third = await refresh(second.refreshToken)
  await app.keys.principal(third.accessToken)
  expect(await refusalOf(refresh(first.refreshToken))).toMatchObject(refused)
  expect(await endOf(first.sessionId)).toBe('reuse')
  expect(await refusalOf(app.keys.principal(third.accessToken))).toMatchObject({ code: 'unauthenticated' })
  expect(await refusalOf(refresh(third.refreshToken))).toMatchObject(refused)
})

test('whose answer was lost asks again within the grace: the one successor is answered to one of those who ask', async () => {
  const { signedIn } = await signedInMember(app, { tenantId: one.tenantId })
  const lost = await refresh(signedIn.refreshToken)
  app.clock.advance(3000)
  const results = await Promise.allSettled(Array.from({ length: 5 }, () => refresh(signedIn.refreshToken)))
  const won = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  expect(won.length).toBe(1)
  const jtiOf = async (token: string) => (await app.tokens.verify(token, 'refresh')).jti
  expect(await jtiOf(won[0]?.refreshToken ?? '')).toBe(await jtiOf(lost.refreshToken))
  expect(won[0]?.refreshExpiresAt).toBe(lost.refreshExpiresAt)
  expect((await refresh(won[0]?.refreshToken ?? '')).sessionId).toBe(signedIn.sessionId)
  // Used by now, so that the old token is one of the past.
  expect(await refusalOf(refresh(signedIn.refreshToken))).toMatchObject(refused)
  expect(await endOf(signedIn.sessionId)).toBe('reuse')
})

test('role and verified address are read anew', async () => {
  const { signedIn, member } = await signedInMember(app, { tenantId: one.tenantId, role: 'viewer', verified: false })
  expect(signedIn).toMatchObject({ emailVerified: false, grants: ['conversations:read', 'tools:read'] })
  await changeUser(app, member.userId, { role: 'admin' })
  await app.records.db.query('update credential set email_verified_at = now() where id = $1', [member.credentialId])
  const next = await refresh(signedIn.refreshToken)
  expect(next.emailVerified).toBe(true)
  expect(next.grants).toContain('auth:invites')
})

test('who is disabled or locked is told so, and goes on with the same token afterwards', async () => {
  const { signedIn, member } = await signedInMember(app, { tenantId: one.tenantId })
  await changeUser(app, member.userId, { status: 'disabled' })
  expect(await refusalOf(refresh(signedIn.refreshToken))).toMatchObject({ code: 'forbidden', facts: { why: 'disabled' } })
  await changeUser(app, member.userId, { status: 'active' })
  for (let i = 0; i < app.identity.failuresMax; i++) await refusalOf(enter(app, member, 'wrong'))
  expect(await refusalOf(refresh(signedIn.refreshToken))).toMatchObject({ code: 'forbidden', facts: { why: 'locked' } })
  app.clock.advance(app.identity.lockMs)
  expect((await refresh(signedIn.refreshToken)).sessionId).toBe(signedIn.sessionId)
})

test('expired, revoked, removed and foreign tokens are refused alike', async () => {
  const { signedIn, member } = await signedInMember(app, { tenantId: one.tenantId })
  const machine = await machineOf(app, { account: 'analytics-batch', tenantId: one.tenantId, scopes: ['conversations:read'] })
  for (const token of [machine.refreshToken, signedIn.accessToken, 'nothing', '', `${signedIn.refreshToken}x`])
    expect(await refusalOf(refresh(token))).toMatchObject({ code: 'unauthenticated' })
  await app.records.db.query('delete from app_user where id = $1', [member.userId])
  expect(await refusalOf(refresh(signedIn.refreshToken))).toMatchObject(refused)
  const other = (await signedInMember(app, { tenantId: one.tenantId })).signedIn
  app.clock.advance(app.identity.refreshMs)
  expect(await refusalOf(refresh(other.refreshToken))).toMatchObject({ code: 'unauthenticated' })
  expect(await endOf(other.sessionId)).toBeNull()
})

test('a signature that fails leaves the token as it was', async () => {
  const { signedIn } = await signedInMember(app, { tenantId: one.tenantId })
  const verify = (...given: Parameters<typeof app.tokens.verify>) => app.tokens.verify(...given)
  const sign = () => Promise.reject(new Error('no key'))
  const tokens = { verify, sign, signAgain: sign, publicKeys: app.tokens.publicKeys }
  const failed = refreshSession({ ...app, tokens }, { refreshToken: signedIn.refreshToken, client: newClient() })
  await expect(failed).rejects.toThrow('no key')
  expect((await refresh(signedIn.refreshToken)).sessionId).toBe(signedIn.sessionId)
})
