import { type Principal, UNVERIFIED } from '../access/principal.ts'
import { type Caller, requireScope, type Scope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import { newId } from '../id.ts'
import type { Needs } from '../needs.ts'
import { looksLikeToken, TokenRing } from '../sessions/ring.ts'
import { ApiKeyRing } from './api-key-ring.ts'
import { RequestRate } from './request-rate.ts'
import { hashSecret, newSecret } from './secrets.ts'
import { insertKey, type KeyRow, listKeyRows, revokeRow } from './store.ts'

export interface ApiKey {
  id: string
  tenantId: string
  /** Null: of the tenant itself. */
  userId: string | null
  name: string
  /** The first characters, enough to recognise a key and useless without the rest. */
  prefix: string
  scopes: Scope[]
  createdAt: number
  expiresAt: number | null
  revokedAt: number | null
  lastUsedAt: number | null
}

export interface NewKey {
  name: string
  scopes: Scope[]
  /** Milliseconds since the epoch. */
  expiresAt?: number
  /** A secret chosen by the operator instead of a random one. */
  secret?: string
}

const PREFIX_CHARS = 9

export const fromKeyRow = (r: KeyRow): ApiKey => ({
  id: r.id,
  tenantId: r.tenant_id,
  userId: r.user_id,
  name: r.name,
  prefix: r.prefix,
  scopes: r.scopes.split(' ') as Scope[],
  createdAt: r.created_at,
  expiresAt: r.expires_at,
  revokedAt: r.revoked_at,
  lastUsedAt: r.last_used_at,
})

/** A key of the tenant itself, whoever makes it. The secret is in the answer and nowhere else. */
export async function createKey(app: Needs<'db' | 'clock'>, caller: Caller, input: NewKey): Promise<{ key: ApiKey; secret: string }> {
  requireScope(caller, 'admin')
  const secret = input.secret ?? newSecret('tp')
  const key: ApiKey = {
    id: newId(),
    tenantId: caller.tenantId,
    userId: null,
    name: input.name,
    // A secret of the operator's own may be short: then nothing of it is shown.
    prefix: secret.length >= 24 ? secret.slice(0, PREFIX_CHARS) : '',
    scopes: input.scopes,
    createdAt: app.clock.now(),
    expiresAt: input.expiresAt ?? null,
    revokedAt: null,
    lastUsedAt: null,
  }
  if (!(await insertKey(app.db, { ...key, hash: hashSecret(secret) })))
    throw new Fault('invalid', 'This key exists already.', { kind: 'key' })
  return { key, secret }
}

export async function listKeys(app: Needs<'db'>, caller: Caller): Promise<ApiKey[]> {
  requireScope(caller, 'admin')
  return (await listKeyRows(app.db, caller.tenantId)).map(fromKeyRow)
}

/** Takes effect at once in every process on this database. Throws not_found. */
export async function revokeKey(app: Needs<'db' | 'clock' | 'signals'>, caller: Caller, id: string): Promise<ApiKey> {
  requireScope(caller, 'admin')
  const row = await revokeRow(app.db, caller.tenantId, { id, at: app.clock.now() })
  if (!row) throw notFound('key', id)
  app.signals.keyChanged()
  return fromKeyRow(row)
}

/** Resolves credentials of every kind. One per process. */
export class KeyRing {
  private readonly keys: ApiKeyRing
  private readonly tokens: TokenRing
  private readonly rate: RequestRate

  /** @param requestsPerSecond of one key or one session; 0: no limit */
  constructor(
    private readonly app: Needs<'db' | 'clock' | 'log' | 'signals' | 'tokens' | 'identity'>,
    requestsPerSecond = 0,
  ) {
    this.rate = new RequestRate(requestsPerSecond)
    this.keys = new ApiKeyRing(app)
    this.tokens = new TokenRing(app)
  }

  close(): void {
    this.keys.close()
    this.tokens.close()
  }

  /**
   * For what is a tenant's. Throws unauthenticated, as `principal`, and forbidden for who works for no tenant and for users
   * without the verified e-mail address that this server asks for.
   */
  async resolve(secret: string): Promise<Caller> {
    const { caller, kind, emailVerified } = await this.principal(secret)
    if (!caller) throw new Fault('forbidden', 'This token is of no tenant; it works on the platform surface.', { why: 'tenant_required' })
    if (kind === 'user' && !emailVerified && this.app.identity.verifiedEmail)
      throw new Fault('forbidden', UNVERIFIED, { why: 'email_unverified' })
    return caller
  }

  /**
   * Throws unauthenticated: of what is unknown or revoked nothing is told, what has expired by `expired` of the facts, and
   * rate_limited for a key or session that asks too often. `fresh`: looks into the database, whatever is remembered.
   */
  async principal(secret: string, options: { fresh?: boolean } = {}): Promise<Principal> {
    const principal = await (looksLikeToken(secret) ? this.tokens : this.keys).principal(secret, options)
    this.rate.take(principal.caller?.keyId ?? principal.serviceTokenId ?? '', this.app.clock.now())
    return principal
  }
}
