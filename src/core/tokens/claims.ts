import { newId } from '../id.ts'
import type { JsonObject } from '../json.ts'
import type { TokenUse } from './token.ts'

const USER = 'user:'
const SERVICE = 'service-account:'

/** In whole seconds; what is left over is cut off, so that a row's times always give the same claims. */
interface Times {
  /** Milliseconds since the epoch. */
  issuedAt: number
  expiresAt: number
}

const secondsOf = (ms: number): number => Math.floor(ms / 1000)

const timesOf = ({ issuedAt, expiresAt }: Times): { iat: number; nbf: number; exp: number } => ({
  iat: secondsOf(issuedAt),
  nbf: secondsOf(issuedAt),
  exp: secondsOf(expiresAt),
})

export interface UserClaims extends Times {
  use: TokenUse
  userId: string
  tenantId: string
  role: string | null
  grants: readonly string[]
  emailVerified: boolean
  sessionId: string
  /** Of refresh tokens: what the session row names. Absent: a new one. */
  jti?: string
}

/** What a user's token says; `iss` and `aud` come with the signature. */
export function userClaims({
  use,
  userId,
  tenantId,
  role,
  grants,
  emailVerified,
  sessionId,
  jti = newId(),
  ...times
}: UserClaims): JsonObject {
  const sub = USER + userId
  return {
    sub,
    tenant_id: tenantId,
    ...(use === 'access' ? { roles: role === null ? [] : [role] } : { account: sub }),
    scope: grants.join(' '),
    token_use: use,
    jti,
    email_verified: emailVerified,
    sid: sessionId,
    ...timesOf(times),
  }
}

export interface ServiceClaims extends Times {
  use: TokenUse
  account: string
  tenantId: string | null
  /** Put in order here. */
  scopes: readonly string[]
  fingerprint?: string | null
  /** Of refresh tokens: the row's. Absent: a new one. */
  jti?: string
  /** Of access tokens: `jti` of the refresh token it was exchanged for. */
  parent?: string
}

/** What a service account's token says; `iss` and `aud` come with the signature. */
export function serviceClaims({ use, account, tenantId, scopes, fingerprint, jti = newId(), parent, ...times }: ServiceClaims): JsonObject {
  return {
    sub: SERVICE + account,
    account,
    ...(tenantId === null ? {} : { tenant_id: tenantId }),
    scope: scopes.toSorted().join(' '),
    token_use: use,
    jti,
    ...(parent === undefined ? {} : { parent }),
    ...(fingerprint == null ? {} : { fingerprint }),
    ...timesOf(times),
  }
}

/** Who a token is of, or undefined. */
export function readSubject(sub: string): { kind: 'user' | 'service'; name: string } | undefined {
  if (sub.startsWith(USER)) return { kind: 'user', name: sub.slice(USER.length) }
  return sub.startsWith(SERVICE) ? { kind: 'service', name: sub.slice(SERVICE.length) } : undefined
}

/** `scope` and `scopes`: texts with spaces, or lists. */
export const readGrants = ({ scope, scopes }: JsonObject): string[] =>
  [scope, scopes].flatMap((value) => {
    if (typeof value === 'string') return value.split(' ').filter((word) => word !== '')
    return Array.isArray(value) ? value.filter((word) => typeof word === 'string') : []
  })
