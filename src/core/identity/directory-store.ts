import type { Db } from '../../drivers/records/port.ts'
import type { Role } from '../access/roles.ts'
import type { Member, Tenant, UserStatus } from './directory.ts'

interface TenantRow {
  id: string
  name: string
  title: string | null
  users: number
  created_at: number
}

/** Oldest first. */
export async function listTenantRows(db: Db, limit: number): Promise<Tenant[]> {
  const rows = await db.query<TenantRow>(
    `select t.id, t.name, t.title, t.created_at, (select count(*)::int from app_user u where u.tenant_id = t.id) as users
    from tenant t order by t.created_at, t.id limit $1::int`,
    [limit],
  )
  return rows.map((r) => ({ id: r.id, slug: r.name, title: r.title, users: r.users, createdAt: r.created_at }))
}

export async function readTenantNames(db: Db, id: string): Promise<{ name: string; title: string | null } | undefined> {
  const rows = await db.hot<{ name: string; title: string | null }>(`select name, title from tenant where id = $1`, [id])
  return rows[0]
}

/** Of the users of a credential and of their tenants; more than `max` nobody needs. */
export async function readNamesOf(db: Db, credentialId: string, max: number): Promise<string[]> {
  const rows = await db.hot<{ person: string | null; slug: string; title: string | null }>(
    `select u.name as person, t.name as slug, t.title from app_user u join tenant t on t.id = u.tenant_id
    where u.credential_id = $1 order by u.created_at, u.id limit $2::int`,
    [credentialId, max],
  )
  return rows.flatMap(({ person, slug, title }) => [person, slug, title].filter((name) => name !== null))
}

export async function readTenantId(db: Db, name: string): Promise<string | undefined> {
  const rows = await db.hot<{ id: string }>(`select id from tenant where name = $1`, [name])
  return rows[0]?.id
}

interface MemberRow {
  id: string
  email: string | null
  name: string | null
  role: string | null
  is_operator: boolean
  status: string
  credential_id: string | null
  created_at: number
}

const COLUMNS = `u.id, coalesce(c.email, u.email) as email, u.name, u.role, u.is_operator, u.status, u.credential_id, u.created_at`
const MEMBERS = `app_user u left join credential c on c.id = u.credential_id`

const fromRow = (r: MemberRow): Member => ({
  ...{ id: r.id, email: r.email, name: r.name, role: r.role as Role | null, isOperator: r.is_operator },
  ...{ status: r.status as UserStatus, credentialId: r.credential_id, createdAt: r.created_at },
})

/** Oldest first: those with a role, or the operators alone. */
export async function listMemberRows(
  db: Db,
  tenantId: string,
  { operators, limit }: { operators: boolean; limit: number },
): Promise<Member[]> {
  const rows = await db.query<MemberRow>(
    `select ${COLUMNS} from ${MEMBERS} where u.tenant_id = $1 and case when $2::boolean then u.is_operator else u.role is not null end
    order by u.created_at, u.id limit $3::int`,
    [tenantId, operators, limit],
  )
  return rows.map(fromRow)
}

/** By id, or by the address somebody signs in with or is known by. Nobody else changes them until the end of the transaction. */
export async function lockMemberRows(db: Db, tenantId: string, who: { id: string } | { email: string }): Promise<Member[]> {
  const [condition, value] =
    'id' in who
      ? ['u.id = $2::uuid', who.id]
      : ['(lower(u.email) = $2 or u.credential_id = (select id from credential where email = $2))', who.email]
  const rows = await db.query<MemberRow>(
    `select ${COLUMNS} from ${MEMBERS} where u.tenant_id = $1 and ${condition} order by u.id limit 2 for no key update of u`,
    [tenantId, value],
  )
  return rows.map(fromRow)
}

/** Of a row that the transaction has locked. */
export async function writeStanding(db: Db, tenantId: string, member: Member & { at: number }): Promise<void> {
  await db.hot(
    `update app_user as u set role = $3, is_operator = $4, status = $5, updated_at = to_timestamp($6::float8 / 1000.0)
    where u.id = $2 and u.tenant_id is not distinct from $1::uuid`,
    [tenantId, member.id, member.role, member.isOperator, member.status, member.at],
  )
}

export async function hasOperatorRow(db: Db, tenantName: string): Promise<boolean> {
  const rows = await db.query(
    `select 1 from app_user u where u.tenant_id = (select id from tenant where name = $1) and u.is_operator
      and u.credential_id is not null and u.status = 'active' limit 1`,
    [tenantName],
  )
  return rows.length > 0
}
