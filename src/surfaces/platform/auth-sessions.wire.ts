import { type Static, Type as t } from '@sinclair/typebox'
import type { SignedIn } from '../../core/sessions/session.ts'
import type { Session } from '../../core/sessions/sessions.ts'
import { successOf } from './auth-answers.wire.ts'
import { Email, Password, pageFrom, pageOf, Token } from './auth-fields.wire.ts'
import { FreeObject, IsoTime, maybe, nullable, toIso, toIsoOrNull, Uuid } from './fields.wire.ts'

export const UserLoginRequest = t.Object({
  email: Email,
  password: Password,
  tenant_id: maybe(t.String({ maxLength: 256, description: 'For those who belong to several tenants.' })),
})

export const fromLogin = (body: Static<typeof UserLoginRequest>): { email: string; password: string; tenantId?: string } => ({
  email: body.email,
  password: body.password,
  ...(body.tenant_id == null ? {} : { tenantId: body.tenant_id }),
})

export const UserRefreshRequest = t.Object({ refresh_token: Token })
export const UserLogoutRequest = t.Object({ refresh_token: Token })

export const SESSION_PAIR = {
  access_token: t.String(),
  refresh_token: t.String(),
  token_type: t.String({ default: 'bearer' }),
  expires_at: IsoTime,
  refresh_expires_at: IsoTime,
  kid: t.String(),
  refresh_kid: t.String(),
  scopes: t.Array(t.String()),
  tenant_id: t.String(),
  user_id: t.String(),
  email_verified: t.Boolean(),
  session_id: Uuid,
}
export const UserSessionResponse = t.Object(SESSION_PAIR)
export type UserSessionResponse = Static<typeof UserSessionResponse>

export const toSessionPair = (signed: SignedIn): UserSessionResponse => ({
  access_token: signed.accessToken,
  refresh_token: signed.refreshToken,
  token_type: 'bearer',
  expires_at: toIso(signed.expiresAt),
  refresh_expires_at: toIso(signed.refreshExpiresAt),
  kid: signed.kid,
  refresh_kid: signed.refreshKid,
  scopes: signed.grants,
  tenant_id: signed.tenantId,
  user_id: signed.userId,
  email_verified: signed.emailVerified,
  session_id: signed.sessionId,
})

const SESSIONS = { most: 100, usual: 20 }

export const SessionsQuery = t.Object({
  include_revoked: t.Optional(t.Boolean({ default: false })),
  ...pageOf(SESSIONS),
  tenant_id: maybe(Uuid),
})

export const fromSessionsQuery = (query: Static<typeof SessionsQuery>) => ({
  ...pageFrom(SESSIONS, query),
  includeRevoked: query.include_revoked ?? false,
  ...(query.tenant_id == null ? {} : { tenantId: query.tenant_id }),
})

const SessionClientInfo = t.Object({
  platform: nullable(t.String()),
  browser: nullable(t.String()),
  device: nullable(t.String()),
  user_agent: nullable(t.String()),
})
const SessionLocationInfo = t.Object({
  city: nullable(t.String()),
  region: nullable(t.String()),
  country: nullable(t.String()),
})

export const UserSessionItem = t.Object({
  id: Uuid,
  tenant_id: Uuid,
  created_at: IsoTime,
  last_seen_at: nullable(IsoTime),
  revoked_at: nullable(IsoTime),
  ip_address_masked: nullable(t.String()),
  fingerprint: nullable(t.String({ description: 'SHA-256 of address and user agent.' })),
  client: SessionClientInfo,
  location: nullable(SessionLocationInfo),
  current: t.Boolean(),
})
export type UserSessionItem = Static<typeof UserSessionItem>

export const UserSessionListResponse = t.Object({
  sessions: t.Array(UserSessionItem),
  total: t.Integer(),
  limit: t.Integer(),
  offset: t.Integer(),
})

/** Where a session is in the world is not looked up. */
export const toSessionItem = (session: Session, currentId: string | null): UserSessionItem => ({
  id: session.id,
  tenant_id: session.tenantId,
  created_at: toIso(session.createdAt),
  last_seen_at: toIsoOrNull(session.lastSeenAt),
  revoked_at: toIsoOrNull(session.revokedAt),
  ip_address_masked: session.ipMasked,
  fingerprint: session.fingerprint,
  client: { platform: session.platform, browser: session.browser, device: session.device, user_agent: session.userAgent },
  location: null,
  current: session.id === currentId,
})

export const LoggedOut = successOf(t.Object({ revoked: t.Boolean() }))
export const LoggedOutAll = successOf(t.Object({ revoked: t.Integer() }))

/** Of people. Machines have fewer claims, and keys none. */
const AccessTokenClaims = t.Object({
  sub: t.String(),
  tenant_id: Uuid,
  roles: t.Array(t.String()),
  scope: t.String(),
  token_use: t.Literal('access'),
  iss: t.String(),
  aud: t.Array(t.String()),
  jti: Uuid,
  email_verified: t.Boolean(),
  sid: Uuid,
  iat: t.Integer(),
  nbf: t.Integer(),
  exp: t.Integer(),
})

/** A key or a machine that is nobody's has no user. */
export const CurrentUser = successOf(
  t.Object({ user_id: nullable(Uuid), token_payload: t.Union([AccessTokenClaims, FreeObject, t.Null()]) }),
)
