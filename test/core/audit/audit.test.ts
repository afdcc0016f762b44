import { afterAll, beforeAll, expect, test } from 'bun:test'
import { audit, dropAuditEvents } from '../../../src/core/audit/audit.ts'
import { newId } from '../../../src/core/id.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const DAY_MS = 86_400_000
const event = { tenantId: null, userId: null, event: 'session.open', result: 'failure' } as const
const rowsOf = (userId: string) => app.records.db.query<Record<string, unknown>>('select * from audit_event where user_id = $1', [userId])

test('what happened is written with the hash of the address, never the address', async () => {
  const userId = newId()
  const client = { ip: '203.0.113.7', userAgent: `agent\u0000${'x'.repeat(2000)}` }
  await audit(app, { ...event, userId, tenantId: app.one.tenantId, reason: 'invalid_password', client, details: { session: 's' } })
  const [row] = await rowsOf(userId)
  expect(row).toMatchObject({
    ...{ tenant_id: app.one.tenantId, event: 'session.open', result: 'failure', reason: 'invalid_password' },
    details: '{"session":"s"}',
  })
  expect(row?.ip_hash).toBe(new Bun.CryptoHasher('sha256').update('203.0.113.7').digest('hex'))
  expect(String(row?.user_agent).length).toBe(512)
  expect(JSON.stringify(row)).not.toContain('203.0.113')
})

test('an event goes back with the transaction it is about', async () => {
  const userId = newId()
  const failed = app.db.transaction(async (db) => {
    await audit({ ...app, db }, { ...event, userId })
    throw new Error('no')
  })
  await expect(failed).rejects.toThrow('no')
  expect(await rowsOf(userId)).toEqual([])
})

test('events are dropped after half a year, a bounded number at once', async () => {
  const userId = newId()
  for (let i = 0; i < 3; i++) await audit(app, { ...event, userId })
  app.clock.advance(180 * DAY_MS)
  expect(await dropAuditEvents(app, 200)).toBe(0)
  await audit(app, { ...event, userId })
  app.clock.advance(1)
  while ((await dropAuditEvents(app, 2)) === 2);
  expect((await rowsOf(userId)).length).toBe(1)
})
