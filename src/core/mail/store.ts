import type { Db } from '../../drivers/records/port.ts'
import { deleteOldRows } from '../sweeps/old-rows.ts'

/** `dropped`: nobody has the address, or what it says is of no use any more. */
export type MailStatus = 'queued' | 'sent' | 'dropped' | 'failed'

export interface MailRow {
  id: string
  tenant_id: string | null
  kind: string
  sealed: string
  status: MailStatus
  message_id: string
  attempts: number
  error: string | null
  created_at: number
  sent_at: number | null
}

const TIME = (n: number): string => `to_timestamp($${n}::float8 / 1000.0)`
const COLUMNS = 'id, tenant_id, kind, sealed, status, message_id, attempts, error, created_at, sent_at'

export type NewMailRow = Pick<MailRow, 'id' | 'tenant_id' | 'kind' | 'sealed' | 'message_id'>

export async function insertMailRow(db: Db, at: number, row: NewMailRow): Promise<void> {
  await db.hot(
    `insert into mail (id, tenant_id, kind, sealed, status, message_id, created_at) values ($1, $2::uuid, $3, $4, 'queued', $5, ${TIME(6)})`,
    [row.id, row.tenant_id, row.kind, row.sealed, row.message_id, at],
  )
}

export async function readMailRow(db: Db, id: string): Promise<MailRow | undefined> {
  return (await db.hot<MailRow>(`select ${COLUMNS} from mail where id = $1`, [id]))[0]
}

/** Newest first; without `statuses` all. */
export const listMailRows = (db: Db, { limit, statuses }: { limit: number; statuses: readonly MailStatus[] }): Promise<MailRow[]> =>
  db.query(
    `select ${COLUMNS} from mail where $2::text = '{}' or status = any($2::text::text[]) order by created_at desc, id desc limit $1::int`,
    [limit, `{${statuses.join(',')}}`],
  )

/** Of a mail that still waits; false: it does not. Held until the transaction ends. */
export async function lockMailRow(db: Db, id: string): Promise<boolean> {
  const rows = await db.hot(`select id from mail where id = $1 and status || '' = 'queued' for update`, [id])
  return rows.length > 0
}

export async function resealMailRow(db: Db, id: string, sealed: string): Promise<void> {
  await db.hot('update mail set sealed = $2 where id = $1', [id, sealed])
}

export interface MailEnd {
  status: MailStatus
  error: string | null
  attempts: number
  at: number
}

/** After an attempt. What has been sent stays sent. */
export async function writeMailEnd(db: Db, id: string, { status, error, attempts, at }: MailEnd): Promise<void> {
  await db.hot(
    `update mail set status = $2, error = $3, attempts = greatest(attempts, $4::int),
      sent_at = case when $2 = 'queued' then null else ${TIME(5)} end where id = $1 and status || '' = 'queued'`,
    [id, status, error, attempts, at],
  )
}

/**
 * It waits again, as if it had never been tried; what waits already keeps its count. False: it has another status by now.
 */
export async function requeueMailRow(db: Db, id: string, from: MailStatus): Promise<boolean> {
  const rows = await db.hot(
    `update mail set status = 'queued', sent_at = null, attempts = case when $2 = 'queued' then attempts else 0 end,
      error = case when $2 = 'queued' then error end where id = $1 and status || '' = $2 returning id`,
    [id, from],
  )
  return rows.length > 0
}

/** Of those that ended before `before`, oldest first. Answers how many went. */
export const deleteEndedMails = (db: Db, input: { before: number; limit: number }): Promise<number> =>
  deleteOldRows(db, { table: 'mail', time: 'created_at', and: `status <> 'queued' and sent_at < ${TIME(1)}` }, input)
