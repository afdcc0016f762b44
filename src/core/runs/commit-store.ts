import type { Db, Statement } from '../../drivers/records/port.ts'
import { insertJobsOf, JOB_RECORD } from '../jobs/job-rows.ts'
import {
  BLOB_RECORD,
  CHECKPOINT_RECORD,
  insertBlobs,
  insertCheckpoints,
  insertWrites,
  WRITE_RECORD,
  writesOf,
} from '../threads/checkpoint-rows.ts'
import { MESSAGE_COLUMNS, MESSAGE_RECORD, messageValues } from '../threads/message-rows.ts'
import type { Commit, Committed } from './commits.ts'
import type { RunEvent } from './events.ts'
import type { RunStatus } from './status.ts'

const RUN_RECORD = `id uuid, fence int, thread_id uuid, status text, at float8, usage text, error text, incomplete text, calls text,
  head_id uuid, head_seq int, next_seq int, keep_resume boolean, journal_keep float8, temporary_keep float8`
const STEP_RECORD = `run_id uuid, id uuid, kind text, message_id uuid, status text, usage text, error text, at float8, ended float8`
const CALL_RECORD = `run_id uuid, step_id uuid, idx int, call_id text, type text, name text, arguments text, output text, detail text`
const EVENT_RECORD = `run_id uuid, seq int, n int, data text`

const json = (value: unknown): string | null => (value === null || value === undefined ? null : JSON.stringify(value))

const runRecord = (c: Commit) => ({
  id: c.runId,
  fence: c.fence,
  thread_id: c.threadId,
  status: c.status,
  at: c.at,
  usage: json(c.usage),
  error: json(c.error),
  incomplete: c.incomplete,
  calls: json(c.calls),
  head_id: c.headId,
  head_seq: c.headSeq,
  next_seq: c.nextSeq,
  keep_resume: c.keepResume,
  journal_keep: c.journalKeepMs,
  temporary_keep: c.temporaryKeepMs,
})

/**
 * The odd `or x.id is null` (it never is) makes the status a matter of the join: see decision 1.
 * Only a run whose fence still fits is in `ok`; everything else joins it. One that is to be rolled back has no end. A run asked to stop keeps saying so until its
 * end: the executor learns it from the answer.
 */
const GUARD = `ok as (update run r set usage = x.usage, error = x.error, incomplete = x.incomplete, calls = x.calls,
    resume = case when x.keep_resume then r.resume end,
    status = case when r.status = 'cancelling' and x.status in ('running', 'waiting') then 'cancelling' else x.status end,
    ended_at = case when x.status in ('running', 'waiting') then null else to_timestamp(x.at / 1000.0) end,
    journal_until = case when x.status in ('running', 'waiting') then null else to_timestamp((x.at + x.journal_keep) / 1000.0) end,
    lease_until = case when x.status = 'running' or (r.status = 'cancelling' and x.status = 'waiting') then r.lease_until end
  from x where r.id = x.id and r.fence = x.fence and (r.status in ('running', 'cancelling') or x.id is null)
    and (not r.rollback or x.status = 'running')
  returning r.id, r.id as run_id, r.thread_id, r.tenant_id, r.status)`

const THREAD = `th as (update thread t set status = case x.status when 'running' then 'busy' when 'waiting' then 'interrupted' when 'failed' then 'error' else 'idle' end,
    run_id = case when x.status in ('running', 'waiting') then x.id end,
    head_id = coalesce(x.head_id, t.head_id), head_seq = coalesce(x.head_seq, t.head_seq), next_seq = greatest(t.next_seq, x.next_seq),
    error = case x.status when 'failed' then x.error when 'running' then t.error end, updated_at = to_timestamp(x.at / 1000.0),
    state_at = case when coalesce(x.head_id, t.head_id) is not distinct from t.head_id then t.state_at else to_timestamp(x.at / 1000.0) end,
    expires_at = case when t.temporary and x.status not in ('running', 'waiting') then to_timestamp((x.at + x.temporary_keep) / 1000.0)
      when t.ttl_minutes is not null then to_timestamp((x.at + t.ttl_minutes * 60000) / 1000.0) else t.expires_at end
  from x join ok on ok.id = x.id where t.id = x.thread_id and t.tenant_id is not distinct from ok.tenant_id returning x.id, t.next_at)`

/** One statement for all rows of many runs: its text depends only on which kinds of row there are. */
function build(items: Commit[]): { text: string; params: string[] } {
  const params: string[] = []
  const rows = (list: unknown[], record: string, alias = 'x'): string => {
    params.push(JSON.stringify(list))
    return `json_to_recordset($${params.length}::text::json) as ${alias}(${record})`
  }
  const parts = [`x as materialized (select * from ${rows(items.map(runRecord), RUN_RECORD)})`, GUARD, THREAD]
  const messages = items.flatMap((c) => c.messages)
  const checkpoints = items.flatMap((c) => c.checkpoints)
  const blobs = items.flatMap((c) => c.blobs)
  const writes = items.flatMap((c) => c.writes)
  const steps = items.flatMap((c) => c.steps.map((s) => ({ ...s, run_id: c.runId, usage: json(s.usage), error: json(s.error) })))
  const calls = items.flatMap((c) => c.toolCalls.map((t) => ({ ...t, run_id: c.runId })))
  const jobs = items.flatMap((c) => (c.job ? [{ ...c.job, run_id: c.runId }] : []))
  const events = items.flatMap((c) =>
    c.segment ? [{ run_id: c.runId, seq: c.segment.seq, n: c.segment.events.length, data: JSON.stringify(c.segment.events) }] : [],
  )
  if (messages.length)
    parts.push(
      `m as (insert into message (${MESSAGE_COLUMNS}) select ${messageValues('ok.tenant_id', 'm.seq')}
      from ${rows(messages, MESSAGE_RECORD, 'm')} join ok on ok.thread_id = m.thread_id on conflict (id) do nothing)`,
    )
  if (checkpoints.length) parts.push(`c as (${insertCheckpoints(rows(checkpoints, CHECKPOINT_RECORD), 'ok')})`)
  if (blobs.length) parts.push(`b as (${insertBlobs(rows(blobs, BLOB_RECORD), 'ok')})`)
  for (const upsert of [false, true]) {
    const list = writesOf(writes, upsert)
    if (list.length) parts.push(`w${Number(upsert)} as (${insertWrites(rows(list, WRITE_RECORD), 'ok', upsert)})`)
  }
  if (steps.length)
    parts.push(
      `s as (insert into run_step (id, tenant_id, run_id, kind, message_id, status, usage, error, created_at, ended_at)
      select s.id, ok.tenant_id, ok.id, s.kind, s.message_id, s.status, s.usage, s.error, to_timestamp(s.at / 1000.0), to_timestamp(s.ended / 1000.0)
      from ${rows(steps, STEP_RECORD, 's')} join ok on ok.id = s.run_id
      on conflict (id) do update set status = excluded.status, usage = excluded.usage, error = excluded.error, ended_at = excluded.ended_at)`,
    )
  if (calls.length)
    parts.push(
      `tc as (insert into tool_call (step_id, idx, tenant_id, run_id, call_id, type, name, arguments, output, detail)
      select t.step_id, t.idx, ok.tenant_id, ok.id, t.call_id, t.type, t.name, t.arguments, t.output, t.detail
      from ${rows(calls, CALL_RECORD, 't')} join ok on ok.id = t.run_id
      on conflict (step_id, idx) do update set output = excluded.output, detail = excluded.detail)`,
    )
  if (events.length)
    parts.push(
      `e as (insert into run_event (run_id, seq, tenant_id, n, data) select e.run_id, e.seq, ok.tenant_id, e.n, e.data
      from ${rows(events, EVENT_RECORD, 'e')} join ok on ok.id = e.run_id on conflict (run_id, seq) do update set n = excluded.n, data = excluded.data)`,
    )
  if (jobs.length) parts.push(`j as (${insertJobsOf(rows(jobs, `run_id uuid, ${JOB_RECORD}`, 'j'))})`)
  return {
    text: `with ${parts.join(',\n')} select ok.id, ok.status, th.next_at is not null as behind from ok left join th on th.id = ok.id`,
    params,
  }
}

/** In the order of their ids: see claim-store. */
const inOrder = (items: Commit[]): Commit[] => items.toSorted((a, b) => (a.runId < b.runId ? -1 : 1))

/** A batch whose rows say which thread they belong to, and not which tenant: it may hold a thread's id only once. */
function split(items: Commit[]): Commit[][] {
  const seen = new Set<string>()
  const again = items.filter((c) => seen.has(c.threadId) || !seen.add(c.threadId))
  return again.length === 0 ? [items] : [items.filter((c) => !again.includes(c)), ...again.map((c) => [c])]
}

export const commitStatement: Statement<Commit, Committed | undefined> = {
  name: 'run.commit',
  lanes: 2,
  itemsMax: 64,
  async run(db: Db, items) {
    const done = new Map<Commit, Committed>()
    for (const part of split(inOrder(items))) {
      const { text, params } = build(part)
      const rows = new Map((await db.hot<Committed & { id: string }>(text, params)).map((row) => [row.id, row]))
      for (const commit of part) {
        const row = rows.get(commit.runId)
        if (row) done.set(commit, { status: row.status, behind: row.behind })
      }
    }
    // By commit, not by run: two owners of one run may meet here, and only one of them has written.
    return items.map((c) => done.get(c))
  },
}

export async function hasStatus(db: Db, run: { runId: string; fence: number; status: RunStatus }): Promise<boolean> {
  return (await db.hot(`select id from run where id = $1 and fence = $2 and status = $3`, [run.runId, run.fence, run.status])).length === 1
}

interface JournalItem {
  runId: string
  fence: number
  seq: number
  events: RunEvent[]
}

/**
 * A repeated insert of the same segment overwrites it with itself: the fence guard leaves one writer, so a retry after
 * a lost answer is harmless. The lock, which the foreign key takes anyway, makes an insert and a claim wait for each
 * other: without it an insert that began before the claim would land after it, on numbers that the new owner uses.
 */
export const journalStatement: Statement<JournalItem, boolean> = {
  name: 'run.journal',
  lanes: 1,
  itemsMax: 256,
  async run(db, items) {
    const rows = await db.hot<{ run_id: string; seq: number }>(
      `with x as materialized (select * from json_to_recordset($1::text::json) as x(run_id uuid, seq int, n int, data text, fence int))
      insert into run_event (run_id, seq, tenant_id, n, data) select x.run_id, x.seq, r.tenant_id, x.n, x.data
      from x join run r on r.id = x.run_id and r.fence = x.fence and (r.status in ('running', 'cancelling') or x.run_id is null)
      for key share of r
      on conflict (run_id, seq) do update set n = excluded.n, data = excluded.data returning run_id, seq`,
      [
        JSON.stringify(
          items.map((i) => ({ run_id: i.runId, seq: i.seq, n: i.events.length, data: JSON.stringify(i.events), fence: i.fence })),
        ),
      ],
    )
    if (rows.length === items.length) return items.map(() => true)
    const done = new Set(rows.map((r) => r.run_id + r.seq))
    // Two owners of one run may meet here: only the later one can have written.
    const last = new Map<string, number>()
    for (const { runId, fence } of items) last.set(runId, Math.max(fence, last.get(runId) ?? 0))
    return items.map((i) => done.has(i.runId + i.seq) && i.fence === last.get(i.runId))
  },
}
