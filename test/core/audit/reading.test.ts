import { afterAll, beforeAll, expect, test } from 'bun:test'
import { AUDIT_NAMES, type AuditEvent, audit } from '../../../src/core/audit/audit.ts'
import { type AuditSearch, listAuditEvents } from '../../../src/core/audit/reading.ts'
import { newId } from '../../../src/core/id.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const write = (event: Partial<AuditEvent>) =>
  audit(app, { tenantId: null, userId: null, event: 'session.open', result: 'success', ...event })
const list = async (search: Partial<AuditSearch> = {}) => (await listAuditEvents(app, app.one, { limit: 100, ...search })) ?? []

test('events are read newest first, with what tenant and user are called', async () => {
  const { tenantId } = await app.newTenant()
  const userId = newId()
  await app.records.db.query(`insert into app_user (id, tenant_id, email, created_at) values ($1, $2, 'ann@example.com', now())`, [
    userId,
    tenantId,
  ])
  await write({ tenantId, userId, client: { ip: '203.0.113.7', userAgent: 'curl/8' }, details: { session: 's' } })
  app.clock.advance(1_000)
  await write({ tenantId, userId: newId(), event: 'session.end', result: 'failure', reason: 'why' })
  const [last, first] = await list({ tenantId })
  expect(last).toMatchObject({ event: 'session.end', result: 'failure', reason: 'why', email: null, details: null, ipHash: null })
  expect(first).toMatchObject({
    ...{ tenantId, userId, email: 'ann@example.com', event: 'session.open', result: 'success', reason: null },
    ...{ userAgent: 'curl/8', ipHash: expect.stringMatching(/^[0-9a-f]{64}$/), details: { session: 's' } },
    ...{ at: app.clock.now() - 1_000, tenantSlug: expect.any(String) },
  })
})

test('tenant, names and time say which', async () => {
  const [one, other] = [await app.newTenant(), await app.newTenant()]
  await write({ tenantId: one.tenantId, event: 'password.change' })
  await write({ tenantId: other.tenantId, event: 'password.change' })
  app.clock.advance(60_000)
  const since = app.clock.now()
  await write({ tenantId: one.tenantId, event: 'invite.issue' })
  await write({ tenantId: one.tenantId })
  const names = async (search: Partial<AuditSearch>) => (await list({ tenantId: one.tenantId, ...search })).map(({ event }) => event)
  expect(await names({})).toEqual(['session.open', 'invite.issue', 'password.change'])
  expect(await names({ events: ['password.change', 'invite.issue'] })).toEqual(['invite.issue', 'password.change'])
  expect(await names({ since })).toEqual(['session.open', 'invite.issue'])
  expect(await names({ since, events: ['password.change'] })).toEqual([])
  expect((await list({ since })).map(({ tenantId }) => tenantId)).toEqual([one.tenantId, one.tenantId])
})

test('page after page has every event once, also where many are of one millisecond', async () => {
  const { tenantId } = await app.newTenant()
  for (let n = 0; n < 10; n++) {
    if (n === 5) app.clock.advance(1)
    await write({ tenantId, details: { n } })
  }
  const whole = (await list({ tenantId })).map(({ id }) => id)
  const paged: string[] = []
  for (let after: string | undefined; ; after = paged.at(-1)) {
    const page = await list({ tenantId, limit: 3, ...(after === undefined ? {} : { after }) })
    paged.push(...page.map(({ id }) => id))
    if (page.length < 3) break
  }
  expect([paged.length, new Set(paged).size, paged]).toEqual([10, 10, whole])
})

test('behind an event that is not there nothing is read', async () => {
  for (const after of [newId(), 'nothing']) expect(await listAuditEvents(app, app.one, { limit: 1, after })).toBeUndefined()
})

test('nobody with a key reads them', async () => {
  await expect(listAuditEvents(app, { ...app.one, keyId: newId() }, { limit: 1 })).rejects.toMatchObject({ code: 'forbidden' })
})

test('every name is a noun and a verb, once', () => {
  for (const name of AUDIT_NAMES) expect(name).toMatch(/^[a-z_]+\.[a-z_]+$/)
  expect(new Set(AUDIT_NAMES).size).toBe(AUDIT_NAMES.length)
})
