import { newId } from '../id.ts'
import type { Message, NewMessage } from './messages.ts'

/** The message as it will be once inserted; `seq` is given by the thread. */
export const draftMessage = (threadId: string, input: NewMessage, at: number): Message => ({
  id: newId(),
  threadId,
  seq: 0,
  role: input.role,
  content: input.content,
  runId: null,
  assistantId: null,
  status: 'completed',
  cut: null,
  attachments: input.attachments ?? [],
  metadata: input.metadata ?? {},
  createdAt: at,
  endedAt: at,
})
