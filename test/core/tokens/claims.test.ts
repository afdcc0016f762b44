import { expect, test } from 'bun:test'
import { readGrants, readSubject, serviceClaims, userClaims } from '../../../src/core/tokens/claims.ts'

const TIMES = { issuedAt: 1_800_000_000_999, expiresAt: 1_800_001_800_999 }
const USER = { userId: 'u', tenantId: 't', role: 'member', grants: ['a:read', 'b:write'], emailVerified: true, sessionId: 's', jti: 'j' }
const SECONDS = { iat: 1_800_000_000, nbf: 1_800_000_000, exp: 1_800_001_800 }

test('an access token of a user says roles and no account, a refresh token the other way round', () => {
  const both = { sub: 'user:u', tenant_id: 't', scope: 'a:read b:write', jti: 'j', email_verified: true, sid: 's', ...SECONDS }
  expect(userClaims({ use: 'access', ...USER, ...TIMES })).toEqual({ ...both, roles: ['member'], token_use: 'access' })
  expect(userClaims({ use: 'refresh', ...USER, ...TIMES })).toEqual({ ...both, account: 'user:u', token_use: 'refresh' })
})

test('a token of a service account says its scopes in order, and only what there is', () => {
  const plain = { use: 'refresh' as const, account: 'demo-bot', tenantId: null, scopes: ['b', 'a'], jti: 'j', ...TIMES }
  const said = { sub: 'service-account:demo-bot', account: 'demo-bot', scope: 'a b', token_use: 'refresh', jti: 'j', ...SECONDS }
  expect(serviceClaims(plain)).toEqual(said)
  expect(serviceClaims({ ...plain, tenantId: 't', fingerprint: 'f' })).toEqual({ ...said, tenant_id: 't', fingerprint: 'f' })
  expect(serviceClaims({ ...plain, use: 'access', parent: 'p' })).toEqual({ ...said, token_use: 'access', parent: 'p' })
})

test('every token without a stated id has one of its own', () => {
  const { jti: _jti, ...user } = USER
  const ids = Array.from({ length: 10 }, () => userClaims({ use: 'access', ...user, ...TIMES }).jti)
  expect(new Set(ids).size).toBe(10)
})

test('scopes are read as text and as list, from either claim', () => {
  expect(readGrants({ scope: 'a  b', scopes: ['c', 1, 'd'] })).toEqual(['a', 'b', 'c', 'd'])
  expect(readGrants({})).toEqual([])
})

test('a subject is a user, a service account or nobody', () => {
  expect(readSubject('user:x')).toEqual({ kind: 'user', name: 'x' })
  expect(readSubject('service-account:x')).toEqual({ kind: 'service', name: 'x' })
  expect(readSubject('x')).toBeUndefined()
})
