import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { grantsOf, type Role } from '../../../src/core/access/roles.ts'
import type { Scope } from '../../../src/core/caller.ts'
import { createKey } from '../../../src/core/identity/keys.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { changeUser } from '../../support/sign-ins.ts'
import { newAdmin, newUser } from '../../support/users.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp({ slots: 0 })
}, OPEN_MS)
afterAll(() => app.close())

describe('the principal of a key of the tenant', () => {
  test.each<[Scope[], Role]>([
    [['read'], 'viewer'],
    [['read', 'write'], 'member'],
    [['read', 'write', 'admin'], 'owner'],
  ])('with %p is as much as a %s, and no operator', async (scopes, role) => {
    const { key, secret } = await createKey(app, app.one, { name: 'k', scopes })
    const principal = await app.keys.principal(secret)
    expect(principal).toMatchObject({ kind: 'key', role, grants: grantsOf({ role }), emailVerified: true, isOperator: false, claims: null })
    expect(principal.caller).toEqual({ tenantId: app.one.tenantId, userId: null, keyId: key.id, scopes: new Set(scopes) })
  })
})

describe('the principal of a user`s key', () => {
  test('has no role where the user has none, whatever the key may do on his own things', async () => {
    const { user, secret } = await newUser(app, app.one)
    const principal = await app.keys.principal(secret)
    expect(principal).toMatchObject({ kind: 'key', userId: user.id, role: null, grants: [], emailVerified: false })
    expect(principal.caller?.scopes).toEqual(new Set(['read', 'write']))
    expect(principal.caller?.role).toBeUndefined()
  })

  test('has the role of the user, and does not write for a viewer', async () => {
    const { user, secret } = await newUser(app, app.one)
    await changeUser(app, user.id, { role: 'viewer' })
    const { role, caller } = await app.keys.principal(secret)
    expect([role, caller?.role, [...(caller?.scopes ?? [])]]).toEqual(['viewer', 'viewer', ['read']])
    await changeUser(app, user.id, { role: 'owner' })
    expect([...(await app.keys.resolve(secret)).scopes]).toEqual(['read', 'write'])
  })

  test('of an admin of the Entities surface keeps what that gives', async () => {
    const { secret } = await newAdmin(app, app.one)
    expect((await app.keys.resolve(secret)).scopes).toEqual(new Set(['read', 'write', 'admin']))
  })

  test('is refused while the user is disabled', async () => {
    const { user, secret } = await newUser(app, app.one)
    await changeUser(app, user.id, { status: 'disabled' })
    await expect(app.keys.resolve(secret)).rejects.toMatchObject({ code: 'unauthenticated' })
    await changeUser(app, user.id, { status: 'active' })
    await app.keys.resolve(secret)
  })
})

test('a fresh look finds a revocation of which no signal came', async () => {
  const { key, secret } = await createKey(app, app.one, { name: 'k', scopes: ['read'] })
  await app.keys.principal(secret)
  await app.db.query('update api_key set revoked_at = now() where id = $1', [key.id])
  await app.keys.principal(secret)
  await expect(app.keys.principal(secret, { fresh: true })).rejects.toMatchObject({ code: 'unauthenticated' })
})

test('the secret of a key with dots, chosen by an operator, is a key', async () => {
  const { key } = await createKey(app, app.one, { name: 'dots', scopes: ['read'], secret: 'my.own.secret-that-is-long' })
  expect((await app.keys.resolve('my.own.secret-that-is-long')).keyId).toBe(key.id)
})
