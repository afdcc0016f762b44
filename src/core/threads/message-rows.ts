import type { Message, MessageRole } from './messages.ts'

/** A message row as it travels into json_to_recordset; times in milliseconds, null where not set. */
export interface MessageRecord {
  id: string
  tenant_id: string
  thread_id: string
  seq: number
  key: string | null
  role: MessageRole
  content: string
  tool_calls: string | null
  tool_call_id: string | null
  run_id: string | null
  assistant_id: string | null
  status: string
  cut: string | null
  attachments: string | null
  metadata: Record<string, string>
  extra: string | null
  at: number
  ended: number | null
}

export const MESSAGE_RECORD = `id uuid, tenant_id uuid, thread_id uuid, seq int, key text, role text, content text, tool_calls text, tool_call_id text,
  run_id uuid, assistant_id uuid, status text, cut text, attachments text, metadata jsonb, extra text, at float8, ended float8`
export const MESSAGE_COLUMNS = `id, tenant_id, thread_id, seq, key, role, content, tool_calls, tool_call_id, run_id, assistant_id, status, cut,
  attachments, metadata, extra, created_at, ended_at`
/** The select list that fits MESSAGE_COLUMNS, from records `m`, with the sequence number given by `seq`. */
export const messageValues = (tenant: string, seq: string): string =>
  `m.id, ${tenant}, m.thread_id, ${seq}, m.key, m.role, m.content, m.tool_calls, m.tool_call_id, m.run_id, m.assistant_id, m.status, m.cut,
  m.attachments, coalesce(m.metadata, '{}'), m.extra, to_timestamp(m.at / 1000.0), to_timestamp(m.ended / 1000.0)`

export const toRecord = (tenantId: string, m: Message): MessageRecord => ({
  id: m.id,
  tenant_id: tenantId,
  thread_id: m.threadId,
  seq: m.seq,
  key: null,
  role: m.role,
  content: JSON.stringify(m.content),
  tool_calls: null,
  tool_call_id: null,
  run_id: m.runId,
  assistant_id: m.assistantId,
  status: m.status,
  cut: m.cut,
  attachments: m.attachments.length ? JSON.stringify(m.attachments) : null,
  metadata: m.metadata,
  extra: null,
  at: m.createdAt,
  ended: m.endedAt,
})
