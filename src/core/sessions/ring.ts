import type { Principal } from '../access/principal.ts'
import { grantsOf, isGranted, isRole, type Role, scopesOf } from '../access/roles.ts'
import type { Caller, Scope } from '../caller.ts'
import { Fault } from '../fault.ts'
import { isUuid } from '../id.ts'
import { hashSecret } from '../identity/secrets.ts'
import type { Json } from '../json.ts'
import type { Needs } from '../needs.ts'
import { readGrants, readSubject } from '../tokens/claims.ts'
import { TOKEN_CHARS_MAX } from '../tokens/jwt.ts'
import type { Claims } from '../tokens/token.ts'
import { findServiceToken, findSession, type ServiceTokenFacts, type SessionFacts } from './ring-store.ts'

/** How long a process may trust what it knows of a token, should the signal of a revocation be lost. */
const TRUST_MS = 10_000
const KNOWN_MAX = 10_000

interface Known {
  principal: Principal
  expiresAt: number
  knownAt: number
}

/** Three parts, of which the first begins an object of JSON. Keys of operators' own choice may have dots as well. */
const TOKEN = /^eyJ[\w-]*\.[\w-]*\.[\w-]*$/

export const looksLikeToken = (secret: string): boolean => TOKEN.test(secret)

const notValid = (): Fault => new Fault('unauthenticated', 'This token is not valid.', { why: 'invalid_token' })
const expired = (): Fault => new Fault('unauthenticated', 'This token has expired.', { why: 'invalid_token', expired: true })

/**
 * Resolves access tokens to those behind them, as they are now: the signature says who, the database says what he may.
 * Remembered until a key changes or `TRUST_MS` is over. One per process.
 */
export class TokenRing {
  private readonly known = new Map<string, Known>()
  private readonly stop: () => void
  /** Goes up with every change: what was read before one is not remembered after it. */
  private changes = 0

  constructor(private readonly app: Needs<'db' | 'clock' | 'signals' | 'tokens'>) {
    this.stop = app.signals.onKeyChanged(() => {
      this.changes++
      this.known.clear()
    })
  }

  close(): void {
    this.stop()
  }

  /** Throws unauthenticated. `fresh`: what is remembered does not count. */
  async principal(token: string, { fresh = false }: { fresh?: boolean } = {}): Promise<Principal> {
    if (token.length > TOKEN_CHARS_MAX) throw notValid()
    const digest = hashSecret(token)
    const now = this.app.clock.now()
    const known = fresh ? undefined : this.known.get(digest)
    const { principal, expiresAt } = known && Math.abs(now - known.knownAt) <= TRUST_MS ? known : await this.look(token, digest)
    if (expiresAt <= now) throw expired()
    return principal
  }

  private async look(token: string, digest: string): Promise<Known> {
    const { changes } = this
    this.known.delete(digest)
    const knownAt = this.app.clock.now()
    const claims = await this.app.tokens.verify(token, 'access')
    const found = await this.find(claims)
    if (!found) throw notValid()
    const known: Known = { ...found, knownAt }
    if (this.known.size >= KNOWN_MAX) this.known.clear()
    if (changes === this.changes) this.known.set(digest, known)
    return known
  }

  private async find(claims: Claims): Promise<Omit<Known, 'knownAt'> | undefined> {
    const found = readSubject(claims.sub)?.kind === 'user' ? await this.findUser(claims) : await this.findService(claims)
    if (!found) return undefined
    const { revoked_at, expires_at, tenant_id } = found.facts
    if (revoked_at !== null || (claims.tenant_id ?? null) !== tenant_id) return undefined
    return { principal: found.principal, expiresAt: Math.min(claims.exp * 1000, expires_at) }
  }

  private async findUser(claims: Claims): Promise<{ facts: SessionFacts; principal: Principal } | undefined> {
    const facts = isId(claims.sid) ? await findSession(this.app.db, claims.sid) : undefined
    const isSame = facts?.status === 'active' && readSubject(claims.sub)?.name === facts.user_id
    return facts && isSame ? { facts, principal: userOf(facts, claims) } : undefined
  }

  private async findService(claims: Claims): Promise<{ facts: ServiceTokenFacts; principal: Principal } | undefined> {
    const facts = isId(claims.parent) ? await findServiceToken(this.app.db, claims.parent) : undefined
    const isSame = facts && readSubject(claims.sub)?.name === facts.account
    return isSame ? { facts, principal: serviceOf(facts, claims) } : undefined
  }
}

const isId = (value: Json | undefined): value is string => typeof value === 'string' && isUuid(value)

function userOf(session: SessionFacts, claims: Claims): Principal {
  const { tenant_id: tenantId, user_id: userId, id: sessionId } = session
  const role = session.role !== null && isRole(session.role) ? session.role : null
  const isOperator = session.is_operator === true
  const held = readGrants(claims)
  const grants = grantsOf({ role, isOperator }).filter((grant) => isGranted(held, grant))
  const scopes = role === null ? ownScopes() : scopesOf(grants, role)
  if (session.is_admin) scopes.add('admin')
  return {
    ...{ kind: 'user', userId, account: null, tenantId, role, isOperator, grants, emailVerified: session.email_verified },
    ...{ credentialId: session.credential_id, sessionId, serviceTokenId: null, claims },
    caller: callerOf({ tenantId, userId, keyId: sessionId, scopes, role }),
  }
}

/** Whoever has no role does with what is his own as he likes. */
const ownScopes = (): Set<Scope> => new Set<Scope>(['read', 'write'])

function serviceOf({ jti, tenant_id: tenantId, account, scopes }: ServiceTokenFacts, claims: Claims): Principal {
  const held = readGrants(claims)
  const grants = scopes.split(' ').filter((grant) => isGranted(held, grant))
  const caller = { userId: null, keyId: jti, scopes: scopesOf(grants, null), role: null }
  return {
    ...{ kind: 'service', userId: null, account, tenantId, role: null, isOperator: false, grants, emailVerified: true },
    ...{ credentialId: null, sessionId: null, serviceTokenId: jti, claims },
    caller: tenantId === null ? null : callerOf({ tenantId, ...caller }),
  }
}

const callerOf = ({ role, ...caller }: Omit<Caller, 'role'> & { role: Role | null }): Caller =>
  role === null ? caller : { ...caller, role }
