import type { MessageCut } from '../core/runs/events.ts'
import type { Citation } from '../core/threads/citation.ts'
import type { MessageRecord } from '../core/threads/message-rows.ts'
import type { ContentPart } from '../core/threads/messages.ts'

/** What a client saw of a message that never became whole. */
export interface HalfMessage {
  id: string
  text: string
  refusal: string
  annotations: Citation[]
  at: number
  ended: number
  cut: MessageCut | null
}

/** The content of a message that a model said: its text alone where there is no more to it. */
export function saidContent({ text, refusal, annotations }: Pick<HalfMessage, 'text' | 'refusal' | 'annotations'>): string | ContentPart[] {
  if (!refusal && annotations.length === 0) return text
  const parts: ContentPart[] = []
  if (text) parts.push({ type: 'text', text, ...(annotations.length > 0 ? { annotations } : {}) })
  if (refusal) parts.push({ type: 'refusal', refusal })
  return parts
}

/** The row of a message that the graph's state does not hold. */
export const halfMessageRecord = (
  half: HalfMessage,
  run: { id: string; tenantId: string; threadId: string; assistantId: string },
  seq: number,
): MessageRecord => ({
  id: half.id,
  tenant_id: run.tenantId,
  thread_id: run.threadId,
  seq,
  key: null,
  role: 'assistant',
  content: JSON.stringify(saidContent(half)),
  tool_calls: null,
  tool_call_id: null,
  run_id: run.id,
  assistant_id: run.assistantId,
  status: half.cut ? 'incomplete' : 'completed',
  cut: half.cut,
  attachments: null,
  metadata: {},
  extra: null,
  at: half.at,
  ended: half.ended,
})
