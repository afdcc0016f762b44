import type { Db } from '../../drivers/records/port.ts'
import { type Caller, requireScope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import type { Page, PageRequest } from '../page.ts'
import type { MessageCut } from '../runs/events.ts'
import { attachIn, hasFiles } from './attachments.ts'
import { draftMessage } from './draft.ts'
import { listHeadRows } from './message-list-store.ts'
import { appendMessages, changeMessageRow, deleteMessageRow, listMessageRows, readMessageRow } from './message-store.ts'
import { getThread } from './threads.ts'

/** `user` and `assistant` are what dialects show; the log holds every role. */
export type MessageRole = 'user' | 'assistant' | 'system' | 'tool' | 'developer' | 'function' | 'chat' | 'remove'

/**
 * A content part, in the shape that chat models and LangChain read:
 * `{type:'text', text, annotations?: Citation[]}`, `{type:'image_url', image_url:{url, detail?}}`,
 * `{type:'image_file', image_file:{file_id, detail?}}`, `{type:'refusal', refusal}`, or whatever a graph wrote. File ids
 * are core ids.
 */
export type ContentPart = JsonObject & { type: string }

export interface Attachment {
  fileId: string
  tools: { type: string }[]
}

export interface Message {
  id: string
  threadId: string
  seq: number
  role: MessageRole
  content: string | ContentPart[]
  runId: string | null
  assistantId: string | null
  status: 'completed' | 'incomplete'
  cut: MessageCut | null
  attachments: Attachment[]
  metadata: Record<string, string>
  createdAt: number
  /** When the message was completed or cut; equals `createdAt` for messages that clients wrote. */
  endedAt: number | null
}

export interface NewMessage {
  role: 'user' | 'assistant'
  content: string | ContentPart[]
  attachments?: Attachment[]
  metadata?: Record<string, string>
}

/**
 * Appends to an idle thread. Files that the message attaches become the thread's resources in the same transaction. Throws
 * not_found, also for a file, or busy (facts: threadId, runId, action 'append') while a run holds the thread.
 */
export async function createMessage(
  app: Needs<'db' | 'clock' | 'limits' | 'signals'>,
  caller: Caller,
  input: { threadId: string; message: NewMessage },
): Promise<Message> {
  requireScope(caller, 'write')
  const message = draftMessage(input.threadId, input.message, app.clock.now())
  if (hasFiles(input.message)) {
    const messages = [input.message]
    const append = async (db: Db) =>
      (await attachIn({ ...app, db }, caller, { threadId: input.threadId, messages })) && appendMessages(db, caller.tenantId, message)
    if (await app.db.transaction(append)) {
      app.signals.wakeJobs()
      return message
    }
  } else if (await appendMessages(app.db, caller.tenantId, message)) return message
  const thread = await getThread(app, caller, input.threadId)
  throw new Fault('busy', 'The thread has an active run.', { threadId: thread.id, runId: thread.runId ?? '', action: 'append' })
}

/** Throws not_found for the thread or the message. */
export async function getMessage(app: Needs<'db'>, caller: Caller, input: { threadId: string; id: string }): Promise<Message> {
  requireScope(caller, 'read')
  const row = await readMessageRow(app.db, caller.tenantId, input)
  if (row) return row
  await getThread(app, caller, input.threadId)
  throw notFound('message', input.id)
}

/**
 * User and assistant messages with content, in the order of the conversation: those of the thread's newest state, and what
 * was appended since. What a fork or a graph left out of that state is not listed; `getMessage` still has it. A thread on
 * which only messages were appended shows its whole log. Throws not_found for the thread.
 */
export async function listMessages(
  app: Needs<'db'>,
  caller: Caller,
  input: { threadId: string; page: PageRequest; runId?: string },
): Promise<Page<Message>> {
  requireScope(caller, 'read')
  const { byHead } = await getThread(app, caller, input.threadId)
  return (byHead ? listHeadRows : listMessageRows)(app.db, caller.tenantId, input)
}

/** Only metadata can change. Throws not_found. */
export async function changeMessage(
  app: Needs<'db'>,
  caller: Caller,
  input: { threadId: string; id: string; metadata?: Record<string, string> },
): Promise<Message> {
  requireScope(caller, 'write')
  if (input.metadata === undefined) return getMessage(app, caller, input)
  const row = await changeMessageRow(app.db, caller.tenantId, { ...input, metadata: input.metadata })
  if (row) return row
  await getThread(app, caller, input.threadId)
  throw notFound('message', input.id)
}

/** The row is marked and no list shows it. Checkpoints made before keep it. Throws not_found. */
export async function deleteMessage(app: Needs<'db' | 'clock'>, caller: Caller, input: { threadId: string; id: string }): Promise<void> {
  requireScope(caller, 'write')
  if (await deleteMessageRow(app.db, caller.tenantId, { ...input, at: app.clock.now() })) return
  await getThread(app, caller, input.threadId)
  throw notFound('message', input.id)
}
