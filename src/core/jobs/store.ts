import type { Db } from '../../drivers/records/port.ts'
import { JOB_RECORD, type NewJobRow } from './job-rows.ts'

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

const list = (values: readonly string[]): string => `{${values.join(',')}}`

/**
 * A job that is there already is done again from its beginning: under a new fence, though not before its worker let go of
 * it. A removal waits for the latest of those who asked, as each knows of writes that may still come; any other for the first.
 */
export async function insertJobRows(db: Db, at: number, rows: NewJobRow[]): Promise<void> {
  await db.hot(
    `insert into job as j (id, tenant_id, kind, subject, payload, run_at, created_at)
    select id, tenant_id, kind, subject, payload, to_timestamp(run_at / 1000.0), to_timestamp($2::float8 / 1000.0)
    from json_to_recordset($1::text::json) as x(${JOB_RECORD})
    on conflict (subject, kind) do update set fence = j.fence + 1, payload = excluded.payload,
      run_at = case when j.kind like 'remove%' then greatest(j.run_at, excluded.run_at) else least(j.run_at, excluded.run_at) end`,
    [JSON.stringify(rows), at],
  )
}

const NOW = 'to_timestamp($4::float8 / 1000.0)'
const DUE = `run_at <= ${NOW} and (lease_until is null or lease_until < now())`
const KINDS = 'unnest($3::text::text[]) as k(kind)'

/**
 * Tenants with jobs that are due or at work, in the circle of their ids that begins behind $6. Each is looked up when it is needed, from
 * the one before it: so neither the length of a queue matters, nor how many tenants come after the first ones with due jobs.
 */
const CIRCLE = `(values ($6::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid), ('00000000-0000-0000-0000-000000000000'::uuid, $6::uuid)) as a(lo, hi)
  cross join lateral (with recursive s(id, since) as (select a.lo, null::timestamptz union all select n.* from s cross join lateral
      (select j.* from ${KINDS} cross join lateral (select tenant_id, run_at from job
        where kind = k.kind and tenant_id > s.id and tenant_id <= a.hi order by tenant_id, run_at limit 1) j order by tenant_id, run_at limit 1) n)
    select id from s where since <= ${NOW}) t`

/** The oldest due job of a tenant that no other worker is about to take. One is locked at a time: what waits must be there for others. */
const OLDEST = `(select d.id from (select k.kind from ${KINDS} cross join lateral (select run_at from job
    where kind = k.kind and tenant_id = t.id and ${DUE} order by run_at limit 1) h order by h.run_at) k
  cross join lateral (select id from job where kind = k.kind and tenant_id = t.id and ${DUE} order by run_at limit 1 for update skip locked) d limit 1) j`

/**
 * Due jobs that nobody has a lease on. `first` takes one of each tenant that has none at work, around the circle; where that is not enough
 * the circle was walked to its end, and `more` goes on with those tenants and the busy ones, which are few: fewest at work first. Both
 * stop in the middle at their limits, which the order of their joins is written for.
 */
export async function claimJobRows(
  db: Db,
  input: { workerId: string; leaseMs: number; limit: number; kinds: readonly string[]; now: number; after: string },
): Promise<JobRow[]> {
  const rows = await db.hot<JobRow & { turn: number }>(
    `with busy as materialized (select tenant_id as id, count(*) as jobs from job
      where worker_id is not null and lease_until >= now() and kind || '' = any($3::text::text[]) group by tenant_id),
    first as materialized (select t.id as tenant_id, j.id from ${CIRCLE} cross join lateral ${OLDEST}
      where t.id <> all(array(select id from busy)) limit $5::int),
    more as materialized (select d.id from
      (select q.id, k.kind, n, q.jobs + n as level from (select tenant_id as id, 0 as jobs from first union all select id, jobs from busy) q
        cross join ${KINDS} cross join generate_series(1, $5::int) n order by level, n, q.id <= $6::uuid, q.id) t
      cross join lateral (select id from job where kind = t.kind and tenant_id = t.id and ${DUE}
        order by run_at offset t.n - 1 limit 1 for update skip locked) d
      where d.id <> all(array(select id from first)) limit $5::int - (select count(*) from first)),
    d as materialized (select id, row_number() over () as turn from (select id from first union all select id from more) d)
    update job set attempt = attempt + 1, fence = fence + 1, worker_id = $1::uuid, lease_until = now() + $2::int * interval '1 ms'
    where id = any(array(select id from d)) returning id, tenant_id, kind, subject, payload, attempt, fence, created_at,
      (select turn from d where d.id = job.id)::int as turn`,
    [input.workerId, input.leaseMs, list(input.kinds), input.now, input.limit, input.after],
  )
  return rows.sort((a, b) => a.turn - b.turn)
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
  await db.hot('update job set lease_until = null where worker_id is not null and lease_until is not null')
}

export async function countJobRows(db: Db, kind: string, max: number): Promise<number> {
  const rows = await db.hot<{ n: number }>(
    'select count(*)::int as n from (select 1 from job where kind = $1 order by tenant_id, run_at limit $2) j',
    [kind, max],
  )
  return rows[0]?.n ?? 0
}
