import type { Db, Param } from '../../drivers/records/port.ts'
import type { Needs } from '../needs.ts'
import { BLOB_RECORD, CHECKPOINT_RECORD, insertBlobs, insertCheckpoints, insertWrites, WRITE_RECORD } from './checkpoint-rows.ts'
import type { BlobRecord, CheckpointRecord, WriteRecord } from './checkpoints.ts'
import { MESSAGE_COLUMNS, MESSAGE_RECORD, type MessageRecord, messageValues } from './message-rows.ts'

export interface CheckpointRow extends Omit<CheckpointRecord, 'at'> {
  created_at: number
  blobs: { channel: string; message_ids: string[] | null; data: string | null; bytes: string | null }[] | null
  /** task id, channel, data, bytes; in path, task, index order. */
  writes: [string, string, string | null, string | null][] | null
}

export interface CheckpointFilter {
  threadId?: string
  ns?: string
  id?: string
  /** Only checkpoints older than this id. */
  before?: string
  source?: string
  step?: number
  runId?: string
  metadata?: Record<string, unknown>
  limit?: number
}

export async function readCheckpointRows(db: Db, tenantId: string, filter: CheckpointFilter): Promise<CheckpointRow[]> {
  const params: Param[] = [tenantId]
  const where = ['c.tenant_id = $1']
  const add = (condition: string, value: Param | undefined) => {
    if (value === undefined) return
    params.push(value)
    where.push(condition.replace('?', `$${params.length}`))
  }
  add('c.thread_id = ?', filter.threadId)
  add('c.ns = ?', filter.ns)
  add('c.id = ?', filter.id)
  add('c.id < ?', filter.before)
  add('c.source = ?', filter.source)
  add('c.step = ?', filter.step)
  add('c.run_id = ?', filter.runId)
  if (filter.metadata && Object.keys(filter.metadata).length) add('c.metadata @> ?::text::jsonb', JSON.stringify(filter.metadata))
  const limit = filter.limit === undefined ? '' : `limit ${Math.max(0, Math.floor(filter.limit))}`
  return db.hot<CheckpointRow>(
    `select c.thread_id, c.ns, c.id, c.parent_id, c.run_id, c.step, c.source, c.versions, c.seen, c.inline, c.metadata, c.created_at, c.v,
      (select json_agg(json_build_object('channel', b.channel, 'message_ids', b.message_ids, 'data', b.data, 'bytes', encode(b.bytes, 'base64')))
        from jsonb_each_text(c.versions) k join channel_blob b on b.thread_id = c.thread_id and b.ns = c.ns and b.channel = k.key and b.version = k.value) as blobs,
      (select json_agg(json_build_array(w.task_id, w.channel, w.data, encode(w.bytes, 'base64')) order by w.path collate "C", w.task_id collate "C", w.idx)
        from checkpoint_write w where w.thread_id = c.thread_id and w.ns = c.ns and w.checkpoint_id = c.id) as writes
    from checkpoint c where ${where.join(' and ')} order by c.id desc ${limit}`,
    params,
  )
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

export const readLogRows = (db: Db, tenantId: string, ids: string[]): Promise<LogRow[]> =>
  db.hot<LogRow>(
    `select id, thread_id, key, role, content, tool_calls, tool_call_id, extra, deleted_at is not null as deleted from message where id = any($1::text::uuid[]) and tenant_id is not distinct from $2::uuid`,
    [`{${ids.join(',')}}`, tenantId],
  )

export interface StateWrite {
  tenantId: string
  threadId: string
  /** Their `seq` counts from 0. */
  messages: MessageRecord[]
  checkpoints: CheckpointRecord[]
  blobs: BlobRecord[]
  writes: WriteRecord[]
}

export async function writeCheckpointRows(app: Needs<'db'>, state: StateWrite): Promise<boolean> {
  const head = state.checkpoints.findLast((c) => c.ns === '')?.id ?? null
  const params: Param[] = [state.threadId, state.tenantId, state.messages.length, head]
  const rows = (list: unknown[], record: string, alias: string): string => {
    params.push(JSON.stringify(list))
    return `json_to_recordset($${params.length}::text::json) as ${alias}(${record})`
  }
  const parts = [
    `g as (update thread set next_seq = next_seq + $3::int, head_id = coalesce($4::uuid, head_id),
      head_seq = case when $4::uuid is null then head_seq else next_seq + $3::int - 1 end
      where id = $1 and tenant_id is not distinct from $2::uuid and status <> 'busy' returning id as thread_id, tenant_id, next_seq - $3::int as base)`,
  ]
  if (state.messages.length)
    parts.push(
      `m as (insert into message (${MESSAGE_COLUMNS}) select ${messageValues('g.tenant_id', 'g.base + m.seq')}
      from ${rows(state.messages, MESSAGE_RECORD, 'm')} join g on g.thread_id = m.thread_id)`,
    )
  if (state.checkpoints.length) parts.push(`c as (${insertCheckpoints(rows(state.checkpoints, CHECKPOINT_RECORD, 'x'), 'g')})`)
  if (state.blobs.length) parts.push(`b as (${insertBlobs(rows(state.blobs, BLOB_RECORD, 'x'), 'g')})`)
  for (const upsert of [false, true]) {
    const list = state.writes.filter((w) => w.upsert === upsert)
    if (list.length) parts.push(`w${Number(upsert)} as (${insertWrites(rows(list, WRITE_RECORD, 'x'), 'g', upsert)})`)
  }
  return (await app.db.hot(`with ${parts.join(',\n')} select thread_id from g`, params)).length === 1
}

export async function deleteCheckpointRows(db: Db, tenantId: string, threadId: string): Promise<void> {
  await db.hot(
    `with a as (delete from checkpoint where thread_id = $1 and tenant_id = $2), b as (delete from channel_blob where thread_id = $1 and tenant_id = $2),
    c as (delete from checkpoint_write where thread_id = $1 and tenant_id = $2)
    update thread set head_id = null, head_seq = 0 where id = $1 and tenant_id is not distinct from $2::uuid`,
    [threadId, tenantId],
  )
}
