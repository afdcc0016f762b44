import type { Principal } from '../access/principal.ts'
import { grantsOf, isRole, lesserOf, type Role, scopesOf } from '../access/roles.ts'
import type { Caller, Scope } from '../caller.ts'
import { Fault } from '../fault.ts'
import type { Needs } from '../needs.ts'
import { RingMemory } from './ring-memory.ts'
import { hashSecret } from './secrets.ts'
import { type FoundKey, findKey, markUsed } from './store.ts'

/** How exact "last used" is; a write per request would cost more than it tells. */
const USED_EVERY_MS = 60_000

/** What is behind a key. Keys are always of a tenant. */
export type KeyPrincipal = Principal & { caller: Caller }

interface Known {
  id: string
  principal: KeyPrincipal
  expiresAt: number | null
  usedAt: number
}

const notValid = (facts: { expired?: true } = {}): Fault => new Fault('unauthenticated', 'This API key is not valid.', facts)

/** Resolves API keys, remembering them for a while (RingMemory). One per process. */
export class ApiKeyRing {
  private readonly memory: RingMemory<Known>

  constructor(private readonly app: Needs<'db' | 'clock' | 'log' | 'signals'>) {
    this.memory = new RingMemory(app)
  }

  close(): void {
    this.memory.close()
  }

  /**
   * Throws unauthenticated: an unknown and a revoked key are told apart by nobody, an expired one by `expired` of its facts.
   * `fresh`: what is remembered does not count.
   */
  async principal(secret: string, { fresh = false }: { fresh?: boolean } = {}): Promise<KeyPrincipal> {
    const digest = hashSecret(secret)
    const known = await this.memory.recall(digest, { fresh, read: () => this.look(digest) })
    const now = this.app.clock.now()
    if (!known) throw notValid()
    if (known.expiresAt !== null && known.expiresAt <= now) throw notValid({ expired: true })
    if (now - known.usedAt > USED_EVERY_MS) this.noteUse(known, now)
    return known.principal
  }

  private async look(digest: string): Promise<Known | undefined> {
    const row = await findKey(this.app.db, digest)
    if (!row || row.revoked_at !== null || isDisabled(row)) return undefined
    return { id: row.id, principal: principalOf(row), expiresAt: row.expires_at, usedAt: row.last_used_at ?? 0 }
  }

  private noteUse(known: Known, now: number): void {
    known.usedAt = now
    markUsed(this.app.db, { id: known.id, at: now }).catch((cause) => this.app.log.warn('key.use_not_noted', { cause: String(cause) }))
  }
}

const isDisabled = ({ user_id, user_status }: FoundKey): boolean => user_id !== null && user_status !== 'active'

function principalOf(row: FoundKey): KeyPrincipal {
  const held = new Set(row.scopes.split(' ') as Scope[])
  const userRole = row.user_role !== null && isRole(row.user_role) ? row.user_role : null
  // A user's key does nothing that his role does not allow.
  const allowed = userRole === null ? held : scopesOf(grantsOf({ role: userRole }), userRole)
  const scopes = held.intersection(allowed)
  if (row.of_admin) scopes.add('admin')
  const role = row.user_id === null ? roleOf(held) : userRole && lesserOf(userRole, roleOf(scopes))
  const grants = grantsOf({ role })
  const caller: Caller = { tenantId: row.tenant_id, userId: row.user_id, keyId: row.id, scopes }
  return {
    ...{ kind: 'key', userId: row.user_id, account: null, tenantId: row.tenant_id, role, isOperator: false, grants },
    ...{ emailVerified: row.user_id === null || row.user_verified === true, credentialId: row.user_credential },
    ...{ sessionId: null, serviceTokenId: null, claims: null },
    caller: userRole === null ? caller : { ...caller, role: userRole },
  }
}

/** The role that does as much as the key may: it manages nothing without the scope for that, whosever it is. */
function roleOf(scopes: ReadonlySet<Scope>): Role {
  if (scopes.has('admin')) return 'owner'
  return scopes.has('write') ? 'member' : 'viewer'
}
