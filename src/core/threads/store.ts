import type { Db, Statement } from '../../drivers/records/port.ts'
import type { JsonObject } from '../json.ts'
import type { GraphConfig } from '../runs/call.ts'
import { transactAgain } from '../runs/deadlock.ts'
import type { RunError } from '../runs/events.ts'
import type { ToolResources } from '../tool-resources/tool-resources.ts'
import { draftMessage } from './draft.ts'
import { MESSAGE_COLUMNS, MESSAGE_RECORD, type MessageRecord, messageValues, toRecord } from './message-rows.ts'
import type { NewMessage } from './messages.ts'
import { NEW_THREAD_RECORD, type ThreadRecord, threadRecord } from './thread-rows.ts'
import type { Thread, ThreadChange } from './threads.ts'

/** Of rows `t`. */
export const THREAD_COLUMNS = `t.id, t.tenant_id, t.metadata, t.tool_resources, t.status, t.run_id, t.next_at, t.head_id, t.head_seq + 1 < t.next_seq as pending, t.by_head, t.graph, t.config, t.error, t.temporary,
  t.ttl_minutes, t.expires_at, t.created_at, t.updated_at, t.state_at`

export interface ThreadRow {
  id: string
  tenant_id: string
  metadata: JsonObject
  tool_resources: string | null
  status: Thread['status']
  run_id: string | null
  next_at: number | null
  head_id: string | null
  pending: boolean
  by_head: boolean
  graph: string | null
  config: string | null
  error: string | null
  temporary: boolean
  ttl_minutes: number | null
  expires_at: number | null
  created_at: number
  updated_at: number
  state_at: number | null
}

const parse = <T>(text: string | null): T | null => (text === null ? null : (JSON.parse(text) as T))

export const threadFromRow = (r: ThreadRow): Thread => ({
  ...{ id: r.id, tenantId: r.tenant_id, metadata: r.metadata, toolResources: parse<ToolResources>(r.tool_resources) },
  ...{
    status: r.status,
    runId: r.run_id,
    behind: r.next_at !== null,
    headId: r.head_id,
    pending: r.pending,
    byHead: r.by_head,
    error: parse<RunError>(r.error),
  },
  ...{ graph: r.graph, config: parse<GraphConfig>(r.config) ?? {}, temporary: r.temporary, ttlMinutes: r.ttl_minutes },
  ...{ expiresAt: r.expires_at, createdAt: r.created_at, updatedAt: r.updated_at, stateAt: r.state_at },
})

interface Item {
  thread: ThreadRecord
  messages: MessageRecord[]
}

/** Nothing is written where the id is taken. */
const create: Statement<Item, boolean> = {
  name: 'thread.create',
  lanes: 2,
  itemsMax: 128,
  async run(db, items) {
    const messages = items.flatMap((i) => i.messages)
    const threads = `insert into thread (id, tenant_id, metadata, tool_resources, next_seq, graph, temporary, ttl_minutes, expires_at, created_at, updated_at)
      select id, tenant_id, metadata, tool_resources, next_seq, graph, temporary, ttl_minutes, to_timestamp(expires / 1000.0), to_timestamp(at / 1000.0), to_timestamp(at / 1000.0)
      from json_to_recordset($1::text::json) as x(${NEW_THREAD_RECORD}) on conflict (id, tenant_id) do nothing returning id, tenant_id`
    const params = [JSON.stringify(items.map((i) => i.thread))]
    if (messages.length) params.push(JSON.stringify(messages))
    const written = messages.length
      ? `with t as (${threads}), m as (insert into message (${MESSAGE_COLUMNS}) select ${messageValues('m.tenant_id', 'm.seq')}
        from json_to_recordset($2::text::json) as m(${MESSAGE_RECORD}) join t on t.id = m.thread_id and t.tenant_id = m.tenant_id) select id, tenant_id from t`
      : threads
    const rows = await db.hot<{ id: string; tenant_id: string }>(written, params)
    // Two items of one batch may choose the same id: the first of them has it.
    const free = new Set(rows.map((r) => r.id + r.tenant_id))
    return items.map(({ thread }) => free.delete(thread.id + thread.tenant_id))
  },
}

/** False: the id is taken, nothing was written. */
export async function insertThread(db: Db, input: { thread: Thread; messages: NewMessage[] }): Promise<boolean> {
  const { thread } = input
  const messages = input.messages.map((m, i) => ({
    ...toRecord(thread.tenantId, draftMessage(thread.id, m, thread.createdAt)),
    seq: i + 1,
  }))
  return db.batch(create, { thread: threadRecord(thread, messages.length), messages })
}

const read: Statement<{ id: string; tenantId: string }, Thread | undefined> = {
  name: 'thread.read',
  lanes: 2,
  itemsMax: 128,
  async run(db, items) {
    const rows = await db.hot<ThreadRow>(`select ${THREAD_COLUMNS} from thread t where t.id = any($1::text::uuid[])`, [
      `{${items.map((i) => i.id).join(',')}}`,
    ])
    const byKey = new Map(rows.map((r) => [r.id + r.tenant_id, r]))
    return items.map((i) => {
      const row = byKey.get(i.id + i.tenantId)
      return row && isShown(row) ? threadFromRow(row) : undefined
    })
  },
}

/** A temporary thread is there while its run is. */
const isShown = (row: ThreadRow): boolean => !row.temporary || row.run_id !== null || row.next_at !== null

export const readThreadRow = (db: Db, tenantId: string, id: string): Promise<Thread | undefined> => db.batch(read, { id, tenantId })

/** Also a temporary one whose run is over. */
export async function readHiddenThreadRow(db: Db, tenantId: string, id: string): Promise<Thread | undefined> {
  const rows = await db.hot<ThreadRow>(`select ${THREAD_COLUMNS} from thread t where id = $1 and tenant_id is not distinct from $2::uuid`, [
    id,
    tenantId,
  ])
  return rows[0] && threadFromRow(rows[0])
}

export async function changeThreadRow(db: Db, tenantId: string, input: { id: string; change: ThreadChange }): Promise<Thread | undefined> {
  const { metadata, toolResources } = input.change
  const rows = await db.hot<ThreadRow>(
    `update thread t set metadata = coalesce($3::text::jsonb, metadata), tool_resources = case when $4::boolean then $5 else tool_resources end, updated_at = now()
    where id = $1 and tenant_id is not distinct from $2::uuid returning ${THREAD_COLUMNS}`,
    [
      input.id,
      tenantId,
      metadata === undefined ? null : JSON.stringify(metadata),
      toolResources !== undefined,
      toolResources == null ? null : JSON.stringify(toolResources),
    ],
  )
  return rows[0] && threadFromRow(rows[0])
}

/** Locks a thread that no run holds, until the end of the transaction: nothing is appended meanwhile, and no run begins. */
export async function lockIdleThread(db: Db, tenantId: string, id: string): Promise<Thread | undefined> {
  const rows = await db.hot<ThreadRow>(
    `select ${THREAD_COLUMNS} from thread t where id = $1 and tenant_id is not distinct from $2::uuid and (run_id is null or id is null) for update`,
    [id, tenantId],
  )
  return rows[0] && threadFromRow(rows[0])
}

/** Of a thread that the transaction has locked. */
export async function setThreadResources(db: Db, thread: Pick<Thread, 'id' | 'tenantId'>, resources: ToolResources | null): Promise<void> {
  await db.hot(`update thread set tool_resources = $3 where id = $1 and tenant_id is not distinct from $2::uuid`, [
    thread.id,
    thread.tenantId,
    resources && JSON.stringify(resources),
  ])
}

/**
 * The thread goes first: that waits for a commit under way, and none can follow. Only then is everything there to be seen
 * by the second statement.
 */
export const deleteThreadRow = (db: Db, tenantId: string, id: string): Promise<{ runId: string | null } | undefined> =>
  transactAgain(db, async (tx) => {
    const rows = await tx.hot<{ run_id: string | null }>(
      `delete from thread where id = $1 and tenant_id is not distinct from $2::uuid returning run_id`,
      [id, tenantId],
    )
    if (!rows[0]) return undefined
    await tx.hot(
      `with a as (delete from checkpoint where thread_id = $1 and tenant_id is not distinct from $2::uuid),
      b as (delete from channel_blob where thread_id = $1 and tenant_id is not distinct from $2::uuid),
      u as (delete from association where from_id = $1 and kind || '' = 'thread_user' and tenant_id is not distinct from $2::uuid)
      delete from checkpoint_write where thread_id = $1 and tenant_id is not distinct from $2::uuid`,
      [id, tenantId],
    )
    return { runId: rows[0].run_id }
  })
