import type { Db, Statement } from '../../drivers/records/port.ts'
import { keyset, type Page, type PageRequest, toPage, unknownCursor } from '../page.ts'
import { MESSAGE_COLUMNS, MESSAGE_RECORD, type MessageRecord, messageValues, toRecord } from './message-rows.ts'
import type { Attachment, ContentPart, Message, MessageRole } from './messages.ts'

export interface MessageRow {
  id: string
  thread_id: string
  seq: number
  role: MessageRole
  content: string
  run_id: string | null
  assistant_id: string | null
  status: Message['status']
  cut: Message['cut']
  attachments: string | null
  metadata: Record<string, string>
  created_at: number
  ended_at: number | null
}
/** Of rows `m`. */
export const READ = `m.id, m.thread_id, m.seq, m.role, m.content, m.run_id, m.assistant_id, m.status, m.cut, m.attachments, m.metadata, m.created_at, m.ended_at`
/** What message lists show: the log's other roles belong to the graph. */
export const SHOWN = `m.role in ('user', 'assistant') and m.content not in ('""', '[]') and m.deleted_at is null`

export const messageFromRow = (r: MessageRow): Message => ({
  id: r.id,
  threadId: r.thread_id,
  seq: r.seq,
  role: r.role,
  content: JSON.parse(r.content) as string | ContentPart[],
  runId: r.run_id,
  assistantId: r.assistant_id,
  status: r.status,
  cut: r.cut,
  attachments: r.attachments ? (JSON.parse(r.attachments) as Attachment[]) : [],
  metadata: r.metadata,
  createdAt: r.created_at,
  endedAt: r.ended_at,
})

/**
 * The thread row is the lock that orders its messages and refuses them while a run holds the thread. A sequence would
 * lose messages: a lower number may commit after a run has absorbed a higher one.
 */
const append: Statement<MessageRecord, boolean> = {
  name: 'message.append',
  lanes: 2,
  itemsMax: 128,
  async run(db, items) {
    const rows = await db.hot<{ id: string }>(
      `with m as materialized (select *, row_number() over (partition by thread_id, tenant_id order by ord) - 1 as nth,
          count(*) over (partition by thread_id, tenant_id)::int as n
        from json_to_recordset($1::text::json) as m(ord int, ${MESSAGE_RECORD})),
      t as (update thread t set next_seq = t.next_seq + g.n from (select distinct thread_id, tenant_id, n from m) g
        where t.id = g.thread_id and t.tenant_id is not distinct from g.tenant_id and (t.run_id is null or g.thread_id is null) returning t.id, t.tenant_id, t.next_seq - g.n as base)
      insert into message (${MESSAGE_COLUMNS}) select ${messageValues('m.tenant_id', 't.base + m.nth')} from m join t on t.id = m.thread_id and t.tenant_id = m.tenant_id
      returning id`,
      [JSON.stringify(items.map((m, ord) => ({ ord, ...m })))],
    )
    const done = new Set(rows.map((r) => r.id))
    return items.map((m) => done.has(m.id))
  },
}

/** False: no such thread, or a run holds it. */
export const appendMessages = (db: Db, tenantId: string, message: Message): Promise<boolean> =>
  appendRecord(db, toRecord(tenantId, message))

/** As `appendMessages`, of any role. */
export const appendRecord = (db: Db, record: MessageRecord): Promise<boolean> => db.batch(append, record)

export async function readMessageRow(db: Db, tenantId: string, input: { threadId: string; id: string }): Promise<Message | undefined> {
  const rows = await db.hot<MessageRow>(
    `select ${READ} from message m where m.id = $1 and m.thread_id = $2 and m.tenant_id is not distinct from $3::uuid and ${SHOWN}`,
    [input.id, input.threadId, tenantId],
  )
  return rows[0] && messageFromRow(rows[0])
}

export async function listMessageRows(
  db: Db,
  tenantId: string,
  input: { threadId: string; page: PageRequest; runId?: string },
): Promise<Page<Message>> {
  const { threadId, page, runId } = input
  for (const side of ['after', 'before'] as const) {
    const id = page[side]
    if (id !== undefined && !(await readMessageRow(db, tenantId, { threadId, id }))) throw unknownCursor(side, id)
  }
  const fixed = runId === undefined ? [tenantId, threadId] : [tenantId, threadId, runId]
  const keys = keyset(page, 'm.seq', (p) => `(select seq from message where id = ${p})`, fixed.length + 1)
  const where = ['m.tenant_id = $1', 'm.thread_id = $2', ...(runId === undefined ? [] : ['m.run_id = $3']), SHOWN, ...keys.where]
  const rows = await db.query<MessageRow>(
    `select ${READ} from message m where ${where.join(' and ')} order by ${keys.orderBy} limit ${keys.limit}`,
    [...fixed, ...keys.params],
  )
  return toPage(rows.map(messageFromRow), page, keys)
}

export async function changeMessageRow(
  db: Db,
  tenantId: string,
  input: { threadId: string; id: string; metadata: Record<string, string> },
): Promise<Message | undefined> {
  const rows = await db.hot<MessageRow>(
    `update message m set metadata = $4::text::jsonb where m.id = $1 and m.thread_id = $2 and m.tenant_id is not distinct from $3::uuid and ${SHOWN} returning ${READ}`,
    [input.id, input.threadId, tenantId, JSON.stringify(input.metadata)],
  )
  return rows[0] && messageFromRow(rows[0])
}

export async function deleteMessageRow(db: Db, tenantId: string, input: { threadId: string; id: string; at: number }): Promise<boolean> {
  const rows = await db.hot(
    `update message m set deleted_at = to_timestamp($4::float8 / 1000.0) where m.id = $1 and m.thread_id = $2 and m.tenant_id is not distinct from $3::uuid and ${SHOWN} returning m.id`,
    [input.id, input.threadId, tenantId, input.at],
  )
  return rows.length === 1
}
