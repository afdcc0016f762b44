import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Principal } from '../../../src/core/access/principal.ts'
import { newId } from '../../../src/core/id.ts'
import {
  dropEndedTokens,
  listServiceTokens,
  type Revocation,
  revokeServiceToken,
  type TokenSearch,
} from '../../../src/core/service-accounts/tokens.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { AS_ADMIN, AS_OPERATOR, admin, faultOf, issueBy, runsServer, SECRET } from './kit.ts'

let app: TestApp
let operator: Principal
beforeAll(async () => {
  app = await openTestApp({ auth: { serviceSecret: SECRET } })
  operator = runsServer(await app.newTenant())
}, OPEN_MS)
afterAll(() => app.close())

const DAY_MS = 86_400_000
const ALL: TokenSearch = {
  ...{ account: null, fingerprint: null, status: 'all', tenantId: null, includeGlobal: false, limit: 100, offset: 0 },
  ...AS_ADMIN,
}
const list = async (principal: Principal, search: Partial<TokenSearch> = {}): Promise<string[]> =>
  (await listServiceTokens(app, principal, { ...ALL, ...search })).tokens.map(({ jti }) => jti)
const revoke = (principal: Principal, jti: string, over: Partial<Revocation> = {}) =>
  revokeServiceToken(app, principal, { jti, reason: null, ...AS_ADMIN, ...over })
const newAdmin = async (): Promise<Principal> => admin(await app.newTenant())
const reasonOf = async (jti: string): Promise<string | null> => {
  const rows = await app.records.db.query<{ revoked_reason: string | null }>('select revoked_reason from service_token where jti = $1', [
    jti,
  ])
  return rows[0]?.revoked_reason ?? null
}
const jtiOf = async (principal: Principal, over: Parameters<typeof issueBy>[2] = {}): Promise<string> =>
  (await issueBy(app, principal, over)).token.jti

describe('a list', () => {
  test('has the newest first, in pages, and counts all', async () => {
    const principal = await newAdmin()
    const made: string[] = []
    for (let n = 0; n < 4; n++) {
      made.unshift(await jtiOf(principal, { force: true }))
      app.clock.advance(1_000)
    }
    const page = await listServiceTokens(app, principal, { ...ALL, limit: 2, offset: 1 })
    expect([page.tokens.map(({ jti }) => jti), page.total]).toEqual([made.slice(1, 3), 4])
    expect(await list(principal, { offset: 4 })).toEqual([])
  })

  test('has at most a hundred, whatever is asked for', async () => {
    const principal = await newAdmin()
    await app.records.db.query(
      `insert into service_token (jti, tenant_id, account, scopes, kid, issued_at, expires_at, revoked_at)
      select gen_random_uuid(), $1, 'analytics-batch', 'conversations:read', 'k', now(), now(), now() from generate_series(1, 120)`,
      [principal.tenantId],
    )
    const { tokens, total } = await listServiceTokens(app, principal, { ...ALL, limit: 5_000 })
    expect([tokens.length, total]).toEqual([100, 120])
  })

  test('is told apart by state, and what has expired is neither active nor revoked', async () => {
    const principal = await newAdmin()
    const expired = await jtiOf(principal, { lifetimeMinutes: 1 })
    const monitor = { account: 'synthetic-monitor', scopes: ['tools:read'] }
    const replaced = await jtiOf(principal, monitor)
    const alive = await jtiOf(principal, { ...monitor, force: true })
    app.clock.advance(60_000)
    expect(await list(principal, { status: 'active' })).toEqual([alive])
    expect(await list(principal, { status: 'revoked' })).toEqual([replaced])
    expect(await list(principal)).toEqual([alive, replaced, expired])
  })

  test('is searched by part of an account and by the whole fingerprint', async () => {
    const principal = await newAdmin()
    const batch = await jtiOf(principal, { fingerprint: 'one' })
    const worker = await jtiOf(principal, { account: 'billing-worker', scopes: ['billing:read'], fingerprint: '100%' })
    expect(await list(principal, { account: 'LYTICS' })).toEqual([batch])
    expect(await list(principal, { account: 'billing-' })).toEqual([worker])
    for (const account of ['%', '_', 'b%r', '\\', 'nobody']) expect(await list(principal, { account })).toEqual([])
    expect(await list(principal, { fingerprint: '100%' })).toEqual([worker])
    expect(await list(principal, { fingerprint: 'on' })).toEqual([])
    for (const param of ['account', 'fingerprint'])
      expect(await faultOf(list(principal, { [param]: '\u0000' }))).toEqual(['invalid', param])
  })

  test('of an admin has what is the own tenant, whatever is asked for', async () => {
    const [principal, stranger] = [await newAdmin(), await newAdmin()]
    const own = await jtiOf(principal)
    await jtiOf(stranger)
    for (const search of [{}, { includeGlobal: true }, { tenantId: principal.tenantId }])
      expect(await list(principal, search)).toEqual([own])
    expect(await faultOf(list(principal, { tenantId: stranger.tenantId }))).toEqual(['forbidden', 'tenant_mismatch'])
    expect(await faultOf(list(principal, { tenantId: newId() }))).toEqual(['forbidden', 'tenant_mismatch'])
    expect(await faultOf(list(principal, AS_OPERATOR))).toEqual(['forbidden', 'insufficient_scope'])
    expect(await faultOf(list({ ...principal, role: 'member' }))).toEqual(['forbidden', 'insufficient_role'])
  })

  test('of an operator has one tenant, with those of the server if he likes, or all', async () => {
    const principal = await newAdmin()
    const { tenantId } = principal
    const [own, other] = [await jtiOf(principal), await jtiOf(await newAdmin())]
    const demo = { ...AS_OPERATOR, account: 'demo-bot', scopes: ['chat:write'], tenantId: null, force: true }
    const ofServer = await jtiOf(operator, demo)
    expect(await list(operator, { ...AS_OPERATOR, tenantId })).toEqual([own])
    const both = await list(operator, { ...AS_OPERATOR, tenantId, includeGlobal: true })
    expect([both.includes(own), both.includes(ofServer), both.includes(other)]).toEqual([true, true, false])
    expect(await list(operator, AS_OPERATOR)).toEqual(expect.arrayContaining([own, other, ofServer]))
    expect(await faultOf(list(operator, { ...AS_OPERATOR, operatorReason: null }))).toEqual(['invalid', 'X-Operator-Reason'])
    expect(await faultOf(list(operator, { ...AS_OPERATOR, tenantId: 'x' }))).toEqual(['invalid', 'tenant_id'])
  })
})

describe('revoking', () => {
  test('ends a token once, with the reason that is given first', async () => {
    const principal = await newAdmin()
    const jti = await jtiOf(principal)
    expect(await revoke(principal, jti.toUpperCase(), { reason: 'leaked' })).toBe(true)
    expect(await revoke(principal, jti, { reason: 'again' })).toBe(false)
    expect(await reasonOf(jti)).toBe('leaked')
    expect((await issueBy(app, principal)).token.jti).not.toBe(jti)
  })

  test("has the operator's reason, or one of its own, where none is given", async () => {
    const principal = await newAdmin()
    const one = await jtiOf(principal)
    await revoke(principal, one, { reason: '  ' })
    const two = await jtiOf(principal)
    await revoke(operator, two, AS_OPERATOR)
    expect([await reasonOf(one), await reasonOf(two)]).toEqual(['tenant_admin_manual_revoke', 'a customer asked'])
  })

  test("does nothing to another tenant's token, one of the server, one that is not there, and what is no id", async () => {
    const principal = await newAdmin()
    const demo = { ...AS_OPERATOR, account: 'demo-bot', scopes: ['conversations:read'], tenantId: null, force: true }
    const theirs = [await jtiOf(await newAdmin()), await jtiOf(operator, demo)]
    for (const jti of [...theirs, newId(), 'x', '']) expect(await revoke(principal, jti)).toBe(false)
    expect(await Promise.all(theirs.map(reasonOf))).toEqual([null, null])
    // An operator is an owner like others until he says that he acts as one.
    expect(await revoke(operator, theirs[0] ?? '')).toBe(false)
    for (const jti of theirs) expect(await revoke(operator, jti, AS_OPERATOR)).toBe(true)
  })

  test('takes an admin, and an operator one reason', async () => {
    const principal = await newAdmin()
    const jti = await jtiOf(principal)
    expect(await faultOf(revoke({ ...principal, role: 'member' }, jti))).toEqual(['forbidden', 'insufficient_role'])
    expect(await faultOf(revoke(principal, jti, AS_OPERATOR))).toEqual(['forbidden', 'insufficient_scope'])
    expect(await faultOf(revoke(operator, jti, { ...AS_OPERATOR, operatorReason: ' ' }))).toEqual(['invalid', 'X-Operator-Reason'])
    for (const reason of ['\u0000', 'x'.repeat(513)])
      expect(await faultOf(revoke(principal, jti, { reason }))).toEqual(['invalid', 'reason'])
    expect(await reasonOf(jti)).toBeNull()
  })

  test('is on record', async () => {
    const principal = await newAdmin()
    const jti = await jtiOf(principal)
    await revoke(principal, jti, { reason: 'leaked', client: { ip: '203.0.113.9', userAgent: 'curl' } })
    await revoke(principal, jti)
    const events = await app.records.db.query<{ details: string }>(
      `select reason, user_id, user_agent, details from audit_event where event = 'service_token.revoke' and tenant_id = $1`,
      [principal.tenantId],
    )
    expect(events).toEqual([expect.objectContaining({ reason: 'leaked', user_id: principal.userId, user_agent: 'curl' })])
    expect(JSON.parse(events[0]?.details ?? '')).toEqual({ by: principal.userId, jti, account: 'analytics-batch', as_operator: false })
  })
})

test('tokens are shown for ninety days after their end, and forgotten then', async () => {
  const principal = await newAdmin()
  const jti = await jtiOf(principal, { lifetimeMinutes: 1 })
  await revoke(principal, jti)
  app.clock.advance(90 * DAY_MS)
  await dropEndedTokens(app, 1_000)
  expect(await list(principal)).toEqual([jti])
  app.clock.advance(60_000)
  expect(await dropEndedTokens(app, 1_000)).toBeGreaterThan(0)
  expect(await list(principal)).toEqual([])
})
