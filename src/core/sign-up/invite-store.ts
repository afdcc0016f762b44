import type { Db } from '../../drivers/records/port.ts'
import type { Role } from '../access/roles.ts'
import { deleteOldRows } from '../sweeps/old-rows.ts'
import type { Invite, InviteStatus } from './invites.ts'

interface InviteRow {
  id: string
  tenant_id: string | null
  role: string | null
  is_operator: boolean
  token_hint: string
  email: string | null
  status: string
  redemptions_max: number
  redeemed: number
  note: string | null
  signup_request_id: string | null
  issued_by: string | null
  created_at: number
  expires_at: number | null
}

/** What is stored, and what follows from the time. `now` is the number of a parameter in milliseconds. */
const statusAt = (now: string): string =>
  `case when i.status || '' = 'active' and i.expires_at <= to_timestamp(${now}::float8 / 1000.0) then 'expired' else i.status end`

const columnsAt = (now: string): string =>
  `i.id, i.tenant_id, i.role, i.is_operator, i.token_hint, i.email, ${statusAt(now)} as status, i.redemptions_max, i.redeemed, i.note,
  i.signup_request_id, i.issued_by, i.created_at, i.expires_at`

const fromRow = (r: InviteRow): Invite => ({
  ...{ id: r.id, tenantId: r.tenant_id, role: r.role as Role | null, isOperator: r.is_operator, tokenHint: r.token_hint },
  ...{ email: r.email, status: r.status as InviteStatus, redemptionsMax: r.redemptions_max, redeemed: r.redeemed, note: r.note },
  ...{ requestId: r.signup_request_id, issuedBy: r.issued_by, createdAt: r.created_at, expiresAt: r.expires_at },
})

export async function insertInviteRow(db: Db, invite: Invite & { hash: string }): Promise<void> {
  await db.hot(
    `insert into invite (id, tenant_id, role, is_operator, token_hash, token_hint, email, status, redemptions_max, redeemed, note,
      signup_request_id, issued_by, created_at, expires_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, to_timestamp($14::float8 / 1000.0), to_timestamp($15::float8 / 1000.0))`,
    [
      ...[invite.id, invite.tenantId, invite.role, invite.isOperator, invite.hash, invite.tokenHint, invite.email, invite.status],
      ...[invite.redemptionsMax, invite.redeemed, invite.note, invite.requestId, invite.issuedBy, invite.createdAt, invite.expiresAt],
    ],
  )
}

/** Whose invites somebody sees: a tenant's, those that make operators excepted, or, with null, all there are. */
export type InviteScope = string | null

export interface InviteFilter {
  status?: InviteStatus | undefined
  /** In lower case. */
  email?: string | undefined
  requestId?: string | undefined
}

const FILTER = `($1::uuid is null or (i.tenant_id = $1::uuid and not i.is_operator)) and ($3::text is null or ${statusAt('$2')} = $3)
  and ($4::text is null or i.email = $4) and ($5::uuid is null or i.signup_request_id = $5::uuid)`

/** Newest first. */
export async function listInviteRows(
  db: Db,
  scope: InviteScope,
  { status, email, requestId, limit, offset, now }: InviteFilter & { limit: number; offset: number; now: number },
): Promise<{ invites: Invite[]; total: number }> {
  const filter = [scope, now, status ?? null, email ?? null, requestId ?? null]
  const [rows, counted] = await Promise.all([
    db.query<InviteRow>(
      `select ${columnsAt('$2')} from invite i where ${FILTER} order by i.created_at desc, i.id desc limit $6::int offset $7::int`,
      [...filter, limit, offset],
    ),
    db.query<{ n: number }>(`select count(*)::int as n from invite i where ${FILTER}`, filter),
  ])
  return { invites: rows.map(fromRow), total: counted[0]?.n ?? 0 }
}

export async function readInviteByHash(db: Db, hash: string, now: number): Promise<Invite | undefined> {
  const rows = await db.hot<InviteRow>(`select ${columnsAt('$2')} from invite i where i.token_hash = $1`, [hash, now])
  return rows[0] && fromRow(rows[0])
}

/** Until the end of the transaction nobody else redeems or revokes it. */
export async function lockInvite(db: Db, scope: InviteScope, { id, now }: { id: string; now: number }): Promise<Invite | undefined> {
  const rows = await db.hot<InviteRow>(
    `select ${columnsAt('$2')} from invite i where i.id = $1 and ($3::uuid is null or (i.tenant_id is not distinct from $3::uuid and not i.is_operator)) for update`,
    [id, now, scope],
  )
  return rows[0] && fromRow(rows[0])
}

/** Whether who issued it is an operator, or has one of these roles in the tenant that is joined. */
export async function isIssuer(db: Db, { tenantId, issuedBy }: Invite, roles: readonly Role[]): Promise<boolean> {
  const rows = await db.hot(
    `select 1 from app_user u where u.id = $1::uuid and u.status || '' = 'active'
      and (u.is_operator or (u.tenant_id is not distinct from $2::uuid and u.role = any($3::text::text[])))`,
    [issuedBy, tenantId, `{${roles.join(',')}}`],
  )
  return rows.length > 0
}

/** Of a row that the transaction has locked and found redeemable. */
export async function redeemInviteRow(db: Db, id: string): Promise<void> {
  await db.hot(
    `update invite set redeemed = redeemed + 1,
      status = case when redeemed + 1 >= redemptions_max then 'exhausted' else status end where id = $1`,
    [id],
  )
}

export async function revokeInviteRow(db: Db, id: string, reason: string): Promise<void> {
  await db.hot(`update invite set status = 'revoked', revoked_reason = $2 where id = $1`, [id, reason])
}

/** Those that nobody can redeem. Answers how many, at most `limit`. */
export function deleteInviteRows(
  db: Db,
  { createdBefore: before, now, limit }: { createdBefore: number; now: number; limit: number },
): Promise<number> {
  const and = `(status <> 'active' or expires_at < to_timestamp($3::float8 / 1000.0))`
  return deleteOldRows(db, { table: 'invite', time: 'created_at', and, params: [now] }, { before, limit })
}
