import type { Db, Param } from '../../drivers/records/port.ts'
import type { JsonObject } from '../json.ts'
import { withBases } from './checkpoint-rows.ts'
import type { CheckpointRecord } from './checkpoints.ts'
import type { MessageRecord } from './message-rows.ts'

export interface CheckpointRow extends Omit<CheckpointRecord, 'at'> {
  created_at: number
  /** task id, channel, data, bytes; in path, task, index order. */
  writes: [string, string, string | null, string | null][] | null
}

export interface BlobRow {
  thread_id: string
  ns: string
  channel: string
  version: string
  base: string | null
  base_ns: string | null
  keep: number | null
  message_ids: string[] | null
  data: string | null
  bytes: string | null
}

/** Checkpoints and all values that they name, each once, with what lists begin with. */
export interface CheckpointPage {
  checkpoints: CheckpointRow[]
  blobs: BlobRow[]
}

export interface HeadPage extends CheckpointPage {
  /** `pending`: messages that no checkpoint names yet, in their order. */
  threads: { id: string; head_id: string | null; next_seq: number; pending: LogRow[] | null }[]
}

export interface CheckpointFilter {
  threadId?: string
  ns?: string
  id?: string
  /** Only checkpoints older than this id. */
  before?: string
  source?: string
  step?: string
  runId?: string
  metadata?: Record<string, unknown>
  limit?: number
}

const CHECKPOINTS = `(select json_agg(json_build_object('thread_id', c.thread_id, 'ns', c.ns, 'id', c.id, 'parent_id', c.parent_id, 'run_id', c.run_id, 'step', c.step,
    'source', c.source, 'versions', c.versions, 'seen', c.seen, 'inline', c.inline, 'metadata', c.metadata, 'v', c.v,
    'created_at', (extract(epoch from c.created_at) * 1000)::float8,
    'writes', (select json_agg(json_build_array(w.task_id, w.channel, w.data, encode(w.bytes, 'base64')) order by w.path collate "C", w.task_id collate "C", w.idx)
      from checkpoint_write w where w.thread_id = c.thread_id and w.ns = c.ns and w.checkpoint_id = c.id and w.tenant_id is not distinct from c.tenant_id)
  ) order by c.id desc) from c)`

const BLOBS = `(select json_agg(json_build_object('thread_id', b.thread_id, 'ns', b.ns, 'channel', b.channel, 'version', b.version, 'base', b.base, 'base_ns', b.base_ns,
    'keep', b.keep, 'message_ids', b.message_ids, 'data', b.data, 'bytes', encode(b.bytes, 'base64')))
  from k join channel_blob b on b.thread_id = k.thread_id and b.ns = k.ns and b.channel = k.channel and b.version = k.version and b.tenant_id is not distinct from k.tenant_id)`

/** The values that relation `c` of checkpoints names. */
const VALUES = withBases('k', `select c.thread_id, c.tenant_id, c.ns, v.key, v.value from c, jsonb_each_text(c.versions) v`)

interface Found {
  checkpoints: CheckpointRow[] | null
  blobs: BlobRow[] | null
}

export async function readCheckpointRows(db: Db, tenantId: string, filter: CheckpointFilter): Promise<CheckpointPage> {
  const params: Param[] = [tenantId]
  const where = ['c.tenant_id is not distinct from $1::uuid']
  const add = (condition: string, value: Param | undefined) => {
    if (value === undefined) return
    params.push(value)
    where.push(condition.replace('?', `$${params.length}`))
  }
  add('c.thread_id = ?', filter.threadId)
  add('c.ns = ?', filter.ns)
  add('c.id = ?', filter.id)
  add('c.id < ?', filter.before)
  // Nothing but the key may lead to the rows: it also gives their order, so that a page reads no more than it shows.
  add(`c.source || '' = ?`, filter.source)
  add('c.step::text = ?', filter.step)
  // A copied checkpoint belongs to no run and remembers the one that made it.
  add(`coalesce(c.run_id::text, c.metadata->>'run_id') = ?`, filter.runId)
  if (filter.metadata && Object.keys(filter.metadata).length) add('c.metadata @> ?::text::jsonb', JSON.stringify(filter.metadata))
  const limit = filter.limit === undefined ? '' : `limit ${Math.max(0, Math.floor(filter.limit))}`
  const [found] = await db.hot<Found>(
    `with recursive c as materialized (select * from checkpoint c where ${where.join(' and ')} order by c.id desc ${limit}), ${VALUES}
    select ${CHECKPOINTS} as checkpoints, ${BLOBS} as blobs`,
    params,
  )
  return { checkpoints: found?.checkpoints ?? [], blobs: found?.blobs ?? [] }
}

export async function hasCheckpointRow(db: Db, tenantId: string, key: { threadId: string; ns: string; id: string }): Promise<boolean> {
  const rows = await db.hot(
    `select id from checkpoint where thread_id = $1 and ns = $2 and id = $3 and tenant_id is not distinct from $4::uuid`,
    [key.threadId, key.ns, key.id, tenantId],
  )
  return rows.length === 1
}

export interface LogRow {
  id: string
  thread_id: string
  key: string | null
  role: MessageRecord['role']
  content: string
  tool_calls: string | null
  tool_call_id: string | null
  extra: string | null
  /** A client deleted it: the state keeps it, models do not read it. */
  deleted?: boolean
}

const PENDING = `(select json_agg(json_build_object('id', m.id, 'thread_id', m.thread_id, 'key', m.key, 'role', m.role, 'content', m.content, 'tool_calls', m.tool_calls,
    'tool_call_id', m.tool_call_id, 'extra', m.extra) order by m.seq)
  from message m where m.thread_id = t.id and m.seq > t.head_seq and m.tenant_id is not distinct from t.tenant_id and m.deleted_at is null)`

export async function readHeadRows(db: Db, tenantId: string, threadIds: readonly string[]): Promise<HeadPage> {
  const [found] = await db.hot<Found & { threads: HeadPage['threads'] | null }>(
    `with recursive t as materialized (select id, tenant_id, head_id, head_seq, next_seq from thread where id = any($1::text::uuid[]) and tenant_id is not distinct from $2::uuid),
    c as materialized (select c.* from t join checkpoint c on c.thread_id = t.id and c.ns = '' and c.id = t.head_id and c.tenant_id is not distinct from t.tenant_id),
    ${VALUES}
    select (select json_agg(json_build_object('id', t.id, 'head_id', t.head_id, 'next_seq', t.next_seq, 'pending', ${PENDING})) from t) as threads, ${CHECKPOINTS} as checkpoints, ${BLOBS} as blobs`,
    [`{${threadIds.join(',')}}`, tenantId],
  )
  return { threads: found?.threads ?? [], checkpoints: found?.checkpoints ?? [], blobs: found?.blobs ?? [] }
}

export async function readLogRows(db: Db, tenantId: string, ids: readonly string[]): Promise<LogRow[]> {
  const [found] = await db.hot<{ log: LogRow[] | null }>(
    `select json_agg(json_build_object('id', id, 'thread_id', thread_id, 'key', key, 'role', role, 'content', content, 'tool_calls', tool_calls,
      'tool_call_id', tool_call_id, 'extra', extra, 'deleted', deleted_at is not null)) as log
    from message where id = any($1::text::uuid[]) and tenant_id is not distinct from $2::uuid`,
    [`{${ids.join(',')}}`, tenantId],
  )
  return found?.log ?? []
}

/** Undefined: no such thread. */
export async function patchHeadMetadata(
  db: Db,
  tenantId: string,
  input: { threadId: string; metadata: JsonObject },
): Promise<{ id: string | null } | undefined> {
  const rows = await db.hot<{ id: string | null }>(
    `with t as (select id, tenant_id, head_id from thread where id = $1 and tenant_id is not distinct from $2::uuid),
    c as (update checkpoint c set metadata = c.metadata || $3::text::jsonb from t where c.thread_id = t.id and c.ns = '' and c.id = t.head_id
      and c.tenant_id is not distinct from t.tenant_id returning c.id)
    select c.id from t left join c on true`,
    [input.threadId, tenantId, JSON.stringify(input.metadata)],
  )
  return rows[0]
}

export async function deleteCheckpointRows(db: Db, tenantId: string, threadId: string): Promise<void> {
  await db.hot(
    `with a as (delete from checkpoint where thread_id = $1 and tenant_id is not distinct from $2::uuid), b as (delete from channel_blob where thread_id = $1 and tenant_id is not distinct from $2::uuid),
    c as (delete from checkpoint_write where thread_id = $1 and tenant_id is not distinct from $2::uuid)
    update thread set head_id = null, head_seq = 0 where id = $1 and tenant_id is not distinct from $2::uuid`,
    [threadId, tenantId],
  )
}
