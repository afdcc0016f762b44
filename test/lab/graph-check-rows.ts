import type { Db } from '../../src/drivers/records/port.ts'

const ENDED = `('completed', 'incomplete', 'failed', 'expired', 'cancelled')`

/** What must hold of the tables once nobody is at work any more, each statement answering the rows that break it. */
const RULES: Record<string, string> = {
  'run that has not ended and waits for nobody': `select id, status, ready, attempt from run where status not in ${ENDED} and status <> 'waiting'`,
  'ended run with a lease, calls, a command or no end time': `select id, status from run
    where status in ${ENDED} and (lease_until is not null or calls is not null or ended_at is null or resume is not null)`,
  'waiting run with a lease': `select id from run where status = 'waiting' and lease_until is not null`,
  'run that waits and does not hold its thread': `select r.id, t.run_id, t.status from run r left join thread t on t.id = r.thread_id and t.tenant_id = r.tenant_id
    where r.status = 'waiting' and (t.run_id is distinct from r.id or t.status <> 'interrupted')`,
  'thread that is held by an ended run': `select t.id, t.status, t.run_id, r.status as run from thread t left join run r on r.id = t.run_id
    where (t.run_id is not null and (r.id is null or r.status in ${ENDED})) or (t.run_id is null and t.status in ('busy', 'interrupted'))`,
  'thread that looks for a next run': `select id, status, next_at from thread where next_at is not null`,
  'thread that failed without an error, or the other way round': `select id, status, error from thread where (status = 'error') <> (error is not null)`,
  'thread whose head does not exist': `select t.id, t.head_id from thread t where t.head_id is not null
    and not exists (select 1 from checkpoint c where c.thread_id = t.id and c.tenant_id = t.tenant_id and c.ns = '' and c.id = t.head_id)`,
  'thread whose head is not its newest state': `select t.id, t.head_id, m.id as newest from thread t
    join lateral (select c.id from checkpoint c where c.thread_id = t.id and c.tenant_id = t.tenant_id and c.ns = '' order by c.id desc limit 1) m on true where m.id <> t.head_id`,
  'thread with checkpoints and no head': `select distinct t.id from thread t join checkpoint c on c.thread_id = t.id and c.ns = '' where t.head_id is null`,
  'checkpoint without its parent': `select c.thread_id, c.ns, c.id, c.parent_id from checkpoint c where c.parent_id is not null
    and not exists (select 1 from checkpoint p where p.thread_id = c.thread_id and p.ns = c.ns and p.id = c.parent_id)`,
  'checkpoint of a run that is gone': `select c.thread_id, c.id, c.run_id from checkpoint c where c.run_id is not null and not exists (select 1 from run r where r.id = c.run_id)`,
  'write of a run that is gone': `select w.thread_id, w.checkpoint_id, w.run_id from checkpoint_write w where w.run_id is not null
    and not exists (select 1 from run r where r.id = w.run_id)`,
  'write for a checkpoint that does not exist': `select w.thread_id, w.ns, w.checkpoint_id, w.channel, r.status, r.attempt, r.call::json ->> 'durability' as durability
    from checkpoint_write w left join run r on r.id = w.run_id where not exists (select 1 from checkpoint c where c.thread_id = w.thread_id and c.ns = w.ns and c.id = w.checkpoint_id)`,
  'value that no checkpoint names': `select b.thread_id, b.ns, b.channel, b.version from channel_blob b
    where not exists (select 1 from checkpoint c where c.thread_id = b.thread_id and c.ns = b.ns and c.versions ->> b.channel = b.version)
      and not exists (select 1 from channel_blob o where o.thread_id = b.thread_id and o.channel = b.channel and o.base = b.version and coalesce(o.base_ns, o.ns) = b.ns)`,
  'list that begins with one that does not exist': `select b.thread_id, b.ns, b.version, b.base from channel_blob b where b.base is not null
    and not exists (select 1 from channel_blob o where o.thread_id = b.thread_id and o.ns = coalesce(b.base_ns, b.ns) and o.channel = b.channel and o.version = b.base)`,
  'checkpointed message that does not exist': `select b.thread_id, b.version from channel_blob b, unnest(b.message_ids) as i(id)
    where not exists (select 1 from message m where m.id = i.id and m.thread_id = b.thread_id)`,
  'message of a run that is gone, which nothing names': `select m.thread_id, m.id, m.run_id from message m where m.run_id is not null and not exists (select 1 from run r where r.id = m.run_id)
    and not exists (select 1 from channel_blob b where b.thread_id = m.thread_id and m.id = any(b.message_ids))`,
  'two messages with one number': `select thread_id, seq from message group by thread_id, tenant_id, seq having count(*) > 1`,
  'message beyond the count of its thread': `select m.thread_id, m.seq, t.next_seq from message m join thread t on t.id = m.thread_id where m.seq >= t.next_seq`,
  'state of a thread that does not exist': `select distinct c.thread_id from checkpoint c where not exists (select 1 from thread t where t.id = c.thread_id and t.tenant_id = c.tenant_id)`,
  'failed run that was neither given up nor meant to fail': `select id, attempt, error from run where status = 'failed' and error not like '%was interrupted%' and error not like '%LabError%'`,
  'run given up before its last attempt': `select id, attempt, error from run where status = 'failed' and error like '%was interrupted%' and attempt <= 3`,
  'answered request with an idempotency key without an answer': `select key, route from idempotency where answer is null`,
  'job that is left': `select id, kind, subject, attempt, error from job`,
  'temporary thread that stayed': `select id, expires_at from thread where temporary and (expires_at is null or expires_at < now() - interval '30 s')`,
  'schedule that is late': `select id, next_at, error from schedule where enabled and next_at < now() - interval '5 s'`,
}

const SHOWN_MAX = 3

export async function checkGraphRules(db: Db): Promise<string[]> {
  const broken: string[] = []
  for (const [rule, statement] of Object.entries(RULES)) {
    const rows = await db.query(statement)
    if (rows.length > 0) broken.push(`${rows.length} x ${rule}: ${JSON.stringify(rows.slice(0, SHOWN_MAX))}`)
  }
  return broken
}
