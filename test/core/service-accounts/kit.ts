import type { Principal } from '../../../src/core/access/principal.ts'
import { grantsOf, type Role } from '../../../src/core/access/roles.ts'
import type { Caller } from '../../../src/core/caller.ts'
import { Fault, type FaultCode, type FaultFacts } from '../../../src/core/fault.ts'
import { newId } from '../../../src/core/id.ts'
import type { JsonObject } from '../../../src/core/json.ts'
import { type BridgeRequest, issueFor, issueServiceToken } from '../../../src/core/service-accounts/issue.ts'
import type { GivenToken } from '../../../src/core/service-accounts/live-token.ts'
import type { TokenRequest } from '../../../src/core/service-accounts/order.ts'
import { signedHeaders } from '../../../src/core/service-accounts/signature.ts'
import type { TestApp } from '../../support/app.ts'

export const SECRET = 'a secret that only tests have'

export const admin = (caller: Caller, over: { role?: Role | null; isOperator?: boolean } & Partial<Principal> = {}): Principal => {
  const { role = 'admin', isOperator = false } = over
  return {
    ...{ kind: 'user', userId: newId(), account: null, tenantId: caller.tenantId, role, isOperator },
    ...{ grants: grantsOf({ role, isOperator }), emailVerified: true, credentialId: newId(), sessionId: newId() },
    ...{ serviceTokenId: null, claims: null, caller },
    ...over,
  }
}

export const runsServer = (caller: Caller): Principal => admin(caller, { role: 'owner', isOperator: true })

export const AS_ADMIN = { asOperator: false, operatorReason: null }
export const AS_OPERATOR = { asOperator: true, operatorReason: 'a customer asked' }

/** For one tenant, what the least of accounts may. */
export const request = (tenantId: string | null, over: Partial<TokenRequest> = {}): TokenRequest => ({
  ...{ account: 'analytics-batch', scopes: ['conversations:read'], tenantId, lifetimeMinutes: null, fingerprint: null, force: false },
  ...over,
})

/** What a machine signs for `asked`. */
export function claimsFor(app: TestApp, asked: TokenRequest): JsonObject {
  const iat = Math.floor(app.clock.now() / 1_000)
  return {
    ...{ iss: 'vault-transit', aud: ['auth-service'], sub: 'ci', nonce: newId(), iat, exp: iat + 300 },
    ...{ account: asked.account, scopes: [...asked.scopes], tenant_id: asked.tenantId },
    ...(asked.lifetimeMinutes === null ? {} : { lifetime_minutes: asked.lifetimeMinutes }),
    ...(asked.fingerprint === null ? {} : { fingerprint: asked.fingerprint }),
  }
}

export const signedFor = (app: TestApp, asked: TokenRequest, over: JsonObject = {}) =>
  signedHeaders(SECRET, { ...claimsFor(app, asked), ...over })

export function issueBySignature(app: TestApp, asked: TokenRequest): Promise<GivenToken> {
  return issueServiceToken(app, { signed: signedFor(app, asked), body: asked })
}

/** As an admin of the tenant, of which each test has one of its own: the quota is the tenant's. */
export function issueBy(app: TestApp, principal: Principal, over: Partial<BridgeRequest> = {}): Promise<GivenToken> {
  return issueFor(app, principal, { ...request(principal.tenantId), ...AS_ADMIN, reason: 'nightly report', ...over })
}

/** Code and what it is about, or the value's absence of a fault. */
export async function faultOf(work: Promise<unknown>): Promise<[FaultCode, FaultFacts['param'] | FaultFacts['why']] | 'none'> {
  try {
    await work
    return 'none'
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return [error.code, error.facts.param ?? error.facts.why]
  }
}
