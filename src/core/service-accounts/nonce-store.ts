import type { Db } from '../../drivers/records/port.ts'

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

export async function deleteNonces(db: Db, now: number, limit: number): Promise<number> {
  const rows = await db.hot(
    `delete from used_nonce where nonce in
      (select nonce from used_nonce where expires_at <= ${time(1)} order by expires_at limit $2::int for update skip locked) returning nonce`,
    [now, limit],
  )
  return rows.length
}
