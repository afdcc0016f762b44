import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Caller } from '../../../src/core/caller.ts'
import { newId } from '../../../src/core/id.ts'
import { changeStanding, listMembers, listTenants, operatorIn, titleOf } from '../../../src/core/identity/directory.ts'
import { operator } from '../../../src/core/identity/tenants.ts'
import { createUser } from '../../../src/core/identity/users.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { enter, newMember, principalOf, refusalOf } from '../../support/members.ts'
import { until } from '../../support/runs.ts'

let app: TestApp
let other: TestApp
let home: Caller
beforeAll(async () => {
  app = await openTestApp({ slots: 0, shared: true })
  other = await app.replica()
  home = await operator(app)
}, OPEN_MS)
afterAll(() => app.close())

const missing = { code: 'not_found', facts: { kind: 'user' } }

test('tenants are listed with their slugs and how many users they have', async () => {
  const tenant = await app.newTenant()
  await app.records.db.query(`update tenant set title = 'The Title' where id = $1`, [tenant.tenantId])
  await newMember(app, { tenantId: tenant.tenantId })
  await createUser(app, tenant, {})
  const found = (await listTenants(app, home, { limit: 1000 })).find(({ id }) => id === tenant.tenantId)
  expect(found).toMatchObject({ title: 'The Title', users: 2 })
  expect(await operatorIn(app, found?.slug ?? '')).toEqual({ ...tenant })
  expect([await titleOf(app, tenant.tenantId), await titleOf(app, home.tenantId), await titleOf(app, newId())]).toEqual([
    'The Title',
    'default',
    null,
  ])
  expect(await operatorIn(app, 'nobody-has-this')).toBeUndefined()
  expect(await listTenants(app, home, { limit: 1 })).toHaveLength(1)
})

test('an owner is replaced by whoever runs the server, by id or address, at once and in every process', async () => {
  const tenant = await app.newTenant()
  const owner = await newMember(app, { tenantId: tenant.tenantId, role: 'owner' })
  const heir = await newMember(app, { tenantId: tenant.tenantId, role: 'viewer' })
  const [hers, his] = [await enter(app, heir), await enter(app, owner)]
  expect((await other.keys.principal(hers.accessToken)).role).toBe('viewer')
  expect(await changeStanding(app, tenant, { who: heir.email.toUpperCase(), change: { role: 'owner' } })).toMatchObject({
    id: heir.userId,
    role: 'owner',
  })
  expect((await principalOf(app, hers)).role).toBe('owner')
  await until(async () => (await other.keys.principal(hers.accessToken)).role === 'owner')
  expect(await changeStanding(app, tenant, { who: owner.userId, change: { role: 'member' } })).toMatchObject({ role: 'member' })
  expect(await changeStanding(app, tenant, { who: owner.userId, change: { status: 'disabled' } })).toMatchObject({
    status: 'disabled',
    role: 'member',
  })
  expect(await refusalOf(principalOf(app, his))).toMatchObject({ code: 'unauthenticated' })
  expect((await listMembers(app, tenant, { limit: 10 })).map(({ id, role, status }) => [id, role, status])).toEqual([
    [owner.userId, 'member', 'disabled'],
    [heir.userId, 'owner', 'active'],
  ])
})

test("another tenant's user is a missing one", async () => {
  const { userId, email } = await newMember(app, { tenantId: app.one.tenantId })
  for (const who of [userId, email, newId(), 'nobody@example.com'])
    expect(await refusalOf(changeStanding(app, app.two, { who, change: { role: 'owner' } }))).toMatchObject({
      ...missing,
      facts: { id: who },
    })
})

test("an operator is a user of the server's own tenant who can sign in", async () => {
  const { userId } = await newMember(app, { tenantId: app.one.tenantId, role: 'owner' })
  const change = { isOperator: true }
  expect(await refusalOf(changeStanding(app, app.one, { who: userId, change }))).toMatchObject({ code: 'wrong_state' })
  const keyed = await createUser(app, home, {})
  expect(await refusalOf(changeStanding(app, home, { who: keyed.id, change }))).toMatchObject({ code: 'wrong_state' })
  const member = await newMember(app, { tenantId: home.tenantId })
  expect(await changeStanding(app, home, { who: member.userId, change })).toMatchObject({ isOperator: true, role: 'member' })
})

test('two users whose addresses differ in case only are not told apart by one', async () => {
  await createUser(app, app.one, { email: 'Twice@example.com' })
  await createUser(app, app.one, { email: 'twice@example.com' })
  expect(await refusalOf(changeStanding(app, app.one, { who: 'twice@example.com', change: { role: 'viewer' } }))).toMatchObject({
    code: 'wrong_state',
  })
})

test('only whoever runs the server looks and changes', async () => {
  const key: Caller = { ...app.one, keyId: 'key' }
  for (const work of [
    listTenants(app, key, { limit: 1 }),
    listMembers(app, key, { limit: 1 }),
    changeStanding(app, key, { who: 'x', change: {} }),
  ])
    expect(await refusalOf(work)).toMatchObject({ code: 'forbidden' })
})
