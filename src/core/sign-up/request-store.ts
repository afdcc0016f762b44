import type { Db } from '../../drivers/records/port.ts'
import { deleteOldRows } from '../sweeps/old-rows.ts'
import type { RequestStatus, SignupRequest } from './requests.ts'

interface RequestRow {
  id: string
  email: string
  organization: string | null
  full_name: string | null
  message: string | null
  status: string
  decision_reason: string | null
  decided_by: string | null
  decided_at: number | null
  invite_token_hint: string | null
  created_at: number
}

const COLUMNS = `r.id, r.email, r.organization, r.full_name, r.message, r.status, r.decision_reason, r.decided_by, r.decided_at,
  r.invite_token_hint, r.created_at`

const fromRow = (r: RequestRow): SignupRequest => ({
  ...{ id: r.id, email: r.email, organization: r.organization, fullName: r.full_name, message: r.message },
  ...{ status: r.status as RequestStatus, decisionReason: r.decision_reason, decidedBy: r.decided_by, decidedAt: r.decided_at },
  ...{ inviteTokenHint: r.invite_token_hint, createdAt: r.created_at },
})

/** Until the end of the transaction one at a time asks from this address, so that whoever counts knows. */
export async function holdAddress(db: Db, ipHash: string): Promise<void> {
  await db.hot(`select pg_advisory_xact_lock(hashtextextended('sign-up request ' || $1::text, 0))`, [ipHash])
}

/** Counts no further than `max`. */
export async function countPending(db: Db, ipHash: string, max: number): Promise<number> {
  const rows = await db.hot<{ n: number }>(
    `select count(*)::int as n from (select 1 from signup_request where ip_hash = $1 and status = 'pending' limit $2::int) r`,
    [ipHash, max],
  )
  return rows[0]?.n ?? 0
}

export interface NewRequestRow extends Pick<SignupRequest, 'id' | 'email' | 'organization' | 'fullName' | 'message' | 'createdAt'> {
  ipHash: string
  userAgentHash: string | null
}

export async function insertRequestRow(db: Db, row: NewRequestRow): Promise<void> {
  await db.hot(
    `insert into signup_request (id, email, organization, full_name, message, status, ip_hash, user_agent_hash, created_at)
    values ($1, $2, $3, $4, $5, 'pending', $6, $7, to_timestamp($8::float8 / 1000.0))`,
    [row.id, row.email, row.organization, row.fullName, row.message, row.ipHash, row.userAgentHash, row.createdAt],
  )
}

/** Newest first. */
export async function listRequestRows(
  db: Db,
  { status, limit, offset }: { status?: RequestStatus | undefined; limit: number; offset: number },
): Promise<{ requests: SignupRequest[]; total: number }> {
  const filter = '($1::text is null or r.status = $1)'
  const [rows, counted] = await Promise.all([
    db.query<RequestRow>(
      `select ${COLUMNS} from signup_request r where ${filter} order by r.created_at desc, r.id desc limit $2::int offset $3::int`,
      [status ?? null, limit, offset],
    ),
    db.query<{ n: number }>(`select count(*)::int as n from signup_request r where ${filter}`, [status ?? null]),
  ])
  return { requests: rows.map(fromRow), total: counted[0]?.n ?? 0 }
}

export async function readRequestRow(db: Db, id: string): Promise<SignupRequest | undefined> {
  const rows = await db.hot<RequestRow>(`select ${COLUMNS} from signup_request r where r.id = $1`, [id])
  return rows[0] && fromRow(rows[0])
}

/** Until the end of the transaction nobody else decides it. */
export async function lockRequestRow(db: Db, id: string): Promise<SignupRequest | undefined> {
  const rows = await db.hot<RequestRow>(`select ${COLUMNS} from signup_request r where r.id = $1 for update`, [id])
  return rows[0] && fromRow(rows[0])
}

/** Of a row that the transaction has locked. */
export async function decideRequestRow(db: Db, request: SignupRequest): Promise<void> {
  await db.hot(
    `update signup_request set status = $2, decision_reason = $3, decided_by = $4, decided_at = to_timestamp($5::float8 / 1000.0),
      invite_token_hint = $6 where id = $1`,
    [request.id, request.status, request.decisionReason, request.decidedBy, request.decidedAt, request.inviteTokenHint],
  )
}

/** Answers how many, at most `limit`. */
export const deleteRequestRows = (db: Db, input: { before: number; limit: number }): Promise<number> =>
  deleteOldRows(db, { table: 'signup_request', time: 'created_at' }, input)
