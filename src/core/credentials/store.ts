import type { Db } from '../../drivers/records/port.ts'
import type { Role } from '../access/roles.ts'
import type { Credential, Known, NewCredential, Owner } from './credentials.ts'

interface CredentialRow {
  id: string
  email: string
  password_hash: string
  /** JSON. */
  password_history: string
  email_verified_at: number | null
}

const COLUMNS = 'c.id, c.email, c.password_hash, c.password_history, c.email_verified_at'

const fromRow = (r: CredentialRow): Credential => ({
  ...{ id: r.id, email: r.email, passwordHash: r.password_hash, verifiedAt: r.email_verified_at },
  passwordHistory: JSON.parse(r.password_history) as string[],
})

/** With `hold` nobody else changes it or signs in with it until the end of the transaction: users are locked before, sessions after. */
export async function readCredential(
  db: Db,
  by: { id: string } | { email: string },
  { hold = false }: { hold?: boolean } = {},
): Promise<Credential | undefined> {
  const [column, value] = 'id' in by ? ['id', by.id] : ['email', by.email]
  const rows = await db.hot<CredentialRow>(
    `select ${COLUMNS} from credential c where c.${column} = $1 ${hold ? 'for no key update' : ''}`,
    [value],
  )
  return rows[0] && fromRow(rows[0])
}

/** Far more tenants than a person has. */
const MEMBERSHIPS_MAX = 1000

interface MembershipRow {
  user_id: string | null
  tenant_id: string
  role: Role | null
  is_operator: boolean
  status: string
}

/** With the users it stands for, oldest first. */
export async function findCredential(db: Db, email: string): Promise<Known | undefined> {
  const rows = await db.hot<CredentialRow & MembershipRow>(
    `select ${COLUMNS}, u.id as user_id, u.tenant_id, u.role, u.is_operator, u.status
    from credential c left join app_user u on u.credential_id = c.id where c.email = $1 order by u.created_at, u.id limit ${MEMBERSHIPS_MAX}`,
    [email],
  )
  const users = rows.flatMap(({ user_id: id, tenant_id: tenantId, role, is_operator: isOperator, status }) =>
    id === null ? [] : [{ id, tenantId, role, isOperator, status }],
  )
  return rows[0] && { ...fromRow(rows[0]), users }
}

interface OwnerRow extends CredentialRow {
  role: Role | null
  is_operator: boolean
  elsewhere: boolean
}

interface UserId {
  tenantId: string
  userId: string
}

/** Undefined: there is none, or he has keys only. With `hold` user and credential stay as they are to the end of the transaction. */
export async function readOwner(
  db: Db,
  { tenantId, userId }: UserId,
  { hold = false }: { hold?: boolean } = {},
): Promise<Owner | undefined> {
  if (hold)
    await db.hot(`select 1 from app_user u where u.id = $2 and u.tenant_id is not distinct from $1::uuid for share`, [tenantId, userId])
  const [row] = await db.hot<OwnerRow>(
    `select ${COLUMNS}, u.role, u.is_operator, exists (
      select 1 from app_user o where o.credential_id = u.credential_id and o.id <> u.id
    ) as elsewhere
    from app_user u join credential c on c.id = u.credential_id
    where u.id = $2 and u.tenant_id is not distinct from $1::uuid ${hold ? 'for no key update of c' : ''}`,
    [tenantId, userId],
  )
  return row && { ...fromRow(row), role: row.role, isOperator: row.is_operator, elsewhere: row.elsewhere }
}

export async function readCredentialOf(db: Db, { tenantId, userId }: UserId): Promise<string | undefined> {
  const rows = await db.hot<{ credential_id: string | null }>(
    `select u.credential_id from app_user u where u.id = $2 and u.tenant_id is not distinct from $1::uuid`,
    [tenantId, userId],
  )
  return rows[0]?.credential_id ?? undefined
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

/** False: it is another password by now, or nobody's. */
export async function writePassword(
  db: Db,
  { id, was, hash, history, at }: { id: string; was: string; hash: string; history: readonly string[]; at: number },
): Promise<boolean> {
  const rows = await db.hot(
    `update credential as c set password_hash = $3, password_history = $4, password_changed_at = to_timestamp($5::float8 / 1000.0)
    where c.id = $1 and c.password_hash = $2 returning c.id`,
    [id, was, hash, JSON.stringify(history), at],
  )
  return rows.length === 1
}

interface Verified {
  id: string
  email: string
  at: number
}

/** The first time counts. False: it has another address. */
export async function verifyCredential(db: Db, { id, email, at }: Verified): Promise<boolean> {
  const rows = await db.hot(
    `update credential as c set email_verified_at = coalesce(c.email_verified_at, to_timestamp($3::float8 / 1000.0))
    where c.id = $1 and c.email || '' = $2 returning c.id`,
    [id, email, at],
  )
  return rows.length === 1
}

/** As `verifyCredential`, and what other surfaces show of the users with this address follows. */
export async function markVerified(db: Db, verified: Verified): Promise<boolean> {
  const { id, email } = verified
  await db.hot(`update app_user as u set email_verified = true where u.credential_id = $1 and u.email || '' = $2`, [id, email])
  return verifyCredential(db, verified)
}

/** Of one that is held: once it stands for nobody any more. Answers whether it went. */
export async function deleteCredentialIfUnused(db: Db, id: string): Promise<boolean> {
  const rows = await db.hot(
    `delete from credential as c where c.id = $1 and not exists (select 1 from app_user u where u.credential_id = $1) returning c.id`,
    [id],
  )
  return rows.length === 1
}
