import { type Caller, requireScope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import { newId } from '../id.ts'
import type { Needs } from '../needs.ts'
import { type ApiKey, fromKeyRow } from './keys.ts'
import { managesUsers, requireAbove } from './rank.ts'
import { hashSecret, newSecret } from './secrets.ts'
import { countUserKeys, insertUserKey, listUserKeyRows, lockUserRow, readUserKey, revokeUserKeyRow } from './user-store.ts'
import { requireOperator, type User } from './users.ts'

/** A key of a user's, which has his rights and no others. */
export type UserKey = ApiKey & { userId: string }

export interface NewUserKey {
  userId: string
  name?: string | null
  /** Milliseconds since the epoch. */
  expiresAt?: number | null
}

/** Users name their keys by these. */
export const KEY_PREFIX_CHARS = 8
const TRIES_MAX = 10
/** Of one user, revoked ones not counted. */
const KEYS_MAX = 1000

const fromRow = (row: Parameters<typeof fromKeyRow>[0]): UserKey => fromKeyRow(row) as UserKey

/** Also an admin manages no other user's keys, and a key of the tenant is no user's. */
function requireSelf(caller: Caller, userId: string): void {
  if (caller.userId !== userId) throw new Fault('forbidden', 'Not authorized to manage API keys for this user.')
}

const missingKey = (prefix: string): Fault =>
  new Fault('not_found', `API Key with prefix '${prefix}' not found for this user.`, { kind: 'key', id: prefix })

/** For the caller's own user. The secret is in the answer and nowhere else. Throws forbidden. */
export async function createOwnKey(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  input: NewUserKey,
): Promise<{ key: UserKey; secret: string }> {
  requireScope(caller, 'write')
  requireSelf(caller, input.userId)
  return insertKey(app, caller, { ...input, tag: 'ea' })
}

/** For any user of the tenant who is not above him, by a manager. Throws forbidden or not_found. */
export async function createKeyFor(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  input: NewUserKey,
): Promise<{ key: UserKey; secret: string }> {
  requireScope(caller, 'write')
  if (!managesUsers(caller)) throw new Fault('forbidden', 'Admin privileges required for this operation.')
  return insertKey(app, caller, { ...input, tag: 'ea' })
}

/** By whoever runs the server: an admin's key shows what it is. Throws not_found. */
export async function issueKey(app: Needs<'db' | 'clock'>, caller: Caller, input: NewUserKey): Promise<{ key: UserKey; secret: string }> {
  requireOperator(caller)
  return insertKey(app, caller, { ...input, tag: ({ isAdmin }) => (isAdmin ? 'ad' : 'ea') })
}

type Tag = 'ea' | 'ad'

async function insertKey(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  { userId, name, expiresAt, tag }: NewUserKey & { tag: Tag | ((user: User) => Tag) },
): Promise<{ key: UserKey; secret: string }> {
  const draft: Omit<UserKey, 'prefix'> = {
    ...{ id: newId(), tenantId: caller.tenantId, userId, name: name ?? '', scopes: ['read', 'write'] },
    ...{ createdAt: app.clock.now(), expiresAt: expiresAt ?? null, revokedAt: null, lastUsedAt: null },
  }
  return app.db.transaction(async (db) => {
    const user = await lockUserRow(db, caller.tenantId, userId)
    if (!user) throw notFound('user', userId)
    await requireAbove(db, caller, { userId, sentence: 'Admin privileges required for this operation.' })
    if ((await countUserKeys(db, userId)) >= KEYS_MAX)
      throw new Fault('wrong_state', `This user has ${KEYS_MAX} API keys. Revoke one before another is made.`, { kind: 'key' })
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const secret = newSecret(typeof tag === 'string' ? tag : tag(user))
      const key = { ...draft, prefix: secret.slice(0, KEY_PREFIX_CHARS) }
      if (await insertUserKey(db, { ...key, hash: hashSecret(secret) })) return { key, secret }
    }
    throw new Fault('internal', 'No API key could be made that begins like no other.')
  })
}

/** Newest first; those that are revoked only if asked for. Throws forbidden. */
export async function listUserKeys(app: Needs<'db'>, caller: Caller, input: { userId: string; revoked: boolean }): Promise<UserKey[]> {
  requireScope(caller, 'read')
  requireSelf(caller, input.userId)
  return (await listUserKeyRows(app.db, caller.tenantId, { ...input, limit: KEYS_MAX })).map(fromRow)
}

/** Also a revoked one. Throws forbidden or not_found. */
export async function getUserKey(app: Needs<'db'>, caller: Caller, input: { userId: string; prefix: string }): Promise<UserKey> {
  requireScope(caller, 'read')
  requireSelf(caller, input.userId)
  const row = await readUserKey(app.db, caller.tenantId, input)
  if (!row) throw missingKey(input.prefix)
  return fromRow(row)
}

/** Takes effect at once in every process on this database; a key may revoke itself. Throws forbidden or not_found. */
export async function revokeUserKey(
  app: Needs<'db' | 'clock' | 'signals'>,
  caller: Caller,
  input: { userId: string; prefix: string },
): Promise<UserKey> {
  requireScope(caller, 'write')
  requireSelf(caller, input.userId)
  const row = await revokeUserKeyRow(app.db, caller.tenantId, { ...input, at: app.clock.now() })
  if (!row) throw missingKey(input.prefix)
  app.signals.keyChanged()
  return fromRow(row)
}
