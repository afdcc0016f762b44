import type { Db } from '../../drivers/records/port.ts'
import { floorId } from '../id.ts'
import type { MessageRecord } from '../threads/message-rows.ts'
import { PENDING } from './create-store.ts'
import { RUN_COLUMNS, type RunRow } from './rows.ts'

export interface ClaimRow extends RunRow {
  fence: number
  attempt: number
  next_event: number
  resume: string | null
  /** A checkpoint of this run exists, not only one of a subgraph's: go on from there. */
  started: boolean
  head_id: string | null
  base_id: string | null
  head_seq: number
  next_seq: number
  pending: MessageRecord[] | null
}

const CLAIMED = `${RUN_COLUMNS}, r.fence, r.attempt, r.resume, r.base_id, t.head_id, t.head_seq, t.next_seq,
  coalesce((select max(e.seq + e.n) from run_event e where e.run_id = r.id), 1) as next_event,
  (select json_agg(${PENDING} order by m.seq) from message m where m.thread_id = t.id and m.tenant_id = t.tenant_id and m.seq > t.head_seq and m.deleted_at is null) as pending,
  exists (select 1 from checkpoint k where k.run_id = r.id and k.ns = '') as started`

const CLAIMED_FROM =
  'run r join thread t on t.id = r.thread_id and t.tenant_id = r.tenant_id join assistant_version v on v.id = r.assistant_version_id'

/**
 * Queued runs and runs whose lease ran out, each to one worker only. Recovery goes first.
 * A crashed attempt counts; a run never started does not. What was written is looked up only when the new fence is
 * committed: a last write under the old one may have been under way when the claim began.
 */
export async function claimRows(db: Db, input: { workerId: string; leaseMs: number; limit: number }): Promise<ClaimRow[]> {
  const taken = await db.hot<{ id: string }>(
    `with d as materialized (select id from run where status in ('running', 'cancelling') and lease_until < now() order by lease_until limit $3 for update skip locked),
    q as materialized (select id from run where status = 'queued' and ready order by run_at limit greatest(0, $3::int - (select count(*) from d)) for update skip locked),
    r as (update run set attempt = attempt + (status <> 'queued')::int, status = case when status = 'queued' then 'running' else status end, worker_id = $1::uuid,
      fence = fence + 1, lease_until = now() + $2::int * interval '1 ms', started_at = coalesce(started_at, now())
      where id = any(array(select id from d union all select id from q)) returning id)
    select id from r`,
    [input.workerId, input.leaseMs, input.limit],
  )
  if (taken.length === 0) return []
  return db.hot<ClaimRow>(
    `select ${CLAIMED} from ${CLAIMED_FROM} where r.id = any($1::text::uuid[]) and (r.worker_id = $2::uuid or r.id is null)`,
    [`{${taken.map((r) => r.id).join(',')}}`, input.workerId],
  )
}

/** What a run just resumed for this process needs; the fence guards against a change since. */
export async function resumedRow(db: Db, runId: string): Promise<ClaimRow | undefined> {
  const rows = await db.hot<ClaimRow>(`select ${CLAIMED} from ${CLAIMED_FROM} where r.id = $1`, [runId])
  return rows[0]
}

export interface Renewal {
  id: string
  fence: number
  status: string
}

/**
 * Several runs are locked in the order of their ids, as commits of several do: two statements that wait for each other stand
 * for a second, and with them every run of either. Journal inserts go on meanwhile.
 */
const OURS = `d as materialized (select id from run where id = any($2::text::uuid[]) and worker_id = $1::uuid and (status || '') in ('running', 'cancelling')
    order by id for no key update)`

/** Extends the leases of this worker's runs. A run that does not come back is lost; one that comes back `cancelling` must stop. */
export const renewLeases = (db: Db, input: { workerId: string; leaseMs: number; ids: string[] }): Promise<Renewal[]> =>
  db.hot<Renewal>(
    `with ${OURS} update run set lease_until = now() + $3::int * interval '1 ms' where id = any(array(select id from d)) and worker_id = $1::uuid
    and (status || '') in ('running', 'cancelling') returning id, fence, status`,
    [input.workerId, `{${input.ids.join(',')}}`, input.leaseMs],
  )

/** Gives runs back at shutdown: the next worker takes them at once, and the attempt is not charged. */
export async function releaseRuns(db: Db, workerId: string, ids: string[]): Promise<void> {
  if (ids.length === 0) return
  await db.hot(
    `with ${OURS} update run set status = case when status = 'running' then 'queued' else status end, fence = fence + 1, worker_id = null,
      lease_until = case when status = 'running' then null else now() end
    where id = any(array(select id from d)) and worker_id = $1::uuid and (status || '') in ('running', 'cancelling')`,
    [workerId, `{${ids.join(',')}}`],
  )
}

/** With an exclusively locked database nobody else can hold a lease: all of them are of the dead. */
export async function expireAllLeases(db: Db): Promise<void> {
  await db.hot(`update run set lease_until = now() - interval '1 ms' where status in ('running', 'cancelling')`)
}

/** Oldest journals first, by the time in the ids of their runs; of those only the ones of runs that ended before `before`. */
export async function deleteOldEvents(db: Db, before: number, limit: number): Promise<number> {
  const rows = await db.hot<{ n: number }>(
    `with o as materialized (select distinct e.run_id from (select run_id from run_event where run_id < $1::uuid order by run_id, seq limit $3) e),
    d as (delete from run_event e using o, run r where e.run_id = o.run_id and r.id = o.run_id and r.ended_at < to_timestamp($2::float8 / 1000.0) returning 1)
    select count(*)::int as n from d`,
    [floorId(before), before, limit],
  )
  return rows[0]?.n ?? 0
}

/** Journals that were to be kept for a time of their own. Answers how many runs that were. */
export async function deleteTimedEvents(db: Db, now: number, limit: number): Promise<number> {
  const rows = await db.hot<{ n: number }>(
    `with r as materialized (select id from run where journal_until < to_timestamp($1::float8 / 1000.0) order by journal_until limit $2 for update skip locked),
    u as (update run set journal_until = null where id = any(array(select id from r)) returning id),
    d as (delete from run_event e using u where e.run_id = u.id)
    select count(*)::int as n from r`,
    [now, limit],
  )
  return rows[0]?.n ?? 0
}
