import type { Grant } from '../access/roles.ts'
import { Fault } from '../fault.ts'
import type { Needs } from '../needs.ts'
import { readSubject, serviceClaims } from '../tokens/claims.ts'
import { findAccount } from './catalogue.ts'
import { readRow } from './store.ts'
import type { ServiceToken } from './tokens.ts'

export interface Exchanged {
  accessToken: string
  /** Milliseconds since the epoch; no later than the end of the token it was exchanged for. */
  expiresAt: number
  kid: string
  grants: readonly Grant[]
  /** Null: of the whole server. */
  tenantId: string | null
  account: string
}

const notValid = (): Fault => new Fault('unauthenticated', 'This token is not valid.', { why: 'invalid_token' })

/** Throws unauthenticated for a token that is not a service account's, was revoked or has expired. */
export async function exchangeServiceToken(
  app: Needs<'db' | 'clock' | 'tokens' | 'identity'>,
  { refreshToken }: { refreshToken: string },
): Promise<Exchanged> {
  const { jti, sub } = await app.tokens.verify(refreshToken, 'refresh')
  const subject = readSubject(sub)
  const token = subject?.kind === 'service' ? await readRow(app.db, jti) : undefined
  const now = app.clock.now()
  if (!token || token.account !== subject?.name || token.revokedAt !== null || token.expiresAt <= now) throw notValid()
  const grants = grantsOf(token)
  const expiresAt = Math.min(now + app.identity.accessMs, token.expiresAt)
  const { account, tenantId, fingerprint } = token
  const times = { issuedAt: now, expiresAt }
  const claims = serviceClaims({ use: 'access', account, tenantId, fingerprint, scopes: grants, parent: jti, ...times })
  const { token: accessToken, kid } = await app.tokens.sign(claims)
  return { accessToken, expiresAt, kid, grants, tenantId, account }
}

/** What it was made for, as far as its account may still have that. */
function grantsOf({ account, scopes }: ServiceToken): Grant[] {
  const allowed = findAccount(account)?.scopes ?? []
  const grants = scopes.filter((scope) => allowed.includes(scope))
  if (grants.length === 0) throw notValid()
  return grants
}
