import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Caller } from '../../../src/core/caller.ts'
import { Fault } from '../../../src/core/fault.ts'
import { deleteUser } from '../../../src/core/identity/user-removal.ts'
import { createEmailToken } from '../../../src/core/sessions/email-tokens.ts'
import type { Db } from '../../../src/drivers/records/port.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { enter, type Member, newMember, openFor, principalOf, quickPasswords, refusalOf, signedInMember } from '../../support/members.ts'

let app: TestApp
let one: Caller
beforeAll(async () => {
  app = { ...(await openTestApp({ slots: 0 })), passwords: quickPasswords }
  one = await app.newTenant()
}, OPEN_MS)
afterAll(() => app.close())

/** Every table with the person in it. */
const traces = ({ userId, credentialId }: Member): Promise<{ place: string }[]> =>
  app.records.db.query(
    `select 'session' as place from session where user_id = $1 union select 'user' from app_user where id = $1
    union select 'credential' from credential where id = $2 union select 'email token' from email_token where credential_id = $2 order by 1`,
    [userId, credentialId],
  )

async function signedInWithLink() {
  const entered = await signedInMember(app, { tenantId: one.tenantId })
  const { credentialId, email } = entered.member
  await createEmailToken(app, { kind: 'reset_password', credentialId, email })
  return entered
}

test('with a user go his sessions and what he signs in with, at once', async () => {
  const { member, signedIn } = await signedInWithLink()
  await app.keys.principal(signedIn.accessToken)
  expect((await traces(member)).length).toBe(4)
  await deleteUser(app, one, member.userId)
  expect(await traces(member)).toEqual([])
  expect(await refusalOf(app.keys.principal(signedIn.accessToken))).toMatchObject({ code: 'unauthenticated' })
  expect(await refusalOf(enter(app, member))).toMatchObject({ code: 'unauthenticated' })
})

test('who is somebody in another tenant too goes on there', async () => {
  const two = await app.newTenant()
  const { member } = await signedInWithLink()
  const other = await newMember(app, { tenantId: two.tenantId, as: member })
  const there = await openFor(app, other)
  await deleteUser(app, one, member.userId)
  expect((await traces(member)).map(({ place }) => place)).toEqual(['credential', 'email token'])
  expect((await principalOf(app, there)).userId).toBe(other.userId)
  expect((await enter(app, other)).tenantId).toBe(two.tenantId)
})

test('who manages by his role removes nobody above him, and no operator', async () => {
  const { principal } = await signedInMember(app, { tenantId: one.tenantId, role: 'admin' })
  const caller = principal.caller
  if (!caller) throw new Error('no caller')
  const owner = await newMember(app, { tenantId: one.tenantId, role: 'owner' })
  const boss = await newMember(app, { tenantId: one.tenantId, role: 'member', isOperator: true })
  for (const { userId } of [owner, boss]) expect(await refusalOf(deleteUser(app, caller, userId))).toMatchObject({ code: 'forbidden' })
  const peer = await newMember(app, { tenantId: one.tenantId, role: 'admin' })
  await deleteUser(app, caller, peer.userId)
  expect((await traces(owner)).length).toBe(2)
  expect(await traces(peer)).toEqual([])
})

/** Lets so many statements through, those of transactions too, and then loses the connection. */
function cutAfter(inner: Db, count: number): Db & { cut: boolean } {
  let left = count
  const through = async <R>(send: () => Promise<R>): Promise<R> => {
    if (left-- > 0) return send()
    line.cut = true
    throw new Fault('unavailable', 'cut')
  }
  const over = (db: Db): Db => ({
    query: (text, params) => through(() => db.query(text, params)),
    hot: (text, params) => through(() => db.hot(text, params)),
    batch: (statement, item) => through(() => db.batch(statement, item)),
    transaction: (work) => through(() => db.transaction((within) => work(over(within)))),
    notify: (channel, payload) => db.notify(channel, payload),
    listen: (...args) => db.listen(...args),
  })
  const line: Db & { cut: boolean } = { ...over(inner), cut: false }
  return line
}

test('wherever a removal breaks off, nobody is left with a session or a password alone, and the next one ends it', async () => {
  let points = 0
  for (let cut = true; cut; points++) {
    const { member } = await signedInWithLink()
    const db = cutAfter(app.db, points)
    await deleteUser({ ...app, db: db as unknown as TestApp['db'] }, one, member.userId).catch(() => undefined)
    cut = db.cut
    const left = (await traces(member)).map(({ place }) => place)
    if (left.length > 0) {
      expect(left).toContain('user')
      expect(left).toContain('credential')
      await deleteUser(app, one, member.userId)
    }
    expect(await traces(member)).toEqual([])
  }
  expect(points).toBeGreaterThan(8)
})

test('who signs in while he is removed leaves no session behind', async () => {
  for (let race = 0; race < 30; race++) {
    const member = await newMember(app, { tenantId: one.tenantId })
    const others = Array.from({ length: 3 }, () => enter(app, member))
    await Promise.allSettled([deleteUser(app, one, member.userId), ...others])
    expect(await traces(member)).toEqual([])
  }
})
