import type { RunEvent } from '../../src/core/runs/events.ts'
import { isEnd, type RunStatus } from '../../src/core/runs/status.ts'
import type { Db } from '../../src/drivers/records/port.ts'

/** What must hold of the tables whatever happened, each statement answering the rows that break it. */
const RULES: Record<string, string> = {
  'run that has not ended': `select id, status, attempt from run where status not in ('completed', 'incomplete', 'failed', 'expired', 'cancelled')`,
  'ended run that still has a lease, calls or no end time': `select id, status from run
    where status in ('completed', 'incomplete', 'failed', 'expired', 'cancelled') and (lease_until is not null or calls is not null or ended_at is null)`,
  'thread that is locked by an ended run': `select t.id, t.status, t.run_id from thread t left join run r on r.id = t.run_id
    where (t.run_id is not null and (r.id is null or r.status in ('completed', 'incomplete', 'failed', 'expired', 'cancelled')))
      or (t.run_id is null and t.status in ('busy', 'interrupted'))`,
  'thread whose message numbers have a gap or repeat': `select t.id, t.next_seq, count(m.id), max(m.seq) from thread t left join message m on m.thread_id = t.id
    group by t.id, t.tenant_id having count(m.id) <> t.next_seq - 1 or coalesce(max(m.seq), 0) <> t.next_seq - 1 or count(distinct m.seq) <> count(m.id)`,
  'thread whose head does not exist': `select t.id, t.head_id from thread t
    where t.head_id is not null and not exists (select 1 from checkpoint c where c.thread_id = t.id and c.ns = '' and c.id = t.head_id)`,
  'thread whose head is behind or ahead of its messages': `select id, head_seq, next_seq from thread where head_seq >= next_seq`,
  'checkpoint without its parent': `select c.thread_id, c.id from checkpoint c where c.parent_id is not null
    and not exists (select 1 from checkpoint p where p.thread_id = c.thread_id and p.ns = c.ns and p.id = c.parent_id)`,
  'checkpointed message that does not exist': `select b.thread_id, b.version from channel_blob b, unnest(b.message_ids) as i(id)
    where not exists (select 1 from message m where m.id = i.id and m.thread_id = b.thread_id)`,
  'list of messages that begins with one that does not exist': `select b.thread_id, b.ns, b.version, b.base from channel_blob b where b.base is not null
    and not exists (select 1 from channel_blob o where o.thread_id = b.thread_id and o.ns = coalesce(b.base_ns, b.ns) and o.channel = b.channel and o.version = b.base)`,
  'step in progress of an ended run': `select s.id, s.run_id, r.status from run_step s join run r on r.id = s.run_id
    where s.status = 'in_progress' and r.status in ('completed', 'incomplete', 'failed', 'expired', 'cancelled')`,
  'message step whose message does not exist': `select s.id, s.run_id from run_step s
    where s.kind = 'message' and s.status = 'completed' and not exists (select 1 from message m where m.id = s.message_id)`,
  'completed run with a step that failed other than by a restart': `select s.id, s.run_id, s.error from run_step s join run r on r.id = s.run_id
    where r.status = 'completed' and s.status not in ('completed') and coalesce(s.error, '') not like '%worker stopped%'`,
  'failed run that was not given up after its attempts': `select id, attempt, error from run where status = 'failed' and error not like '%was interrupted%'`,
  'tool call of a completed run without output': `select c.call_id, c.run_id from tool_call c join run r on r.id = c.run_id join run_step s on s.id = c.step_id
    where r.status = 'completed' and s.status = 'completed' and c.output is null`,
  'answered request with an idempotency key without an answer': `select key, route from idempotency where answer is null`,
}

const SHOWN_MAX = 3

export async function checkRules(db: Db, rules = RULES): Promise<string[]> {
  const broken: string[] = []
  for (const [rule, statement] of Object.entries(rules)) {
    const rows = await db.query(statement)
    if (rows.length > 0) broken.push(`${rows.length} x ${rule}: ${JSON.stringify(rows.slice(0, SHOWN_MAX))}`)
  }
  return broken
}

interface SegmentRow {
  run_id: string
  seq: number
  n: number
  data: string
}

export interface Journals {
  violations: string[]
  events: number
  /** When attempts after the first began. */
  restarts: number[]
}

const RUNS_AT_ONCE = 300

/** Every run's journal: no gap, no overlap, one end, at the end, and the same as the row says. */
export async function checkJournals(db: Db): Promise<Journals> {
  const runs = await db.query<{ id: string; status: RunStatus }>('select id, status from run order by id')
  const found: Journals = { violations: [], events: 0, restarts: [] }
  for (let at = 0; at < runs.length; at += RUNS_AT_ONCE) {
    const some = runs.slice(at, at + RUNS_AT_ONCE)
    const rows = await db.query<SegmentRow>(
      'select run_id, seq, n, data from run_event where run_id = any($1::text::uuid[]) order by run_id, seq',
      [`{${some.map(({ id }) => id).join(',')}}`],
    )
    const byRun = Map.groupBy(rows, ({ run_id }) => run_id)
    for (const run of some) checkJournal(run, byRun.get(run.id) ?? [], found)
  }
  return found
}

function checkJournal(run: { id: string; status: RunStatus }, rows: SegmentRow[], found: Journals): void {
  const wrong = (what: string) => found.violations.push(`journal of ${run.id}: ${what}`)
  const events: RunEvent[] = []
  for (const row of rows) {
    const segment = JSON.parse(row.data) as RunEvent[]
    if (row.seq !== events.length + 1) wrong(`segment at ${row.seq} after ${events.length} events`)
    if (row.n !== segment.length) wrong(`segment at ${row.seq} says ${row.n} events and holds ${segment.length}`)
    events.push(...segment)
  }
  found.events += events.length
  for (const event of events) if (event.type === 'restart') found.restarts.push(event.at)
  const ends = events.filter((event) => event.type === 'status' && isEnd(event.status))
  const last = events.at(-1)
  if (isEnd(run.status) && ends.length !== 1) wrong(`${ends.length} terminal events`)
  if (last?.type !== 'status' || last.status !== run.status) wrong(`ends with ${JSON.stringify(last)} and the row says ${run.status}`)
}
