import type { Db } from '../../drivers/records/port.ts'
import type { ApiKey } from './keys.ts'
import type { KeyRow } from './store.ts'
import { KEY_COLUMNS } from './store.ts'
import type { User } from './users.ts'

interface UserRow {
  id: string
  email: string | null
  name: string | null
  given_name: string | null
  family_name: string | null
  picture_url: string | null
  email_verified: boolean
  provider: string
  is_admin: boolean
  created_at: number
  updated_at: number
}

const COLUMNS = `u.id, u.email, u.name, u.given_name, u.family_name, u.picture_url, u.email_verified, u.provider, u.is_admin,
  u.created_at, u.updated_at`

const fromRow = (r: UserRow): User => ({
  ...{ id: r.id, email: r.email, name: r.name, givenName: r.given_name, familyName: r.family_name, pictureUrl: r.picture_url },
  ...{ emailVerified: r.email_verified, provider: r.provider, isAdmin: r.is_admin, createdAt: r.created_at, updatedAt: r.updated_at },
})

/** False: the tenant has a user with this e-mail address. */
export async function insertUserRow(db: Db, tenantId: string, user: User & { providerUserId: string | null }): Promise<boolean> {
  const { id, email, name, givenName, familyName, pictureUrl, emailVerified, provider, providerUserId, isAdmin, createdAt } = user
  const rows = await db.hot(
    `insert into app_user (id, tenant_id, email, name, given_name, family_name, picture_url, email_verified, provider, provider_user_id,
      is_admin, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, to_timestamp($12::float8 / 1000.0), to_timestamp($12::float8 / 1000.0))
    on conflict (tenant_id, email) do nothing returning id`,
    [id, tenantId, email, name, givenName, familyName, pictureUrl, emailVerified, provider, providerUserId, isAdmin, createdAt],
  )
  return rows.length === 1
}

const MINE = 'u.tenant_id is not distinct from $1::uuid'

/** Those that are there, in no order. */
export async function readUserRows(db: Db, tenantId: string, ids: readonly string[]): Promise<User[]> {
  const rows = await db.hot<UserRow>(
    `select ${COLUMNS} from unnest($2::text::uuid[]) as i(id)
    cross join lateral (select * from app_user u where u.id = i.id and ${MINE} offset 0) u`,
    [tenantId, `{${ids.join(',')}}`],
  )
  return rows.map(fromRow)
}

/** Until the end of the transaction nobody else changes the user or his keys. */
export async function lockUserRow(db: Db, tenantId: string, id: string): Promise<User | undefined> {
  const rows = await db.hot<UserRow>(`select ${COLUMNS} from app_user u where u.id = $2 and ${MINE} for no key update`, [tenantId, id])
  return rows[0] && fromRow(rows[0])
}

/**
 * Until the end of the transaction: of a tenant's users one at a time gets another e-mail address, so that whoever looks
 * finds it free and has it.
 */
export async function holdEmails(db: Db, tenantId: string): Promise<void> {
  await db.hot(`select pg_advisory_xact_lock(hashtextextended('emails ' || $1::text, 0))`, [tenantId])
}

export async function isEmailTaken(db: Db, tenantId: string, { id, email }: { id: string; email: string }): Promise<boolean> {
  const rows = await db.hot(`select 1 from app_user u where u.tenant_id = $1 and u.email = $2 and u.id <> $3`, [tenantId, email, id])
  return rows.length > 0
}

/** Of a row that the transaction has locked. */
export async function writeUserRow(db: Db, tenantId: string, user: User): Promise<void> {
  const { id, email, name, givenName, familyName, pictureUrl, emailVerified, isAdmin, updatedAt } = user
  await db.hot(
    `update app_user as u set email = $3, name = $4, given_name = $5, family_name = $6, picture_url = $7, email_verified = $8,
      is_admin = $9, updated_at = to_timestamp($10::float8 / 1000.0)
    where u.id = $2 and ${MINE}`,
    [tenantId, id, email, name, givenName, familyName, pictureUrl, emailVerified, isAdmin, updatedAt],
  )
}

/** Oldest first. */
export async function listUserRows(db: Db, tenantId: string, limit: number): Promise<User[]> {
  const rows = await db.query<UserRow>(
    `select ${COLUMNS} from app_user u where u.tenant_id = $1 order by u.created_at, u.id limit $2::int`,
    [tenantId, limit],
  )
  return rows.map(fromRow)
}

/** How many of the user's keys are not revoked. */
export async function countUserKeys(db: Db, userId: string): Promise<number> {
  const rows = await db.hot<{ n: number }>(
    `select count(*)::int as n from api_key k where k.user_id = $1 and k.prefix <> '' and k.revoked_at is null`,
    [userId],
  )
  return rows[0]?.n ?? 0
}

/** False: another of the user's keys begins like it. */
export async function insertUserKey(db: Db, key: ApiKey & { hash: string }): Promise<boolean> {
  const rows = await db.hot(
    `insert into api_key (id, tenant_id, user_id, name, prefix, scopes, hash, created_at, expires_at)
    values ($1, $2, $3, $4, $5, $6, $7, to_timestamp($8::float8 / 1000.0), to_timestamp($9::float8 / 1000.0))
    on conflict do nothing returning id`,
    [key.id, key.tenantId, key.userId, key.name, key.prefix, key.scopes.join(' '), key.hash, key.createdAt, key.expiresAt],
  )
  return rows.length === 1
}

const OF_USER = `k.user_id = $2 and k.tenant_id is not distinct from $1::uuid and k.prefix <> ''`

/** Newest first. */
export const listUserKeyRows = (db: Db, tenantId: string, input: { userId: string; revoked: boolean; limit: number }): Promise<KeyRow[]> =>
  db.query<KeyRow>(
    `select ${KEY_COLUMNS} from api_key k where ${OF_USER} and ($3::boolean or k.revoked_at is null)
    order by k.created_at desc, k.id desc limit $4::int`,
    [tenantId, input.userId, input.revoked, input.limit],
  )

export async function readUserKey(db: Db, tenantId: string, key: { userId: string; prefix: string }): Promise<KeyRow | undefined> {
  const rows = await db.hot<KeyRow>(`select ${KEY_COLUMNS} from api_key k where ${OF_USER} and k.prefix = $3`, [
    ...[tenantId, key.userId, key.prefix],
  ])
  return rows[0]
}

/** The first revocation counts. */
export async function revokeUserKeyRow(
  db: Db,
  tenantId: string,
  key: { userId: string; prefix: string; at: number },
): Promise<KeyRow | undefined> {
  const rows = await db.hot<KeyRow>(
    `update api_key as k set revoked_at = coalesce(k.revoked_at, to_timestamp($4::float8 / 1000.0))
    where ${OF_USER} and k.prefix = $3 returning ${KEY_COLUMNS}`,
    [tenantId, key.userId, key.prefix, key.at],
  )
  return rows[0]
}
