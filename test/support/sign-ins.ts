import type { Role } from '../../src/core/access/roles.ts'
import { grantsOf } from '../../src/core/access/roles.ts'
import { insertCredential } from '../../src/core/credentials/credentials.ts'
import { newId } from '../../src/core/id.ts'
import type { JsonObject } from '../../src/core/json.ts'
import type { Needs } from '../../src/core/needs.ts'
import { serviceClaims, userClaims } from '../../src/core/tokens/claims.ts'

type SignInNeeds = Needs<'db' | 'clock' | 'tokens' | 'identity'>

export interface SignedInUser {
  tenantId: string
  userId: string
  credentialId: string
  sessionId: string
  /** An access token. */
  token: string
  claims: JsonObject
}

export interface SignedInInput {
  tenantId: string
  role?: Role | null
  isOperator?: boolean
  emailVerified?: boolean
}

/** A user with a session, as the tables know them: rows alone, whatever the rules of signing in are. */
export async function signedIn(
  app: SignInNeeds,
  { tenantId, role = 'member', isOperator = false, emailVerified = true }: SignedInInput,
): Promise<SignedInUser> {
  const [userId, credentialId, sessionId] = [newId(), newId(), newId()]
  const email = `${userId}@example.com`
  const now = app.clock.now()
  await app.db.transaction(async (db) => {
    await insertCredential(db, { id: credentialId, email, passwordHash: '-', verified: emailVerified, at: now })
    await db.query(
      `insert into app_user (id, tenant_id, email, role, is_operator, credential_id, created_at)
      values ($1, $2, $3, $4, $5, $6, to_timestamp($7::float8 / 1000))`,
      [userId, tenantId, email, role, isOperator, credentialId, now],
    )
    await db.query(
      `insert into session (id, tenant_id, user_id, credential_id, refresh_jti, created_at, expires_at)
      values ($1, $2, $3, $4, $5, to_timestamp($6::float8 / 1000), to_timestamp($7::float8 / 1000))`,
      [sessionId, tenantId, userId, credentialId, newId(), now, now + app.identity.refreshMs],
    )
  })
  const grants = grantsOf({ role, isOperator })
  const times = { issuedAt: now, expiresAt: now + app.identity.accessMs }
  const claims = userClaims({ use: 'access', userId, tenantId, role, grants, emailVerified, sessionId, ...times })
  const { token } = await app.tokens.sign(claims)
  return { tenantId, userId, credentialId, sessionId, token, claims }
}

export interface MachineInput {
  account: string
  tenantId: string | null
  scopes: string[]
}

/** A service account with a token that is alive, and an access token it was exchanged for. */
export async function machineOf(app: SignInNeeds, input: MachineInput): Promise<{ jti: string; token: string; refreshToken: string }> {
  const jti = newId()
  const now = app.clock.now()
  const times = { issuedAt: now, expiresAt: now + app.identity.accessMs }
  await app.db.query(
    `insert into service_token (jti, tenant_id, account, scopes, kid, issued_at, expires_at)
    values ($1, $2, $3, $4, 'any', to_timestamp($5::float8 / 1000), to_timestamp($6::float8 / 1000))`,
    [jti, input.tenantId, input.account, input.scopes.toSorted().join(' '), now, now + app.identity.refreshMs],
  )
  const { token } = await app.tokens.sign(serviceClaims({ use: 'access', ...input, parent: jti, ...times }))
  const { token: refreshToken } = await app.tokens.sign(serviceClaims({ use: 'refresh', ...input, jti, ...times }))
  return { jti, token, refreshToken }
}

const changed = async (app: Needs<'db' | 'clock' | 'signals'>, sql: string, params: (string | number | null)[]): Promise<void> => {
  await app.db.query(sql, params)
  app.signals.keyChanged()
}

/** As whoever ends a session does it. */
export const endSession = (app: Needs<'db' | 'clock' | 'signals'>, id: string): Promise<void> =>
  changed(app, `update session set revoked_at = to_timestamp($2::float8 / 1000), revoked_reason = 'user_logout' where id = $1`, [
    id,
    app.clock.now(),
  ])

export const changeUser = (
  app: Needs<'db' | 'clock' | 'signals'>,
  id: string,
  set: { role?: Role | null; status?: string },
): Promise<void> =>
  changed(app, `update app_user set role = case when $2 = '-' then role else $2 end, status = coalesce($3, status) where id = $1`, [
    id,
    set.role === undefined ? '-' : set.role,
    set.status ?? null,
  ])
