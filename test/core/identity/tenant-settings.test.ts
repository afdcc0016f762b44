import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Caller } from '../../../src/core/caller.ts'
import { Fault } from '../../../src/core/fault.ts'
import { type BillingContact, getSettings, putSettings, type TenantSettings } from '../../../src/core/identity/tenant-settings.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'

let app: TestApp
let caller: Caller
beforeAll(async () => {
  app = await openTestApp()
  caller = await app.newTenant()
}, OPEN_MS)
afterAll(() => app.close())

const contact = (over: Partial<BillingContact> = {}): BillingContact => ({
  ...{ name: 'Ann', email: 'ann@example.com', role: null, phone: null, notifyBilling: true },
  ...over,
})
const settings = (over: Partial<TenantSettings> = {}): TenantSettings => ({
  ...{ billingContacts: [], billingWebhookUrl: null, planMetadata: {}, flags: {} },
  ...over,
})
const put = (over: Partial<TenantSettings>, ifVersion?: number) =>
  putSettings(app, caller, { document: settings(over), ...(ifVersion === undefined ? {} : { ifVersion }) })
const faultOf = (work: Promise<unknown>): Promise<unknown[]> =>
  work.then(
    () => ['none'],
    (error) => (error instanceof Fault ? [error.code, error.facts.param] : Promise.reject(error)),
  )

describe('settings', () => {
  test('are empty before anybody writes them', async () => {
    expect(await getSettings(app, await app.newTenant())).toEqual({ document: settings(), version: 0, updatedAt: null })
  })

  test('come back as they were written, in another server too, and are replaced as a whole', async () => {
    const own = await app.newTenant()
    const full = settings({
      billingContacts: [
        contact({ role: 'CFO', phone: '+1', notifyBilling: false }),
        contact({ name: 'Ben', email: 'b.c@mail.example.co.uk' }),
      ],
      billingWebhookUrl: 'https://hooks.example.com/a?b=c',
      planMetadata: { plan: 'pro', note: '', 'ünï ✓': '"quoted"' },
      flags: { beta: true, legacy: false },
    })
    const stored = await putSettings(app, own, { document: full })
    expect(stored).toEqual({ document: full, version: 1, updatedAt: app.clock.now() })
    expect(await getSettings(await app.replica(), own)).toEqual(stored)
    app.clock.advance(1_000)
    const emptied = await putSettings(app, own, { document: settings() })
    expect(emptied).toEqual({ document: settings(), version: 2, updatedAt: app.clock.now() })
  })

  test('are of one tenant', async () => {
    const [one, two] = [await app.newTenant(), await app.newTenant()]
    await putSettings(app, one, { document: settings({ flags: { of_one: true } }) })
    expect((await getSettings(app, two)).version).toBe(0)
    await putSettings(app, two, { document: settings({ flags: { of_two: true } }) })
    expect((await getSettings(app, one)).document.flags).toEqual({ of_one: true })
  })

  test('are for admins', async () => {
    const reader = { ...caller, scopes: new Set(['read', 'write'] as const) }
    expect(await faultOf(getSettings(app, reader))).toEqual(['forbidden', undefined])
    expect(await faultOf(putSettings(app, reader, { document: settings() }))).toEqual(['forbidden', undefined])
  })
})

describe('what is written', () => {
  test('is trimmed, loses fields without a name, and spells addresses in one way', async () => {
    const { document } = await put({
      billingContacts: [contact({ name: '  Ann ', email: ' Ann@Example.com\n' })],
      billingWebhookUrl: ' HTTPS://Hooks.Example.com ',
      planMetadata: { '': 'x', '  ': 'y', plan: ' kept ' },
      flags: { ' \t': true, on: true },
    })
    expect(document).toEqual({
      billingContacts: [contact({ email: 'Ann@Example.com' })],
      billingWebhookUrl: 'https://hooks.example.com/',
      planMetadata: { plan: ' kept ' },
      flags: { on: true },
    })
  })

  test('may have ten contacts', async () => {
    expect((await put({ billingContacts: Array.from({ length: 10 }, () => contact()) })).document.billingContacts).toHaveLength(10)
  })

  test('may name fields as JavaScript names things of its own', async () => {
    const flags = JSON.parse('{"__proto__":true,"constructor":false}')
    expect(JSON.stringify((await put({ flags })).document.flags)).toBe('{"__proto__":true,"constructor":false}')
  })

  const email = (text: string) => ({ billingContacts: [contact(), contact({ email: text })] })
  const url = (billingWebhookUrl: string) => ({ billingWebhookUrl })
  test.each([
    ['eleven contacts', { billingContacts: Array.from({ length: 11 }, () => contact()) }, 'billing_contacts'],
    ['a contact without a name', { billingContacts: [contact({ name: ' ' })] }, 'billing_contacts[0].name'],
    ['a name that is too long', { billingContacts: [contact({ name: 'x'.repeat(129) })] }, 'billing_contacts[0].name'],
    ['a role that is too long', { billingContacts: [contact({ role: 'x'.repeat(65) })] }, 'billing_contacts[0].role'],
    ['a phone that is too long', { billingContacts: [contact({ phone: 'x'.repeat(65) })] }, 'billing_contacts[0].phone'],
    ['an address without @', email('ann.example.com'), 'billing_contacts[1].email'],
    ['an address without a dot', email('ann@example'), 'billing_contacts[1].email'],
    ['an address that ends with a dot', email('ann@example.'), 'billing_contacts[1].email'],
    ['an address of nobody', email('@example.com'), 'billing_contacts[1].email'],
    ['two addresses', email('a@example.com, b@example.com'), 'billing_contacts[1].email'],
    ['an address that is too long', email(`${'a'.repeat(320)}@example.com`), 'billing_contacts[1].email'],
    ['a webhook that is no address', url('hooks.example.com'), 'billing_webhook_url'],
    ['a webhook without a host', url('https://'), 'billing_webhook_url'],
    ['a webhook of another kind', url('ftp://example.com'), 'billing_webhook_url'],
    ['a webhook that is a script', url('javascript:alert(1)'), 'billing_webhook_url'],
    ['a blank webhook', url(' '), 'billing_webhook_url'],
    ['metadata that are no texts', { planMetadata: { seats: 5 } as never }, 'plan_metadata.seats'],
    ['flags that are no booleans', { flags: { on: 'yes' } as never }, 'flags.on'],
    ['text that cannot be stored', { planMetadata: { note: 'a\u0000' } }, 'plan_metadata.note'],
    ['more than is kept', { planMetadata: { note: 'x'.repeat(256 * 1024) } }, 'plan_metadata'],
  ] as [string, Partial<TenantSettings>, string][])('is not %s', async (_, over, param) => {
    const before = await getSettings(app, caller)
    expect(await faultOf(put(over))).toEqual(['invalid', param])
    expect(await getSettings(app, caller)).toEqual(before)
  })
})

describe('a version', () => {
  test('that is not the one there any more is refused, and says which is', async () => {
    const own = await app.newTenant()
    const write = (ifVersion: number) => putSettings(app, own, { document: settings({ flags: { n: true } }), ifVersion })
    const refused = await write(1).catch((error) => error)
    expect([refused.code, refused.facts.expected, refused.facts.got]).toEqual(['wrong_state', ['0'], ['1']])
    expect((await write(0)).version).toBe(1)
    expect(await faultOf(write(0))).toEqual(['wrong_state', undefined])
    expect((await write(1)).version).toBe(2)
    expect(await faultOf(write(1))).toEqual(['wrong_state', undefined])
    expect((await getSettings(app, own)).version).toBe(2)
  })

  test('is won by one of many who read the same', async () => {
    const own = await app.newTenant()
    for (const version of [0, 1]) {
      const writes = Array.from({ length: 8 }, (_, n) =>
        faultOf(putSettings(app, own, { document: settings({ planMetadata: { n: String(n) } }), ifVersion: version })),
      )
      const outcomes = await Promise.all(writes)
      expect([outcomes.filter(([code]) => code === 'none').length, (await getSettings(app, own)).version]).toEqual([1, version + 1])
    }
  })

  test('counts every write of those who do not care', async () => {
    const own = await app.newTenant()
    await Promise.all(Array.from({ length: 8 }, () => putSettings(app, own, { document: settings() })))
    expect((await getSettings(app, own)).version).toBe(8)
  })
})
