import type { Db } from '../../drivers/records/port.ts'
import type { Role } from '../access/roles.ts'

export interface CredentialRow {
  id: string
  email: string
  password_hash: string
  /** JSON. */
  password_history: string
  email_verified_at: number | null
}

export interface MembershipRow {
  id: string
  tenant_id: string
  role: Role | null
  is_operator: boolean
  status: string
}

const COLUMNS = 'c.id, c.email, c.password_hash, c.password_history, c.email_verified_at'

/** Far more tenants than a person has. */
const MEMBERSHIPS_MAX = 1000

export type Known = CredentialRow & { users: MembershipRow[] }

/** With the users it stands for, oldest first. */
export async function findCredential(db: Db, email: string): Promise<Known | undefined> {
  type Row = CredentialRow & Omit<MembershipRow, 'id'> & { user_id: string | null }
  const rows = await db.hot<Row>(
    `select ${COLUMNS}, u.id as user_id, u.tenant_id, u.role, u.is_operator, u.status
    from credential c left join app_user u on u.credential_id = c.id where c.email = $1 order by u.created_at, u.id limit ${MEMBERSHIPS_MAX}`,
    [email],
  )
  const found = rows[0]
  if (!found) return undefined
  const { id, password_hash, password_history, email_verified_at } = found
  const users = rows.flatMap(({ user_id, tenant_id, role, is_operator, status }) =>
    user_id === null ? [] : [{ id: user_id, tenant_id, role, is_operator, status }],
  )
  return { id, email: found.email, password_hash, password_history, email_verified_at, users }
}

export async function readCredential(db: Db, id: string): Promise<CredentialRow | undefined> {
  const rows = await db.hot<CredentialRow>(`select ${COLUMNS} from credential c where c.id = $1`, [id])
  return rows[0]
}

/** A user of a tenant with what he signs in with. */
export interface OwnerRow extends CredentialRow {
  user_id: string
  role: Role | null
  is_operator: boolean
  name: string | null
  /** The same person is somebody in other tenants. */
  elsewhere: boolean
}

/** Undefined: there is none, or he has keys only. With `hold` user and credential stay as they are to the end of the transaction. */
export async function readOwner(
  db: Db,
  { tenantId, userId }: { tenantId: string; userId: string },
  hold = false,
): Promise<OwnerRow | undefined> {
  if (hold)
    await db.hot(`select 1 from app_user u where u.id = $2 and u.tenant_id is not distinct from $1::uuid for share`, [tenantId, userId])
  const rows = await db.hot<OwnerRow>(
    `select ${COLUMNS}, u.id as user_id, u.role, u.is_operator, u.name, exists (
      select 1 from app_user o where o.credential_id = u.credential_id and o.id <> u.id
    ) as elsewhere
    from app_user u join credential c on c.id = u.credential_id
    where u.id = $2 and u.tenant_id is not distinct from $1::uuid ${hold ? 'for no key update of c' : ''}`,
    [tenantId, userId],
  )
  return rows[0]
}

/** False: it is another password by now, or nobody's. */
export async function writePassword(
  db: Db,
  { id, was, hash, history, at }: { id: string; was: string; hash: string; history: string; at: number },
): Promise<boolean> {
  const rows = await db.hot(
    `update credential as c set password_hash = $3, password_history = $4, password_changed_at = to_timestamp($5::float8 / 1000.0)
    where c.id = $1 and c.password_hash = $2 returning c.id`,
    [id, was, hash, history, at],
  )
  return rows.length === 1
}

export async function readCredentialOf(db: Db, { tenantId, userId }: { tenantId: string; userId: string }): Promise<string | undefined> {
  const rows = await db.hot<{ credential_id: string | null }>(
    `select u.credential_id from app_user u where u.id = $2 and u.tenant_id is not distinct from $1::uuid`,
    [tenantId, userId],
  )
  return rows[0]?.credential_id ?? undefined
}

/** Until the end of the transaction nobody else changes it, or signs in with it. */
export async function holdCredential(db: Db, id: string): Promise<void> {
  await db.hot(`select 1 from credential c where c.id = $1 for no key update`, [id])
}

/** The first time counts. What other surfaces show of the users with this address follows. False: it has another address. */
export async function markVerified(db: Db, { id, email, at }: { id: string; email: string; at: number }): Promise<boolean> {
  await db.hot(`update app_user as u set email_verified = true where u.credential_id = $1 and u.email || '' = $2`, [id, email])
  const rows = await db.hot(
    `update credential as c set email_verified_at = coalesce(c.email_verified_at, to_timestamp($3::float8 / 1000.0))
    where c.id = $1 and c.email || '' = $2 returning c.id`,
    [id, email, at],
  )
  return rows.length === 1
}

/** Of one that is held: with its tokens, once it stands for nobody any more. Answers whether it went. */
export async function deleteCredentialIfUnused(db: Db, id: string): Promise<boolean> {
  const rows = await db.hot(
    `delete from credential as c where c.id = $1 and not exists (select 1 from app_user u where u.credential_id = $1) returning c.id`,
    [id],
  )
  if (rows.length === 0) return false
  await db.hot(`delete from email_token where credential_id = $1`, [id])
  return true
}
