import type { Db } from '../../drivers/records/port.ts'
import type { Role } from '../access/roles.ts'

export interface StoredCredential {
  id: string
  passwordHash: string
  verified: boolean
}

interface CredentialRow {
  id: string
  password_hash: string
  verified: boolean
}

const fromRow = (r: CredentialRow): StoredCredential => ({ id: r.id, passwordHash: r.password_hash, verified: r.verified })

/** @param email in lower case */
export async function readCredential(db: Db, email: string): Promise<StoredCredential | undefined> {
  const rows = await db.hot<CredentialRow>(
    `select id, password_hash, email_verified_at is not null as verified from credential where email = $1`,
    [email],
  )
  return rows[0] && fromRow(rows[0])
}

/** Until the end of the transaction it stays, and nobody changes its password. */
export async function lockCredential(db: Db, email: string): Promise<StoredCredential | undefined> {
  const rows = await db.hot<CredentialRow>(
    `select id, password_hash, email_verified_at is not null as verified from credential where email = $1 for no key update`,
    [email],
  )
  return rows[0] && fromRow(rows[0])
}

/** The first time counts. */
export async function verifyCredential(db: Db, id: string, at: number): Promise<void> {
  await db.hot(`update credential set email_verified_at = coalesce(email_verified_at, to_timestamp($2::float8 / 1000.0)) where id = $1`, [
    id,
    at,
  ])
}

export interface NewCredential {
  id: string
  email: string
  passwordHash: string
  verified: boolean
  at: number
}

/** False: the address has one. */
export async function insertCredential(db: Db, { id, email, passwordHash, verified, at }: NewCredential): Promise<boolean> {
  const rows = await db.hot(
    `insert into credential (id, email, password_hash, password_history, email_verified_at, password_changed_at, created_at)
    values ($1, $2, $3, $4, case when $5::boolean then to_timestamp($6::float8 / 1000.0) end, to_timestamp($6::float8 / 1000.0),
      to_timestamp($6::float8 / 1000.0)) on conflict (email) do nothing returning id`,
    [id, email, passwordHash, JSON.stringify([passwordHash]), verified, at],
  )
  return rows.length === 1
}

/** False: there is a tenant of this name. */
export async function insertTenant(db: Db, tenant: { id: string; name: string; title: string; at: number }): Promise<boolean> {
  const rows = await db.hot(
    `insert into tenant (id, name, title, created_at) values ($1, $2, $3, to_timestamp($4::float8 / 1000.0)) on conflict (name) do nothing returning id`,
    [tenant.id, tenant.name, tenant.title, tenant.at],
  )
  return rows.length === 1
}

export async function hasUser(db: Db, tenantId: string, credentialId: string): Promise<boolean> {
  const rows = await db.hot(`select 1 from app_user u where u.credential_id = $2::uuid and u.tenant_id is not distinct from $1::uuid`, [
    ...[tenantId, credentialId],
  ])
  return rows.length > 0
}

export interface FoundUser {
  id: string
  credentialId: string | null
  role: Role | null
  isActive: boolean
}

const NAMESAKE = `with c as materialized (select id from credential where email = $2)
  select id, credential_id, role, status from app_user where tenant_id = $1 and (lower(email) = $2 or credential_id = (select id from c))
  order by (credential_id = (select id from c)) desc nulls last, (email = $2) desc, id limit 1`

interface FoundRow {
  id: string
  credential_id: string | null
  role: string | null
  status: string
}

const fromFound = (r: FoundRow | undefined): FoundUser | undefined =>
  r && { id: r.id, credentialId: r.credential_id, role: r.role as Role | null, isActive: r.status === 'active' }

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

/** Somebody who had keys only can sign in from now on. What he is called and what he was given before stay. */
export async function linkMember(db: Db, member: NewMember): Promise<void> {
  const { id, tenantId, credentialId, name, role, isOperator, at } = member
  await db.hot(
    `update app_user as u set credential_id = $3, name = coalesce(u.name, $4), role = $5, is_operator = u.is_operator or $6::boolean,
      updated_at = to_timestamp($7::float8 / 1000.0) where u.id = $2 and u.tenant_id is not distinct from $1::uuid`,
    [tenantId, id, credentialId, name, role, isOperator, at],
  )
}
