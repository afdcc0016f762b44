import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Caller } from '../../../src/core/caller.ts'
import { newId } from '../../../src/core/id.ts'
import { refreshSession } from '../../../src/core/sessions/refresh.ts'
import { dropSessionsOf } from '../../../src/core/sessions/removal.ts'
import { draftSession, recordSession, type SignedIn } from '../../../src/core/sessions/session.ts'
import { dropSessions, listSessions, revokeSession, signOut, signOutAll } from '../../../src/core/sessions/sessions.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { eventually } from '../../support/eventually.ts'
import { auditOf, newClient, newMember, openFor, principalOf, refusalOf, signedInMember } from '../../support/members.ts'

let app: TestApp
let one: Caller
beforeAll(async () => {
  app = await openTestApp({ shared: true })
  one = await app.newTenant()
}, OPEN_MS)
afterAll(() => app.close())

const DAY_MS = 86_400_000
const all = { includeRevoked: true, limit: 100, offset: 0 }
const live = { ...all, includeRevoked: false }
const idsOf = ({ sessions }: { sessions: { id: string }[] }) => sessions.map(({ id }) => id)
const out = { code: 'unauthenticated' }

/** Somebody with this many devices, each opened a second after the one before. */
async function devices(count: number) {
  const member = await newMember(app, { tenantId: one.tenantId })
  const opened: SignedIn[] = []
  for (let i = 0; i < count; i++) {
    app.clock.advance(1000)
    opened.push(await openFor(app, member))
  }
  const [first] = opened
  if (!first) throw new Error('no device')
  return { member, opened, first, principal: await principalOf(app, first) }
}

test('a person sees his own sessions, those that were seen last first, page by page', async () => {
  const { opened, principal, first } = await devices(5)
  await devices(1)
  app.clock.advance(1000)
  await refreshSession(app, { refreshToken: first.refreshToken, client: newClient() })
  const order = [first, ...opened.slice(1).toReversed()].map(({ sessionId }) => sessionId)
  const listed = await listSessions(app, principal, live)
  expect(listed.total).toBe(5)
  expect(idsOf(listed)).toEqual(order)
  expect(listed.sessions[0]).toMatchObject({ tenantId: one.tenantId, revokedAt: null, browser: 'Firefox', device: 'desktop' })
  expect(idsOf(await listSessions(app, principal, { ...live, limit: 2, offset: 1 }))).toEqual(order.slice(1, 3))
  expect(await listSessions(app, principal, { ...live, offset: 99 })).toEqual({ sessions: [], total: 5 })
})

test('revoked sessions are listed only where asked for, expired ones until they are revoked', async () => {
  const { opened, principal } = await devices(3)
  const [kept, revoked] = [opened[1]?.sessionId ?? '', opened[2]?.sessionId ?? '']
  await revokeSession(app, principal, revoked)
  app.clock.advance(app.identity.refreshMs + 1)
  expect(idsOf(await listSessions(app, principal, live))).toEqual([kept, opened[0]?.sessionId ?? ''])
  const { sessions, total } = await listSessions(app, principal, all)
  expect(total).toBe(3)
  expect(sessions.find(({ id }) => id === revoked)?.revokedAt).toBeGreaterThan(0)
})

test('a person of two tenants sees the sessions of both, or of the one he names', async () => {
  const { member, opened, principal } = await devices(1)
  const two = await app.newTenant()
  const other = await openFor(app, await newMember(app, { tenantId: two.tenantId, as: member }))
  expect(idsOf(await listSessions(app, principal, live)).toSorted()).toEqual([opened[0]?.sessionId ?? '', other.sessionId].toSorted())
  expect(idsOf(await listSessions(app, principal, { ...live, tenantId: two.tenantId }))).toEqual([other.sessionId])
  expect(await listSessions(app, principal, { ...live, tenantId: newId() })).toEqual({ sessions: [], total: 0 })
  await revokeSession(app, principal, other.sessionId)
  expect(await refusalOf(principalOf(app, other))).toMatchObject(out)
})

test('a revoked session is out at once, here and in a replica, with both of its tokens', async () => {
  const { opened, principal, member } = await devices(2)
  const lost = opened[1]
  if (!lost) throw new Error('no device')
  const replica = await app.replica()
  const tokens = [app, replica].map((on) => on.keys.principal(lost.accessToken))
  await Promise.all(tokens)
  await revokeSession(app, principal, lost.sessionId)
  expect(await refusalOf(app.keys.principal(lost.accessToken))).toMatchObject(out)
  await eventually(async () => ((await refusalOf(replica.keys.principal(lost.accessToken)))?.code === out.code ? true : undefined))
  expect(await refusalOf(refreshSession(replica, { refreshToken: lost.refreshToken, client: newClient() }))).toMatchObject(out)
  expect((await principalOf(app, opened[0] ?? lost)).userId).toBe(member.userId)
  expect(await auditOf(app, member.userId)).toEqual([{ event: 'session.revoke', result: 'success', reason: null }])
  const [row] = await app.records.db.query<{ reason: string }>('select revoked_reason as reason from session where id = $1', [
    lost.sessionId,
  ])
  expect(row?.reason).toBe('user_session_manual_revoke')
})

test("unknown, revoked and other people's sessions are missing alike", async () => {
  const { opened, principal } = await devices(2)
  const { member: neighbour, signedIn: theirs } = await signedInMember(app, { tenantId: one.tenantId })
  const foreign = (await signedInMember(app, { tenantId: (await app.newTenant()).tenantId })).signedIn
  const revoked = opened[1]?.sessionId ?? ''
  await revokeSession(app, principal, revoked)
  for (const id of [newId(), 'no id', revoked, theirs.sessionId, foreign.sessionId])
    expect(await refusalOf(revokeSession(app, principal, id))).toMatchObject({ code: 'not_found', facts: { kind: 'session', id } })
  expect((await principalOf(app, theirs)).userId).toBe(neighbour.userId)
})

test('who signs out ends the session of the token, also of an expired one, and nothing the second time', async () => {
  const { opened, principal, first, member } = await devices(3)
  const [, second, third] = opened
  if (!second || !third) throw new Error('no device')
  expect(await signOut(app, principal, second)).toBe(true)
  expect(await signOut(app, principal, second)).toBe(false)
  expect(await refusalOf(principalOf(app, second))).toMatchObject(out)
  const next = await refreshSession(app, { refreshToken: third.refreshToken, client: newClient() })
  // A token that was replaced is dead; its session goes on.
  expect(await signOut(app, principal, third)).toBe(false)
  expect((await principalOf(app, next)).userId).toBe(member.userId)
  app.clock.advance(app.identity.refreshMs * 2)
  expect(await signOut(app, principal, first)).toBe(true)
})

test("nobody signs out with another person's token, with an access token, or with a forged one", async () => {
  const { principal, first, member } = await devices(1)
  const { signedIn: theirs } = await signedInMember(app, { tenantId: one.tenantId })
  for (const refreshToken of [theirs.refreshToken, first.accessToken, 'nothing', `${first.refreshToken}x`])
    expect(await refusalOf(signOut(app, principal, { refreshToken }))).toMatchObject({ code: 'forbidden' })
  expect((await principalOf(app, theirs)).tenantId).toBe(one.tenantId)
  const two = await app.newTenant()
  const own = await openFor(app, await newMember(app, { tenantId: two.tenantId, as: member }))
  expect(await signOut(app, principal, own)).toBe(true)
})

test('who signs out everywhere ends all his sessions and nobody else his', async () => {
  const { opened, principal } = await devices(3)
  const { signedIn: theirs, member } = await signedInMember(app, { tenantId: one.tenantId })
  expect(await signOutAll(app, principal)).toBe(3)
  expect(await signOutAll(app, principal)).toBe(0)
  for (const one of opened) expect(await refusalOf(app.keys.principal(one.accessToken))).toMatchObject(out)
  expect((await principalOf(app, theirs)).userId).toBe(member.userId)
})

test('keys and machines have no sessions', async () => {
  const { principal } = await devices(1)
  const key = { ...principal, kind: 'key', credentialId: null, userId: null } as const
  for (const asked of [
    listSessions(app, key, all),
    revokeSession(app, key, newId()),
    signOut(app, key, { refreshToken: 'x' }),
    signOutAll(app, key),
  ])
    expect(await refusalOf(asked)).toMatchObject({ code: 'forbidden' })
})

test('sessions are swept a month after their end', async () => {
  const { opened, principal } = await devices(2)
  app.clock.advance(app.identity.refreshMs)
  const young = await openFor(app, (await signedInMember(app, { tenantId: one.tenantId })).member)
  app.clock.advance(30 * DAY_MS - 2001)
  while ((await dropSessions(app, 1)) > 0);
  expect(idsOf(await listSessions(app, principal, all)).length).toBe(2)
  app.clock.advance(2001)
  expect(await dropSessions(app, 200)).toBeGreaterThanOrEqual(2)
  const left = await app.records.db.query<{ id: string }>('select id from session where id = any($1::text::uuid[])', [
    `{${[young, ...opened].map(({ sessionId }) => sessionId).join(',')}}`,
  ])
  expect(left).toEqual([{ id: young.sessionId }])
})

test('a long user agent is cut, and what Postgres cannot hold replaced', async () => {
  const member = await newMember(app, { tenantId: one.tenantId })
  const user = { id: member.userId, ...member, role: null, isOperator: false, emailVerified: true }
  for (const userAgent of ['x'.repeat(100_000), 'a\u0000b', '', null]) {
    const draft = await draftSession(app, { user, client: { ip: null, userAgent } })
    await recordSession(app, draft)
    const { sessionId } = draft.signedIn
    const [row] = await app.records.db.query<{ user_agent: string | null; ip_masked: string | null }>(
      'select user_agent, ip_masked from session where id = $1',
      [sessionId],
    )
    expect(row?.user_agent?.length ?? 0).toBeLessThanOrEqual(512)
    expect(row?.ip_masked).toBeNull()
  }
})

test("of one user's sessions, those in other tenants stay", async () => {
  const { member, first } = await devices(1)
  const two = await app.newTenant()
  const own = await openFor(app, await newMember(app, { tenantId: two.tenantId, as: member }))
  await dropSessionsOf(app.db, { tenantId: two.tenantId, userId: member.userId })
  expect((await principalOf(app, first)).userId).toBe(member.userId)
  await dropSessionsOf(app.db, member)
  expect(await refusalOf(principalOf(app, first))).toMatchObject(out)
  expect((await principalOf(app, own)).tenantId).toBe(two.tenantId)
})
