import type { Db, Statement } from '../../drivers/records/port.ts'
import type { ToolResources } from '../tool-resources/tool-resources.ts'
import { draftMessage } from './draft.ts'
import { MESSAGE_COLUMNS, MESSAGE_RECORD, type MessageRecord, messageValues, toRecord } from './message-rows.ts'
import type { NewMessage } from './messages.ts'
import type { Thread, ThreadChange } from './threads.ts'

const COLUMNS = `id, metadata, tool_resources, status, run_id, created_at`

interface Row {
  id: string
  metadata: Record<string, string>
  tool_resources: string | null
  status: Thread['status']
  run_id: string | null
  created_at: number
}

const fromRow = (r: Row): Thread => ({
  id: r.id,
  metadata: r.metadata,
  toolResources: r.tool_resources === null ? null : (JSON.parse(r.tool_resources) as ToolResources),
  status: r.status,
  runId: r.run_id,
  createdAt: r.created_at,
})

interface Item {
  thread: { tenant_id: string; id: string; metadata: object; tool_resources: string | null; next_seq: number; at: number }
  messages: MessageRecord[]
}

const create: Statement<Item, true> = {
  name: 'thread.create',
  lanes: 2,
  itemsMax: 128,
  async run(db, items) {
    const messages = items.flatMap((i) => i.messages)
    const threads = `insert into thread (id, tenant_id, metadata, tool_resources, next_seq, created_at)
      select id, tenant_id, metadata, tool_resources, next_seq, to_timestamp(at / 1000.0)
      from json_to_recordset($1::text::json) as x(tenant_id uuid, id uuid, metadata jsonb, tool_resources text, next_seq int, at float8)`
    const rows = JSON.stringify(items.map((i) => i.thread))
    if (messages.length === 0) await db.hot(threads, [rows])
    else
      await db.hot(
        `with t as (${threads}) insert into message (${MESSAGE_COLUMNS})
        select ${messageValues('m.tenant_id', 'm.seq')} from json_to_recordset($2::text::json) as m(${MESSAGE_RECORD})`,
        [rows, JSON.stringify(messages)],
      )
    return items.map(() => true)
  },
}

export async function insertThread(db: Db, tenantId: string, input: { thread: Thread; messages: NewMessage[] }): Promise<void> {
  const { thread } = input
  const messages = input.messages.map((m, i) => ({ ...toRecord(tenantId, draftMessage(thread.id, m, thread.createdAt)), seq: i + 1 }))
  await db.batch(create, {
    thread: {
      tenant_id: tenantId,
      id: thread.id,
      metadata: thread.metadata,
      tool_resources: thread.toolResources === null ? null : JSON.stringify(thread.toolResources),
      next_seq: messages.length + 1,
      at: thread.createdAt,
    },
    messages,
  })
}

const read: Statement<{ id: string; tenantId: string }, Thread | undefined> = {
  name: 'thread.read',
  lanes: 2,
  itemsMax: 128,
  async run(db, items) {
    const rows = await db.hot<Row & { tenant_id: string }>(`select tenant_id, ${COLUMNS} from thread where id = any($1::text::uuid[])`, [
      `{${items.map((i) => i.id).join(',')}}`,
    ])
    const byId = new Map(rows.map((r) => [r.id, r]))
    return items.map((i) => {
      const row = byId.get(i.id)
      return row && row.tenant_id === i.tenantId ? fromRow(row) : undefined
    })
  },
}

export const readThreadRow = (db: Db, tenantId: string, id: string): Promise<Thread | undefined> => db.batch(read, { id, tenantId })

export async function changeThreadRow(db: Db, tenantId: string, input: { id: string; change: ThreadChange }): Promise<Thread | undefined> {
  const { metadata, toolResources } = input.change
  const rows = await db.hot<Row>(
    `update thread set metadata = coalesce($3::text::jsonb, metadata), tool_resources = case when $4::boolean then $5 else tool_resources end
    where id = $1 and tenant_id is not distinct from $2::uuid returning ${COLUMNS}`,
    [
      input.id,
      tenantId,
      metadata === undefined ? null : JSON.stringify(metadata),
      toolResources !== undefined,
      toolResources == null ? null : JSON.stringify(toolResources),
    ],
  )
  return rows[0] && fromRow(rows[0])
}

/** Locks a thread that no run holds, until the end of the transaction: nothing is appended meanwhile, and no run begins. */
export async function lockIdleThread(db: Db, tenantId: string, id: string): Promise<Thread | undefined> {
  const rows = await db.hot<Row>(
    `select ${COLUMNS} from thread where id = $1 and tenant_id is not distinct from $2::uuid and (run_id is null or id is null) for update`,
    [id, tenantId],
  )
  return rows[0] && fromRow(rows[0])
}

/** Of a thread that the transaction has locked. */
export async function setThreadResources(db: Db, id: string, resources: ToolResources | null): Promise<void> {
  await db.hot(`update thread set tool_resources = $2 where id = $1`, [id, resources && JSON.stringify(resources)])
}

/**
 * The thread goes first: that waits for a commit under way, and none can follow. Only then is everything there to be seen
 * by the second statement.
 */
export const deleteThreadRow = (db: Db, tenantId: string, id: string): Promise<{ runId: string | null } | undefined> =>
  db.transaction(async (tx) => {
    const rows = await tx.hot<{ run_id: string | null }>(
      `delete from thread where id = $1 and tenant_id is not distinct from $2::uuid returning run_id`,
      [id, tenantId],
    )
    if (!rows[0]) return undefined
    await tx.hot(
      `with a as (delete from checkpoint where thread_id = $1), b as (delete from channel_blob where thread_id = $1)
      delete from checkpoint_write where thread_id = $1`,
      [id],
    )
    return { runId: rows[0].run_id }
  })
