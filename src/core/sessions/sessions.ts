import type { Principal } from '../access/principal.ts'
import { audit } from '../audit/audit.ts'
import { Fault, notFound } from '../fault.ts'
import { isUuid } from '../id.ts'
import type { Needs } from '../needs.ts'
import type { Claims } from '../tokens/token.ts'
import { deleteSessionRows, isOfOthers, listSessionRows, revokeAllRows, revokeOwnRow, type SessionPage, type SessionRow } from './store.ts'

/** One device on which a person is signed in, or was. Times in milliseconds since the epoch. */
export interface Session {
  id: string
  tenantId: string
  createdAt: number
  lastSeenAt: number | null
  expiresAt: number
  revokedAt: number | null
  ipMasked: string | null
  fingerprint: string | null
  userAgent: string | null
  platform: string | null
  browser: string | null
  device: string | null
}

/** Why sessions end, as they are kept. */
export type EndReason =
  | 'user_logout'
  | 'user_logout_all'
  | 'user_session_manual_revoke'
  | 'password_change'
  | 'password_reset'
  | 'password_reset_token'
  | 'reuse'

type Parts = Needs<'db' | 'clock' | 'signals'>

const PAGE_MAX = 100
const DAY_MS = 86_400_000
const KEEP_MS = 30 * DAY_MS

/** What the principal signs in with. Throws forbidden: only people have sessions and passwords. */
export function requireCredential({ kind, credentialId, userId }: Principal): { credentialId: string; userId: string } {
  if (kind !== 'user' || credentialId === null || userId === null)
    throw new Fault('forbidden', 'Only a user who signed in can do this.', { why: 'insufficient_role' })
  return { credentialId, userId }
}

/** The person's own, in every tenant; those that were seen last come first, at most a hundred. */
export async function listSessions(
  app: Needs<'db'>,
  principal: Principal,
  { tenantId, includeRevoked, limit, offset }: Pick<SessionPage, 'includeRevoked' | 'limit' | 'offset'> & { tenantId?: string | null },
): Promise<{ sessions: Session[]; total: number }> {
  const { credentialId } = requireCredential(principal)
  const page = { credentialId, tenantId: tenantId ?? null, includeRevoked, limit: Math.min(limit, PAGE_MAX), offset }
  const { rows, total } = await listSessionRows(app.db, page)
  return { sessions: rows.map(fromRow), total }
}

/** Takes effect at once in this process, and a moment later in others. Throws not_found, also for one that has ended. */
export async function revokeSession(app: Parts, principal: Principal, id: string): Promise<void> {
  const { credentialId } = requireCredential(principal)
  if (!isUuid(id)) throw notFound('session', id)
  const reason: EndReason = 'user_session_manual_revoke'
  const revoked = await endOne(app, principal, { id, credentialId, jti: null, reason })
  if (!revoked) throw notFound('session', id)
}

/**
 * Ends the session of a refresh token, an expired one too. False: the token had ended before.
 * Throws forbidden: it is no refresh token of this person's.
 */
export async function signOut(
  app: Parts & Needs<'tokens'>,
  principal: Principal,
  { refreshToken }: { refreshToken: string },
): Promise<boolean> {
  const { credentialId, userId } = requireCredential(principal)
  const { sub, sid, jti } = await readRefresh(app, refreshToken)
  if (typeof sid !== 'string' || !isUuid(sid)) throw notYours()
  const isOwnUser = sub === `user:${userId}`
  // The same person as a user of another tenant: the row knows.
  if (!isOwnUser && (await isOfOthers(app.db, { id: sid, credentialId }))) throw notYours()
  const revoked = await endOne(app, principal, { id: sid, credentialId, jti, reason: 'user_logout' })
  if (!revoked && !isOwnUser) throw notYours()
  return revoked
}

const notYours = (): Fault => new Fault('forbidden', 'This is no refresh token of yours.', { why: 'invalid_token' })

async function readRefresh(app: Needs<'tokens'>, refreshToken: string): Promise<Claims> {
  try {
    return await app.tokens.verify(refreshToken, 'refresh', { expired: true })
  } catch (error) {
    throw error instanceof Fault && error.code === 'unauthenticated' ? notYours() : error
  }
}

/** Everywhere, this session too. Answers how many. */
export async function signOutAll(app: Parts, principal: Principal): Promise<number> {
  const { credentialId } = requireCredential(principal)
  const count = await app.db.transaction(async (db) => {
    const ended = await endAll({ ...app, db }, { credentialId, reason: 'user_logout_all' })
    await audit({ ...app, db }, { ...whose(principal), event: 'session.end_all', result: 'success', details: { sessions: ended } })
    return ended
  })
  app.signals.keyChanged()
  return count
}

/** In the transaction of what ends them; `signals.keyChanged()` comes after its commit. */
export const endAll = (app: Needs<'db' | 'clock'>, input: { credentialId: string; reason: EndReason }): Promise<number> =>
  revokeAllRows(app.db, { ...input, at: app.clock.now() })

const whose = ({ tenantId, userId }: Principal) => ({ tenantId, userId })

async function endOne(
  app: Parts,
  principal: Principal,
  input: { id: string; credentialId: string; jti: string | null; reason: EndReason },
): Promise<boolean> {
  const revoked = await app.db.transaction(async (db) => {
    const at = app.clock.now()
    if (!(await revokeOwnRow(db, { ...input, at }))) return false
    const event = input.reason === 'user_logout' ? 'session.end' : 'session.revoke'
    await audit({ ...app, db }, { ...whose(principal), event, result: 'success', details: { session: input.id } })
    return true
  })
  if (revoked) app.signals.keyChanged()
  return revoked
}

/** Those that ended long ago; until then they are shown. Answers how many went, at most `limit`. */
export const dropSessions = (app: Needs<'db' | 'clock'>, limit: number): Promise<number> =>
  deleteSessionRows(app.db, app.clock.now() - KEEP_MS, limit)

const fromRow = (r: SessionRow): Session => ({
  ...{ id: r.id, tenantId: r.tenant_id, createdAt: r.created_at, lastSeenAt: r.last_seen_at, expiresAt: r.expires_at },
  ...{ revokedAt: r.revoked_at, ipMasked: r.ip_masked, fingerprint: r.fingerprint, userAgent: r.user_agent },
  ...{ platform: r.platform, browser: r.browser, device: r.device },
})
