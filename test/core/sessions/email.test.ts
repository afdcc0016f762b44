import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Caller } from '../../../src/core/caller.ts'
import { readMail } from '../../../src/core/mail/mail.ts'
import { sendVerification, verifyEmail } from '../../../src/core/sessions/email.ts'
import { createEmailToken } from '../../../src/core/sessions/email-tokens.ts'
import { refreshSession } from '../../../src/core/sessions/refresh.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { newClient, newMember, type principalOf, refusalOf, signedInMember } from '../../support/members.ts'

let app: TestApp
let one: Caller
beforeAll(async () => {
  app = await openTestApp()
  one = await app.newTenant()
}, OPEN_MS)
afterAll(() => app.close())

const send = (principal: Awaited<ReturnType<typeof principalOf>>) => sendVerification(app, principal, { client: newClient() })
const verify = (token: string) => verifyEmail(app, { token, client: newClient() })
const badToken = { code: 'invalid', facts: { param: 'token' } }

/** The tokens in mails to this address, as their reader has them. */
async function tokensTo(email: string): Promise<string[]> {
  const rows = await app.records.db.query<{ id: string }>(`select id from mail where kind = 'verify_email' order by id`)
  const mails = await Promise.all(rows.map(({ id }) => readMail(app, app.one, id)))
  return mails.flatMap((mail) => {
    const about = mail?.content?.about
    return about?.kind === 'verify_email' && about.to === email ? [about.token] : []
  })
}

test('the link of a mail verifies the address once; sessions go on, and know it at once', async () => {
  const { member, signedIn, principal } = await signedInMember(app, { tenantId: one.tenantId, verified: false })
  expect(principal.emailVerified).toBe(false)
  expect(await send(principal)).toEqual({ emailVerified: false })
  await send(principal)
  const [token = '', spare = ''] = await tokensTo(member.email)
  await app.keys.principal(signedIn.accessToken)
  await verify(token)
  expect((await app.keys.principal(signedIn.accessToken)).emailVerified).toBe(true)
  for (const used of [token, spare]) expect(await refusalOf(verify(used))).toMatchObject(badToken)
  expect((await refreshSession(app, { refreshToken: signedIn.refreshToken, client: newClient() })).emailVerified).toBe(true)
  const [user] = await app.records.db.query<{ v: boolean }>('select email_verified as v from app_user where id = $1', [member.userId])
  expect(user?.v).toBe(true)
  expect(await send(principal)).toEqual({ emailVerified: true })
  expect((await tokensTo(member.email)).length).toBe(2)
})

test('of twenty who use one link at once, one verifies', async () => {
  const { member, principal } = await signedInMember(app, { tenantId: one.tenantId, verified: false })
  await send(principal)
  const [token = ''] = await tokensTo(member.email)
  const results = await Promise.all(Array.from({ length: 20 }, () => refusalOf(verify(token))))
  expect(results.filter((refusal) => refusal === undefined).length).toBe(1)
})

test('an hour later, with a link of another kind, or for an address that is no longer his, nothing is verified', async () => {
  const member = await newMember(app, { tenantId: one.tenantId, verified: false })
  const input = { kind: 'verify_email', credentialId: member.credentialId, email: member.email } as const
  const old = await createEmailToken(app, input)
  app.clock.advance(60 * 60_000)
  const reset = await createEmailToken(app, { ...input, kind: 'reset_password' })
  const moved = await createEmailToken(app, { ...input, email: 'before@example.com' })
  for (const { token } of [old, reset, moved]) expect(await refusalOf(verify(token))).toMatchObject(badToken)
  const [row] = await app.records.db.query<{ at: number | null }>('select email_verified_at as at from credential where id = $1', [
    member.credentialId,
  ])
  expect(row?.at).toBeNull()
})

test('a user may ask for three mails an hour', async () => {
  const { principal } = await signedInMember(app, { tenantId: one.tenantId, verified: false })
  for (let i = 0; i < 3; i++) await send(principal)
  expect(await refusalOf(send(principal))).toMatchObject({ code: 'rate_limited' })
  app.clock.advance(60 * 60_000)
  expect(await send(principal)).toEqual({ emailVerified: false })
})
