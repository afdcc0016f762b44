import type { Db } from '../../drivers/records/port.ts'
import { deleteOldRows } from '../sweeps/old-rows.ts'

const time = (n: number): string => `to_timestamp($${n}::float8 / 1000.0)`

/** False: it is there, and could still be used. */
export async function insertNonce(db: Db, nonce: string, { expiresAt, now }: { expiresAt: number; now: number }): Promise<boolean> {
  const rows = await db.hot(
    `insert into used_nonce as u (nonce, expires_at) values ($1, ${time(2)})
    on conflict (nonce) do update set expires_at = excluded.expires_at where u.expires_at <= ${time(3)} returning nonce`,
    [nonce, expiresAt, now],
  )
  return rows.length === 1
}

export const deleteNonces = (db: Db, until: number, limit: number): Promise<number> =>
  deleteOldRows(db, { table: 'used_nonce', time: 'expires_at' }, { until, limit })
