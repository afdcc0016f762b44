import { afterAll, beforeAll, expect, test } from 'bun:test'
import { normalAddress } from '../../../src/core/credentials/address.ts'
import {
  deleteCredentialIfUnused,
  findCredential,
  insertCredential,
  markVerified,
  readCredential,
  readCredentialOf,
  readOwner,
  verifyCredential,
  writePassword,
} from '../../../src/core/credentials/credentials.ts'
import { newId } from '../../../src/core/id.ts'
import type { Db } from '../../../src/drivers/records/port.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { eventually } from '../../support/eventually.ts'
import { newMember } from '../../support/members.ts'

let app: TestApp
let db: Db
let one: string
let two: string
beforeAll(async () => {
  app = await openTestApp({ slots: 0 })
  db = app.records.db
  one = (await app.newTenant()).tenantId
  two = (await app.newTenant()).tenantId
}, OPEN_MS)
afterAll(() => app.close())

const newCredential = () => {
  const id = newId()
  return { id, email: `${id}@example.com`, passwordHash: `hash of ${id}`, verified: false, at: app.clock.now() }
}

const waiter = async (): Promise<unknown> =>
  (await db.query(`select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`))[0]

test('an address is the same in any case and with blanks around it', () => {
  expect(normalAddress(' Ann@Example.COM\n')).toBe('ann@example.com')
})

test('of twenty who take an address at once, one has it', async () => {
  const { email, ...rest } = newCredential()
  const made = await Promise.all(Array.from({ length: 20 }, () => insertCredential(db, { ...rest, id: newId(), email })))
  expect(made.filter(Boolean).length).toBe(1)
})

test('it is found by id and by address, with its password as the only one there has been', async () => {
  const { id, email, passwordHash, at, ...rest } = newCredential()
  await insertCredential(db, { id, email, passwordHash, at, ...rest })
  const expected = { id, email, passwordHash, passwordHistory: [passwordHash], verifiedAt: null }
  expect(await readCredential(db, { id })).toEqual(expected)
  expect(await readCredential(db, { email })).toEqual(expected)
  expect(await findCredential(db, email)).toEqual({ ...expected, users: [] })
  expect(await readCredential(db, { id: newId() })).toBeUndefined()
  expect(await readCredential(db, { email: `x${email}` })).toBeUndefined()
  expect(await findCredential(db, `x${email}`)).toBeUndefined()
})

test('a password is written over the one that was read, and over no other', async () => {
  const { id, passwordHash: was, ...rest } = newCredential()
  await insertCredential(db, { id, passwordHash: was, ...rest })
  const write = (hash: string) => writePassword(db, { id, was, hash, history: [hash, was], at: app.clock.now() })
  const written = await Promise.all(['a', 'b', 'c'].map(write))
  expect(written.filter(Boolean).length).toBe(1)
  const now = await readCredential(db, { id })
  expect(now?.passwordHistory).toEqual([['a', 'b', 'c'][written.indexOf(true)] ?? '', was])
  expect(now?.passwordHash).toBe(now?.passwordHistory[0])
})

test.each(['id', 'email'] as const)('who holds one by %s is waited for by whoever changes it', async (by) => {
  const made = newCredential()
  await insertCredential(db, made)
  const { id, passwordHash: was } = made
  let changed = false
  let change: Promise<boolean> | undefined
  await db.transaction(async (tx) => {
    expect((await readCredential(tx, by === 'id' ? { id } : { email: made.email }, { hold: true }))?.id).toBe(id)
    change = writePassword(db, { id, was, hash: 'next', history: ['next'], at: made.at }).finally(() => {
      changed = true
    })
    await eventually(waiter)
    expect(changed).toBe(false)
  })
  expect(await change).toBe(true)
})

test('an address is verified once, the first time counts, and another address is not', async () => {
  const { id, email, at, ...rest } = newCredential()
  await insertCredential(db, { id, email, at, ...rest })
  expect(await verifyCredential(db, { id, email: `x${email}`, at: at + 1 })).toBe(false)
  expect((await readCredential(db, { id }))?.verifiedAt).toBeNull()
  for (const later of [2, 3]) expect(await verifyCredential(db, { id, email, at: at + later })).toBe(true)
  expect((await readCredential(db, { id }))?.verifiedAt).toBe(at + 2)
})

test('users who are known by the verified address follow, those known by another do not', async () => {
  const member = await newMember(app, { tenantId: one, verified: false })
  const other = await newMember(app, { tenantId: two, as: member })
  await db.query(`update app_user set email = $2 where id = $1`, [other.userId, `other-${member.email}`])
  await markVerified(db, { id: member.credentialId, email: member.email, at: app.clock.now() })
  const users = await db.query<{ id: string }>(`select id from app_user where credential_id = $1 and email_verified`, [member.credentialId])
  expect(users).toEqual([{ id: member.userId }])
})

test('the users it stands for are told, oldest first, in every tenant', async () => {
  const member = await newMember(app, { tenantId: one, role: 'admin' })
  app.clock.advance(1)
  const other = await newMember(app, { tenantId: two, role: 'viewer', status: 'disabled', as: member })
  expect((await findCredential(db, member.email))?.users).toEqual([
    { id: member.userId, tenantId: one, role: 'admin', isOperator: false, status: 'active' },
    { id: other.userId, tenantId: two, role: 'viewer', isOperator: false, status: 'disabled' },
  ])
})

test('a user has what he signs in with in his tenant only, and whether he is elsewhere too is known', async () => {
  const member = await newMember(app, { tenantId: one })
  const { userId, credentialId } = member
  expect(await readOwner(db, { tenantId: one, userId })).toMatchObject({ id: credentialId, role: 'member', elsewhere: false })
  await newMember(app, { tenantId: two, as: member })
  expect((await readOwner(db, { tenantId: one, userId }, { hold: true }))?.elsewhere).toBe(true)
  expect(await readCredentialOf(db, { tenantId: one, userId })).toBe(credentialId)
  expect(await readOwner(db, { tenantId: two, userId })).toBeUndefined()
  expect(await readCredentialOf(db, { tenantId: two, userId })).toBeUndefined()
})

test('it goes when it stands for nobody, and not before', async () => {
  const { userId, credentialId: id } = await newMember(app, { tenantId: one })
  expect(await deleteCredentialIfUnused(db, id)).toBe(false)
  expect(await readCredential(db, { id })).toBeDefined()
  await db.query(`delete from app_user where id = $1`, [userId])
  expect(await deleteCredentialIfUnused(db, id)).toBe(true)
  expect(await readCredential(db, { id })).toBeUndefined()
  expect(await deleteCredentialIfUnused(db, id)).toBe(false)
})
