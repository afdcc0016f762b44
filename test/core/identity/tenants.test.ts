import { afterAll, beforeAll, expect, test } from 'bun:test'
import { ensureFirstKey, operator } from '../../../src/core/identity/tenants.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'

let app: TestApp
let other: TestApp
beforeAll(async () => {
  app = await openTestApp({ slots: 0 })
  other = await app.replica()
}, OPEN_MS)
afterAll(() => app.close())

test('servers that start together on an empty database make one tenant, and no user', async () => {
  for (let round = 0; round < 20; round++) {
    const name = `tenant ${round}`
    const callers = await Promise.all([operator(app, name), operator(other, name), operator(app, name), operator(other, name)])
    expect(new Set(callers.map((caller) => caller.tenantId)).size).toBe(1)
    expect(callers.map((caller) => caller.userId)).toEqual([null, null, null, null])
  }
})

test('of servers that start together one makes the first key', async () => {
  await app.records.db.query(`update api_key set revoked_at = now() where revoked_at is null`)
  const secrets = await Promise.all([ensureFirstKey(app, null), ensureFirstKey(other, null), ensureFirstKey(other, null)])
  expect(secrets.filter((secret) => secret !== undefined)).toHaveLength(1)
})

test('servers that start together with the same preset key all start', async () => {
  await Promise.all([ensureFirstKey(app, 'a preset key'), ensureFirstKey(other, 'a preset key'), ensureFirstKey(app, 'a preset key')])
  expect((await app.keys.resolve('a preset key')).scopes).toEqual(new Set(['read', 'write', 'admin'] as const))
})
