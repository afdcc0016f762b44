import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createKey } from '../../../src/core/identity/keys.ts'
import { createKeyFor, createOwnKey, getUserKey, issueKey, listUserKeys, revokeUserKey } from '../../../src/core/identity/user-keys.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { UNKNOWN_ID, until } from '../../support/runs.ts'
import { type KeyedUser, newAdmin, newUser } from '../../support/users.ts'

let app: TestApp
let other: TestApp
let ann: KeyedUser
let bob: KeyedUser
let admin: KeyedUser
beforeAll(async () => {
  app = await openTestApp({ slots: 0, shared: true })
  other = await app.replica()
  ann = await newUser(app, app.one)
  bob = await newUser(app, app.one)
  admin = await newAdmin(app, app.one)
}, OPEN_MS)
afterAll(() => app.close())

const forbidden = { code: 'forbidden' }
const refused = { code: 'unauthenticated' }
const ownKey = (given: { name?: string; expiresAt?: number } = {}) => createOwnKey(app, ann.caller, { userId: ann.user.id, ...given })

test("a user's key is his, reads and writes, and shows its first eight characters", async () => {
  const { key, secret } = await ownKey({ name: 'laptop' })
  expect(secret).toMatch(/^ea_[\w-]{43}$/)
  expect(key).toMatchObject({ prefix: secret.slice(0, 8), name: 'laptop', userId: ann.user.id })
  const caller = await app.keys.resolve(secret)
  expect(caller).toEqual({ tenantId: app.one.tenantId, userId: ann.user.id, keyId: key.id, scopes: new Set(['read', 'write'] as const) })
  const [row] = await app.records.db.query<{ row: string }>('select to_json(k)::text as row from api_key k where id = $1', [key.id])
  expect(row?.row).not.toContain(secret.slice(8))
})

test("an admin's key has the rights of its user, and an operator's says by its letters that it is one", async () => {
  expect(admin.secret).toMatch(/^ad_[\w-]{43}$/)
  expect((await app.keys.resolve(admin.secret)).scopes.has('admin')).toBe(true)
  const { secret } = await createOwnKey(app, admin.caller, { userId: admin.user.id })
  expect(secret).toStartWith('ea_')
  expect((await app.keys.resolve(secret)).scopes.has('admin')).toBe(true)
  expect((await issueKey(app, app.one, { userId: ann.user.id })).secret).toStartWith('ea_')
})

test('managers make keys for the users of their tenant; users do for themselves only', async () => {
  const { secret } = await createKey(app, app.one, { name: 'k', scopes: ['read', 'write'] })
  for (const manager of [admin.caller, await app.keys.resolve(secret)]) {
    const made = await createKeyFor(app, manager, { userId: ann.user.id })
    expect((await app.keys.resolve(made.secret)).userId).toBe(ann.user.id)
    await expect(createKeyFor(app, manager, { userId: UNKNOWN_ID })).rejects.toMatchObject({ code: 'not_found' })
  }
  await expect(createKeyFor(app, app.two, { userId: ann.user.id })).rejects.toMatchObject({ code: 'not_found' })
  await expect(createKeyFor(app, ann.caller, { userId: ann.user.id })).rejects.toMatchObject(forbidden)
  await expect(issueKey(app, admin.caller, { userId: ann.user.id })).rejects.toMatchObject(forbidden)
})

test("nobody but the user manages a user's keys, not even an admin, the tenant or another tenant", async () => {
  const { key } = await ownKey()
  const named = { userId: ann.user.id, prefix: key.prefix }
  for (const caller of [bob.caller, admin.caller, app.one, app.two]) {
    await expect(createOwnKey(app, caller, { userId: ann.user.id })).rejects.toMatchObject(forbidden)
    await expect(listUserKeys(app, caller, { userId: ann.user.id, revoked: true })).rejects.toMatchObject(forbidden)
    await expect(getUserKey(app, caller, named)).rejects.toMatchObject(forbidden)
    await expect(revokeUserKey(app, caller, named)).rejects.toMatchObject(forbidden)
  }
  expect((await getUserKey(app, ann.caller, named)).revokedAt).toBeNull()
})

test("another user's key is no key of the caller's", async () => {
  const { key } = await ownKey()
  const named = { userId: bob.user.id, prefix: key.prefix }
  await expect(getUserKey(app, bob.caller, named)).rejects.toMatchObject({ code: 'not_found', facts: { kind: 'key' } })
  await expect(revokeUserKey(app, bob.caller, named)).rejects.toMatchObject({ code: 'not_found' })
  expect((await getUserKey(app, ann.caller, { userId: ann.user.id, prefix: key.prefix })).revokedAt).toBeNull()
})

test('keys are listed newest first, revoked ones only when asked for, and those of the tenant never', async () => {
  const { user, caller } = await newUser(app, app.one)
  const made: string[] = []
  for (let i = 0; i < 3; i++) {
    app.clock.advance(1)
    made.unshift((await createOwnKey(app, caller, { userId: user.id })).key.prefix)
  }
  await revokeUserKey(app, caller, { userId: user.id, prefix: made[1] ?? '' })
  const listed = async (revoked: boolean) => (await listUserKeys(app, caller, { userId: user.id, revoked })).map(({ prefix }) => prefix)
  expect((await listed(true)).slice(0, 3)).toEqual(made)
  expect((await listed(false)).slice(0, 2)).toEqual([made[0] ?? '', made[2] ?? ''])
  expect(await listed(true)).toHaveLength(4)
})

test('a key revokes itself and is refused from then on, in every process, and its first revocation counts', async () => {
  const { key, secret } = await ownKey()
  const caller = await app.keys.resolve(secret)
  await other.keys.resolve(secret)
  const named = { userId: ann.user.id, prefix: key.prefix }
  const first = await revokeUserKey(app, caller, named)
  await expect(app.keys.resolve(secret)).rejects.toMatchObject(refused)
  await until(() =>
    other.keys.resolve(secret).then(
      () => false,
      () => true,
    ),
  )
  app.clock.advance(5)
  expect((await revokeUserKey(app, ann.caller, named)).revokedAt).toBe(first.revokedAt)
})

test('of a key whose time is over it can be known that it was one; of a revoked one it cannot', async () => {
  const expired = await ownKey({ expiresAt: app.clock.now() + 10 })
  const revoked = await ownKey({ expiresAt: app.clock.now() + 10 })
  await revokeUserKey(app, ann.caller, { userId: ann.user.id, prefix: revoked.key.prefix })
  app.clock.advance(10)
  await expect(app.keys.resolve(expired.secret)).rejects.toMatchObject({ ...refused, facts: { expired: true } })
  for (const secret of [revoked.secret, `${expired.secret.slice(0, 8)}${'x'.repeat(38)}`])
    await expect(app.keys.resolve(secret)).rejects.toMatchObject({ ...refused, facts: {} })
})

test('a key that would begin like another of the user is made anew', async () => {
  const { user, caller } = await newUser(app, app.one)
  const made = await createOwnKey(app, caller, { userId: user.id })
  const random = crypto.getRandomValues
  const same = Buffer.from(made.secret.slice(3), 'base64url')
  let clashes = 0
  try {
    crypto.getRandomValues = ((bytes: Uint8Array) => {
      if (bytes.length !== 32 || clashes >= 3) return random.call(crypto, bytes)
      bytes.set(same)
      bytes[31] = ++clashes // the end differs, the beginning does not
      return bytes
    }) as typeof crypto.getRandomValues
    const next = await createOwnKey(app, caller, { userId: user.id })
    expect(clashes).toBe(3)
    expect(next.key.prefix).not.toBe(made.key.prefix)
  } finally {
    crypto.getRandomValues = random
  }
})

test('there is an end to how many keys a user has', async () => {
  const { user, caller } = await newUser(app, app.one)
  await app.records.db.query(
    `insert into api_key (id, tenant_id, user_id, name, prefix, scopes, hash, created_at)
    select gen_random_uuid(), $1, $2, '', 'ea_' || n, 'read', 'many ' || n, now() from generate_series(1, 999) n`,
    [app.one.tenantId, user.id],
  )
  await expect(createOwnKey(app, caller, { userId: user.id })).rejects.toMatchObject({ code: 'wrong_state', facts: { kind: 'key' } })
  await revokeUserKey(app, caller, { userId: user.id, prefix: 'ea_7' })
  await createOwnKey(app, caller, { userId: user.id })
})
