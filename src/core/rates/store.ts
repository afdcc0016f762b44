import type { Db } from '../../drivers/records/port.ts'
import { deleteOldRows } from '../sweeps/old-rows.ts'

/** `count` is at most one more than `max`. */
export interface Window {
  bucket: string
  max: number
  windowMs: number
}

export interface Counted {
  bucket: string
  count: number
  expiresAt: number
}

interface Row {
  bucket: string
  count: number
  expires_at: number
}

const counted = ({ bucket, count, expires_at }: Row): Counted => ({ bucket, count, expiresAt: expires_at })
// Rows are always taken in the order of their buckets, so that nobody waits for somebody who waits for him.
const at = (parameter: string): string => `to_timestamp(${parameter}::float8 / 1000.0)`

/**
 * One more in each window, unless one of them is used up: then nothing is written, so that whoever is refused neither uses
 * up what others share nor fills the table. One that is over begins again. Answers those that are used up, or all counts.
 */
export async function countWindows(db: Db, windows: readonly Window[], now: number): Promise<Counted[]> {
  const items = windows.map(({ bucket, max, windowMs }) => ({ bucket, max, ms: windowMs }))
  const rows = await db.hot<Row>(
    `with x as materialized (select * from json_to_recordset($1::text::json) as x(bucket text, max int, ms float8)),
    f as materialized (select w.bucket, x.max + 1 as count, w.expires_at from x join rate_window w on w.bucket = x.bucket
      where w.count >= x.max and w.expires_at > ${at('$2')}),
    i as (insert into rate_window as w (bucket, count, expires_at)
      select x.bucket, 1, ${at('($2::float8 + x.ms)')} from x where not exists (select from f) order by x.bucket
      on conflict (bucket) do update set (count, expires_at) = (
        select case when w.expires_at <= ${at('$2')} then 1 else least(w.count, x.max) + 1 end,
          case when w.expires_at <= ${at('$2')} then excluded.expires_at else w.expires_at end
        from x where x.bucket = w.bucket)
      returning w.bucket, w.count, w.expires_at)
    select * from f union all select * from i`,
    [JSON.stringify(items), now],
  )
  return rows.map(counted)
}

/** A window that is closed for `lockMs` when `max` is reached. */
export interface Lock extends Window {
  lockMs: number
}

const lockItems = (locks: readonly Lock[]): string =>
  JSON.stringify(locks.map(({ bucket, max, windowMs, lockMs }) => ({ bucket, max, ms: windowMs, lock: lockMs })))
const LOCKS = 'json_to_recordset($1::text::json) as x(bucket text, max int, ms float8, lock float8)'

/**
 * One more failure in each. Postgres takes them one by one, so of all that come together `max` are counted and no more: the
 * others find it closed, with a count of one more.
 */
export async function countFailures(db: Db, locks: readonly Lock[], now: number): Promise<Counted[]> {
  const rows = await db.hot<Row>(
    `with x as materialized (select * from ${LOCKS})
    insert into rate_window as w (bucket, count, expires_at)
    select x.bucket, 1, ${at('($2::float8 + case when x.max <= 1 then x.lock else x.ms end)')} from x order by x.bucket
    on conflict (bucket) do update set (count, expires_at) = (
      select case when w.expires_at <= ${at('$2')} then 1 else least(w.count, x.max) + 1 end,
        case when w.expires_at <= ${at('$2')} then excluded.expires_at when w.count + 1 = x.max then ${at('($2::float8 + x.lock)')} else w.expires_at end
      from x where x.bucket = w.bucket)
    returning w.bucket, w.count, w.expires_at`,
    [lockItems(locks), now],
  )
  return rows.map(counted)
}

/** Those that are closed now. */
export async function readLocks(db: Db, locks: readonly Lock[], now: number): Promise<Counted[]> {
  const rows = await db.hot<Row>(
    `select w.bucket, w.count, w.expires_at from ${LOCKS} join rate_window w on w.bucket = x.bucket
    where w.count >= x.max and w.expires_at > ${at('$2')}`,
    [lockItems(locks), now],
  )
  return rows.map(counted)
}

/** Forgets the failures in `cleared` unless one of the locks is closed; answers those that are. Waits for whoever counts at this moment. */
export async function clearFailures(
  db: Db,
  locks: readonly Lock[],
  { cleared, now }: { cleared: string; now: number },
): Promise<Counted[]> {
  const rows = await db.hot<Row>(
    `with l as materialized (select w.bucket, w.count, w.expires_at, w.count >= x.max and w.expires_at > ${at('$2')} as is_closed
      from ${LOCKS} join rate_window w on w.bucket = x.bucket order by w.bucket for update of w),
    d as (update rate_window w set count = 0 from l where w.bucket = l.bucket and l.bucket = $3 and not exists (select from l where is_closed))
    select bucket, count, expires_at from l where is_closed`,
    [lockItems(locks), now, cleared],
  )
  return rows.map(counted)
}

export async function deleteWindow(db: Db, bucket: string): Promise<void> {
  await db.hot('delete from rate_window where bucket = $1', [bucket])
}

export const deleteExpiredWindows = (db: Db, until: number, limit: number): Promise<number> =>
  deleteOldRows(db, { table: 'rate_window', time: 'expires_at' }, { until, limit })
