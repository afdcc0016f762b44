import type { Thread } from './threads.ts'

/** A new thread as it travels into json_to_recordset; times in milliseconds, null where not set. */
export interface ThreadRecord {
  tenant_id: string
  id: string
  metadata: object
  tool_resources: string | null
  next_seq: number
  graph: string | null
  temporary: boolean
  ttl_minutes: number | null
  expires: number | null
  at: number
}

export const NEW_THREAD_RECORD = `tenant_id uuid, id uuid, metadata jsonb, tool_resources text, next_seq int, graph text, temporary boolean, ttl_minutes float8, expires float8, at float8`

export const threadRecord = (thread: Thread, messages: number): ThreadRecord => ({
  tenant_id: thread.tenantId,
  id: thread.id,
  metadata: thread.metadata,
  tool_resources: thread.toolResources === null ? null : JSON.stringify(thread.toolResources),
  next_seq: messages + 1,
  graph: thread.graph,
  temporary: thread.temporary,
  ttl_minutes: thread.ttlMinutes,
  expires: thread.expiresAt,
  at: thread.createdAt,
})
