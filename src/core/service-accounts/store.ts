import type { Db, Param } from '../../drivers/records/port.ts'
import { deleteOldRows } from '../sweeps/old-rows.ts'
import type { ServiceToken, TokenFilter } from './tokens.ts'

interface Row {
  jti: string
  tenant_id: string | null
  account: string
  scopes: string
  fingerprint: string | null
  kid: string
  actor_user_id: string | null
  issued_at: number
  expires_at: number
  revoked_at: number | null
  revoked_reason: string | null
}

const COLUMNS = 'jti, tenant_id, account, scopes, fingerprint, kid, actor_user_id, issued_at, expires_at, revoked_at, revoked_reason'

const time = (n: number): string => `to_timestamp($${n}::float8 / 1000.0)`

const fromRow = (r: Row): ServiceToken => ({
  ...{ jti: r.jti, tenantId: r.tenant_id, account: r.account, scopes: r.scopes.split(' '), fingerprint: r.fingerprint, kid: r.kid },
  ...{ actorUserId: r.actor_user_id, issuedAt: r.issued_at, expiresAt: r.expires_at },
  ...{ revokedAt: r.revoked_at, revokedReason: r.revoked_reason },
})

/** Of these there is one token without `revoked_at`; the expressions are those of the unique index. */
export type Slot = Pick<ServiceToken, 'account' | 'tenantId' | 'scopes'>

const NOBODY = `'00000000-0000-0000-0000-000000000000'::uuid`
const SLOT = `account = $1 and coalesce(tenant_id, ${NOBODY}) = coalesce($2::uuid, ${NOBODY}) and scopes = $3 and revoked_at is null`
const slotOf = ({ account, tenantId, scopes }: Slot): Param[] => [account, tenantId, scopes.join(' ')]

/** It may have expired. */
export async function readLiveRow(db: Db, slot: Slot): Promise<ServiceToken | undefined> {
  const rows = await db.hot<Row>(`select ${COLUMNS} from service_token where ${SLOT}`, slotOf(slot))
  return rows[0] && fromRow(rows[0])
}

/**
 * Makes room for another token in the slot, of the one that expired, that is `stale`, or with `force` of any. Answers the
 * ids of those that ended before their time.
 */
export async function revokeLiveRow(db: Db, slot: Slot, input: { stale: string | null; force: boolean; at: number }): Promise<string[]> {
  const rows = await db.hot<{ jti: string; revoked_reason: string }>(
    `update service_token set revoked_at = ${time(4)}, revoked_reason = case when expires_at <= ${time(4)} then 'expired' else 'replaced' end
    where ${SLOT} and ($5::boolean or expires_at <= ${time(4)} or jti is not distinct from $6::uuid) returning jti, revoked_reason`,
    [...slotOf(slot), input.at, input.force, input.stale],
  )
  return rows.filter((r) => r.revoked_reason === 'replaced').map((r) => r.jti)
}

/** False: the slot is taken by another token, perhaps since this moment. */
export async function insertRow(db: Db, t: ServiceToken): Promise<boolean> {
  const rows = await db.hot(
    `insert into service_token (account, tenant_id, scopes, jti, fingerprint, kid, actor_user_id, issued_at, expires_at)
    values ($1, $2::uuid, $3, $4::uuid, $5, $6, $7::uuid, ${time(8)}, ${time(9)}) on conflict do nothing returning jti`,
    [...slotOf(t), t.jti, t.fingerprint, t.kid, t.actorUserId, t.issuedAt, t.expiresAt],
  )
  return rows.length === 1
}

export async function readRow(db: Db, jti: string): Promise<ServiceToken | undefined> {
  const rows = await db.hot<Row>(`select ${COLUMNS} from service_token where jti = $1::uuid`, [jti])
  return rows[0] && fromRow(rows[0])
}

/** @param held.tenantId null: of any tenant, or of none. Undefined: it is not there, or has ended. */
export async function revokeRow(
  db: Db,
  jti: string,
  held: { tenantId: string | null; at: number; reason: string },
): Promise<ServiceToken | undefined> {
  const rows = await db.hot<Row>(
    `update service_token set revoked_at = ${time(3)}, revoked_reason = $4
    where jti = $1::uuid and revoked_at is null and ($2::uuid is null or tenant_id is not distinct from $2::uuid) returning ${COLUMNS}`,
    [jti, held.tenantId, held.at, held.reason],
  )
  return rows[0] && fromRow(rows[0])
}

export async function listRows(db: Db, filter: TokenFilter, page: { limit: number; offset: number }): Promise<ServiceToken[]> {
  const { where, params } = matching(filter)
  const rows = await db.query<Row>(
    `select ${COLUMNS} from service_token where ${where} order by issued_at desc, jti desc
    limit $${params.push(page.limit)}::int offset $${params.push(page.offset)}::int`,
    params,
  )
  return rows.map(fromRow)
}

export async function countRows(db: Db, filter: TokenFilter): Promise<number> {
  const { where, params } = matching(filter)
  return (await db.query<{ n: number }>(`select count(*)::int as n from service_token where ${where}`, params))[0]?.n ?? 0
}

function matching({ tenantId, global, account, fingerprint, status, now }: TokenFilter): { where: string; params: Param[] } {
  const params: Param[] = []
  const where = ['true']
  const add = (condition: string, value: Param | null): void => {
    if (value !== null) where.push(condition.replace('?', `$${params.push(value)}`))
  }
  add(global ? '(tenant_id = ?::uuid or tenant_id is null)' : 'tenant_id = ?::uuid', tenantId)
  add(`account ilike '%' || ? || '%'`, account?.replace(/[\\%_]/g, '\\$&') ?? null)
  add('fingerprint = ?', fingerprint)
  if (status === 'active') add('revoked_at is null and expires_at > to_timestamp(?::float8 / 1000.0)', now)
  if (status === 'revoked') where.push('revoked_at is not null')
  return { where: where.join(' and '), params }
}

/** Whose life was over by `until`, revoked or not. */
export const deleteEndedRows = (db: Db, until: number, limit: number): Promise<number> =>
  deleteOldRows(db, { table: 'service_token', time: 'expires_at' }, { until, limit })
