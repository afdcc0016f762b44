import type { Principal } from '../access/principal.ts'
import { grantsOf, isGranted, isRole, type Role, scopesOf } from '../access/roles.ts'
import type { Caller, Scope } from '../caller.ts'
import { Fault } from '../fault.ts'
import { isUuid } from '../id.ts'
import { RingMemory } from '../identity/ring-memory.ts'
import { hashSecret } from '../identity/secrets.ts'
import type { Json } from '../json.ts'
import type { Needs } from '../needs.ts'
import { readGrants, readSubject } from '../tokens/claims.ts'
import { TOKEN_CHARS_MAX } from '../tokens/jwt.ts'
import type { Claims } from '../tokens/token.ts'
import { findServiceToken, findSession, type ServiceTokenFacts, type SessionFacts } from './ring-store.ts'

interface Known {
  principal: Principal
  expiresAt: number
}

/** Three parts, of which the first begins an object of JSON. Keys of operators' own choice may have dots as well. */
const TOKEN = /^eyJ[\w-]*\.[\w-]*\.[\w-]*$/

export const looksLikeToken = (secret: string): boolean => TOKEN.test(secret)

const notValid = (): Fault => new Fault('unauthenticated', 'This token is not valid.', { why: 'invalid_token' })
const expired = (): Fault => new Fault('unauthenticated', 'This token has expired.', { why: 'invalid_token', expired: true })

/**
 * Resolves access tokens to those behind them, as they are now: the signature says who, the database says what he may.
 * Remembered for a while (RingMemory). One per process.
 */
export class TokenRing {
  private readonly memory: RingMemory<Known>

  constructor(private readonly app: Needs<'db' | 'clock' | 'signals' | 'tokens'>) {
    this.memory = new RingMemory(app)
  }

  close(): void {
    this.memory.close()
  }

  /** Throws unauthenticated. `fresh`: what is remembered does not count. */
  async principal(token: string, { fresh = false }: { fresh?: boolean } = {}): Promise<Principal> {
    if (token.length > TOKEN_CHARS_MAX) throw notValid()
    const known = await this.memory.recall(hashSecret(token), { fresh, read: () => this.look(token) })
    if (!known) throw notValid()
    if (known.expiresAt <= this.app.clock.now()) throw expired()
    return known.principal
  }

  private async look(token: string): Promise<Known | undefined> {
    const claims = await this.app.tokens.verify(token, 'access')
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
    caller: tenantId === null ? null : { ...callerOf({ tenantId, ...caller }), account },
  }
}

const callerOf = ({ role, ...caller }: Omit<Caller, 'role'> & { role: Role | null }): Caller =>
  role === null ? caller : { ...caller, role }
