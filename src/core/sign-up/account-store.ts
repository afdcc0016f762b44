import type { Db } from '../../drivers/records/port.ts'
import { isAtLeast, type Role } from '../access/roles.ts'

/** False: there is a tenant of this name. */
export async function insertTenant(db: Db, tenant: { id: string; name: string; title: string; at: number }): Promise<boolean> {
  const rows = await db.hot(
    `insert into tenant (id, name, title, created_at) values ($1, $2, $3, to_timestamp($4::float8 / 1000.0)) on conflict (name) do nothing returning id`,
    [tenant.id, tenant.name, tenant.title, tenant.at],
  )
  return rows.length === 1
}

export interface FoundUser {
  id: string
  credentialId: string | null
  role: Role | null
  isActive: boolean
  /** A manager says that the address is his: users with keys write what they like. */
  isVouched: boolean
}

const NAMESAKE = `with c as materialized (select id from credential where email = $2)
  select id, credential_id, role, status, email_verified from app_user where tenant_id = $1 and (lower(email) = $2 or credential_id = (select id from c))
  order by (credential_id = (select id from c)) desc nulls last, (email = $2) desc, id limit 1`

interface FoundRow {
  id: string
  credential_id: string | null
  role: string | null
  status: string
  email_verified: boolean
}

const fromFound = (r: FoundRow | undefined): FoundUser | undefined =>
  r && {
    ...{ id: r.id, credentialId: r.credential_id, role: r.role as Role | null, isActive: r.status === 'active' },
    isVouched: r.email_verified,
  }

/** Who is known by this address, in whatever case it was written, or signs in with it. */
export const readNamesake = async (db: Db, tenantId: string, email: string): Promise<FoundUser | undefined> =>
  fromFound((await db.query<FoundRow>(NAMESAKE, [tenantId, email]))[0])

/** Until the end of the transaction nobody else changes him. Users are locked before credentials, everywhere. */
export const lockNamesake = async (db: Db, tenantId: string, email: string): Promise<FoundUser | undefined> =>
  fromFound((await db.query<FoundRow>(`${NAMESAKE} for no key update`, [tenantId, email]))[0])

export interface NewMember {
  id: string
  tenantId: string
  credentialId: string
  email: string
  verified: boolean
  name: string | null
  role: Role
  isOperator: boolean
  at: number
}

export async function insertMember(db: Db, member: NewMember): Promise<void> {
  const { id, tenantId, credentialId, email, verified, name, role, isOperator, at } = member
  await db.hot(
    `insert into app_user (id, tenant_id, credential_id, email, email_verified, name, role, is_operator, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, to_timestamp($9::float8 / 1000.0), to_timestamp($9::float8 / 1000.0))`,
    [id, tenantId, credentialId, email, verified, name, role, isOperator, at],
  )
}

/**
 * Somebody who had keys only can sign in from now on. What he is called and what he was given before stay; his keys only
 * where nobody else can have made them in wait for whose address it is. Answers how many ended.
 */
export async function linkMember(db: Db, member: NewMember, was: FoundUser): Promise<number> {
  const { id, tenantId, credentialId, name, role, isOperator, at } = member
  await db.hot(
    `update app_user as u set credential_id = $3, name = coalesce(u.name, $4), role = $5, is_operator = u.is_operator or $6::boolean,
      updated_at = to_timestamp($7::float8 / 1000.0) where u.id = $2 and u.tenant_id is not distinct from $1::uuid`,
    [tenantId, id, credentialId, name, role, isOperator, at],
  )
  return keepsKeys(was, role) ? 0 : endKeys(db, { tenantId, userId: id, at })
}

/** Admins make keys for users, and say that addresses are theirs: so no key becomes an admin's by somebody else's invite. */
const keepsKeys = (was: FoundUser, role: Role): boolean => was.isVouched && (was.role === role || !isAtLeast(role, 'admin'))

async function endKeys(db: Db, { tenantId, userId, at }: { tenantId: string; userId: string; at: number }): Promise<number> {
  const rows = await db.hot(
    `update api_key as k set revoked_at = to_timestamp($3::float8 / 1000.0)
    where k.user_id = $2 and k.tenant_id is not distinct from $1::uuid and k.revoked_at is null returning k.id`,
    [tenantId, userId, at],
  )
  return rows.length
}
