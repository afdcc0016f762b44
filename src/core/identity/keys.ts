import { type Caller, requireScope, type Scope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import { newId } from '../id.ts'
import type { Needs } from '../needs.ts'
import { RequestRate } from './request-rate.ts'
import { hashSecret, newSecret } from './secrets.ts'
import { findKey, insertKey, type KeyRow, listKeyRows, markUsed, revokeRow } from './store.ts'

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

/** How long a process may trust what it knows of a key, should the signal of a revocation be lost. */
const TRUST_MS = 10_000
const KNOWN_MAX = 10_000
/** How exact "last used" is; a write per request would cost more than it tells. */
const USED_EVERY_MS = 60_000

interface Known {
  caller: Caller
  expiresAt: number | null
  knownAt: number
  usedAt: number
}

const notValid = (facts: { expired?: true } = {}): Fault => new Fault('unauthenticated', 'This API key is not valid.', facts)

/** Resolves keys to callers, remembering them until a key changes or `TRUST_MS` is over. One per process. */
export class KeyRing {
  private readonly known = new Map<string, Known>()
  private readonly stop: () => void
  /** Goes up with every change: what was read before one is not remembered after it. */
  private changes = 0
  private readonly rate: RequestRate

  /** @param requestsPerSecond of one key; 0: no limit */
  constructor(
    private readonly app: Needs<'db' | 'clock' | 'log' | 'signals' | 'tokens'>,
    requestsPerSecond = 0,
  ) {
    this.rate = new RequestRate(requestsPerSecond)
    this.stop = app.signals.onKeyChanged(() => {
      this.changes++
      this.known.clear()
    })
  }

  close(): void {
    this.stop()
  }

  /**
   * Throws unauthenticated: an unknown and a revoked key are told apart by nobody, an expired one by `expired` of its facts.
   * Throws rate_limited for a key that asks too often.
   */
  async resolve(secret: string): Promise<Caller> {
    const digest = hashSecret(secret)
    const now = this.app.clock.now()
    let known = this.known.get(digest)
    if (!known || now - known.knownAt > TRUST_MS) known = await this.look(digest, now)
    if (!known) throw notValid()
    if (known.expiresAt !== null && known.expiresAt <= now) throw notValid({ expired: true })
    this.rate.take(known.caller.keyId ?? '', now)
    if (now - known.usedAt > USED_EVERY_MS) this.noteUse(known, now)
    return known.caller
  }

  private async look(digest: string, now: number): Promise<Known | undefined> {
    const { changes } = this
    const row = await findKey(this.app.db, digest)
    if (!row || row.revoked_at !== null) {
      this.known.delete(digest)
      return undefined
    }
    const scopes = new Set(row.scopes.split(' ') as Scope[])
    if (row.of_admin) scopes.add('admin')
    const known: Known = {
      caller: { tenantId: row.tenant_id, userId: row.user_id, keyId: row.id, scopes },
      expiresAt: row.expires_at,
      knownAt: now,
      usedAt: this.known.get(digest)?.usedAt ?? row.last_used_at ?? 0,
    }
    if (this.known.size >= KNOWN_MAX) this.known.clear()
    if (changes === this.changes) this.known.set(digest, known)
    return known
  }

  private noteUse(known: Known, now: number): void {
    known.usedAt = now
    markUsed(this.app.db, { id: known.caller.keyId ?? '', at: now }).catch((cause) =>
      this.app.log.warn('key.use_not_noted', { cause: String(cause) }),
    )
  }
}
