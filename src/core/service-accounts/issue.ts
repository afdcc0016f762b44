import { type Principal, whoIs } from '../access/principal.ts'
import { audit } from '../audit/audit.ts'
import { Fault } from '../fault.ts'
import { newId } from '../id.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import { serviceAccountLimits } from '../rates/quotas.ts'
import { takeLimit } from '../rates/rates.ts'
import type { Client } from '../sessions/client.ts'
import { type Acting, heldTenant, requireOwn, requireReason } from './acting.ts'
import type { ServiceAccount } from './catalogue.ts'
import { type GivenToken, giveToken } from './live-token.ts'
import { takeNonce } from './nonces.ts'
import { type Order, requireAccount, requireOrder, type TokenRequest } from './order.ts'
import { signedHeaders } from './signature.ts'
import { AUDIENCE, requireSigned, type ServiceSettings, type Signed } from './signed-request.ts'

type IssueNeeds = Needs<'db' | 'clock' | 'tokens' | 'signals' | 'log'> & { identity: ServiceSettings }

/** For machines: who can sign may have what he signed. Throws unavailable, unauthenticated, invalid or rate_limited. */
export async function issueServiceToken(
  app: IssueNeeds,
  { signed, body, client }: { signed: Signed; body: TokenRequest; client?: Client },
): Promise<GivenToken> {
  const { request, subject } = await requireSigned(app, signed, body)
  const account = await requireKnown(app, request)
  const order = await requireOrder(app, account, request)
  return giveToken(app, order, {
    actorUserId: null,
    note: (inside, given) => noteIssue(inside, given, { userId: null, client, reason: null, details: { subject } }),
  })
}

export interface BridgeRequest extends TokenRequest, Acting {
  /** Why the token is needed, for the records. */
  reason: string
  client?: Client
}

const REASON_CHARS_MIN = 10

/**
 * For people: admins for their own tenant, operators for any. Throws forbidden, invalid or rate_limited. Tokens of service
 * accounts do not come this far, or one that leaked could replace itself for ever.
 */
export async function issueFor(app: IssueNeeds, principal: Principal, input: BridgeRequest): Promise<GivenToken> {
  if (principal.kind === 'service')
    throw new Fault('forbidden', 'A service account cannot get tokens in the name of a user.', { why: 'insufficient_role' })
  const tenantId = requireOwn(heldTenant(principal, input), input.tenantId)
  const reason = requireReason('reason', input.reason, REASON_CHARS_MIN)
  const request = { ...input, tenantId }
  const account = await requireKnown(app, request)
  const order = await requireOrder(app, account, request)
  const records = {
    userId: principal.userId,
    client: input.client,
    reason,
    details: { by: whoIs(principal), actor: actorOf(principal, input) },
  }
  await noteSigning(app, order, records)
  return giveToken(app, order, { actorUserId: principal.userId, note: (inside, given) => noteIssue(inside, given, records) })
}

/** Whoever asks for nonsense is counted as well. */
async function requireKnown(app: IssueNeeds, { account, tenantId }: TokenRequest): Promise<ServiceAccount> {
  const known = requireAccount(account)
  await takeLimit(app, serviceAccountLimits({ account, tenantId }))
  return known
}

const actorOf = (principal: Principal, { asOperator, operatorReason }: Acting): JsonObject => ({
  user_id: principal.userId,
  tenant_id: principal.tenantId,
  role: asOperator ? 'platform_operator' : 'tenant_admin',
  ...(asOperator ? { operator_reason: operatorReason } : {}),
})

interface Records {
  userId: string | null
  client: Client | undefined
  reason: string | null
  details: JsonObject
}

const fieldsOf = ({ userId, client, reason }: Records) => ({
  userId,
  ...(client ? { client } : {}),
  ...(reason === null ? {} : { reason }),
})

const ASKED_WITHIN_S = 300
const MINUTE_MS = 60_000

/** What a machine would have signed, and the signature, so that the records can be checked; its nonce is spent. */
async function noteSigning(app: IssueNeeds, order: Order, records: Records): Promise<void> {
  const iat = Math.floor(app.clock.now() / 1_000)
  const { tenantId, scopes, lifetimeMs, fingerprint } = order
  const claims = {
    ...{ iss: 'vault-transit', aud: [AUDIENCE], sub: 'service-account-browser', nonce: newId(), iat, exp: iat + ASKED_WITHIN_S },
    ...{ account: order.account.name, tenant_id: tenantId, scopes: [...scopes], lifetime_minutes: lifetimeMs / MINUTE_MS, fingerprint },
    ...{ reason: records.reason, ...records.details },
  }
  const { serviceSecret } = app.identity
  const signature = serviceSecret === null ? null : signedHeaders(serviceSecret, claims).authorization.slice('Bearer vault:'.length)
  await app.db.transaction(async (db) => {
    const inside = { db, clock: app.clock }
    await takeNonce(inside, claims.nonce, claims.exp * 1_000)
    await audit(inside, { tenantId, event: 'service_token.sign', result: 'pending', ...fieldsOf(records), details: { claims, signature } })
  })
}

const noteIssue = (app: Needs<'db' | 'clock'>, { token, isNew }: GivenToken, records: Records): Promise<void> =>
  audit(app, {
    tenantId: token.tenantId,
    event: 'service_token.issue',
    result: 'success',
    ...fieldsOf(records),
    details: { jti: token.jti, account: token.account, scopes: [...token.scopes], is_new: isNew, ...records.details },
  })
