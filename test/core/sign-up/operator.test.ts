import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Caller } from '../../../src/core/caller.ts'
import { changeStanding, hasOperator, listOperators } from '../../../src/core/identity/directory.ts'
import { operator } from '../../../src/core/identity/tenants.ts'
import { signIn } from '../../../src/core/sessions/sign-in.ts'
import { claimInvite, createOperator, ensureOperator } from '../../../src/core/sign-up/operator.ts'
import { register } from '../../../src/core/sign-up/sign-up.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { newClient, newMember, OTHER_PASSWORD, PASSWORD, principalOf, refusalOf } from '../../support/members.ts'
import { accountsOf, newEmail, registerWith, registration, under } from '../../support/sign-up.ts'

let app: TestApp
let home: Caller
beforeAll(async () => {
  app = await openTestApp({ shared: true })
  home = await operator(app)
}, OPEN_MS)
afterAll(() => app.close())

const enter = (email: string, password = PASSWORD) => signIn(app, { email, password, client: newClient() })

test('an operator owns the tenant of the server, and his address counts as verified', async () => {
  expect(await hasOperator(app)).toBe(false)
  const email = newEmail()
  const made = await createOperator(app, home, { email: email.toUpperCase(), name: 'Ada', password: PASSWORD })
  expect(made.email).toBe(email)
  expect(await hasOperator(app)).toBe(true)
  const principal = await principalOf(app, await enter(email))
  expect(principal).toMatchObject({ userId: made.userId, tenantId: home.tenantId, role: 'owner', isOperator: true, emailVerified: true })
  expect(principal.grants).toContain('auth:signup_requests')
  expect((await listOperators(app, home, { limit: 10 })).map(({ id, name }) => [id, name])).toEqual([[made.userId, 'Ada']])
})

test('a weak password and an address in use make no operator', async () => {
  const before = await accountsOf(app)
  expect(await refusalOf(createOperator(app, home, { email: newEmail(), password: 'weak' }))).toMatchObject({ code: 'invalid' })
  const { email } = await newMember(app, { tenantId: (await app.newTenant()).tenantId })
  expect(await refusalOf(createOperator(app, home, { email, password: OTHER_PASSWORD }))).toMatchObject({ code: 'exists' })
  expect(await refusalOf(ensureOperator(app, { email, password: OTHER_PASSWORD }))).toMatchObject({ code: 'exists' })
  expect((await accountsOf(app)).users).toBe((before.users ?? 0) + 1)
})

test('whoever has an account elsewhere becomes one with the same password', async () => {
  const { tenantId } = await app.newTenant()
  const elsewhere = await newMember(app, { tenantId, verified: false })
  const made = await createOperator(app, home, { email: elsewhere.email, password: PASSWORD })
  const signedIn = await signIn(app, { email: elsewhere.email, password: PASSWORD, tenantId: home.tenantId, client: newClient() })
  expect(await principalOf(app, signedIn)).toMatchObject({ userId: made.userId, isOperator: true, emailVerified: true })
  expect(await refusalOf(createOperator(app, home, { email: elsewhere.email, password: PASSWORD }))).toMatchObject({ code: 'exists' })
})

test('what is ensured at every start is made once, and a password stays what it is', async () => {
  const email = newEmail()
  const made = await ensureOperator(app, { email, password: PASSWORD })
  expect(made?.email).toBe(email)
  expect(await ensureOperator(app, { email, password: OTHER_PASSWORD })).toBeUndefined()
  expect(await ensureOperator(app, { email, password: 'weak' })).toBeUndefined()
  expect(await refusalOf(enter(email, OTHER_PASSWORD))).toMatchObject({ code: 'unauthenticated' })
  await changeStanding(app, home, { who: email, change: { isOperator: false } })
  expect(await ensureOperator(app, { email, password: PASSWORD })).toBeUndefined()
  expect(await principalOf(app, await enter(email))).toMatchObject({ isOperator: false })
})

test('servers that start at once make one operator', async () => {
  const email = newEmail()
  const other = await app.replica()
  const made = await Promise.all([app, other, app, other].map((one) => ensureOperator(one, { email, password: PASSWORD })))
  expect(made.filter((one) => one !== undefined)).toHaveLength(1)
  await enter(email)
})

test('a claim link makes an operator of whoever redeems it, once, within a day, under every policy', async () => {
  const { invite, token } = await claimInvite(app, home)
  expect(invite).toMatchObject({ tenantId: home.tenantId, role: 'owner', isOperator: true, redemptionsMax: 1 })
  expect(invite.expiresAt).toBe(app.clock.now() + 24 * 3_600_000)
  const signedIn = await registerWith(under(app, 'approval'), { token })
  expect(signedIn.tenantSlug).toBe('default')
  expect(await principalOf(app, signedIn)).toMatchObject({ role: 'owner', isOperator: true, emailVerified: true, tenantId: home.tenantId })
  expect(await refusalOf(registerWith(app, { token }))).toMatchObject({ code: 'forbidden' })
  const late = await claimInvite(app, home)
  app.clock.advance(24 * 3_600_000)
  expect(await refusalOf(registerWith(app, late))).toMatchObject({ code: 'forbidden' })
})

test('a claim link for an address is for that one, also where it has an account', async () => {
  const input = registration()
  await register(under(app, 'public'), input)
  const claim = await claimInvite(app, home, { email: input.email })
  expect(await refusalOf(registerWith(app, claim))).toMatchObject({ code: 'forbidden' })
  expect(await refusalOf(registerWith(app, claim, { email: input.email, password: OTHER_PASSWORD }))).toMatchObject({ code: 'exists' })
  const signedIn = await registerWith(app, claim, { email: input.email })
  expect(await principalOf(app, signedIn)).toMatchObject({ isOperator: true, tenantId: home.tenantId, emailVerified: true })
})

test('only whoever runs the server makes operators', async () => {
  const key: Caller = { ...home, keyId: 'key' }
  expect(await refusalOf(createOperator(app, key, { email: newEmail(), password: PASSWORD }))).toMatchObject({ code: 'forbidden' })
  expect(await refusalOf(claimInvite(app, key))).toMatchObject({ code: 'forbidden' })
  expect(await refusalOf(listOperators(app, { ...home, scopes: new Set(['read']) }, { limit: 1 }))).toMatchObject({ code: 'forbidden' })
})
