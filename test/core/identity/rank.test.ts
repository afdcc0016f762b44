import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Role } from '../../../src/core/access/roles.ts'
import type { Caller } from '../../../src/core/caller.ts'
import { newId } from '../../../src/core/id.ts'
import { createKey } from '../../../src/core/identity/keys.ts'
import { createKeyFor } from '../../../src/core/identity/user-keys.ts'
import { deleteUser } from '../../../src/core/identity/user-removal.ts'
import { changeUser, createUser, type UserChange } from '../../../src/core/identity/users.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { type Member, newMember, principalOf, refusalOf, signedInMember } from '../../support/members.ts'
import { newAdmin, newUser } from '../../support/users.ts'

let app: TestApp
let people: Record<Role | 'operator', Member>
const tenantId = (): string => app.one.tenantId
beforeAll(async () => {
  app = await openTestApp({ slots: 0 })
  const of = (role: Role, isOperator = false) => newMember(app, { tenantId: tenantId(), role, isOperator })
  people = {
    ...{ viewer: await of('viewer'), member: await of('member'), admin: await of('admin'), owner: await of('owner') },
    operator: await of('owner', true),
  }
}, OPEN_MS)
afterAll(() => app.close())

const signedIn = async (role: Role) => (await principalOf(app, (await signedInMember(app, { tenantId: tenantId(), role })).signedIn)).caller
const keyed = async (scopes: ('read' | 'write' | 'admin')[]) =>
  app.keys.resolve((await createKey(app, app.one, { name: 'k', scopes })).secret)

test('who manages users makes keys for, changes and deletes those of his own rank and below, or keys would lift him', async () => {
  const above = { admin: ['owner', 'operator'], owner: ['operator'] } as const
  for (const role of ['admin', 'owner'] as const) {
    const caller = await signedIn(role)
    if (!caller) throw new Error('no caller')
    for (const [rank, { userId }] of Object.entries(people)) {
      const isAbove = (above[role] as readonly string[]).includes(rank)
      const wanted = isAbove ? { code: 'forbidden', facts: { why: 'insufficient_role' } } : undefined
      const told = async (work: Promise<unknown>) => [role, rank, await refusalOf(work)]
      const expected = wanted === undefined ? [role, rank, undefined] : [role, rank, expect.objectContaining(wanted)]
      expect(await told(createKeyFor(app, caller, { userId }))).toEqual(expected)
      expect(await told(changeUser(app, caller, { id: userId, change: { name: `by ${role}` } }))).toEqual(expected)
      if (isAbove) expect(await told(deleteUser(app, caller, userId))).toEqual(expected)
    }
  }
})

test('nor does it lift anybody by way of a user who has everything of the tenant', async () => {
  const root = await newAdmin(app, app.one)
  const admin = await signedIn('admin')
  const writer = await keyed(['read', 'write'])
  for (const caller of [admin, writer])
    expect(await refusalOf(createKeyFor(app, caller ?? app.two, { userId: root.user.id }))).toMatchObject({ code: 'forbidden' })
  const own = await createKeyFor(app, root.caller, { userId: root.user.id })
  expect((await app.keys.resolve(own.secret)).scopes.has('admin')).toBe(true)
})

test('a key of the tenant is as high as its scopes', async () => {
  const writer = await keyed(['read', 'write'])
  const full = await keyed(['read', 'write', 'admin'])
  const plain = await newUser(app, app.one)
  const refused = { code: 'forbidden' }
  expect(await refusalOf(createKeyFor(app, writer, { userId: people.owner.userId }))).toMatchObject(refused)
  expect(await refusalOf(createKeyFor(app, writer, { userId: people.operator.userId }))).toMatchObject(refused)
  for (const { userId } of [people.member, people.viewer, { userId: plain.user.id }])
    expect(await refusalOf(createKeyFor(app, writer, { userId }))).toBeUndefined()
  for (const { userId } of Object.values(people)) expect(await refusalOf(createKeyFor(app, full, { userId }))).toBeUndefined()
})

test('nobody is known by another address than he signs in with, so nobody passes for somebody else', async () => {
  const { member, signedIn: pair } = await signedInMember(app, { tenantId: tenantId(), role: 'member' })
  const { caller } = await principalOf(app, pair)
  const change = (by: Caller, given: UserChange) => refusalOf(changeUser(app, by, { id: member.userId, change: given }))
  for (const by of [caller ?? app.two, app.one])
    for (const email of ['boss@corp.example', null]) expect(await change(by, { email })).toMatchObject({ code: 'forbidden' })
  expect(await change(app.one, { email: member.email, name: 'Ann' })).toBeUndefined()
})

test('a service account manages no users, whose keys would outlive its token', async () => {
  const machine: Caller = {
    tenantId: tenantId(),
    userId: null,
    keyId: newId(),
    scopes: new Set(['read', 'write']),
    account: 'synthetic-monitor',
  }
  const { userId } = people.viewer
  for (const work of [
    () => createUser(app, machine, {}),
    () => createKeyFor(app, machine, { userId }),
    () => changeUser(app, machine, { id: userId, change: { name: 'x' } }),
    () => deleteUser(app, machine, userId),
  ])
    expect(await refusalOf(work())).toMatchObject({ code: 'forbidden' })
})
