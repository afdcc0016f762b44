import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { ServiceToken } from '../../../src/core/service-accounts/tokens.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { admin, issueBy, SECRET } from './kit.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp({ auth: { serviceSecret: SECRET }, shared: true })
}, OPEN_MS)
afterAll(() => app.close())

interface Row {
  jti: string
  revoked_reason: string | null
}
const rowsOf = (tenantId: string): Promise<Row[]> =>
  app.records.db.query<Row>('select jti, revoked_reason from service_token where tenant_id = $1 order by jti', [tenantId])
const reasonsOf = async (tenantId: string): Promise<(string | null)[]> => (await rowsOf(tenantId)).map((row) => row.revoked_reason)

const DAY_MS = 86_400_000

describe('a token that is alive', () => {
  test('is given out again, the same to the byte, by another server and after a restart too', async () => {
    const principal = admin(await app.newTenant())
    const first = await issueBy(app, principal, { fingerprint: 'first' })
    app.clock.advance(DAY_MS)
    const other = await app.replica()
    for (const server of [app, other]) {
      const again = await issueBy(server, principal, { fingerprint: 'second', lifetimeMinutes: 5 })
      expect(again).toEqual({ ...first, isNew: false })
    }
    expect(await reasonsOf(first.token.tenantId ?? '')).toEqual([null])
  })

  test('is of one account, tenant and set of scopes, in whatever order they are named', async () => {
    const [caller, stranger] = [await app.newTenant(), await app.newTenant()]
    const monitor = (...scopes: string[]) => ({ account: 'synthetic-monitor', scopes })
    const first = await issueBy(app, admin(caller), monitor('tools:read', 'billing:read'))
    expect((await issueBy(app, admin(caller), monitor('billing:read', 'tools:read', 'billing:read'))).refreshToken).toBe(first.refreshToken)
    const others = [
      await issueBy(app, admin(caller), monitor('tools:read')),
      await issueBy(app, admin(caller), { account: 'billing-worker', scopes: ['billing:read'] }),
      await issueBy(app, admin(stranger), monitor('tools:read', 'billing:read')),
    ]
    expect(others.map(({ isNew }) => isNew)).toEqual([true, true, true])
    expect(await reasonsOf(caller.tenantId)).toEqual([null, null, null])
  })

  test('ends with force, and the new one says so', async () => {
    const principal = admin(await app.newTenant())
    const first = await issueBy(app, principal)
    const second = await issueBy(app, principal, { force: true })
    expect([second.isNew, second.refreshToken === first.refreshToken]).toEqual([true, false])
    expect(await reasonsOf(first.token.tenantId ?? '')).toEqual(['replaced', null])
    expect((await issueBy(app, principal)).refreshToken).toBe(second.refreshToken)
  })

  test('is replaced when no server has its key any more', async () => {
    const principal = admin(await app.newTenant())
    const first = await issueBy(app, principal)
    await app.records.db.query('update service_token set kid = $2 where jti = $1', [first.token.jti, 'ed25519-000000000000'])
    const second = await issueBy(app, principal)
    expect(second.isNew).toBe(true)
    expect(await reasonsOf(first.token.tenantId ?? '')).toEqual(['replaced', null])
  })
})

test('one that has expired makes room', async () => {
  const principal = admin(await app.newTenant())
  const first = await issueBy(app, principal, { lifetimeMinutes: 1 })
  app.clock.advance(60_000)
  const second = await issueBy(app, principal, { lifetimeMinutes: 1 })
  expect([second.isNew, second.token.jti === first.token.jti]).toEqual([true, false])
  expect(await reasonsOf(first.token.tenantId ?? '')).toEqual(['expired', null])
})

describe('of many who ask at the same time', () => {
  const ask = async (force: boolean): Promise<{ tokens: ServiceToken[]; texts: Set<string>; tenantId: string }> => {
    const caller = await app.newTenant()
    const other = await app.replica()
    const given = await Promise.all(Array.from({ length: 5 }, (_, n) => issueBy(n % 2 === 0 ? app : other, admin(caller), { force })))
    return {
      tokens: given.map(({ token }) => token),
      texts: new Set(given.map(({ refreshToken }) => refreshToken)),
      tenantId: caller.tenantId,
    }
  }

  test('all get the same token', async () => {
    const { texts, tenantId } = await ask(false)
    expect([texts.size, await reasonsOf(tenantId)]).toEqual([1, [null]])
  })

  test('each gets one of his own with force, and one of them lives', async () => {
    const { texts, tenantId } = await ask(true)
    const reasons = await reasonsOf(tenantId)
    expect([texts.size, reasons.length, reasons.filter((reason) => reason === null)]).toEqual([5, 5, [null]])
  })
})

/** Somebody who has found no token, or the one that is alive, and stands before the transaction that makes another. */
async function standBefore(server: TestApp, ask: () => Promise<unknown>): Promise<() => void> {
  // The first transaction is that of the records.
  const records = server.db.pauseNext('transaction', 'before')
  ask().catch(() => undefined)
  await records.reached
  const token = server.db.pauseNext('transaction', 'before')
  records.release()
  await token.reached
  return token.release
}

test('whoever comes too late to make the first token gets that, and does not end it', async () => {
  const principal = admin(await app.newTenant())
  const other = await app.replica()
  const late = Promise.withResolvers<{ refreshToken: string }>()
  const release = await standBefore(other, () => issueBy(other, principal).then(late.resolve, late.reject))
  const first = await issueBy(app, principal)
  release()
  expect((await late.promise).refreshToken).toBe(first.refreshToken)
  expect(await reasonsOf(first.token.tenantId ?? '')).toEqual([null])
})

test('a crash while a token is replaced leaves the one before it alive', async () => {
  const principal = admin(await app.newTenant())
  const other = await app.replica()
  const first = await issueBy(app, principal)
  const release = await standBefore(other, () => issueBy(other, principal, { force: true }))
  other.die()
  release()
  expect((await issueBy(app, principal)).refreshToken).toBe(first.refreshToken)
})
