import type { Db, Param } from '../../drivers/records/port.ts'

/** What a table need not remember for ever. Names and conditions come from the code alone. */
export interface OldRows {
  table: string
  /** A column with an index: those that lie furthest back go first. */
  time: string
  /** What must be true besides; `$1` is the time in milliseconds, `$3` and on are `params`. */
  and?: string
  params?: readonly Param[]
}

/** Milliseconds since the epoch; with `until` that moment is old too. */
type Old = { before: number } | { until: number }

/**
 * The form of sweeps: rows from before a time which nobody holds at this moment, so that servers that sweep at once do
 * not wait for each other. Answers how many went, at most `limit`. Who is named by its place in the table is locked by then
 * and cannot have moved; that takes half the time of finding it again by its key.
 */
export async function deleteOldRows(
  db: Db,
  { table, time, and = 'true', params = [] }: OldRows,
  { limit, ...old }: Old & { limit: number },
): Promise<number> {
  const [sign, at] = 'until' in old ? ['<=', old.until] : ['<', old.before]
  const rows = await db.hot(
    `delete from ${table} where ctid = any(array(
      select ctid from ${table} where ${time} ${sign} to_timestamp($1::float8 / 1000.0) and ${and}
      order by ${time} limit $2::int for update skip locked
    )) returning 1`,
    [at, limit, ...params],
  )
  return rows.length
}
