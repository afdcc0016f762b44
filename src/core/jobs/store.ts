import type { Db } from '../../drivers/records/port.ts'

export interface JobRow {
  id: string
  tenant_id: string
  kind: string
  subject: string
  payload: string
  attempt: number
  fence: number
  created_at: number
}

export interface NewJobRow {
  id: string
  tenant_id: string
  kind: string
  subject: string
  payload: string
  run_at: number
}

const list = (values: readonly string[]): string => `{${values.join(',')}}`

/**
 * A job that is there already is done again from its beginning: under a new fence, though not before its worker let go of
 * it. A removal waits for the latest of those who asked, as each knows of writes that may still come; any other for the first.
 */
export async function insertJobRows(db: Db, at: number, rows: NewJobRow[]): Promise<void> {
  await db.hot(
    `insert into job as j (id, tenant_id, kind, subject, payload, run_at, created_at)
    select id, tenant_id, kind, subject, payload, to_timestamp(run_at / 1000.0), to_timestamp($2::float8 / 1000.0)
    from json_to_recordset($1::text::json) as x(id uuid, tenant_id uuid, kind text, subject uuid, payload text, run_at float8)
    on conflict (subject, kind) do update set fence = j.fence + 1, payload = excluded.payload,
      run_at = case when j.kind like 'remove%' then greatest(j.run_at, excluded.run_at) else least(j.run_at, excluded.run_at) end`,
    [JSON.stringify(rows), at],
  )
}

/** Due jobs of each kind that nobody has a lease on, those that wait longest first. */
export function claimJobRows(
  db: Db,
  input: { workerId: string; leaseMs: number; limit: number; kinds: readonly string[]; now: number },
): Promise<JobRow[]> {
  return db.hot<JobRow>(
    `with d as materialized (select d.id from unnest($3::text::text[]) as k(kind) cross join lateral
      (select id, run_at from job where kind = k.kind and run_at <= to_timestamp($4::float8 / 1000.0) and (lease_until is null or lease_until < now())
        order by run_at limit $5 for update skip locked) d order by d.run_at limit $5)
    update job set attempt = attempt + 1, fence = fence + 1, worker_id = $1::uuid, lease_until = now() + $2::int * interval '1 ms'
    where id = any(array(select id from d)) returning id, tenant_id, kind, subject, payload, attempt, fence, created_at`,
    [input.workerId, input.leaseMs, list(input.kinds), input.now, input.limit],
  )
}

/** Several jobs are locked in the order of their ids, everywhere: so no two statements wait for each other. */
const LOCKED = 'order by id for update'

export async function renewJobRows(db: Db, input: { workerId: string; leaseMs: number; ids: string[] }): Promise<string[]> {
  const rows = await db.hot<{ id: string }>(
    `with d as materialized (select id from job where id = any($3::text::uuid[]) ${LOCKED})
    update job set lease_until = now() + $2::int * interval '1 ms' where id = any(array(select id from d)) and worker_id = $1::uuid returning id`,
    [input.workerId, input.leaseMs, list(input.ids)],
  )
  return rows.map((r) => r.id)
}

export async function deleteJobRow(db: Db, job: { id: string; fence: number }): Promise<boolean> {
  const rows = await db.hot('delete from job where id = $1 and fence = $2 returning id', [job.id, job.fence])
  return rows.length > 0
}

export async function retryJobRow(
  db: Db,
  job: { id: string; fence: number },
  change: { runAt: number; error: string; payload: string; charged: boolean },
): Promise<boolean> {
  const rows = await db.hot(
    `update job set run_at = to_timestamp($3::float8 / 1000.0), error = $4, payload = $5, attempt = attempt - (not $6::boolean)::int,
      worker_id = null, lease_until = null where id = $1 and fence = $2 returning id`,
    [job.id, job.fence, change.runAt, change.error, change.payload, change.charged],
  )
  return rows.length > 0
}

/** Answers the subjects whose job had been begun. */
export async function deleteJobRows(db: Db, kind: string, subjects: string[]): Promise<string[]> {
  const rows = await db.hot<{ subject: string; fence: number }>(
    `with d as materialized (select id from job where subject = any($1::text::uuid[]) and kind || '' = $2 ${LOCKED})
    delete from job where id = any(array(select id from d)) returning subject, fence`,
    [list(subjects), kind],
  )
  return rows.filter((r) => r.fence > 0).map((r) => r.subject)
}

/** Under a new fence: what this worker may still be writing is not committed. */
export async function releaseJobRows(db: Db, workerId: string, ids: string[]): Promise<void> {
  await db.hot(
    `with d as materialized (select id from job where id = any($2::text::uuid[]) ${LOCKED})
    update job set attempt = greatest(0, attempt - 1), fence = fence + 1, worker_id = null, lease_until = null
    where id = any(array(select id from d)) and worker_id = $1::uuid`,
    [workerId, list(ids)],
  )
}

export async function expireJobLeases(db: Db): Promise<void> {
  await db.hot('update job set lease_until = null where lease_until is not null')
}

export async function countJobRows(db: Db, kind: string, max: number): Promise<number> {
  const rows = await db.hot<{ n: number }>(
    'select count(*)::int as n from (select 1 from job where kind = $1 order by run_at limit $2) j',
    [kind, max],
  )
  return rows[0]?.n ?? 0
}
