import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createKey } from '../../../src/core/identity/keys.ts'
import { changeUser, createAdmin, createUser, findUsers, getUser, getUsers, listUsers, setAdmin } from '../../../src/core/identity/users.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { UNKNOWN_ID, until } from '../../support/runs.ts'
import { newAdmin, newUser } from '../../support/users.ts'

let app: TestApp
let other: TestApp
beforeAll(async () => {
  app = await openTestApp({ slots: 0, shared: true })
  other = await app.replica()
}, OPEN_MS)
afterAll(() => app.close())

const forbidden = { code: 'forbidden' }
const missing = { code: 'not_found', facts: { kind: 'user' } }

test('a user keeps what was said of him, and the rest is as it is for everybody', async () => {
  const said = { email: 'ann@x.org', name: 'Ann X', givenName: 'Ann', familyName: 'X', pictureUrl: 'https://x.org/a.png' }
  const user = await createUser(app, app.one, { ...said, emailVerified: true, provider: 'acme', providerUserId: '7' })
  expect(user).toMatchObject({ ...said, emailVerified: true, provider: 'acme', isAdmin: false, createdAt: app.clock.now() })
  expect(await getUser(app, app.one, user.id)).toEqual(user)
  const bare = await createUser(app, app.one, {})
  expect(bare).toMatchObject({ email: null, name: null, emailVerified: false, provider: 'local', updatedAt: bare.createdAt })
})

test('an e-mail address belongs to one user of a tenant, also when two ask at once, and to one of each tenant', async () => {
  const email = 'twice@x.org'
  const asked = await Promise.allSettled([app, other, app, other].map((at) => createUser(at, app.one, { email })))
  expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  for (const one of asked) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'exists', facts: { kind: 'user' } })
  await createUser(app, app.two, { email })
})

test('an e-mail address that two users change to, and a third is made with, goes to one of them', async () => {
  for (let round = 0; round < 5; round++) {
    const email = `wanted-${round}@x.org`
    const ids = [(await createUser(app, app.one, {})).id, (await createUser(app, app.one, {})).id]
    const asked = await Promise.allSettled([
      ...ids.map((id, i) => changeUser([app, other][i] ?? app, app.one, { id, change: { email } })),
      createUser(other, app.one, { email }),
    ])
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const one of asked) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'exists' })
  }
})

test('a user sees and changes himself and nobody else, whether there is somebody else or not', async () => {
  const ann = await newUser(app, app.one)
  const bob = await newUser(app, app.one)
  expect((await getUser(app, ann.caller, ann.user.id)).id).toBe(ann.user.id)
  for (const id of [bob.user.id, UNKNOWN_ID]) {
    await expect(getUser(app, ann.caller, id)).rejects.toMatchObject(forbidden)
    await expect(changeUser(app, ann.caller, { id, change: { name: 'x' } })).rejects.toMatchObject(forbidden)
  }
  await expect(createUser(app, ann.caller, {})).rejects.toMatchObject(forbidden)
  await expect(listUsers(app, ann.caller, { limit: 5 })).rejects.toMatchObject(forbidden)
})

test('keys of the tenant and admins manage the users of their tenant, and not those of another', async () => {
  const { user } = await newUser(app, app.one)
  const admin = await newAdmin(app, app.one)
  const { secret } = await createKey(app, app.one, { name: 'k', scopes: ['read', 'write'] })
  for (const caller of [admin.caller, await app.keys.resolve(secret)]) {
    expect((await getUser(app, caller, user.id)).id).toBe(user.id)
    expect((await changeUser(app, caller, { id: user.id, change: { name: 'Bo' } })).name).toBe('Bo')
    expect((await createUser(app, caller, {})).isAdmin).toBe(false)
    await expect(getUser(app, caller, UNKNOWN_ID)).rejects.toMatchObject(missing)
  }
  for (const caller of [app.two, (await newAdmin(app, app.two)).caller]) {
    await expect(getUser(app, caller, user.id)).rejects.toMatchObject(missing)
    await expect(changeUser(app, caller, { id: user.id, change: { name: 'x' } })).rejects.toMatchObject(missing)
    await expect(getUsers(app, caller, [user.id])).rejects.toMatchObject(missing)
    expect((await findUsers(app, caller, [user.id])).size).toBe(0)
  }
  expect((await getUser(app, app.one, user.id)).name).toBe('Bo')
})

test('only what changes something counts as a change', async () => {
  const user = await createUser(app, app.one, { email: 'still@x.org', name: 'Still' })
  app.clock.advance(1000)
  for (const change of [{}, { email: 'still@x.org' }, { name: 'Still', emailVerified: false }])
    expect(await changeUser(app, app.one, { id: user.id, change })).toEqual(user)
  const changed = await changeUser(app, app.one, { id: user.id, change: { name: null, givenName: 'S' } })
  expect(changed).toEqual({ ...user, name: null, givenName: 'S', updatedAt: app.clock.now() })
  expect(await getUser(app, app.one, user.id)).toEqual(changed)
})

test('a new address is not a verified one, unless a manager says so, and no user verifies his own', async () => {
  const { user, caller } = await newUser(app, app.one, { email: 'v1@x.org', emailVerified: true })
  const change = { email: 'v2@x.org', emailVerified: true }
  expect((await changeUser(app, caller, { id: user.id, change })).emailVerified).toBe(false)
  await expect(changeUser(app, caller, { id: user.id, change: { emailVerified: true } })).rejects.toMatchObject(forbidden)
  expect((await changeUser(app, app.one, { id: user.id, change: { emailVerified: true } })).emailVerified).toBe(true)
  expect((await changeUser(app, app.one, { id: user.id, change: { email: 'v3@x.org' } })).emailVerified).toBe(true)
})

test('changes of two at once are both kept', async () => {
  const user = await createUser(app, app.one, {})
  await Promise.all([
    changeUser(app, app.one, { id: user.id, change: { givenName: 'A' } }),
    changeUser(other, app.one, { id: user.id, change: { familyName: 'B' } }),
  ])
  expect(await getUser(app, app.one, user.id)).toMatchObject({ givenName: 'A', familyName: 'B' })
})

test('users are found in the order asked for, and listed oldest first', async () => {
  const tenant = await app.newTenant()
  const ids: string[] = []
  for (let i = 0; i < 3; i++) ids.push((await createUser(app, tenant, { name: `u${i}` })).id)
  const wanted = [ids[2] ?? '', ids[0] ?? '']
  expect((await getUsers(app, tenant, wanted)).map(({ id }) => id)).toEqual(wanted)
  await expect(getUsers(app, tenant, [...wanted, UNKNOWN_ID])).rejects.toMatchObject(missing)
  expect([...(await findUsers(app, tenant, [...wanted, UNKNOWN_ID])).keys()].sort()).toEqual([...wanted].sort())
  expect((await listUsers(app, tenant, { limit: 2 })).map(({ id }) => id)).toEqual(ids.slice(0, 2))
})

test('who becomes an admin is one at once and everywhere, and no longer when that ends', async () => {
  const { user, secret } = await newUser(app, app.one)
  const isAdmin = async (at: TestApp) => (await at.keys.resolve(secret)).scopes.has('admin')
  expect([await isAdmin(app), await isAdmin(other)]).toEqual([false, false])
  expect((await setAdmin(app, app.one, { id: user.id, isAdmin: true })).isAdmin).toBe(true)
  expect(await isAdmin(app)).toBe(true)
  // The clock stands still: only the signal can tell the other process.
  await until(() => isAdmin(other))
  await setAdmin(other, app.one, { id: user.id, isAdmin: false })
  await until(async () => !(await isAdmin(app)))
})

test('nobody with a key makes admins, and nobody does in another tenant', async () => {
  const { user, caller } = await newAdmin(app, app.one)
  const { secret } = await createKey(app, app.one, { name: 'k', scopes: ['read', 'write', 'admin'] })
  for (const keyed of [caller, await app.keys.resolve(secret)]) {
    await expect(createAdmin(app, keyed, {})).rejects.toMatchObject(forbidden)
    await expect(setAdmin(app, keyed, { id: user.id, isAdmin: false })).rejects.toMatchObject(forbidden)
  }
  await expect(setAdmin(app, app.two, { id: user.id, isAdmin: false })).rejects.toMatchObject(missing)
  expect((await app.keys.resolve(secret)).userId).toBeNull()
})
