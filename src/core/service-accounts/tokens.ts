import { type Principal, whoIs } from '../access/principal.ts'
import type { Grant } from '../access/roles.ts'
import { audit } from '../audit/audit.ts'
import { isUuid } from '../id.ts'
import { isStorable } from '../json.ts'
import type { Needs } from '../needs.ts'
import type { Client } from '../sessions/client.ts'
import { type Acting, heldTenant, requireOwn, requireReason } from './acting.ts'
import { invalid } from './order.ts'
import { countRows, deleteEndedRows, listRows, revokeRow } from './store.ts'

/** A refresh token of a service account. Its text is not kept: it is signed again where it is wanted again. */
export interface ServiceToken {
  jti: string
  /** Null: of the whole server. */
  tenantId: string | null
  account: string
  /** Sorted. */
  scopes: readonly Grant[]
  fingerprint: string | null
  kid: string
  /** The user who asked for it, if it was one. */
  actorUserId: string | null
  /** Milliseconds since the epoch, whole seconds. */
  issuedAt: number
  expiresAt: number
  revokedAt: number | null
  revokedReason: string | null
}

export interface TokenFilter {
  /** Null: whatever the tenant. */
  tenantId: string | null
  /** Beside those of the tenant also those of none. */
  global: boolean
  /** Part of the account's name, in any case. */
  account: string | null
  fingerprint: string | null
  status: 'active' | 'revoked' | 'all'
  now: number
}

export interface TokenSearch extends Acting {
  account: string | null
  fingerprint: string | null
  status: TokenFilter['status']
  tenantId: string | null
  /** Beside those of the tenant also those of none; counts for operators only. */
  includeGlobal: boolean
  limit: number
  offset: number
}

const LISTED_MAX = 100

/** Newest first. Admins see those of their tenant, operators all. Throws forbidden or invalid. */
export async function listServiceTokens(
  app: Needs<'db' | 'clock'>,
  principal: Principal,
  search: TokenSearch,
): Promise<{ tokens: ServiceToken[]; total: number }> {
  const { account, fingerprint, status, limit, offset } = search
  const held = heldTenant(principal, search)
  const tenantId = requireOwn(held, search.tenantId)
  for (const [param, text] of Object.entries({ account, fingerprint }))
    if (text !== null && !isStorable(text)) throw invalid(param, 'The text cannot be searched for.')
  const filter = { account, fingerprint, status, tenantId, global: held === null && search.includeGlobal, now: app.clock.now() }
  const page = { limit: Math.min(limit, LISTED_MAX), offset }
  const [tokens, total] = await Promise.all([listRows(app.db, filter, page), countRows(app.db, filter)])
  return { tokens, total }
}

export interface Revocation extends Acting {
  jti: string
  reason: string | null
  client?: Client
}

/**
 * Takes effect at once in every process on this database, also on what was exchanged for the token. False: there is none to
 * revoke, be it another tenant's. Throws forbidden or invalid.
 */
export async function revokeServiceToken(
  app: Needs<'db' | 'clock' | 'signals'>,
  principal: Principal,
  input: Revocation,
): Promise<boolean> {
  const tenantId = heldTenant(principal, input)
  const reason = requireReason('reason', input.reason?.trim() || input.operatorReason?.trim() || 'tenant_admin_manual_revoke', 1)
  const jti = input.jti.toLowerCase()
  if (!isUuid(jti)) return false
  const revoked = await app.db.transaction(async (db) => {
    const token = await revokeRow(db, jti, { tenantId, at: app.clock.now(), reason })
    if (token) await noteRevocation({ db, clock: app.clock }, token, { principal, input, reason })
    return token !== undefined
  })
  if (revoked) app.signals.keyChanged()
  return revoked
}

const noteRevocation = (
  app: Needs<'db' | 'clock'>,
  { jti, account, tenantId }: ServiceToken,
  { principal, input, reason }: { principal: Principal; input: Revocation; reason: string },
): Promise<void> =>
  audit(app, {
    ...{ tenantId, userId: principal.userId, event: 'service_token.revoke', result: 'success', reason },
    ...(input.client ? { client: input.client } : {}),
    details: { by: whoIs(principal), jti, account, as_operator: input.asOperator },
  })

/** How long lists still show a token after its end. */
const KEPT_MS = 90 * 24 * 60 * 60 * 1_000

/** Answers how many. */
export const dropEndedTokens = (app: Needs<'db' | 'clock'>, limit: number): Promise<number> =>
  deleteEndedRows(app.db, app.clock.now() - KEPT_MS, limit)
