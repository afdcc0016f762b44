/** Record shapes of json_to_recordset and the inserts that both the run's commit and the state API use. */
export const CHECKPOINT_RECORD = `thread_id uuid, ns text, id uuid, parent_id uuid, run_id uuid, step int, source text, versions jsonb, seen text, inline text,
  metadata jsonb, at float8, v int`
export const BLOB_RECORD = `thread_id uuid, ns text, channel text, version text, message_ids uuid[], data text, bytes text`
export const WRITE_RECORD = `thread_id uuid, ns text, checkpoint_id uuid, task_id text, idx int, path text, channel text, data text, bytes text, upsert boolean`

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
  `insert into channel_blob (tenant_id, thread_id, ns, channel, version, message_ids, data, bytes)
  select g.tenant_id, x.thread_id, x.ns, x.channel, x.version, x.message_ids, x.data, decode(x.bytes, 'base64')
  from ${rows} join ${guard} g on g.thread_id = x.thread_id on conflict do nothing`

/** Ordinary writes are first come, first kept; special channels take the newest. */
export const insertWrites = (rows: string, guard: string, upsert: boolean): string =>
  `insert into checkpoint_write (tenant_id, thread_id, ns, checkpoint_id, task_id, idx, path, channel, data, bytes)
  select g.tenant_id, x.thread_id, x.ns, x.checkpoint_id, x.task_id, x.idx, x.path, x.channel, x.data, decode(x.bytes, 'base64')
  from ${rows} join ${guard} g on g.thread_id = x.thread_id on conflict (thread_id, ns, checkpoint_id, task_id, idx) ${
    upsert ? 'do update set channel = excluded.channel, data = excluded.data, bytes = excluded.bytes, path = excluded.path' : 'do nothing'
  }`
