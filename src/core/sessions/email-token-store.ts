import type { Db } from '../../drivers/records/port.ts'
import { deleteOldRows } from '../sweeps/old-rows.ts'

/** What a mail may ask its reader for. */
export type EmailTokenKind = 'verify_email' | 'reset_password'

export interface EmailTokenRow {
  id: string
  kind: EmailTokenKind
  credential_id: string
  email: string
  secret_hash: string
  expires_at: number
}

export async function insertEmailToken(db: Db, at: number, t: EmailTokenRow): Promise<void> {
  await db.hot(
    `insert into email_token (id, kind, credential_id, email, secret_hash, created_at, expires_at)
    values ($1, $2, $3, $4, $5, to_timestamp($6::float8 / 1000.0), to_timestamp($7::float8 / 1000.0))`,
    [t.id, t.kind, t.credential_id, t.email, t.secret_hash, at, t.expires_at],
  )
}

export async function readEmailToken(db: Db, id: string): Promise<EmailTokenRow | undefined> {
  const rows = await db.hot<EmailTokenRow>(
    `select t.id, t.kind, t.credential_id, t.email, t.secret_hash, t.expires_at from email_token t where t.id = $1`,
    [id],
  )
  return rows[0]
}

/** False: it was used meanwhile. */
export async function takeEmailToken(db: Db, id: string): Promise<boolean> {
  const rows = await db.hot(`delete from email_token where id = $1 returning id`, [id])
  return rows.length === 1
}

/** Of this kind, or all. */
export async function dropEmailTokensOf(db: Db, { credentialId, kind }: { credentialId: string; kind?: EmailTokenKind }): Promise<void> {
  await db.hot(`delete from email_token where credential_id = $1 and ($2::text is null or kind = $2::text)`, [credentialId, kind ?? null])
}

export const deleteExpiredEmailTokens = (db: Db, before: number, limit: number): Promise<number> =>
  deleteOldRows(db, { table: 'email_token', time: 'expires_at' }, { before, limit })
