import { CompactSign, compactVerify, exportJWK, generateKeyPair, importJWK, importPKCS8 } from 'jose'
import { isUuid } from '../id.ts'
import type { Json, JsonObject } from '../json.ts'
import type { Claims, TokenUse } from './token.ts'

const ALG = 'EdDSA'
const TYP = 'JWT'
/** Longer texts are refused before anything of them is read. */
export const TOKEN_CHARS_MAX = 8192
/** How far the clocks of two servers may be apart. */
const SKEW_S = 5
/** A signature has 64 bytes. */
const FORM = /^([\w-]{1,2048})\.([\w-]+)\.([\w-]{86})$/
const SUBJECT = /^(?:user:([\da-f-]{36})|service-account:[a-z\d-]{3,64})$/

export interface KeyPair {
  kid: string
  publicJwk: JsonObject
  privateJwk: JsonObject
}

/** Its name follows from the key, so that one key has one name. */
export async function newKeyPair(): Promise<KeyPair> {
  const { privateKey } = await generateKeyPair(ALG, { crv: 'Ed25519', extractable: true })
  return pairOf(privateKey)
}

/** @param kid other than ours for keys that had a name elsewhere. Throws for anything but a key of Ed25519. */
export async function pairOfPem(pem: string, kid: string): Promise<KeyPair> {
  return { ...(await pairOf(await importPKCS8(pem, ALG, { extractable: true }))), kid }
}

async function pairOf(key: CryptoKey): Promise<KeyPair> {
  const { x = '', d = '' } = await exportJWK(key)
  const publicJwk = { kty: 'OKP', crv: 'Ed25519', x }
  const kid = `ed25519-${new Bun.CryptoHasher('sha256').update(x).digest('hex').slice(0, 12)}`
  return { kid, publicJwk, privateJwk: { ...publicJwk, d } }
}

export async function importKey(jwk: JsonObject): Promise<CryptoKey> {
  const { kty, crv, x, d } = jwk as { kty: string; crv: string; x: string; d?: string }
  const key = await importJWK({ kty, crv, x, ...(d === undefined ? {} : { d }) }, ALG)
  if (key instanceof Uint8Array || crv !== 'Ed25519') throw new Error('not a key of Ed25519')
  return key
}

/** The same claims in the same order with the same key give the same text. */
export const signToken = (claims: JsonObject, { kid, key }: { kid: string; key: CryptoKey }): Promise<string> =>
  new CompactSign(new TextEncoder().encode(JSON.stringify(claims))).setProtectedHeader({ alg: ALG, typ: TYP, kid }).sign(key)

/** The name of the key that is said to have signed; undefined for what cannot be a token of ours. */
export function kidOf(token: string): string | undefined {
  if (token.length > TOKEN_CHARS_MAX) return undefined
  const [, ...parts] = FORM.exec(token) ?? []
  const [header] = parts
  // One value has one text: a decoder drops the bits that are left over, and then two tokens would be one.
  if (header === undefined || !parts.every(isCanonical)) return undefined
  const fields = readObject(header)
  if (!fields || Object.keys(fields).length !== 3 || fields.alg !== ALG || fields.typ !== TYP) return undefined
  return typeof fields.kid === 'string' ? fields.kid : undefined
}

const isCanonical = (part: string): boolean => Buffer.from(part, 'base64url').toString('base64url') === part

function readObject(part: string): JsonObject | undefined {
  try {
    return asObject(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(part, 'base64url')))
  } catch {
    return undefined
  }
}

function asObject(text: string): JsonObject | undefined {
  const value = JSON.parse(text) as Json
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
}

/** What it says, if this key signed it. */
export async function readSigned(token: string, key: CryptoKey): Promise<JsonObject | undefined> {
  try {
    await compactVerify(token, key, { algorithms: [ALG] })
  } catch {
    return undefined
  }
  return readObject(token.split('.')[1] ?? '')
}

export interface Expected {
  use: TokenUse
  issuer: string
  /** One of them must be named by access tokens. */
  audience: readonly string[]
  /** Milliseconds since the epoch. */
  now: number
}

/** `expired`: good but for its end. */
export function judge(claims: JsonObject, { use, issuer, audience, now }: Expected): 'good' | 'bad' | 'expired' {
  const { sub, jti, iat, nbf, exp, iss, token_use } = claims
  if (token_use !== use || iss !== issuer || !isSubject(sub) || typeof jti !== 'string' || !isUuid(jti)) return 'bad'
  if (use === 'access' && !isFor(claims.aud, audience)) return 'bad'
  if (!isTime(iat) || !isTime(nbf) || !isTime(exp)) return 'bad'
  const seconds = now / 1000
  if (iat > seconds + SKEW_S || nbf > seconds + SKEW_S) return 'bad'
  return exp > seconds ? 'good' : 'expired'
}

export const asClaims = (claims: JsonObject): Claims => claims as Claims

const isTime = (value: Json | undefined): value is number => typeof value === 'number' && Number.isFinite(value)

function isSubject(value: Json | undefined): boolean {
  if (typeof value !== 'string') return false
  const match = SUBJECT.exec(value)
  return match !== null && (match[1] === undefined || isUuid(match[1]))
}

function isFor(value: Json | undefined, audience: readonly string[]): boolean {
  const named = Array.isArray(value) ? value : [value]
  return named.some((name) => typeof name === 'string' && audience.includes(name))
}
