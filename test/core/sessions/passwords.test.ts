import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Caller } from '../../../src/core/caller.ts'
import { newId } from '../../../src/core/id.ts'
import { readMail } from '../../../src/core/mail/mail.ts'
import { createEmailToken, dropEmailTokens } from '../../../src/core/sessions/email-tokens.ts'
import {
  admitPassword,
  changePassword,
  confirmPasswordReset,
  requestPasswordReset,
  resetPasswordOf,
} from '../../../src/core/sessions/passwords.ts'
import { refreshSession } from '../../../src/core/sessions/refresh.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import {
  auditOf,
  enter,
  type Member,
  newClient,
  newMember,
  OTHER_PASSWORD,
  openFor,
  PASSWORD,
  principalOf,
  quickPasswords,
  refusalOf,
  signedInMember,
} from '../../support/members.ts'

let app: TestApp
let one: Caller
beforeAll(async () => {
  app = { ...(await openTestApp()), passwords: quickPasswords }
  one = await app.newTenant()
}, OPEN_MS)
afterAll(() => app.close())

const NEXT = ['amber Harbor 17 socks', 'Lantern-river 63 moss', 'quiet Granite 29 ferry', 'Saddle_plum 84 orbit', 'teal Compass 52 broth']
const client = newClient()
const change = (principal: Awaited<ReturnType<typeof principalOf>>, current: string, next: string) =>
  changePassword(app, principal, { current, next, client })
const weak = { code: 'invalid', facts: { param: 'password' } }
const badToken = { code: 'invalid', facts: { param: 'token' } }
const inWith = async (member: Member, password: string): Promise<boolean> => (await refusalOf(enter(app, member, password))) === undefined
const reasonsOf = async ({ credentialId }: Member) =>
  (
    await app.records.db.query<{ r: string | null }>('select revoked_reason as r from session where credential_id = $1 order by id', [
      credentialId,
    ])
  ).map(({ r }) => r)

/** Mails of one kind to this address, the last ones. */
async function mailsTo(email: string, kind: string): Promise<number> {
  const rows = await app.records.db.query<{ id: string }>('select id from mail where kind = $1 order by id desc limit 20', [kind])
  const mails = await Promise.all(rows.map(({ id }) => readMail(app, app.one, id)))
  return mails.filter((mail) => mail?.content?.about.to === email).length
}

test('a changed password ends every session, this one too, and the owner is told', async () => {
  const { member, signedIn, principal } = await signedInMember(app, { tenantId: one.tenantId })
  const other = await openFor(app, member)
  await createEmailToken(app, { kind: 'reset_password', credentialId: member.credentialId, email: member.email })
  await change(principal, PASSWORD, OTHER_PASSWORD)
  for (const { accessToken, refreshToken } of [signedIn, other]) {
    expect(await refusalOf(app.keys.principal(accessToken))).toMatchObject({ code: 'unauthenticated' })
    expect(await refusalOf(refreshSession(app, { refreshToken, client }))).toMatchObject({ code: 'unauthenticated' })
  }
  expect(await reasonsOf(member)).toEqual(['password_change', 'password_change'])
  expect([await inWith(member, PASSWORD), await inWith(member, OTHER_PASSWORD)]).toEqual([false, true])
  expect(await mailsTo(member.email, 'password_changed')).toBe(1)
  expect(await app.records.db.query('select 1 from email_token where credential_id = $1', [member.credentialId])).toEqual([])
  expect(await auditOf(app, member.userId)).toContainEqual({ event: 'password.change', result: 'success', reason: null })
})

test('a password is told apart by what is wrong with it: the current one first, then the history, then the policy', async () => {
  const { member, principal, signedIn } = await signedInMember(app, { tenantId: one.tenantId })
  expect(await refusalOf(change(principal, OTHER_PASSWORD, 'short'))).toMatchObject({ code: 'unauthenticated' })
  expect((await refusalOf(change(principal, PASSWORD, PASSWORD)))?.message).toContain('one of the last 5')
  for (const next of ['short', 'a'.repeat(20), 'x'.repeat(300), `${member.email}1`])
    expect(await refusalOf(change(principal, PASSWORD, next))).toMatchObject(weak)
  expect((await principalOf(app, signedIn)).userId).toBe(member.userId)
  expect(await mailsTo(member.email, 'password_changed')).toBe(0)
})

test('what person and tenant are called does not make a password', async () => {
  const { tenantId } = await app.newTenant()
  const { member, principal } = await signedInMember(app, { tenantId })
  const token = (await createEmailToken(app, { kind: 'reset_password', credentialId: member.credentialId, email: member.email })).token
  const next = 'Xanthippe-Quy-2026'
  const named = (table: 'tenant' | 'app_user', column: string, name: string | null) =>
    app.records.db.query(`update ${table} set ${column} = $2 where id = $1`, [table === 'tenant' ? tenantId : member.userId, name])
  for (const [table, column] of [
    ['tenant', 'title'],
    ['app_user', 'name'],
  ] as const) {
    await named(table, column, 'Xanthippe Quy')
    expect(await refusalOf(change(principal, PASSWORD, next))).toMatchObject(weak)
    expect(await refusalOf(confirmPasswordReset(app, { token, next, client }))).toMatchObject(weak)
    await named(table, column, null)
  }
  await confirmPasswordReset(app, { token, next, client })
})

test('the last five passwords are not taken again, the sixth is', async () => {
  const member = await newMember(app, { tenantId: one.tenantId })
  const principal = await principalOf(app, await openFor(app, member))
  const used = [PASSWORD, ...NEXT]
  for (const [i, next] of NEXT.entries()) await change(principal, used[i] ?? '', next)
  const last = NEXT.at(-1) ?? ''
  for (const old of NEXT) expect(await refusalOf(change(principal, last, old))).toMatchObject(weak)
  await change(principal, last, PASSWORD)
  const [row] = await app.records.db.query<{ h: string }>('select password_history as h from credential where id = $1', [
    member.credentialId,
  ])
  expect((JSON.parse(row?.h ?? '') as string[]).length).toBe(5)
})

test('wrong current passwords count as failed sign-ins, up to the lock, and the right one clears them', async () => {
  const { member, principal } = await signedInMember(app, { tenantId: one.tenantId })
  for (let i = 1; i < app.identity.failuresMax; i++) await refusalOf(change(principal, 'wrong', OTHER_PASSWORD))
  expect(await inWith(member, PASSWORD)).toBe(true)
  for (let i = 1; i < app.identity.failuresMax; i++) await refusalOf(change(principal, 'wrong', OTHER_PASSWORD))
  expect(await refusalOf(change(principal, 'wrong', OTHER_PASSWORD))).toMatchObject({ facts: { why: 'locked' } })
  expect(await refusalOf(change(principal, PASSWORD, OTHER_PASSWORD))).toMatchObject({ facts: { why: 'locked' } })
  expect(await inWith(member, PASSWORD)).toBe(false)
})

test('of two changes at once one counts', async () => {
  const { member, principal } = await signedInMember(app, { tenantId: one.tenantId })
  const [one_, two] = NEXT as [string, string]
  const results = await Promise.all([change(principal, PASSWORD, one_), change(principal, PASSWORD, two)].map(refusalOf))
  expect(results.filter((refusal) => refusal === undefined).length).toBe(1)
  expect([await inWith(member, one_), await inWith(member, two)].filter(Boolean).length).toBe(1)
})

test('who manages a tenant sets passwords of its users, of no role above his own', async () => {
  const { principal: owner } = await signedInMember(app, { tenantId: one.tenantId, role: 'owner' })
  const { principal: admin } = await signedInMember(app, { tenantId: one.tenantId, role: 'admin' })
  const { member, signedIn } = await signedInMember(app, { tenantId: one.tenantId, role: 'owner' })
  expect(await refusalOf(resetPasswordOf(app, admin, { userId: member.userId, next: OTHER_PASSWORD }))).toMatchObject({
    ...{ code: 'forbidden', facts: { why: 'insufficient_role' } },
  })
  expect(await refusalOf(resetPasswordOf(app, owner, { userId: member.userId, next: 'short' }))).toMatchObject(weak)
  expect(await refusalOf(resetPasswordOf(app, owner, { userId: member.userId, next: PASSWORD }))).toMatchObject(weak)
  await resetPasswordOf(app, owner, { userId: member.userId, next: OTHER_PASSWORD })
  expect([await inWith(member, PASSWORD), await inWith(member, OTHER_PASSWORD)]).toEqual([false, true])
  expect(await refusalOf(app.keys.principal(signedIn.accessToken))).toMatchObject({ code: 'unauthenticated' })
  expect(await mailsTo(member.email, 'password_changed')).toBe(1)
  expect(await auditOf(app, member.userId)).toContainEqual({ event: 'password.reset', result: 'success', reason: null })
})

test('a password is not set for operators, people of other tenants, or oneself, unless by an operator', async () => {
  const two = await app.newTenant()
  const { principal: owner, member: himself } = await signedInMember(app, { tenantId: one.tenantId, role: 'owner' })
  const boss = await newMember(app, { tenantId: one.tenantId, role: 'owner', isOperator: true })
  const both = await newMember(app, { tenantId: one.tenantId })
  const abroad = await newMember(app, { tenantId: two.tenantId, as: both })
  for (const { userId } of [himself, boss, both])
    expect(await refusalOf(resetPasswordOf(app, owner, { userId, next: OTHER_PASSWORD }))).toMatchObject({ code: 'forbidden' })
  const { principal: operator } = await signedInMember(app, { tenantId: one.tenantId, role: 'owner', isOperator: true })
  for (const { userId } of [boss, both]) await resetPasswordOf(app, operator, { userId, next: OTHER_PASSWORD })
  expect(await inWith(abroad, OTHER_PASSWORD)).toBe(true)
})

test('users of another tenant, unknown ones and those without a password are missing alike', async () => {
  const two = await app.newTenant()
  const { principal: owner } = await signedInMember(app, { tenantId: one.tenantId, role: 'owner' })
  const foreign = await newMember(app, { tenantId: two.tenantId, role: 'viewer' })
  const keysOnly = newId()
  await app.records.db.query('insert into app_user (id, tenant_id, created_at) values ($1, $2, now())', [keysOnly, one.tenantId])
  for (const userId of [foreign.userId, newId(), keysOnly, 'no id'])
    expect(await refusalOf(resetPasswordOf(app, owner, { userId, next: OTHER_PASSWORD }))).toMatchObject({
      ...{ code: 'not_found', facts: { kind: 'user', id: userId } },
    })
  expect(await inWith(foreign, PASSWORD)).toBe(true)
  const machine = { ...owner, kind: 'service', tenantId: null } as const
  expect(await refusalOf(resetPasswordOf(app, machine, { userId: foreign.userId, next: OTHER_PASSWORD }))).toMatchObject({
    code: 'invalid',
  })
})

test('who rises above the one who sets his password, while it is hashed, keeps his own', async () => {
  const { principal: admin } = await signedInMember(app, { tenantId: one.tenantId, role: 'admin' })
  const member = await newMember(app, { tenantId: one.tenantId })
  const passwords = {
    verify: app.passwords.verify,
    hash: async (password: string) => {
      await app.records.db.query(`update app_user set role = 'owner' where id = $1`, [member.userId])
      return app.passwords.hash(password)
    },
  }
  expect(await refusalOf(resetPasswordOf({ ...app, passwords }, admin, { userId: member.userId, next: OTHER_PASSWORD }))).toMatchObject({
    ...{ code: 'forbidden' },
  })
  expect(await inWith(member, PASSWORD)).toBe(true)
})

test('who forgot his password is answered as who never had one, after the same statements', async () => {
  const member = await newMember(app, { tenantId: one.tenantId })
  const statementsOf = async (email: string): Promise<string[]> => {
    const before = app.db.sent.length
    expect(await requestPasswordReset(app, { email, client: newClient() })).toBeUndefined()
    return app.db.sent.slice(before)
  }
  const known = await statementsOf(member.email)
  expect(known.length).toBeGreaterThan(0)
  expect(await statementsOf('nobody@example.com')).toEqual(known)
  for (const email of [member.email, 'nobody@example.com']) expect(await mailsTo(email, 'reset_password')).toBe(1)
  for (let i = 1; i < 5; i++) await statementsOf(` ${member.email.toUpperCase()} `)
  expect(await refusalOf(requestPasswordReset(app, { email: member.email, client: newClient() }))).toMatchObject({ code: 'rate_limited' })
})

const tokenFor = async ({ credentialId, email }: Member) =>
  (await createEmailToken(app, { kind: 'reset_password', credentialId, email })).token
const confirm = (token: string, next: string) => confirmPasswordReset(app, { token, next, client })

test('the link of a mail sets a new password once, with all other links, sessions and the lock gone', async () => {
  const { member, signedIn } = await signedInMember(app, { tenantId: one.tenantId })
  for (let i = 0; i < app.identity.failuresMax; i++) await refusalOf(enter(app, member, 'wrong'))
  const [token, spare] = [await tokenFor(member), await tokenFor(member)]
  expect(token).toMatch(/^[0-9a-f]{32}\.[0-9a-f]{64}$/)
  for (const next of ['short', PASSWORD]) expect(await refusalOf(confirm(token, next))).toMatchObject(weak)
  await confirm(` ${token} `, OTHER_PASSWORD)
  for (const used of [token, spare]) expect(await refusalOf(confirm(used, NEXT[0] ?? ''))).toMatchObject(badToken)
  expect(await inWith(member, OTHER_PASSWORD)).toBe(true)
  expect(await refusalOf(app.keys.principal(signedIn.accessToken))).toMatchObject({ code: 'unauthenticated' })
  expect((await reasonsOf(member))[0]).toBe('password_reset_token')
  expect(await mailsTo(member.email, 'password_changed')).toBe(1)
})

test('of twenty who use one link at once, one sets the password', async () => {
  const member = await newMember(app, { tenantId: one.tenantId })
  const token = await tokenFor(member)
  const results = await Promise.all(Array.from({ length: 20 }, () => refusalOf(confirm(token, OTHER_PASSWORD))))
  expect(results.filter((refusal) => refusal === undefined).length).toBe(1)
  for (const refusal of results) if (refusal) expect(refusal).toMatchObject({ code: 'invalid' })
})

test('what is no such link is refused in the same words, and so is an old one', async () => {
  const member = await newMember(app, { tenantId: one.tenantId })
  const token = await tokenFor(member)
  const [id = '', secret = ''] = token.split('.')
  const verification = await createEmailToken(app, { kind: 'verify_email', credentialId: member.credentialId, email: member.email })
  const bad = ['', '.', id, `${id}.`, `${id}.${secret.slice(1)}`, `${id}.${'0'.repeat(64)}`, `${'0'.repeat(32)}.${secret}`, `${token}0`]
  const refusals = await Promise.all(
    [...bad, verification.token, token.toUpperCase(), `${id}.${secret}\u0000`].map((t) => refusalOf(confirm(t, OTHER_PASSWORD))),
  )
  for (const refusal of refusals) expect(refusal).toEqual(refusals[0])
  expect(refusals[0]).toMatchObject(badToken)
  app.clock.advance(30 * 60_000)
  expect(await refusalOf(confirm(token, OTHER_PASSWORD))).toEqual(refusals[0])
  expect(await inWith(member, PASSWORD)).toBe(true)
  app.clock.advance(1)
  while ((await dropEmailTokens(app, 1)) > 0);
  const left = await app.records.db.query<{ kind: string }>('select kind from email_token where credential_id = $1', [member.credentialId])
  expect(left).toEqual([{ kind: 'verify_email' }])
})

test('only hashes of passwords and links are in the tables', async () => {
  const member = await newMember(app, { tenantId: one.tenantId })
  const token = await tokenFor(member)
  const dump = JSON.stringify([
    await app.records.db.query('select * from email_token where credential_id = $1', [member.credentialId]),
    await app.records.db.query('select * from credential where id = $1', [member.credentialId]),
  ])
  expect(dump).not.toContain(token.split('.')[1] ?? '')
  expect(dump).not.toContain(PASSWORD)
})

test('how good a password is may be asked so often from one place, by strangers too', async () => {
  const from = newClient()
  const ask = (next: string, by = from) => refusalOf(admitPassword(app, { next, client: by }))
  expect(await ask(OTHER_PASSWORD)).toBeUndefined()
  for (let n = 1; n < 60; n++) expect(await ask('short')).toMatchObject(weak)
  expect(await ask(OTHER_PASSWORD)).toMatchObject({ code: 'rate_limited', facts: { retryAfterMs: expect.any(Number) } })
  expect(await ask(OTHER_PASSWORD, newClient())).toBeUndefined()
})
