import type { Db } from '../../drivers/records/port.ts'
import { makeStorable } from '../json.ts'
import { CALL_FIELDS, type CallRow } from './rows.ts'
import type { RunStatus } from './status.ts'

/** What ends, or goes on, while no worker holds the run: the caller numbers its events itself, under a new fence. */
export interface OpenStep {
  id: string
  kind: 'message' | 'tool_calls'
  created_at: number
  usage: string | null
  calls: CallRow[] | null
}

export interface LockedRun {
  id: string
  tenant_id: string
  thread_id: string
  call: string | null
  status: RunStatus
  calls: string | null
  usage: string | null
  next_event: number
  open_step: OpenStep | null
}

/**
 * Locks a run that no worker holds (queued or waiting), with what is needed to write its next events.
 * Use inside a transaction: the lock is what keeps two callers from numbering the same event.
 */
export async function lockIdleRun(db: Db, runId: string): Promise<LockedRun | undefined> {
  const rows = await db.hot<LockedRun>(
    `select r.id, r.tenant_id, r.thread_id, r.call, r.status, r.calls, r.usage, coalesce((select max(e.seq + e.n) from run_event e where e.run_id = r.id), 1) as next_event,
      (select json_build_object('id', s.id, 'kind', s.kind, 'created_at', (extract(epoch from s.created_at) * 1000)::float8, 'usage', s.usage, 'calls',
        (select json_agg(json_build_object(${CALL_FIELDS}) order by c.idx) from tool_call c where c.step_id = s.id))
        from run_step s where s.run_id = r.id and s.status = 'in_progress' order by s.created_at desc limit 1) as open_step
    from run r where r.id = $1 and (r.status || '') in ('queued', 'waiting') for update of r`,
    [runId],
  )
  return rows[0]
}

export interface EndIdle {
  runId: string
  status: string
  at: number
  seq: number
  events: unknown[]
  step: { id: string; status: string } | null
  usage: string
}

/** Ends a locked run: no worker will touch it again, the thread is free. */
export async function endIdleRun(db: Db, end: EndIdle): Promise<void> {
  await db.hot(
    `with r as (update run set status = $2, fence = fence + 1, ended_at = to_timestamp($3::float8 / 1000.0), calls = null, resume = null, worker_id = null,
        lease_until = null, usage = $8 where id = $1 returning id, tenant_id, thread_id),
    t as (update thread t set run_id = null, status = 'idle', updated_at = to_timestamp($3::float8 / 1000.0) from r
      where t.id = r.thread_id and t.tenant_id is not distinct from r.tenant_id and t.run_id = r.id),
    s as (update run_step s set status = $7, ended_at = to_timestamp($3::float8 / 1000.0) from r where s.id = $6::uuid and s.run_id = r.id)
    insert into run_event (run_id, seq, tenant_id, n, data) select r.id, $4::int, r.tenant_id, json_array_length($5::text::json), $5 from r`,
    [end.runId, end.status, end.at, end.seq, JSON.stringify(end.events), end.step?.id ?? null, end.step?.status ?? null, end.usage],
  )
}

export interface ResumeIdle {
  runId: string
  at: number
  seq: number
  events: unknown[]
  stepId: string
  outputs: { call_id: string; output: string }[]
  resume: string
  workerId: string | null
  leaseMs: number | null
}

/** A waiting run goes on with its outputs, and whoever was to see to its calls has done so: claimed for this process where it has a free slot, else queued. Answers the new fence. */
export async function resumeIdleRun(db: Db, resume: ResumeIdle): Promise<number> {
  const rows = await db.hot<{ fence: number }>(
    `with r as (update run set status = case when $3::uuid is null then 'queued' else 'running' end, worker_id = $3::uuid,
        lease_until = now() + $4::int * interval '1 ms', fence = fence + 1, resume = $5, calls = null,
        started_at = case when $3::uuid is null then started_at else to_timestamp($2::float8 / 1000.0) end
      where id = $1 returning id, tenant_id, thread_id, fence),
    t as (update thread t set status = 'busy' from r where t.id = r.thread_id and t.tenant_id is not distinct from r.tenant_id),
    s as (update run_step s set status = 'completed', ended_at = to_timestamp($2::float8 / 1000.0) from r where s.id = $6::uuid and s.run_id = r.id),
    c as (update tool_call c set output = x.output from json_to_recordset($7::text::json) as x(call_id text, output text), r
      where c.step_id = $6::uuid and c.run_id = r.id and c.call_id = x.call_id),
    a as (update action a set output = x.said, status = case when a.processed_at is null then 'completed' else a.status end,
        processed_at = coalesce(a.processed_at, to_timestamp($2::float8 / 1000.0))
      from json_to_recordset($7::text::json) as x(call_id text, said text), r where a.run_id = r.id and a.call_id = x.call_id),
    e as (insert into run_event (run_id, seq, tenant_id, n, data) select r.id, $8::int, r.tenant_id, json_array_length($9::text::json), $9 from r)
    select fence from r`,
    [
      resume.runId,
      resume.at,
      resume.workerId,
      resume.leaseMs,
      resume.resume,
      resume.stepId,
      JSON.stringify(resume.outputs.map((o) => ({ call_id: o.call_id, output: JSON.stringify(o.output), said: makeStorable(o.output) }))),
      resume.seq,
      JSON.stringify(resume.events),
    ],
  )
  return rows[0]?.fence ?? 0
}

/** Ids of runs that no worker holds and whose time is over. */
export async function expiredIdleRuns(db: Db, now: number, limit: number): Promise<string[]> {
  const rows = await db.hot<{ id: string }>(
    `select id from run where status in ('queued', 'waiting') and expires_at < to_timestamp($1::float8 / 1000.0) order by expires_at limit $2`,
    [now, limit],
  )
  return rows.map((r) => r.id)
}
