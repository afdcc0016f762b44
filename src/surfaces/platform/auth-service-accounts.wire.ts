import { type Static, Type as t } from '@sinclair/typebox'
import type { Exchanged } from '../../core/service-accounts/exchange.ts'
import type { GivenToken } from '../../core/service-accounts/live-token.ts'
import type { TokenRequest } from '../../core/service-accounts/order.ts'
import type { ServiceToken } from '../../core/service-accounts/tokens.ts'
import { pageFrom, pageOf, Token } from './auth-fields.wire.ts'
import { IsoTime, maybe, nullable, oneOf, toIso, toIsoOrNull } from './fields.wire.ts'

const SCOPES_MAX = 32
const Fingerprint = t.String({ maxLength: 256 })
const TenantId = t.String({ maxLength: 64 })

const ISSUE = {
  account: t.String({ maxLength: 64 }),
  scopes: t.Array(t.String({ maxLength: 128 }), { maxItems: SCOPES_MAX }),
  tenant_id: maybe(TenantId),
  lifetime_minutes: maybe(t.Integer()),
  fingerprint: maybe(Fingerprint),
  force: t.Optional(t.Boolean({ default: false })),
}
export const ServiceAccountIssueRequest = t.Object(ISSUE)

type IssueBody = Static<typeof ServiceAccountIssueRequest>

export const fromIssue = (body: IssueBody): TokenRequest => ({
  account: body.account,
  scopes: body.scopes,
  tenantId: body.tenant_id ?? null,
  lifetimeMinutes: body.lifetime_minutes ?? null,
  fingerprint: body.fingerprint ?? null,
  force: body.force ?? false,
})

export const BrowserServiceAccountIssueRequest = t.Object({ ...ISSUE, reason: t.String({ minLength: 10, maxLength: 512 }) })

export const ServiceAccountTokenResponse = t.Object({
  refresh_token: t.String(),
  expires_at: t.String(),
  issued_at: t.String(),
  scopes: t.Array(t.String()),
  tenant_id: nullable(t.String()),
  kid: t.String(),
  account: t.String(),
  token_use: t.String(),
  session_id: nullable(t.String()),
})

export const toGivenToken = ({ refreshToken, token }: GivenToken): Static<typeof ServiceAccountTokenResponse> => ({
  refresh_token: refreshToken,
  expires_at: toIso(token.expiresAt),
  issued_at: toIso(token.issuedAt),
  scopes: [...token.scopes],
  tenant_id: token.tenantId,
  kid: token.kid,
  account: token.account,
  token_use: 'refresh',
  session_id: null,
})

const TOKENS = { most: 100, usual: 20 }

export const ServiceTokensQuery = t.Object({
  account: maybe(t.String({ maxLength: 64 })),
  fingerprint: maybe(Fingerprint),
  status: t.Optional(oneOf('active', 'revoked', 'all')),
  tenant_id: maybe(TenantId),
  include_global: t.Optional(t.Boolean({ default: false })),
  ...pageOf(TOKENS),
})

export const fromTokensQuery = (query: Static<typeof ServiceTokensQuery>) => ({
  ...pageFrom(TOKENS, query),
  account: query.account ?? null,
  fingerprint: query.fingerprint ?? null,
  status: query.status ?? ('active' as const),
  tenantId: query.tenant_id ?? null,
  includeGlobal: query.include_global ?? false,
})

export const ServiceAccountTokenItem = t.Object({
  jti: t.String(),
  account: t.String(),
  tenant_id: nullable(t.String()),
  scopes: t.Array(t.String()),
  issued_at: IsoTime,
  expires_at: IsoTime,
  revoked_at: nullable(IsoTime),
  revoked_reason: nullable(t.String()),
  fingerprint: nullable(t.String()),
  signing_kid: t.String(),
})

export const toTokenItem = (token: ServiceToken): Static<typeof ServiceAccountTokenItem> => ({
  jti: token.jti,
  account: token.account,
  tenant_id: token.tenantId,
  scopes: [...token.scopes],
  issued_at: toIso(token.issuedAt),
  expires_at: toIso(token.expiresAt),
  revoked_at: toIsoOrNull(token.revokedAt),
  revoked_reason: token.revokedReason,
  fingerprint: token.fingerprint,
  signing_kid: token.kid,
})

export const ServiceAccountTokenListResponse = t.Object({
  items: t.Array(ServiceAccountTokenItem),
  total: t.Integer(),
  limit: t.Integer(),
  offset: t.Integer(),
})

export const ServiceAccountTokenRevokeRequest = t.Object({ reason: maybe(t.String({ maxLength: 256 })) })

export const ServiceAccountExchangeRequest = t.Object({ refresh_token: Token })

/** Beside the contract: machines get access tokens like people. */
export const ServiceAccountAccessResponse = t.Object({
  access_token: t.String(),
  token_type: t.String(),
  expires_at: IsoTime,
  kid: t.String(),
  scopes: t.Array(t.String()),
  tenant_id: nullable(t.String()),
  account: t.String(),
})

export const toAccess = (access: Exchanged): Static<typeof ServiceAccountAccessResponse> => ({
  access_token: access.accessToken,
  token_type: 'bearer',
  expires_at: toIso(access.expiresAt),
  kid: access.kid,
  scopes: [...access.grants],
  tenant_id: access.tenantId,
  account: access.account,
})
