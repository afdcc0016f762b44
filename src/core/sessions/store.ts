import type { Db } from '../../drivers/records/port.ts'
import type { Role } from '../access/roles.ts'
import { deleteOldRows } from '../sweeps/old-rows.ts'

export interface SessionRow {
  id: string
  tenant_id: string
  user_id: string
  credential_id: string
  refresh_jti: string
  previous_jti: string | null
  rotated_at: number | null
  fingerprint: string | null
  ip_masked: string | null
  user_agent: string | null
  platform: string | null
  browser: string | null
  device: string | null
  created_at: number
  last_seen_at: number | null
  expires_at: number
  revoked_at: number | null
  revoked_reason: string | null
}

/** A session with what of its user goes into tokens. */
export interface FamilyRow extends SessionRow {
  status: string
  role: Role | null
  is_operator: boolean
  email: string
  email_verified: boolean
}

const COLUMNS = `s.id, s.tenant_id, s.user_id, s.credential_id, s.refresh_jti, s.previous_jti, s.rotated_at, s.fingerprint, s.ip_masked,
  s.user_agent, s.platform, s.browser, s.device, s.created_at, s.last_seen_at, s.expires_at, s.revoked_at, s.revoked_reason`

const MS = (n: number): string => `to_timestamp($${n}::float8 / 1000.0)`

/** Where and with what somebody is seen. */
export interface Seen {
  fingerprint: string | null
  ipMasked: string | null
  userAgent: string | null
  platform: string | null
  browser: string | null
  device: string | null
  at: number
  expiresAt: number
}

export interface NewSessionRow extends Seen {
  id: string
  tenantId: string
  userId: string
  credentialId: string
  refreshJti: string
  /** Null: whatever the password is. */
  passwordHash: string | null
}

/**
 * False: the user is gone or disabled, or has another password by now. The user and what he signs in with stay as they are
 * to the end of the transaction, locked in the order in which all do: user, credential, session.
 */
export async function insertSessionRow(db: Db, s: NewSessionRow): Promise<boolean> {
  const rows = await db.hot(
    `with u as materialized (
      select u.credential_id from app_user u
      where u.id = $2 and u.tenant_id is not distinct from $3::uuid and u.status || '' = 'active' for share
    ), c as materialized (
      select c.id from credential c where c.id = (select u.credential_id from u) and c.id = $4 and ($5::text is null or c.password_hash = $5)
      for share
    )
    insert into session (id, user_id, tenant_id, credential_id, refresh_jti, fingerprint, ip_masked, user_agent, platform, browser, device,
      created_at, last_seen_at, expires_at)
    select $1, $2, $3, c.id, $6, $7, $8, $9, $10, $11, $12, ${MS(13)}, ${MS(13)}, ${MS(14)} from c returning id`,
    [
      ...[s.id, s.userId, s.tenantId, s.credentialId, s.passwordHash, s.refreshJti],
      ...[s.fingerprint, s.ipMasked, s.userAgent, s.platform, s.browser, s.device, s.at, s.expiresAt],
    ],
  )
  return rows.length === 1
}

export async function readFamily(db: Db, { id, tenantId }: { id: string; tenantId: string }): Promise<FamilyRow | undefined> {
  const rows = await db.hot<FamilyRow>(
    `select ${COLUMNS}, u.status, u.role, u.is_operator, c.email, c.email_verified_at is not null as email_verified
    from session s join app_user u on u.id = s.user_id join credential c on c.id = s.credential_id
    where s.id = $1 and s.tenant_id is not distinct from $2::uuid`,
    [id, tenantId],
  )
  return rows[0]
}

const IN_USE = (at: number): string => `s.revoked_at is null and coalesce(s.expires_at, s.created_at) > ${MS(at)}`

/** False: another token counts by now, or none. Of all who try at once it is true for one. */
export async function rotateRow(db: Db, s: Seen & { id: string; from: string; to: string }): Promise<boolean> {
  const rows = await db.hot(
    `update session as s set refresh_jti = $3, previous_jti = $2, rotated_at = ${MS(4)}, last_seen_at = ${MS(4)}, expires_at = ${MS(5)},
      fingerprint = $6, ip_masked = $7, user_agent = $8, platform = $9, browser = $10, device = $11
    where s.id = $1 and s.refresh_jti = $2 and ${IN_USE(4)} returning s.id`,
    [s.id, s.from, s.to, s.at, s.expiresAt, s.fingerprint, s.ipMasked, s.userAgent, s.platform, s.browser, s.device],
  )
  return rows.length === 1
}

/** False: somebody was answered since `seenBefore`, or another token counts by now. Of all who try at once it is true for one. */
export async function answerAgain(
  db: Db,
  input: { id: string; current: string; previous: string; seenBefore: number; at: number },
): Promise<boolean> {
  const rows = await db.hot(
    `update session as s set last_seen_at = ${MS(5)}
    where s.id = $1 and s.refresh_jti = $2 and s.previous_jti = $3 and s.last_seen_at <= ${MS(4)} and ${IN_USE(5)} returning s.id`,
    [input.id, input.current, input.previous, input.seenBefore, input.at],
  )
  return rows.length === 1
}

interface End {
  at: number
  reason: string
}

/** False: it has ended already, or counts the token again that was taken for an old one. */
export async function revokeFamily(db: Db, { id, unless, at, reason }: End & { id: string; unless: string }): Promise<boolean> {
  const rows = await db.hot(
    `update session as s set revoked_at = ${MS(3)}, revoked_reason = $4
    where s.id = $1 and s.refresh_jti <> $2 and s.revoked_at is null returning s.id`,
    [id, unless, at, reason],
  )
  return rows.length === 1
}

const OWN = 's.credential_id is not distinct from $2::uuid'

/** False: there is none of this person, or it was revoked already. With `jti` only while that is the token that counts. */
export async function revokeOwnRow(
  db: Db,
  { id, credentialId, jti, at, reason }: End & { id: string; credentialId: string; jti: string | null },
): Promise<boolean> {
  const rows = await db.hot(
    `update session as s set revoked_at = ${MS(3)}, revoked_reason = $4
    where s.id = $1 and ${OWN} and s.revoked_at is null and ($5::uuid is null or s.refresh_jti = $5::uuid) returning s.id`,
    [id, credentialId, at, reason, jti],
  )
  return rows.length === 1
}

/** Whether somebody else has this session: a person's own in another tenant is his. */
export async function isOfOthers(db: Db, { id, credentialId }: { id: string; credentialId: string }): Promise<boolean> {
  const rows = await db.hot(`select 1 from session s where s.id = $1 and not (${OWN})`, [id, credentialId])
  return rows.length > 0
}

/** All of a person, in every tenant. Answers how many. */
export async function revokeAllRows(db: Db, { credentialId, at, reason }: End & { credentialId: string }): Promise<number> {
  const rows = await db.hot(
    `update session set revoked_at = ${MS(2)}, revoked_reason = $3 where credential_id = $1 and revoked_at is null returning id`,
    [credentialId, at, reason],
  )
  return rows.length
}

export interface SessionPage {
  credentialId: string
  tenantId: string | null
  includeRevoked: boolean
  limit: number
  offset: number
}

/** Those that were seen last come first. */
export async function listSessionRows(db: Db, page: SessionPage): Promise<{ rows: SessionRow[]; total: number }> {
  const where = 's.credential_id = $1 and ($2::uuid is null or s.tenant_id = $2::uuid) and ($3::boolean or s.revoked_at is null)'
  const filter = [page.credentialId, page.tenantId, page.includeRevoked]
  const counted = await db.query<{ n: number }>(`select count(*)::int as n from session s where ${where}`, filter)
  const rows = await db.query<SessionRow>(
    `select ${COLUMNS} from session s where ${where}
    order by s.last_seen_at desc nulls last, s.created_at desc, s.id desc limit $4::int offset $5::int`,
    [...filter, page.limit, page.offset],
  )
  return { rows, total: counted[0]?.n ?? 0 }
}

/** Of one user, whoever else he is in other tenants. */
export async function deleteSessionsOf(db: Db, { tenantId, userId }: { tenantId: string; userId: string }): Promise<void> {
  await db.hot(`delete from session where user_id = $2 and tenant_id is not distinct from $1::uuid`, [tenantId, userId])
}

export const deleteSessionRows = (db: Db, before: number, limit: number): Promise<number> =>
  deleteOldRows(db, { table: 'session', time: 'expires_at' }, { before, limit })
