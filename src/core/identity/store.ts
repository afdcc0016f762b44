import type { Db, Statement } from '../../drivers/records/port.ts'
import type { ApiKey } from './keys.ts'

export interface KeyRow {
  id: string
  tenant_id: string
  user_id: string | null
  name: string
  prefix: string
  scopes: string
  created_at: number
  expires_at: number | null
  revoked_at: number | null
  last_used_at: number | null
}

export const KEY_COLUMNS = `id, tenant_id, user_id, name, prefix, scopes, created_at, expires_at, revoked_at, last_used_at`

/** False: the same secret is there already. */
export async function insertKey(db: Db, key: ApiKey & { hash: string }): Promise<boolean> {
  const rows = await db.hot(
    `insert into api_key (id, tenant_id, user_id, name, prefix, scopes, hash, created_at, expires_at)
    values ($1, $2, $3, $4, $5, $6, $7, to_timestamp($8::float8 / 1000.0), to_timestamp($9::float8 / 1000.0)) on conflict (hash) do nothing returning id`,
    [key.id, key.tenantId, key.userId, key.name, key.prefix, key.scopes.join(' '), key.hash, key.createdAt, key.expiresAt],
  )
  return rows.length === 1
}

/** With what its user is now; all null for keys of the tenant itself. */
export interface FoundKey extends KeyRow {
  /** Its user is an admin, whatever the key's own scopes say. */
  of_admin: boolean | null
  user_role: string | null
  user_status: string | null
  user_credential: string | null
  user_verified: boolean | null
}

const find: Statement<string, FoundKey | undefined> = {
  name: 'key.find',
  lanes: 2,
  itemsMax: 64,
  async run(db, hashes) {
    const rows = await db.hot<FoundKey & { hash: string }>(
      `select ${KEY_COLUMNS}, hash, o.* from api_key k
      left join lateral (
        select u.is_admin as of_admin, u.role as user_role, u.status as user_status, u.credential_id as user_credential,
          u.email_verified or exists (select from credential c where c.id = u.credential_id and c.email_verified_at is not null) as user_verified
        from app_user u where u.id = k.user_id
      ) o on true
      where hash = any($1::text::text[])`,
      [`{${hashes.join(',')}}`],
    )
    const byHash = new Map(rows.map((r) => [r.hash, r]))
    return hashes.map((h) => byHash.get(h))
  },
}

/** @param hash SHA-256 of the secret, in hex */
export const findKey = (db: Db, hash: string): Promise<FoundKey | undefined> => db.batch(find, hash)

export const listKeyRows = (db: Db, tenantId: string): Promise<KeyRow[]> =>
  db.query<KeyRow>(`select ${KEY_COLUMNS} from api_key where tenant_id = $1 order by created_at, id limit 1000`, [tenantId])

export async function revokeRow(db: Db, tenantId: string, input: { id: string; at: number }): Promise<KeyRow | undefined> {
  const rows = await db.hot<KeyRow>(
    `update api_key set revoked_at = coalesce(revoked_at, to_timestamp($3::float8 / 1000.0)) where id = $1 and tenant_id is not distinct from $2::uuid returning ${KEY_COLUMNS}`,
    [input.id, tenantId, input.at],
  )
  return rows[0]
}

export async function markUsed(db: Db, input: { id: string; at: number }): Promise<void> {
  await db.hot(`update api_key set last_used_at = greatest(last_used_at, to_timestamp($2::float8 / 1000.0)) where id = $1`, [
    input.id,
    input.at,
  ])
}

/**
 * The tenant of this name, made if it is not there, and locked to the end of the transaction: servers that start together
 * make one tenant and one first key. Two statements, as the first does not see what another has just
 * inserted.
 */
export async function ensureTenantRow(db: Db, input: { id: string; name: string; at: number }): Promise<string> {
  await db.query(
    `insert into tenant (id, name, created_at) values ($1, $2, to_timestamp($3::float8 / 1000.0)) on conflict (name) do nothing`,
    [input.id, input.name, input.at],
  )
  const rows = await db.query<{ id: string }>(`select id from tenant where name = $1 for no key update`, [input.name])
  const row = rows[0]
  if (!row) throw new Error('tenant neither inserted nor found')
  return row.id
}

export async function countLiveKeys(db: Db, tenantId: string): Promise<number> {
  const rows = await db.query<{ n: number }>(
    `select count(*)::int as n from api_key where tenant_id = $1 and revoked_at is null and (expires_at is null or expires_at > now())`,
    [tenantId],
  )
  return rows[0]?.n ?? 0
}

export async function hasTenantRow(db: Db, id: string): Promise<boolean> {
  const rows = await db.hot<{ id: string }>(`select id from tenant where id = $1::uuid`, [id])
  return rows.length > 0
}

export async function readSigningKey(db: Db, tenantId: string): Promise<string | undefined> {
  const rows = await db.hot<{ signing_key: string | null }>(`select signing_key from tenant where id = $1`, [tenantId])
  return rows[0]?.signing_key ?? undefined
}

/** The key that is there, or this one: of two that are made at once, one counts. */
export async function ensureSigningKey(db: Db, tenantId: string, fresh: string): Promise<string> {
  const rows = await db.hot<{ signing_key: string }>(
    `update tenant set signing_key = coalesce(signing_key, $2) where id = $1 returning signing_key`,
    [tenantId, fresh],
  )
  const key = rows[0]?.signing_key
  if (key === undefined) throw new Error('no such tenant')
  return key
}
