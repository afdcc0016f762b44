import type { Db } from '../../drivers/records/port.ts'
import { DELETE_UNNAMED_BLOBS, withBases } from '../threads/checkpoint-rows.ts'
import type { RunStatus } from './status.ts'

export interface RemovableRun {
  id: string
  tenant_id: string
  thread_id: string
  status: RunStatus
  base_id: string | null
  base_seq: number | null
}

/** Locks a run, until the end of the transaction. */
export async function lockRun(db: Db, tenantId: string, input: { id: string; fence?: number }): Promise<RemovableRun | undefined> {
  const rows = await db.hot<RemovableRun>(
    `select id, tenant_id, thread_id, status, base_id, base_seq from run where id = $1 and tenant_id is not distinct from $2::uuid
    and ($3::int is null or (fence = $3::int and rollback)) for update`,
    [input.id, tenantId, input.fence ?? null],
  )
  return rows[0]
}

/** Whether a run that holds the thread needs what another one left: it is at work, or waits at the other's checkpoint. */
export async function standsOn(db: Db, holder: string, run: Pick<RemovableRun, 'id'>): Promise<boolean> {
  const rows = await db.hot(
    `select r.id from run r join thread t on t.id = r.thread_id and t.tenant_id is not distinct from r.tenant_id
      left join checkpoint c on c.thread_id = t.id and c.ns = '' and c.id = t.head_id and c.tenant_id is not distinct from t.tenant_id
    where r.id = $1 and ((r.status || '') in ('running', 'cancelling') or ((r.status || '') = 'waiting' and c.run_id = $2))`,
    [holder, run.id],
  )
  return rows.length === 1
}

const OF_THREAD = (alias: string): string => `${alias}.thread_id = $2 and ${alias}.tenant_id is not distinct from $3::uuid`

/** The checkpoints of a run with their values and writes, of a thread that the transaction has locked. */
async function deleteState(db: Db, key: [string, string, string]): Promise<void> {
  await db.hot(
    `with gone as (delete from checkpoint c where c.run_id = $1 and ${OF_THREAD('c')} returning c.ns, c.id)
    delete from checkpoint_write w using gone where ${OF_THREAD('w')} and w.ns = gone.ns and w.checkpoint_id = gone.id`,
    key,
  )
  await db.hot(`delete from checkpoint_write w where w.run_id = $1 and ${OF_THREAD('w')}`, key)
  await db.hot(DELETE_UNNAMED_BLOBS, [JSON.stringify([{ id: key[1], tenant_id: key[2] }])])
}

/** What it added to the log, unless a later run's state names it; and what was kept because this run's state named it. */
async function deleteMessages(db: Db, key: [string, string, string]): Promise<void> {
  await db.hot(
    `delete from message m where m.run_id is not null and (m.run_id = $1 or not exists (select 1 from run r where r.id = m.run_id)) and ${OF_THREAD('m')}
      and not exists (select 1 from channel_blob b where ${OF_THREAD('b')} and (m.id = any(b.message_ids) or strpos(b.data, '"' || m.id || '"') > 0))
      and not exists (select 1 from checkpoint_write w where ${OF_THREAD('w')} and strpos(w.data, '"' || m.id || '"') > 0)`,
    key,
  )
}

/** $4 and $5: head_seq and head_id before the run. Behind another head, what comes after the newest message of its list waits. */
const SET_HEAD_BACK = `with recursive h as materialized (select c.* from checkpoint c where ${OF_THREAD('c')} and c.ns = '' and c.run_id is distinct from $1::uuid
    order by (c.id is not distinct from $5::uuid) desc, c.id desc limit 1),
  ${withBases('k', `select h.thread_id, h.tenant_id, h.ns, 'messages', h.versions->>'messages' from h`)},
  top as (select max(m.seq) as seq from k join channel_blob b on b.thread_id = k.thread_id and b.ns = k.ns and b.channel = k.channel and b.version = k.version
    and b.tenant_id is not distinct from k.tenant_id join message m on m.id = any(b.message_ids) and ${OF_THREAD('m')})
  update thread t set by_head = true, state_at = now(), head_id = (select id from h),
    graph = coalesce((select coalesce(r.call::json ->> 'graph', 'assistant') from h join run r on r.id = h.run_id), t.graph),
    config = coalesce((select (r.call::json -> 'config')::text from h join run r on r.id = h.run_id), t.config),
    head_seq = case when (select id from h) is not distinct from $5::uuid then coalesce($4::int, 0) else coalesce((select seq from top), 0) end
  where t.id = $2 and t.tenant_id is not distinct from $3::uuid`

/** Where it left no head, but held the thread: the graph is again the one that made the head. */
const SET_GRAPH_BACK = `update thread t set graph = coalesce(r.call::json ->> 'graph', 'assistant'), config = coalesce((r.call::json -> 'config')::text, t.config)
  from checkpoint c join run r on r.id = c.run_id
  where t.id = $2 and t.tenant_id is not distinct from $3::uuid and t.run_id = $1 and ${OF_THREAD('c')} and c.ns = '' and c.id = t.head_id`

/**
 * The run and all that only it made. Where the thread's head was its own, the head is again what it was before the run,
 * or the newest checkpoint that is left, and messages that the run had taken in wait again. Use inside a transaction that
 * has locked the run.
 */
export async function deleteRunRows(db: Db, run: RemovableRun): Promise<void> {
  const key: [string, string, string] = [run.id, run.thread_id, run.tenant_id]
  await db.hot(`select id from thread where id = $1 and tenant_id is not distinct from $2::uuid for update`, [run.thread_id, run.tenant_id])
  const own = await db.hot(
    `select t.id from thread t join checkpoint c on c.thread_id = t.id and c.tenant_id = t.tenant_id and c.ns = '' and c.id = t.head_id
    where t.id = $2 and t.tenant_id is not distinct from $3::uuid and c.run_id = $1`,
    key,
  )
  await deleteState(db, key)
  await deleteMessages(db, key)
  if (own.length > 0) await db.hot(SET_HEAD_BACK, [...key, run.base_seq, run.base_id])
  else await db.hot(SET_GRAPH_BACK, key)
  await db.hot(
    `with t as (update thread t set run_id = null, status = 'idle', error = null, updated_at = now()
      where t.id = $2 and t.tenant_id is not distinct from $3::uuid and t.run_id = $1)
    delete from run where id = $1`,
    key,
  )
}
