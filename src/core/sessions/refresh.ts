import { audit } from '../audit/audit.ts'
import { Fault } from '../fault.ts'
import { isUuid, newId } from '../id.ts'
import type { Needs } from '../needs.ts'
import { requireOpen } from '../rates/guard.ts'
import type { Claims } from '../tokens/token.ts'
import type { Client } from './client.ts'
import { refreshEnd, type SessionUser, type SignedIn, seenOf, signPair } from './session.ts'
import { answerAgain, type FamilyRow, readFamily, revokeFamily, rotateRow } from './store.ts'

type Parts = Needs<'db' | 'clock' | 'tokens' | 'identity' | 'signals'>

interface Asked {
  family: FamilyRow
  jti: string
  client: Client
}

/** Requests with the same token that come within this time are taken for simultaneous: one of them is answered. */
const AT_ONCE_MS = 2_000

/**
 * A new pair for a refresh token; the token itself is used up. Who sends a used one gets nothing, and:
 *
 * - it was used within the grace: nothing else happens, a page may have been loaded twice. Its answer may also have been
 *   lost, on its way or with a process. So if the new token was not used either, and nobody was answered for a moment, the
 *   pair with that new token is answered once more: there is still one successor.
 * - later, or it is older than the last one: somebody has a copy. The session ends, for whoever has it.
 *
 * Throws unauthenticated, or forbidden with why.
 */
export async function refreshSession(app: Parts, { refreshToken, client }: { refreshToken: string; client: Client }): Promise<SignedIn> {
  const claims = await app.tokens.verify(refreshToken, 'refresh')
  const family = await readLive(app, claims)
  const asked = { family, jti: claims.jti, client }
  const isCurrent = family.refresh_jti === claims.jti
  if (!isCurrent && !isInGrace(app, asked)) return endForReuse(app, asked)
  if (family.status !== 'active') throw new Fault('forbidden', 'This account is disabled.', { why: 'disabled' })
  // Of the person, not of where he is: many share an address.
  await requireOpen(app, { email: family.email, ip: null })
  return isCurrent ? rotate(app, asked) : repeat(app, asked)
}

const dead = (): Fault => new Fault('unauthenticated', 'This refresh token is no longer valid; sign in again.', { why: 'invalid_token' })

async function readLive(app: Parts, { sub, sid, tenant_id }: Claims): Promise<FamilyRow> {
  if (typeof sid !== 'string' || !isUuid(sid) || typeof tenant_id !== 'string' || !isUuid(tenant_id)) throw dead()
  const family = await readFamily(app.db, { id: sid, tenantId: tenant_id })
  const isLive = family && family.revoked_at === null && family.expires_at > app.clock.now()
  if (!isLive || sub !== `user:${family.user_id}`) throw dead()
  return family
}

const userOf = (f: FamilyRow): SessionUser => ({
  ...{ id: f.user_id, tenantId: f.tenant_id, credentialId: f.credential_id },
  ...{ role: f.role, isOperator: f.is_operator, emailVerified: f.email_verified },
})

/** Signed first, then it counts: a failed signature leaves the old token as it was. */
async function rotate(app: Parts, { family, jti, client }: Asked): Promise<SignedIn> {
  const to = newId()
  const until = refreshEnd(app)
  const pair = await signPair(app, userOf(family), { sessionId: family.id, jti: to, until })
  const seen = { ...seenOf(client), at: app.clock.now(), expiresAt: until }
  if (!(await rotateRow(app.db, { id: family.id, from: jti, to, ...seen }))) throw dead()
  return pair
}

const isInGrace = ({ clock, identity }: Parts, { family, jti }: Asked): boolean =>
  family.previous_jti === jti && clock.now() - (family.rotated_at ?? 0) <= identity.refreshGraceMs

async function repeat(app: Parts, { family, jti }: Asked): Promise<SignedIn> {
  const at = app.clock.now()
  const seenBefore = at - AT_ONCE_MS
  if ((family.last_seen_at ?? at) > seenBefore) throw dead()
  const { id, refresh_jti: current, expires_at: until } = family
  const pair = await signPair(app, userOf(family), { sessionId: id, jti: current, until })
  if (!(await answerAgain(app.db, { id, current, previous: jti, seenBefore, at }))) throw dead()
  return pair
}

async function endForReuse(app: Parts, { family, jti, client }: Asked): Promise<never> {
  const { id, tenant_id: tenantId, user_id: userId } = family
  const ended = await app.db.transaction(async (db) => {
    if (!(await revokeFamily(db, { id, unless: jti, at: app.clock.now(), reason: 'reuse' }))) return false
    await audit(
      { ...app, db },
      { tenantId, userId, event: 'session.refresh', result: 'failure', reason: 'reuse', client, details: { session: id } },
    )
    return true
  })
  if (ended) app.signals.keyChanged()
  throw dead()
}
