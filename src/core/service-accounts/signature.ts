import { createHmac, timingSafeEqual } from 'node:crypto'
import type { JsonObject } from '../json.ts'

/** As signatures of HashiCorp Vault look, which is what such clients have been talking to. */
const FORM = 'vault:v1:'

const mac = (secret: string, payload: string): string => createHmac('sha256', secret).update(payload).digest('base64')

/** @param payload the base64url text as it is sent, not what it stands for */
export const signPayload = (secret: string, payload: string): string => FORM + mac(secret, payload)

/** The signature may come with its form before it, with the version alone, or bare. */
export function isSignedWith(secret: string, { payload, signature }: { payload: string; signature: string }): boolean {
  const expected = Buffer.from(mac(secret, payload))
  const given = Buffer.from(signature.replace(/^(?:vault:)?v1:/, ''))
  return given.length === expected.length && timingSafeEqual(given, expected)
}

/** What a machine sends to get a token: the names of the headers are those of the platform's surface. */
export function signedHeaders(secret: string, claims: JsonObject): { authorization: string; payload: string } {
  const payload = Buffer.from(JSON.stringify(claims)).toString('base64url')
  return { authorization: `Bearer vault:${signPayload(secret, payload)}`, payload }
}
