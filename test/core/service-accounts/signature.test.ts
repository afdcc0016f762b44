import { describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { isSignedWith, signedHeaders, signPayload } from '../../../src/core/service-accounts/signature.ts'

const secret = 'known to both'
const payload = 'eyJhIjoxfQ'
const mac = createHmac('sha256', secret).update(payload).digest('base64')

describe('a signature', () => {
  test('is the HMAC-SHA256 of the text as it is sent, as Vault spells it', () => {
    expect(signPayload(secret, payload)).toBe(`vault:v1:${mac}`)
  })

  test.each([`vault:v1:${mac}`, `v1:${mac}`, mac])('is taken as %s', (signature) => {
    expect(isSignedWith(secret, { payload, signature })).toBe(true)
  })

  test.each([
    ['of another payload', signPayload(secret, `${payload}A`)],
    ['of another secret', signPayload('another', payload)],
    ['in another version', `vault:v2:${mac}`],
    ['with its form twice', `vault:v1:vault:v1:${mac}`],
    ['in hex', Buffer.from(mac, 'base64').toString('hex')],
    ['without padding', mac.replace('=', '')],
    ['that is longer', `${mac}=`],
    ['that differs in the last bits only', `${mac.slice(0, -2)}${mac.at(-2) === 'A' ? 'B' : 'A'}=`],
    ['that is empty', ''],
  ])('%s is not', (_, signature) => {
    expect(isSignedWith(secret, { payload, signature })).toBe(false)
  })
})

test('headers carry the claims and their signature', () => {
  const headers = signedHeaders(secret, { sub: 'ci', ü: '✓' })
  expect(JSON.parse(Buffer.from(headers.payload, 'base64url').toString())).toEqual({ sub: 'ci', ü: '✓' })
  expect(headers.authorization).toBe(`Bearer vault:${signPayload(secret, headers.payload)}`)
})
