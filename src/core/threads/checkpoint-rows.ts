import type { WriteRecord } from './checkpoints.ts'

/** Record shapes of json_to_recordset and the inserts that both the run's commit and the state API use. */
export const CHECKPOINT_RECORD = `thread_id uuid, ns text, id uuid, parent_id uuid, run_id uuid, step int, source text, versions jsonb, seen text, inline text,
  metadata jsonb, at float8, v int`
export const BLOB_RECORD = `thread_id uuid, ns text, channel text, version text, message_ids uuid[], base text, base_ns text, keep int,
  data text, bytes text`
export const WRITE_RECORD = `thread_id uuid, ns text, checkpoint_id uuid, task_id text, idx int, path text, channel text, data text, bytes text, run_id uuid, upsert boolean`

/**
 * @param rows the record source, aliased x
 * @param guard a relation with thread_id and tenant_id: rows of threads outside it are not written
 */
export const insertCheckpoints = (rows: string, guard: string): string =>
  `insert into checkpoint (tenant_id, thread_id, ns, id, parent_id, run_id, step, source, versions, seen, inline, metadata, created_at, v)
  select g.tenant_id, x.thread_id, x.ns, x.id, x.parent_id, x.run_id, x.step, x.source, x.versions, x.seen, x.inline, coalesce(x.metadata, '{}'), to_timestamp(x.at / 1000.0), x.v
  from ${rows} join ${guard} g on g.thread_id = x.thread_id
  on conflict (thread_id, ns, id) do update set versions = excluded.versions, seen = excluded.seen, inline = excluded.inline, metadata = excluded.metadata`

export const insertBlobs = (rows: string, guard: string): string =>
  `insert into channel_blob (tenant_id, thread_id, ns, channel, version, message_ids, base, base_ns, keep, data, bytes)
  select g.tenant_id, x.thread_id, x.ns, x.channel, x.version, x.message_ids, x.base, x.base_ns, x.keep, x.data, decode(x.bytes, 'base64')
  from ${rows} join ${guard} g on g.thread_id = x.thread_id on conflict do nothing`

/** Those that replace what is there, or those that do not. A node that asks twice tells its answers twice: the last one counts. */
export function writesOf(writes: readonly WriteRecord[], upsert: boolean): WriteRecord[] {
  const list = writes.filter((w) => w.upsert === upsert)
  if (!upsert || list.length < 2) return list
  return [...new Map(list.map((w) => [`${w.thread_id} ${w.ns} ${w.checkpoint_id} ${w.task_id} ${w.idx}`, w])).values()]
}

/** Ordinary writes are first come, first kept; special channels take the newest. */
export const insertWrites = (rows: string, guard: string, upsert: boolean): string =>
  `insert into checkpoint_write (tenant_id, thread_id, ns, checkpoint_id, task_id, idx, path, channel, data, bytes, run_id)
  select g.tenant_id, x.thread_id, x.ns, x.checkpoint_id, x.task_id, x.idx, x.path, x.channel, x.data, decode(x.bytes, 'base64'), x.run_id
  from ${rows} join ${guard} g on g.thread_id = x.thread_id on conflict (thread_id, ns, checkpoint_id, task_id, idx) ${
    upsert ? 'do update set channel = excluded.channel, data = excluded.data, bytes = excluded.bytes, path = excluded.path' : 'do nothing'
  }`

/**
 * A recursive relation of channel values: those that `first` selects (thread_id, tenant_id, ns, channel, version), and the
 * earlier ones that their lists begin with.
 */
export const withBases = (named: string, first: string): string =>
  `${named}(thread_id, tenant_id, ns, channel, version) as (${first} union
    select b.thread_id, b.tenant_id, coalesce(b.base_ns, b.ns), b.channel, b.base from ${named} k join channel_blob b on b.thread_id = k.thread_id and b.ns = k.ns
      and b.channel = k.channel and b.version = k.version and b.tenant_id is not distinct from k.tenant_id where b.base is not null)`

/**
 * Removes the values that no checkpoint names any more, not even as the beginning of a list. A statement of its own, after
 * the one that removed the checkpoints, of threads that the transaction has locked. $1: JSON list of {id, tenant_id}.
 */
export const DELETE_UNNAMED_BLOBS = `with recursive x as materialized (select * from json_to_recordset($1::text::json) as x(id uuid, tenant_id uuid)),
  ${withBases(
    'named',
    `select c.thread_id, c.tenant_id, c.ns, v.key, v.value from x join checkpoint c on c.thread_id = x.id and c.tenant_id is not distinct from x.tenant_id, jsonb_each_text(c.versions) v`,
  )},
  gone as materialized (select b.thread_id, b.tenant_id, b.ns, b.channel, b.version from x join channel_blob b on b.thread_id = x.id and b.tenant_id is not distinct from x.tenant_id
    except select * from named)
  delete from channel_blob b using gone g where b.thread_id = g.thread_id and b.ns = g.ns and b.channel = g.channel and b.version = g.version
    and b.tenant_id is not distinct from g.tenant_id`
