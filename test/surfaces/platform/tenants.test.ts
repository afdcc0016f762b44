import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { operator } from '../../../src/core/identity/tenants.ts'
import type { JsonObject } from '../../../src/core/json.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { signedIn } from '../../support/sign-ins.ts'

const PATH = '/api/v1/tenants/settings'
const DOCUMENT = {
  billing_contacts: [{ name: ' Ann ', email: 'ann@example.com', phone: null }],
  billing_webhook_url: 'https://hooks.example.com',
  plan_metadata: { tier: 'gold', ' ': 'dropped' },
  flags: { beta: true },
}

let served: Served
beforeAll(async () => {
  served = await serve()
}, SERVER_START_MS)
afterAll(() => served?.close())

let tenants = 0
/** The administrator of a tenant that no other test uses. */
async function newAdmin(): Promise<{ key: string; tenantId: string }> {
  const { tenantId } = await operator(served.app, `settings ${++tenants}`)
  return { tenantId, key: (await signedIn(served.app, { tenantId, role: 'admin' })).token }
}

interface Told {
  status: number
  etag: string | null
  body: JsonObject
}

async function told(method: string, key: string, body?: unknown, headers: Record<string, string> = {}): Promise<Told> {
  const answer = await served.send(method, PATH, body, { key, headers })
  return { status: answer.status, etag: answer.headers.get('etag'), body: (await answer.json()) as JsonObject }
}

describe('settings of a tenant', () => {
  test('are empty until somebody wrote some, and are replaced as a whole', async () => {
    const { key, tenantId } = await newAdmin()
    const empty = { billing_contacts: [], billing_webhook_url: null, plan_metadata: {}, flags: {}, updated_at: null }
    expect(await told('GET', key)).toEqual({ status: 200, etag: '"0"', body: { tenant_id: tenantId, ...empty } })
    const written = await told('PUT', key, DOCUMENT)
    expect(written).toMatchObject({
      ...{ status: 200, etag: '"1"' },
      body: {
        billing_contacts: [{ name: 'Ann', email: 'ann@example.com', role: null, phone: null, notify_billing: true }],
        billing_webhook_url: 'https://hooks.example.com/',
        plan_metadata: { tier: 'gold' },
        flags: { beta: true },
        updated_at: expect.stringMatching(/Z$/),
      },
    })
    expect(await told('GET', key)).toEqual(written)
    const { body } = await told('PUT', key, { billing_contacts: [], plan_metadata: {}, flags: {} })
    expect(body).toMatchObject({ ...empty, updated_at: expect.any(String) })
  })

  test('are not written over what the writer has not read', async () => {
    const { key } = await newAdmin()
    expect((await told('PUT', key, DOCUMENT, { 'if-match': '"0"' })).etag).toBe('"1"')
    for (const tag of ['"0"', '"9"', 'W/"1"', '1', 'x'])
      expect(await told('PUT', key, DOCUMENT, { 'if-match': tag })).toMatchObject({ status: 412, body: { error: 'precondition_failed' } })
    for (const tag of ['"1"', '*']) expect((await told('PUT', key, DOCUMENT, { 'if-match': tag })).status).toBe(200)
    expect((await told('GET', key)).etag).toBe('"3"')
  })

  test('that break a rule are 400, such of another shape 422, and nothing is changed', async () => {
    const { key } = await newAdmin()
    const refused: [number, JsonObject][] = [
      [400, { billing_contacts: Array.from({ length: 11 }, () => ({ name: 'A', email: 'a@example.com' })) }],
      [400, { billing_contacts: [{ name: '  ', email: 'a@example.com' }] }],
      [400, { billing_contacts: [{ name: 'A', email: 'nobody' }] }],
      [400, { billing_webhook_url: 'ftp://example.com' }],
      [422, { billing_contacts: [{ name: 'A', email: 'a@example.com', other: 1 }] }],
      [422, { plan_metadata: { a: 1 } }],
      [422, { flags: { a: 'yes' } }],
      [422, { other: 1 }],
      [422, { billing_contacts: null }],
    ]
    for (const [status, change] of refused)
      expect([change, await told('PUT', key, { ...DOCUMENT, ...change })]).toMatchObject([change, { status, body: { success: false } }])
    expect((await told('PUT', key, { billing_contacts: [], flags: {} })).status).toBe(422)
    expect((await told('GET', key)).etag).toBe('"0"')
  })

  test("are nobody else's", async () => {
    const [first, second] = [await newAdmin(), await newAdmin()]
    await told('PUT', first.key, DOCUMENT)
    expect((await told('GET', second.key)).body).toMatchObject({ tenant_id: second.tenantId, flags: {} })
  })
})
