import type { Principal } from '../../../src/core/access/principal.ts'
import * as tokens from '../../../src/core/service-accounts/tokens.ts'
import type { TestApp } from '../../support/app.ts'
import { AS_ADMIN, issueBy } from './kit.ts'

export interface TokenIds {
  tenant: string
  token: string
}
type Case = (principal: Principal, ids: TokenIds) => Promise<unknown>

export const fillTokens = async (app: TestApp, principal: Principal): Promise<TokenIds> => ({
  tenant: principal.tenantId ?? '',
  token: (await issueBy(app, principal)).token.jti,
})

const ALL = { ...AS_ADMIN, account: null, fingerprint: null, status: 'all', includeGlobal: true, limit: 20, offset: 0 } as const

/** Every way in which an id of these functions can be foreign to an admin. */
export function tokenCases(app: () => TestApp): Record<string, Case[]> {
  return {
    'issue.issueFor': [(p, ids) => issueBy(app(), p, { tenantId: ids.tenant })],
    'tokens.listServiceTokens': [(p, ids) => tokens.listServiceTokens(app(), p, { ...ALL, tenantId: ids.tenant })],
    'tokens.revokeServiceToken': [(p, ids) => tokens.revokeServiceToken(app(), p, { ...AS_ADMIN, jti: ids.token, reason: null })],
  }
}
