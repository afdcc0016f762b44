import type { ObjectKey } from '../../drivers/files/port.ts'
import type { Db } from '../../drivers/records/port.ts'

/** Milliseconds since the epoch: now, and when the writer is to be taken for dead. */
export interface WritingTime {
  at: number
  staleAt: number
}

const time = (n: number): string => `to_timestamp($${n}::float8 / 1000.0)`
const KEY = 'id = $1 and tenant_id is not distinct from $2::uuid'

/** @param bytes how many are to come, where that is known before */
export async function insertObject(db: Db, key: ObjectKey, input: WritingTime & { bytes: number | null }): Promise<void> {
  await db.hot(
    `insert into file_object (id, tenant_id, state, bytes, stale_at, created_at) values ($1, $2, 'writing', $3::bigint, ${time(4)}, ${time(5)})`,
    [key.id, key.tenantId, input.bytes, input.staleAt, input.at],
  )
}

/** False when the writer was taken for dead meanwhile. */
export async function renewObject(db: Db, key: ObjectKey, staleAt: number): Promise<boolean> {
  const rows = await db.hot(`update file_object set stale_at = ${time(3)} where ${KEY} and state || '' = 'writing' returning id`, [
    key.id,
    key.tenantId,
    staleAt,
  ])
  return rows.length === 1
}

/** False when it is no longer there to be kept. */
export async function keepObjectRow(db: Db, key: ObjectKey, stored: { bytes: number; sha256: string }): Promise<boolean> {
  const rows = await db.hot(
    `update file_object set state = 'kept', stale_at = null, bytes = $3::bigint, sha256 = $4
    where ${KEY} and state || '' = 'writing' returning id`,
    [key.id, key.tenantId, stored.bytes, stored.sha256],
  )
  return rows.length === 1
}

/** Gives up what nothing came to own. What is kept stays. */
export async function abandonRow(db: Db, key: ObjectKey, at: number): Promise<boolean> {
  const rows = await db.hot(
    `update file_object set state = 'removing', stale_at = ${time(3)} where ${KEY} and state || '' = 'writing' returning id`,
    [key.id, key.tenantId, at],
  )
  return rows.length === 1
}

/** Bytes that a client was allowed to bring; undefined when it may not, or no longer. */
export async function readReserved(db: Db, key: ObjectKey): Promise<number | undefined> {
  const rows = await db.hot<{ bytes: number }>(
    `select bytes from file_object where ${KEY} and state || '' = 'writing' and bytes is not null`,
    [key.id, key.tenantId],
  )
  return rows[0]?.bytes
}

/**
 * Where a client may still be writing by a link, not before the link is over: `stale_at` says when. What is being removed
 * already keeps its time.
 */
export async function dropRows(db: Db, at: number, ids: readonly string[]): Promise<number> {
  if (ids.length === 0) return 0
  const rows = await db.hot(
    `update file_object set state = 'removing', stale_at = greatest(stale_at, ${time(2)})
    where id = any($1::text::uuid[]) and state || '' <> 'removing' returning id`,
    [`{${ids.join(',')}}`, at],
  )
  return rows.length
}

export interface DueRow {
  id: string
  tenant_id: string
  /** True where a writer was taken for dead. */
  written: boolean
}

/** Taken before the attempt, so that another sweep looks elsewhere: the next attempt is due after `5 s * 2^tries`. */
export const takeDue = (db: Db, at: number, limit: number): Promise<DueRow[]> =>
  db.query<DueRow>(
    `with due as materialized (
      select id, state from file_object where state <> 'kept' and stale_at <= ${time(1)} order by stale_at limit $2 for update skip locked
    )
    update file_object o set state = 'removing', tries = o.tries + 1,
      stale_at = to_timestamp(($1::float8 + least(300000, 5000 * power(2, least(o.tries, 16)))) / 1000.0)
    from due where o.id = due.id returning o.id, o.tenant_id, due.state = 'writing' as written`,
    [at, limit],
  )

/** Its writer may only be slow: look once more. */
export async function lookAgain(db: Db, key: ObjectKey, at: number): Promise<void> {
  await db.hot(`update file_object set stale_at = ${time(3)}, tries = 0 where ${KEY} and state || '' = 'removing'`, [
    key.id,
    key.tenantId,
    at,
  ])
}

export async function deleteObjectRow(db: Db, key: ObjectKey): Promise<void> {
  await db.hot(`delete from file_object where ${KEY} and state || '' = 'removing'`, [key.id, key.tenantId])
}

/** What a link needs to know: the state of its object, and the key of its tenant, where that has one. */
export async function readLinked(
  db: Db,
  key: ObjectKey,
): Promise<{ state: string; reserved: boolean; signing_key: string | null } | undefined> {
  const rows = await db.hot<{ state: string; reserved: boolean; signing_key: string | null }>(
    `select o.state, o.bytes is not null and o.sha256 is null as reserved, t.signing_key
    from file_object o join tenant t on t.id = o.tenant_id where o.id = $1 and o.tenant_id is not distinct from $2::uuid`,
    [key.id, key.tenantId],
  )
  return rows[0]
}
