import { afterAll, beforeAll, expect, test } from 'bun:test'
import { signingKey } from '../../../src/core/identity/signing.ts'
import { signatureHeaders, webhookSecret } from '../../../src/core/webhooks/signature.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { isSigned } from '../../support/webhook-receiver.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp({ slots: 0 })
}, OPEN_MS)
afterAll(() => app.close())

test('the example of Standard Webhooks gets the signature that its authors give', () => {
  const message = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: 1_614_265_330, body: '{"test": 2432232314}' }
  expect(signatureHeaders('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', message)).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  })
})

test("a tenant's secret stays the same, is no other's, and is not the key that signs links", async () => {
  const [one, again, two] = [
    await webhookSecret(app, app.one.tenantId),
    await webhookSecret(app, app.one.tenantId),
    await webhookSecret(app, app.two.tenantId),
  ]
  expect(one).toBe(again)
  expect(one).not.toBe(two)
  expect(one).toStartWith('whsec_')
  const key = await signingKey(app, app.one.tenantId)
  expect(Buffer.from(one.slice(6), 'base64').equals(Buffer.from(key, 'base64url'))).toBe(false)
})

test('a message is believed with its secret and body only', async () => {
  const secret = await webhookSecret(app, app.one.tenantId)
  const headers = new Headers(signatureHeaders(secret, { id: 'msg_1', timestamp: 1, body: '{}' }))
  const received = { path: '/', headers, body: '{}' }
  expect(isSigned(received, secret)).toBe(true)
  expect(isSigned({ ...received, body: '{ }' }, secret)).toBe(false)
  expect(isSigned(received, await webhookSecret(app, app.two.tenantId))).toBe(false)
})
