import type { Db, Param } from '../../drivers/records/port.ts'
import { BLOB_RECORD, CHECKPOINT_RECORD, insertBlobs, insertCheckpoints, insertWrites, WRITE_RECORD, writesOf } from './checkpoint-rows.ts'
import type { BlobRecord, CheckpointRecord, WriteRecord } from './checkpoints.ts'
import { MESSAGE_COLUMNS, MESSAGE_RECORD, type MessageRecord, messageValues } from './message-rows.ts'

export interface StateWrite {
  tenantId: string
  threadId: string
  /** Their `seq` counts from 0. */
  messages: MessageRecord[]
  checkpoints: CheckpointRecord[]
  blobs: BlobRecord[]
  writes: WriteRecord[]
  at: number
  /** What it was made from: the thread's head and next message number then, and checkpoints that must be there still. */
  from?: { head?: { id: string | null; nextSeq: number }; checkpoints: readonly { ns: string; id: string }[] }
  /** The graph of a thread that has none yet. */
  graph?: string | null
  /** Done in the same transaction. */
  alongside?: (db: Db) => Promise<void> | undefined
}

export type Written = 'written' | 'missing' | 'busy' | 'moved'

/**
 * The thread is locked before anything is looked up, so that a removal of checkpoints, or another update, comes before or
 * after all of this.
 */
export const writeCheckpointRows = (db: Db, state: StateWrite): Promise<Written> =>
  db.transaction(async (tx) => {
    const [thread] = await tx.hot<{ status: string; next_at: number | null; head_id: string | null; next_seq: number }>(
      `select status, next_at, head_id, next_seq from thread where id = $1 and tenant_id is not distinct from $2::uuid for update`,
      [state.threadId, state.tenantId],
    )
    if (!thread) return 'missing'
    if (thread.status === 'busy' || thread.next_at !== null) return 'busy'
    const head = state.from?.head
    if (head && (thread.head_id !== head.id || thread.next_seq !== head.nextSeq)) return 'moved'
    if (!(await areThere(tx, state))) return 'moved'
    await insertState(tx, state)
    await state.alongside?.(tx)
    return 'written'
  })

async function areThere(db: Db, { threadId, tenantId, from }: StateWrite): Promise<boolean> {
  if (!from?.checkpoints.length) return true
  const [found] = await db.hot<{ n: number }>(
    `select count(*)::int as n from json_to_recordset($3::text::json) as x(ns text, id uuid)
    join checkpoint c on c.thread_id = $1 and c.ns = x.ns and c.id = x.id and c.tenant_id is not distinct from $2::uuid`,
    [threadId, tenantId, JSON.stringify(from.checkpoints)],
  )
  return found?.n === from.checkpoints.length
}

async function insertState(db: Db, state: StateWrite): Promise<void> {
  const head = state.checkpoints.findLast((c) => c.ns === '')?.id ?? null
  const params: Param[] = [state.threadId, state.tenantId, state.messages.length, head, state.at, state.graph ?? null]
  const rows = (list: unknown[], record: string, alias: string): string => {
    params.push(JSON.stringify(list))
    return `json_to_recordset($${params.length}::text::json) as ${alias}(${record})`
  }
  const parts = [
    `g as (update thread set next_seq = next_seq + $3::int, head_id = coalesce($4::uuid, head_id), by_head = by_head or $4::uuid is not null, graph = coalesce(graph, $6),
      head_seq = case when $4::uuid is null then head_seq else next_seq + $3::int - 1 end,
      state_at = case when $4::uuid is null then state_at else to_timestamp($5::float8 / 1000.0) end, updated_at = to_timestamp($5::float8 / 1000.0)
      where id = $1 and tenant_id is not distinct from $2::uuid returning id as thread_id, tenant_id, next_seq - $3::int as base)`,
  ]
  if (state.messages.length)
    parts.push(
      `m as (insert into message (${MESSAGE_COLUMNS}) select ${messageValues('g.tenant_id', 'g.base + m.seq')}
      from ${rows(state.messages, MESSAGE_RECORD, 'm')} join g on g.thread_id = m.thread_id)`,
    )
  if (state.checkpoints.length) parts.push(`c as (${insertCheckpoints(rows(state.checkpoints, CHECKPOINT_RECORD, 'x'), 'g')})`)
  if (state.blobs.length) parts.push(`b as (${insertBlobs(rows(state.blobs, BLOB_RECORD, 'x'), 'g')})`)
  for (const upsert of [false, true]) {
    const list = writesOf(state.writes, upsert)
    if (list.length) parts.push(`w${Number(upsert)} as (${insertWrites(rows(list, WRITE_RECORD, 'x'), 'g', upsert)})`)
  }
  await db.hot(`with ${parts.join(',\n')} select thread_id from g`, params)
}
