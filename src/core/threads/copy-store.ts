import type { Db } from '../../drivers/records/port.ts'
import { THREAD_COLUMNS, type ThreadRow, threadFromRow } from './store.ts'
import type { Thread } from './threads.ts'

/**
 * The id of a message's copy: in the new thread always the same for the same message, and beside it in an index. Message
 * ids are unique among all threads, so a copy needs its own.
 */
const copied = (id: string): string =>
  `(select overlay(i.t placing '8' || substr(h.x, 1, 3) || '-8' || substr(h.x, 4, 3) || '-' || substr(h.x, 7, 12) from 15)::uuid
    from (select (${id})::text as t) i, lateral (select encode(sha256(convert_to(i.t || '/' || $3, 'UTF8')), 'hex') as x) h)`

const REFERENCE = `'"$m":"'`
const UUID = `'^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"'`

/**
 * JSON text with the messages it refers to replaced by their copies. What begins with "+" refers to none. Each candidate is
 * read once and looked up by its key: the thread is compared in a way that no index serves.
 */
const rewritten = (data: string): string =>
  `case when left(${data}, 1) <> '+' and strpos(${data}, ${REFERENCE}) > 0 then (
    select string_agg(coalesce(o.copy || substr(p.part, 37), p.part), ${REFERENCE} order by p.n)
    from (select u.part, u.n, case when u.n > 1 and u.part ~ ${UUID} then left(u.part, 36)::uuid end as id
      from unnest(string_to_array(${data}, ${REFERENCE})) with ordinality as u(part, n) offset 0) p
    left join lateral (select ${copied('m.id')}::text as copy from message m where m.id = p.id and m.thread_id is not distinct from $1::uuid offset 0) o on true)
  else ${data} end`

const MESSAGES = `m as (insert into message (id, tenant_id, thread_id, seq, key, role, content, tool_calls, tool_call_id, assistant_id, status, cut, attachments,
    metadata, extra, created_at, ended_at, deleted_at)
  select ${copied('m.id')}, m.tenant_id, t.id, m.seq, coalesce(m.key, m.id::text), m.role, m.content, m.tool_calls, m.tool_call_id, m.assistant_id, m.status,
    m.cut, m.attachments, m.metadata, m.extra, m.created_at, m.ended_at, m.deleted_at
  from message m, t where m.thread_id = $1 and m.tenant_id is not distinct from $2::uuid)`

const CHECKPOINTS = `c as (insert into checkpoint (tenant_id, thread_id, ns, id, parent_id, step, source, versions, seen, inline, metadata, created_at, v)
  select c.tenant_id, t.id, c.ns, c.id, c.parent_id, c.step, c.source, c.versions, c.seen, c.inline,
    case when c.run_id is null then '{}'::jsonb else jsonb_build_object('run_id', c.run_id) end || c.metadata, c.created_at, c.v
  from checkpoint c, t where c.thread_id = $1 and c.tenant_id is not distinct from $2::uuid)`

const BLOBS = `b as (insert into channel_blob (tenant_id, thread_id, ns, channel, version, base, base_ns, keep, message_ids, data, bytes)
  select b.tenant_id, t.id, b.ns, b.channel, b.version, b.base, b.base_ns, b.keep,
    case when b.message_ids is not null then array(select ${copied('u.id')} from unnest(b.message_ids) with ordinality as u(id, n) order by u.n) end,
    ${rewritten('b.data')}, b.bytes
  from channel_blob b, t where b.thread_id = $1 and b.tenant_id is not distinct from $2::uuid)`

const WRITES = `w as (insert into checkpoint_write (tenant_id, thread_id, ns, checkpoint_id, task_id, idx, path, channel, data, bytes)
  select w.tenant_id, t.id, w.ns, w.checkpoint_id, w.task_id, w.idx, w.path, w.channel, ${rewritten('w.data')}, w.bytes
  from checkpoint_write w, t where w.thread_id = $1 and w.tenant_id is not distinct from $2::uuid)`

/**
 * Everything but the runs: rows of the copy belong to none, because whoever looks for a run's rows must not find them in
 * two threads. One statement, so one moment. Undefined: no such thread.
 */
export async function copyThreadRows(
  db: Db,
  tenantId: string,
  copy: { from: string; to: string; at: number; config: string | null },
): Promise<Thread | undefined> {
  const rows = await db.hot<ThreadRow>(
    `with t as (insert into thread as t (id, tenant_id, metadata, tool_resources, head_id, head_seq, by_head, next_seq, graph, config, ttl_minutes, expires_at,
        created_at, updated_at, state_at)
      select $3::text::uuid, s.tenant_id, s.metadata || jsonb_build_object('thread_id', $3), s.tool_resources, s.head_id, s.head_seq, s.by_head, s.next_seq, s.graph, $5,
        s.ttl_minutes, n.at + s.ttl_minutes * interval '1 minute', n.at, n.at, case when s.head_id is not null then n.at end
      from thread s, (select to_timestamp($4::float8 / 1000.0) as at) n where s.id = $1 and s.tenant_id is not distinct from $2::uuid
      returning ${THREAD_COLUMNS}),
    ${MESSAGES}, ${CHECKPOINTS}, ${BLOBS}, ${WRITES} select * from t`,
    [copy.from, tenantId, copy.to, copy.at, copy.config],
  )
  return rows[0] && threadFromRow(rows[0])
}

/** Until the end of the transaction no run begins in the thread or commits to it, and nobody appends. */
export async function lockForCopy(db: Db, tenantId: string, id: string): Promise<Thread | undefined> {
  const rows = await db.hot<ThreadRow>(
    `select ${THREAD_COLUMNS} from thread t where id = $1 and tenant_id is not distinct from $2::uuid
      and (not t.temporary or t.run_id is not null or t.next_at is not null) for share`,
    [id, tenantId],
  )
  return rows[0] && threadFromRow(rows[0])
}
