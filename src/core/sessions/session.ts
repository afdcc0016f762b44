import { grantsOf, type Role } from '../access/roles.ts'
import { Fault } from '../fault.ts'
import { newId } from '../id.ts'
import { makeStorable } from '../json.ts'
import type { Needs } from '../needs.ts'
import { maskIp } from '../rates/ip.ts'
import { userClaims } from '../tokens/claims.ts'
import { type Client, fingerprintOf } from './client.ts'
import { deviceOf } from './devices.ts'
import { insertSessionRow, type Seen } from './store.ts'

/** What somebody gets who signed in. Times in milliseconds since the epoch. */
export interface SignedIn {
  accessToken: string
  refreshToken: string
  expiresAt: number
  refreshExpiresAt: number
  kid: string
  refreshKid: string
  grants: string[]
  tenantId: string
  userId: string
  emailVerified: boolean
  sessionId: string
}

/** Who signs in, as tokens tell it. */
export interface SessionUser {
  id: string
  tenantId: string
  credentialId: string
  role: Role | null
  isOperator: boolean
  emailVerified: boolean
}

/** A session that is not there yet: its tokens are signed, and worth nothing until `recordSession`. */
export interface SessionDraft {
  signedIn: SignedIn
  user: SessionUser
  seen: Seen
  refreshJti: string
}

type Signing = Needs<'clock' | 'tokens' | 'identity'>

const SECOND_MS = 1000
const USER_AGENT_MAX = 512

/** As tokens say it: in whole seconds. */
export const refreshEnd = ({ clock, identity }: Signing): number => Math.floor((clock.now() + identity.refreshMs) / SECOND_MS) * SECOND_MS

/** Signs, and writes nothing: do it outside of the transaction. */
export async function draftSession(app: Signing, { user, client }: { user: SessionUser; client: Client }): Promise<SessionDraft> {
  const refreshJti = newId()
  const until = refreshEnd(app)
  const signedIn = await signPair(app, user, { sessionId: newId(), jti: refreshJti, until })
  return { signedIn, user, refreshJti, seen: { ...seenOf(client), at: app.clock.now(), expiresAt: until } }
}

/**
 * In the transaction of what makes the user sign in. With `passwordHash` only while that is his password.
 * Throws unauthenticated: he is gone, disabled, or has another password by now.
 */
export async function recordSession(
  app: Needs<'db'>,
  { signedIn, user, seen, refreshJti }: SessionDraft,
  passwordHash: string | null = null,
): Promise<void> {
  const { id: userId, tenantId, credentialId } = user
  const row = { ...seen, id: signedIn.sessionId, tenantId, userId, credentialId, refreshJti, passwordHash }
  if (!(await insertSessionRow(app.db, row))) throw new Fault('unauthenticated', 'This account has just changed; sign in again.')
}

/** @param pair.until when the refresh token ends */
export async function signPair(
  app: Signing,
  user: SessionUser,
  { sessionId, jti, until }: { sessionId: string; jti: string; until: number },
): Promise<SignedIn> {
  const { id: userId, tenantId, role, isOperator, emailVerified } = user
  const issuedAt = app.clock.now()
  const grants = grantsOf({ role, isOperator })
  const facts = { userId, tenantId, role, grants, emailVerified, sessionId, issuedAt }
  const expiresAt = Math.floor((issuedAt + app.identity.accessMs) / SECOND_MS) * SECOND_MS
  const access = await app.tokens.sign(userClaims({ ...facts, use: 'access', expiresAt }))
  const refresh = await app.tokens.sign(userClaims({ ...facts, use: 'refresh', jti, expiresAt: until }))
  return {
    ...{ accessToken: access.token, kid: access.kid, expiresAt },
    ...{ refreshToken: refresh.token, refreshKid: refresh.kid, refreshExpiresAt: until },
    ...{ grants, tenantId, userId, emailVerified, sessionId },
  }
}

/** What is kept of whoever calls. */
export function seenOf(client: Client): Omit<Seen, 'at' | 'expiresAt'> {
  const userAgent = client.userAgent === null ? null : makeStorable(client.userAgent.slice(0, USER_AGENT_MAX))
  const ipMasked = client.ip === null ? null : maskIp(client.ip)
  return { fingerprint: fingerprintOf(client), ipMasked, userAgent, ...deviceOf(userAgent) }
}
