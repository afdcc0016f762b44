import {
  AIMessage,
  BaseMessage,
  ChatMessage,
  FunctionMessage,
  HumanMessage,
  RemoveMessage,
  SystemMessage,
  ToolMessage,
} from '@langchain/core/messages'
import { newId } from '../core/id.ts'
import type { LogRow } from '../core/threads/checkpoints.ts'
import type { MessageRecord } from '../core/threads/message-rows.ts'
import type { MessageRole } from '../core/threads/messages.ts'

type MessageClass = new (fields: Record<string, unknown>) => BaseMessage

const CLASSES = {
  user: HumanMessage,
  assistant: AIMessage,
  system: SystemMessage,
  developer: SystemMessage,
  tool: ToolMessage,
  function: FunctionMessage,
  chat: ChatMessage,
  remove: RemoveMessage,
} as unknown as Record<MessageRole, MessageClass>

const ROLES: Record<string, MessageRole> = {
  human: 'user',
  ai: 'assistant',
  system: 'system',
  developer: 'developer',
  tool: 'tool',
  function: 'function',
  generic: 'chat',
  remove: 'remove',
}

/** A message that a row can hold without loss: of a plain class, not a chunk or a class of somebody else's. */
export const isMessage = (value: unknown): value is BaseMessage =>
  typeof value === 'object' && value !== null && BaseMessage.isInstance(value) && roleOf(value) !== undefined && !isChunk(value)

const roleOf = (message: BaseMessage): MessageRole | undefined => ROLES[message.getType()]
const isChunk = (message: BaseMessage): boolean => String((message as { lc_id?: string[] }).lc_id?.at(-1)).endsWith('Chunk')

/**
 * Which row holds an object's content. Steps of a run share message objects, so that a step encodes only what is new. Of a
 * message that was read, the row says what it held: most are never asked.
 */
type Placed = { threadId: string; id: string } & ({ print: string } | { row: LogRow })
const placed = new WeakMap<BaseMessage, Placed>()

/**
 * Messages whose own id names their row: those we made. A client's id never does, as it could name another thread's
 * row; it is kept as `key`.
 */
const ours = new WeakSet<BaseMessage>()
export function own<M extends BaseMessage>(message: M): M {
  ours.add(message)
  return message
}

type Columns = Pick<MessageRecord, 'key' | 'role' | 'content' | 'tool_calls' | 'tool_call_id' | 'extra'>

const PLAIN = new Set([
  'lc_kwargs',
  'lc_serializable',
  'lc_namespace',
  'lc_runnable',
  'type',
  'id',
  'content',
  'tool_calls',
  'tool_call_id',
])

function columnsOf(message: BaseMessage): Columns {
  const fields = message as unknown as Record<string, unknown>
  const extra: Record<string, unknown> = {}
  for (const name of Object.keys(fields)) {
    if (PLAIN.has(name)) continue
    const value = fields[name]
    if (value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)) continue
    extra[name] = value
  }
  const calls = fields.tool_calls as unknown[] | undefined
  return {
    key: message.id ?? null,
    role: roleOf(message) ?? 'chat',
    content: JSON.stringify(message.content) ?? 'null',
    tool_calls: calls?.length ? JSON.stringify(calls) : null,
    tool_call_id: (fields.tool_call_id as string | undefined) ?? null,
    extra: Object.keys(extra).length ? JSON.stringify(extra) : null,
  }
}

/** Where new rows go, and what they share. */
export interface RowContext {
  tenantId: string
  threadId: string
  runId: string | null
  assistantId: string | null
  now: number
  out: MessageRecord[]
}

/**
 * The id of the row that holds this message, writing a new row when its content is new: a row's content never changes,
 * so a message that a node changed in place becomes another row.
 */
export function rowFor(message: BaseMessage, context: RowContext): string {
  const known = placed.get(message)
  const columns = columnsOf(message)
  if (known?.threadId === context.threadId && isHeld(known, columns)) return known.id
  const id = !known && ours.has(message) && message.id ? message.id : newId()
  const author = columns.role === 'assistant' ? context.assistantId : null
  context.out.push({
    id,
    tenant_id: context.tenantId,
    thread_id: context.threadId,
    seq: 0,
    ...columns,
    key: columns.key === id ? null : columns.key,
    run_id: context.runId,
    assistant_id: author,
    status: 'completed',
    cut: null,
    attachments: null,
    metadata: {},
    at: context.now,
    ended: context.now,
  })
  placed.set(message, { threadId: context.threadId, id, print: JSON.stringify(columns) })
  return id
}

/** Messages that a client deleted after a checkpoint had named them. */
const withdrawn = new WeakSet<BaseMessage>()
export const isWithdrawn = (message: BaseMessage): boolean => withdrawn.has(message)

/** Whether the row still says what the message says. Texts that differ may say the same: then the row is read as the message was. */
function isHeld(known: Placed, columns: Columns): boolean {
  if ('print' in known) return known.print === JSON.stringify(columns)
  const { row } = known
  const same =
    columns.content === row.content &&
    columns.key === (row.key ?? row.id) &&
    columns.role === row.role &&
    columns.tool_calls === row.tool_calls &&
    columns.tool_call_id === row.tool_call_id &&
    columns.extra === row.extra
  return same || JSON.stringify(columns) === JSON.stringify(columnsOf(made(row)))
}

function made(row: LogRow): BaseMessage {
  const fields: Record<string, unknown> = row.extra ? (JSON.parse(row.extra) as Record<string, unknown>) : {}
  fields.content = JSON.parse(row.content)
  fields.id = row.key ?? row.id
  if (row.tool_calls) fields.tool_calls = JSON.parse(row.tool_calls)
  if (row.tool_call_id !== null) fields.tool_call_id = row.tool_call_id
  return new CLASSES[row.role](fields)
}

/** @param written false: nobody writes it again, so nobody asks which row it came from */
export function messageFrom(row: LogRow, written = true): BaseMessage {
  const message = made(row)
  if (row.deleted) withdrawn.add(message)
  if (written) placed.set(message, { threadId: row.thread_id, id: row.id, row })
  return message
}
