import { describe, expect, test } from 'bun:test'
import { type Ask, type Operation, PERMISSIONS, requirePermission } from '../../../src/core/access/permissions.ts'
import type { Principal } from '../../../src/core/access/principal.ts'
import { grantsOf, isAtLeast, isGranted, isRole, ROLES, type Role, scopesOf } from '../../../src/core/access/roles.ts'
import { Fault } from '../../../src/core/fault.ts'

const TENANT = '01a20254-0000-7000-8000-000000000001'

const userOf = (role: Role | null, given: Partial<Principal> = {}): Principal => ({
  ...{ kind: 'user', userId: TENANT, account: null, tenantId: TENANT, role, isOperator: false },
  ...{ grants: grantsOf({ role }), emailVerified: true, credentialId: TENANT, sessionId: TENANT, serviceTokenId: null },
  ...{ claims: null, caller: null, ...given },
})

/** Why it is refused; undefined where it may be done. */
function whyNot(operation: Operation, principal: Principal | null, ask: Partial<Ask> = {}): string | undefined {
  try {
    requirePermission(operation, { principal, verifiedEmail: true, ...ask })
    return undefined
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return error.facts.why ?? error.code
  }
}

describe('an operation', () => {
  test('for anybody asks nobody who he is; every other one does', () => {
    for (const [operation, { level }] of Object.entries(PERMISSIONS))
      expect([operation, whyNot(operation as Operation, null)]).toEqual([operation, level === 'none' ? undefined : 'unauthenticated'])
  })

  test('of somebody who signed in is none of keys and machines', () => {
    for (const kind of ['key', 'service'] as const)
      expect(whyNot('auth.sessions.list', userOf('owner', { kind }))).toBe('insufficient_role')
    expect(whyNot('auth.sessions.list', userOf('viewer'))).toBeUndefined()
  })

  test('of a tenant needs one', () => {
    const machine = userOf(null, { kind: 'service', tenantId: null, grants: ['support:*'] })
    expect(whyNot('tenants.settings.get', machine)).toBe('tenant_required')
  })

  test('needs a verified address where the server asks for that, of users only', () => {
    const unverified = userOf('owner', { emailVerified: false })
    expect(whyNot('tenants.settings.get', unverified)).toBe('email_unverified')
    expect(whyNot('tenants.settings.get', unverified, { verifiedEmail: false })).toBeUndefined()
    expect(whyNot('tenants.settings.get', { ...unverified, kind: 'key' })).toBeUndefined()
    expect(whyNot('auth.me', unverified)).toBeUndefined()
  })

  test('needs every one of its grants, and at least its role', () => {
    expect(whyNot('auth.password.reset', userOf('admin'))).toBe('insufficient_scope')
    expect(whyNot('auth.password.reset', userOf('owner'))).toBeUndefined()
    for (const role of [null, 'viewer', 'member'] as const) expect(whyNot('tenants.settings.put', userOf(role))).toBe('insufficient_role')
    for (const role of ['admin', 'owner'] as const) expect(whyNot('tenants.settings.put', userOf(role))).toBeUndefined()
  })

  test("on the operator's path needs an operator, and no role", () => {
    const operator = userOf('viewer', { isOperator: true, grants: grantsOf({ role: 'viewer', isOperator: true }) })
    expect(whyNot('auth.service_accounts.list', operator)).toBe('insufficient_role')
    expect(whyNot('auth.service_accounts.list', operator, { asOperator: true })).toBeUndefined()
    expect(whyNot('auth.service_accounts.list', userOf('owner'), { asOperator: true })).toBe('insufficient_scope')
    expect(whyNot('tenants.settings.get', operator, { asOperator: true })).toBe('insufficient_role')
  })
})

describe('a role', () => {
  test('has all that those below it have', () => {
    for (const [i, role] of ROLES.entries()) {
      for (const below of ROLES.slice(0, i)) expect(grantsOf({ role })).toEqual(expect.arrayContaining(grantsOf({ role: below })))
      expect(ROLES.filter((least) => isAtLeast(role, least))).toEqual(ROLES.slice(0, i + 1))
    }
    expect(isAtLeast(null, 'viewer')).toBe(false)
    expect(['viewer', 'editor', '', '__proto__'].map(isRole)).toEqual([true, false, false, false])
  })

  test('of a tenant is no operator, whatever it is', () => {
    for (const role of ROLES)
      for (const grant of ['platform:operator', 'auth:signup_requests', 'status:manage']) expect(grantsOf({ role })).not.toContain(grant)
  })

  test('reads, writes or manages on every surface', () => {
    const scopes = (role: Role | null): string[] => [...scopesOf(grantsOf({ role }), role)].toSorted()
    expect([null, ...ROLES].map((role) => scopes(role))).toEqual([
      ...[[], ['read'], ['read', 'write'], ['admin', 'read', 'write'], ['admin', 'read', 'write']],
    ])
  })
})

test('a grant with a star is its whole namespace, and support:* everything', () => {
  expect(isGranted(['conversations:*'], 'conversations:read')).toBe(true)
  expect(isGranted(['conversations:*'], 'conversation:read')).toBe(false)
  expect(isGranted(['conversations:read'], 'conversations:*')).toBe(false)
  expect(isGranted(['support:*'], 'platform:operator')).toBe(true)
  expect(isGranted(['*'], 'tools:read')).toBe(false)
})
