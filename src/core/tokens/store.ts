import type { Db } from '../../drivers/records/port.ts'
import { deleteOldRows } from '../sweeps/old-rows.ts'

export type KeyStatus = 'active' | 'next' | 'retired'

export interface TokenKeyRow {
  kid: string
  /** JSON. */
  public_jwk: string
  /** Empty: only its public half came here. */
  sealed: string
  status: KeyStatus
  created_at: number
  retired_at: number | null
}

/** More than any rotation leaves in the time that tokens live. */
const KEYS_MAX = 1000

/** Whoever changes the keys does so alone, to the end of the transaction. */
export const lockTokenKeys = (db: Db): Promise<unknown> => db.query(`select pg_advisory_xact_lock(hashtextextended('token keys', 0))`)

/** Newest first. */
export const readTokenKeys = (db: Db): Promise<TokenKeyRow[]> =>
  db.query<TokenKeyRow>(
    `select kid, public_jwk, sealed, status, created_at, retired_at from token_key order by created_at desc, kid limit ${KEYS_MAX}`,
  )

export async function insertTokenKey(db: Db, key: TokenKeyRow): Promise<void> {
  await db.query(
    `insert into token_key (kid, public_jwk, sealed, status, created_at, retired_at)
    values ($1, $2, $3, $4, to_timestamp($5::float8 / 1000.0), to_timestamp($6::float8 / 1000.0)) on conflict (kid) do nothing`,
    [key.kid, key.public_jwk, key.sealed, key.status, key.created_at, key.retired_at],
  )
}

export async function setTokenKeyStatus(db: Db, input: { kids: readonly string[]; status: KeyStatus; at: number }): Promise<void> {
  if (input.kids.length === 0) return
  await db.query(
    `update token_key set status = $2, retired_at = case when $2 = 'retired' then to_timestamp($3::float8 / 1000.0) end
    where kid in (select json_array_elements_text($1::text::json))`,
    [JSON.stringify(input.kids), input.status, input.at],
  )
}

export const deleteTokenKey = (db: Db, kid: string): Promise<unknown> => db.query('delete from token_key where kid = $1', [kid])

/** Answers how many. */
export const deleteRetiredKeys = (db: Db, input: { before: number; limit: number }): Promise<number> =>
  deleteOldRows(db, { table: 'token_key', time: 'retired_at', and: `status = 'retired'` }, input)
