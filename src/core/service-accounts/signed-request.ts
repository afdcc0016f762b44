import { Fault } from '../fault.ts'
import { findUnstorable, type JsonObject } from '../json.ts'
import type { IdentitySettings, Needs } from '../needs.ts'
import { takeNonce } from './nonces.ts'
import { invalid, type TokenRequest } from './order.ts'
import { isSignedWith } from './signature.ts'

/** What decides which signatures are taken. */
export type ServiceSettings = Pick<IdentitySettings, 'serviceSecret' | 'devLocal'>

/** The two headers of a machine that asks; null: the request had none. */
export interface Signed {
  authorization: string | null
  payload: string | null
}

/** What the payload says, in seconds since the epoch where it is about time. */
interface Claims {
  sub: string
  nonce: string
  iat: number
  exp: number
  request: Omit<TokenRequest, 'force'>
}

export const AUDIENCE = 'auth-service'
const PAYLOAD_CHARS_MAX = 8_192
const SCOPES_MAX = 64
/** How long ago a request may have been signed, and how far the clock of its signer may be ahead. */
const AGE_MAX_S = 600
const AHEAD_MAX_S = 30

/** Whoever signed has proved who he is: what he signed counts, not what else the request says. */
export async function requireSigned(
  app: Needs<'db' | 'clock' | 'log'> & { identity: ServiceSettings },
  signed: Signed,
  body: TokenRequest,
): Promise<{ request: TokenRequest; subject: string }> {
  const { serviceSecret, devLocal } = app.identity
  if (serviceSecret !== null) return readSigned({ ...app, secret: serviceSecret }, signed, body)
  if (!devLocal) throw new Fault('unavailable', 'This server takes no signed requests: auth.service_secret is not set.')
  if (bearerOf(signed) !== 'dev-local') throw refused('For development this server takes Bearer dev-local only.')
  if (signed.payload !== null) throw refused('Bearer dev-local comes without a payload.')
  return { request: body, subject: 'dev-local' }
}

async function readSigned(
  app: Needs<'db' | 'clock' | 'log'> & { secret: string },
  signed: Signed,
  body: TokenRequest,
): Promise<{ request: TokenRequest; subject: string }> {
  const credential = bearerOf(signed)
  if (!credential.startsWith('vault:')) throw refused('This needs Authorization: Bearer vault:<signature>.')
  const { payload } = signed
  if (payload === null) throw refused('This needs the signed payload in X-Vault-Payload.')
  const claims = requireClaims(decode(payload))
  requireAgreement(claims.request, body)
  const signature = credential.slice('vault:'.length)
  if (!isSignedWith(app.secret, { payload, signature })) {
    app.log.warn('service_account.refused', { reason: 'signature' })
    throw refused('The signature does not fit the payload.')
  }
  await requireFresh(app, claims)
  return { request: { ...claims.request, force: body.force }, subject: claims.sub }
}

const refused = (sentence: string): Fault => new Fault('unauthenticated', sentence, { why: 'invalid_token' })

function bearerOf({ authorization }: Signed): string {
  const [, credential] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? []
  if (credential === undefined) throw refused('This needs Authorization: Bearer ...')
  return credential
}

const unreadable = (): Fault => invalid('X-Vault-Payload', 'The payload is not a JSON object in base64url.')

function decode(payload: string): JsonObject {
  if (payload.length > PAYLOAD_CHARS_MAX) throw invalid('X-Vault-Payload', 'The payload is too long.', 'too_long')
  if (!/^[\w-]+={0,2}$/.test(payload)) throw unreadable()
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(payload, 'base64url')))
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    if (isObject && findUnstorable(value) === undefined) return value as JsonObject
  } catch {
    // told below
  }
  throw unreadable()
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''
const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.length <= SCOPES_MAX && value.every(isText)

/** Throws unauthenticated for what must be there, invalid for what may be. */
function requireClaims({ iss, aud, sub, nonce, iat, exp, account, scopes, ...rest }: JsonObject): Claims {
  const isWhole = isText(iss) && isTexts(aud) && aud.includes(AUDIENCE) && isText(sub) && isText(nonce)
  const isTimed = Number.isSafeInteger(iat) && Number.isSafeInteger(exp)
  if (!isWhole || !isTimed || !isText(account) || !isTexts(scopes))
    throw refused('The payload must name iss, aud with auth-service, sub, nonce, iat, exp, account and scopes.')
  const { tenant_id: tenantId = null, lifetime_minutes: lifetimeMinutes = null, fingerprint = null } = rest
  if (tenantId !== null && !isText(tenantId)) throw invalid('tenant_id', 'The tenant of the payload is not a text.', 'type')
  if (lifetimeMinutes !== null && typeof lifetimeMinutes !== 'number')
    throw invalid('lifetime_minutes', 'The lifetime of the payload is not a number.', 'type')
  if (fingerprint !== null && typeof fingerprint !== 'string')
    throw invalid('fingerprint', 'The fingerprint of the payload is not a text.', 'type')
  return { sub, nonce, iat: Number(iat), exp: Number(exp), request: { account, scopes, tenantId, lifetimeMinutes, fingerprint } }
}

/** The body says nothing that was not signed. */
function requireAgreement(claims: Claims['request'], body: TokenRequest): void {
  const differs = (param: string): Fault => invalid(param, `In the body ${param} is not what was signed.`)
  if (body.account !== claims.account) throw differs('account')
  if (body.tenantId !== null && body.tenantId !== claims.tenantId) throw differs('tenant_id')
  const [asked, signed] = [new Set(body.scopes), new Set(claims.scopes)]
  if (asked.symmetricDifference(signed).size > 0) throw differs('scopes')
  if (body.lifetimeMinutes !== null && body.lifetimeMinutes !== claims.lifetimeMinutes) throw differs('lifetime_minutes')
  if (body.fingerprint !== null && body.fingerprint !== claims.fingerprint) throw differs('fingerprint')
}

/**
 * A nonce is remembered as long as its payload could be used, not only the five minutes of the original: its requests are
 * good for ten.
 */
async function requireFresh(app: Needs<'db' | 'clock' | 'log'>, { nonce, iat, exp }: Claims): Promise<void> {
  const now = app.clock.now() / 1_000
  const usableUntil = Math.max(now, Math.min(exp, iat + AGE_MAX_S, now + AHEAD_MAX_S + AGE_MAX_S))
  if (!(await takeNonce(app, nonce, usableUntil * 1_000))) {
    app.log.warn('service_account.refused', { reason: 'nonce' })
    throw refused('The nonce of the payload was used before.')
  }
  if (exp <= now) throw refused('The payload has expired.')
  if (iat < now - AGE_MAX_S || iat > now + AHEAD_MAX_S) throw refused('The payload was not signed just now.')
}
