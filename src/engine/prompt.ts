import { AIMessage, type BaseMessage, ToolMessage } from '@langchain/core/messages'
import type { JsonObject } from '../core/json.ts'
import type { RunConfig } from '../core/runs/runs.ts'
import type { ChatMessage } from '../drivers/models/port.ts'
import { isWithdrawn } from './messages.ts'

/** What a provider answers when a call was never answered: the chat endpoints refuse a call without its output. */
const NO_OUTPUT = 'No output: the run ended before this call was answered.'

const ROLES: Record<string, ChatMessage['role']> = { human: 'user', ai: 'assistant', tool: 'tool', system: 'system', developer: 'system' }

function contentOf(message: BaseMessage): ChatMessage['content'] {
  if (typeof message.content === 'string') return message.content
  const parts: JsonObject[] = []
  for (const part of message.content as unknown as JsonObject[]) {
    if (part.type === 'text') parts.push({ type: 'text', text: part.text ?? '' })
    else if (part.type === 'refusal') parts.push({ type: 'text', text: part.refusal ?? '' })
    else parts.push(part)
  }
  // Assistant and tool messages are plain text at most providers.
  if (message.getType() !== 'human') return parts.map((p) => (typeof p.text === 'string' ? p.text : '')).join('')
  return parts
}

function wire(message: BaseMessage): ChatMessage {
  const base: ChatMessage = { role: ROLES[message.getType()] ?? 'user', content: contentOf(message) }
  if (ToolMessage.isInstance(message)) return { ...base, tool_call_id: message.tool_call_id }
  if (!AIMessage.isInstance(message) || !message.tool_calls?.length) return base
  const raw = message.additional_kwargs.arguments as Record<string, string> | undefined
  const calls = message.tool_calls.map((call) => ({
    id: call.id ?? '',
    type: 'function' as const,
    function: { name: call.name, arguments: raw?.[call.id ?? ''] ?? JSON.stringify(call.args) },
  }))
  return { ...base, content: base.content || null, tool_calls: calls }
}

/** Messages that stand or fall together: a turn with its calls and their outputs, or a single message. */
type Unit = ChatMessage[]

function units(messages: BaseMessage[]): Unit[] {
  const list: Unit[] = []
  let open: { unit: Unit; ids: Set<string> } | undefined
  const close = () => {
    for (const id of open?.ids ?? []) open?.unit.push({ role: 'tool', content: NO_OUTPUT, tool_call_id: id })
    open = undefined
  }
  for (const message of messages) {
    if (isWithdrawn(message)) continue
    let chat = wire(message)
    if (chat.role === 'tool') {
      if (open?.ids.delete(chat.tool_call_id ?? '')) open.unit.push(chat)
      // One that names no call is what a client's tool came to without having been asked by the model.
      if (chat.tool_call_id !== '') continue
      chat = { role: 'user', content: chat.content }
    }
    close()
    const unit = [chat]
    list.push(unit)
    if (chat.tool_calls) open = { unit, ids: new Set(chat.tool_calls.map((c) => c.id)) }
  }
  close()
  return list
}

/** About four characters a token: the provider's own count is used wherever it tells one. */
const CHARS_PER_TOKEN = 4
const MESSAGE_TOKENS = 4
const PART_TOKENS = 85

export function estimateTokens(message: ChatMessage): number {
  let chars = 0
  let tokens = MESSAGE_TOKENS
  if (typeof message.content === 'string') chars += message.content.length
  else
    for (const part of message.content ?? []) {
      if (typeof part.text === 'string') chars += part.text.length
      else tokens += PART_TOKENS
    }
  for (const call of message.tool_calls ?? []) chars += call.function.name.length + call.function.arguments.length
  return tokens + Math.ceil(chars / CHARS_PER_TOKEN)
}

const sizeOf = (list: Unit[]): number => list.reduce((sum, unit) => sum + unit.reduce((n, m) => n + estimateTokens(m), 0), 0)

const isShown = (unit: Unit): boolean => unit[0]?.role === 'user' || (unit[0]?.role === 'assistant' && Boolean(unit[0].content))

/** The newest units that hold `n` thread messages; what follows the last user message always stays. */
function newest(list: Unit[], n: number): Unit[] {
  const fixed = Math.max(
    0,
    list.findLastIndex((u) => u[0]?.role === 'user'),
  )
  let from = list.length
  for (let shown = 0; from > 0; from--) {
    const unit = list[from - 1] as Unit
    if (isShown(unit) && ++shown > n) break
  }
  return list.slice(Math.min(from, fixed))
}

/** Drops units from the middle of what precedes the last user message until the rest fits. */
function fit(list: Unit[], budget: number): Unit[] {
  const fixed = Math.max(
    0,
    list.findLastIndex((u) => u[0]?.role === 'user'),
  )
  const head = list.slice(0, fixed)
  const tail = list.slice(fixed)
  let size = sizeOf(list)
  while (size > budget && head.length > 0) {
    const [dropped] = head.splice(Math.floor(head.length / 2), 1)
    size -= sizeOf([dropped as Unit])
  }
  return [...head, ...tail]
}

export interface Prompt {
  messages: ChatMessage[]
  /** Estimated, instructions included. */
  tokens: number
  /** The budget is too small even for what must not be dropped. */
  tooLong: boolean
}

/**
 * The conversation as a chat endpoint reads it, within `budget` prompt tokens (null: as long as it is).
 * `auto` drops from the middle, `last_messages` keeps the newest.
 */
export function buildPrompt(messages: BaseMessage[], config: RunConfig, budget: number | null): Prompt {
  const system: Unit = config.instructions ? [{ role: 'system', content: config.instructions }] : []
  let list = units(messages)
  if (config.truncation.type === 'last_messages') list = newest(list, config.truncation.lastMessages ?? 1)
  const room = budget === null ? null : budget - sizeOf([system])
  if (room !== null && sizeOf(list) > room) list = fit(list, room)
  const tokens = sizeOf([system, ...list])
  return { messages: [...system, ...list.flat()], tokens, tooLong: budget !== null && tokens > budget }
}
