import { type Static, Type as t } from '@sinclair/typebox'
import { answeredAction } from '../../core/actions/tool-messages.ts'
import type { Caller } from '../../core/caller.ts'
import type { JsonObject } from '../../core/json.ts'
import { isManager, type Owned } from '../../core/ownership/ownership.ts'
import { spokenCall } from '../../core/runs/spoken-call.ts'
import type { ContentPart, MessageRole } from '../../core/threads/messages.ts'
import { metadataOf, type NewPost } from '../../core/threads/posts.ts'
import type { TranscriptMessage } from '../../core/threads/transcript.ts'
import { callText } from './call-text.ts'
import { CLOSED, FreeJson, FreeObject, maybe, nullable, oneOf, Seconds, toSeconds, toSecondsOrNull } from './fields.wire.ts'
import { decodeId, requireId, spell, spellOrNull } from './ids.ts'
import { Refusal } from './refusal.ts'
import { MetaData, requireMetaData } from './threads.wire.ts'

const ROLES = ['platform', 'assistant', 'user', 'system', 'tool'] as const
type Role = (typeof ROLES)[number]
const RoleRead = oneOf(...ROLES)
/** Of anything that a client says of itself: kept, and told again. */
const Word = t.String({ maxLength: 64 })

export const MessageCreate = t.Object({
  content: t.String(),
  thread_id: t.String(),
  assistant_id: Word,
  role: t.String({ description: `${ROLES.join(', ')}; in any case.`, maxLength: 64 }),
  sender_id: maybe(Word),
  tool_id: maybe(Word),
  meta_data: maybe(MetaData),
  is_last_chunk: maybe(t.Boolean()),
})
export type MessageCreate = Static<typeof MessageCreate>

/** What was said cannot be changed: readers and checkpoints have it. */
export const MessageUpdate = t.Object({ meta_data: MetaData }, CLOSED)
export type MessageUpdate = Static<typeof MessageUpdate>

export const MESSAGES_MAX = 1000
export const MessageQuery = t.Object({
  limit: t.Optional(t.Integer({ minimum: 0, default: 20, description: `More than ${MESSAGES_MAX} are not listed.` })),
  order: t.Optional(t.String({ default: 'asc', description: 'asc; anything else means desc.' })),
})

export const MessageRead = t.Object({
  id: t.String(),
  assistant_id: nullable(t.String()),
  attachments: t.Array(FreeJson),
  completed_at: nullable(Seconds),
  content: t.String(),
  created_at: Seconds,
  incomplete_at: nullable(Seconds),
  incomplete_details: nullable(FreeObject),
  meta_data: MetaData,
  object: t.Literal('message'),
  role: RoleRead,
  run_id: nullable(t.String()),
  tool_id: nullable(t.String()),
  status: nullable(t.String()),
  thread_id: t.String(),
  sender_id: nullable(t.String()),
})
export type MessageRead = Static<typeof MessageRead>

export const FormattedMessage = t.Object({ role: RoleRead, tool_call_id: t.Optional(t.String()), content: t.String() })
export type FormattedMessage = Static<typeof FormattedMessage>

export const MessageDeleted = t.Object({ id: t.String(), object: t.Literal('message'), deleted: t.Literal(true) })

function roleOf(text: string): Role {
  const role = ROLES.find((known) => known === text.toLowerCase())
  if (role) return role
  const expected = ROLES.map((known) => `'${known}'`).join(', ')
  throw new Refusal(422, [{ type: 'enum', loc: ['body', 'role'], msg: `Input should be ${expected}`, input: text, ctx: { expected } }])
}

/** What models make of a role: they know no platform. */
const CORE_ROLES: Record<Role, NewPost['role']> = {
  platform: 'user',
  assistant: 'assistant',
  user: 'user',
  system: 'system',
  tool: 'tool',
}

/** A user writes in the name of assistants, and of whatever is no user. */
function requireSender(caller: Caller, sender: string): string {
  const userId = decodeId('user', sender)
  if (userId !== undefined && userId !== caller.userId && !isManager(caller))
    throw new Refusal(403, 'Insufficient permissions to write as this user.')
  return sender
}

/** What a route makes of the message, whatever its body says. */
export interface Made {
  role?: Role
  completed?: true
  toolId?: string
}

export function fromMessageCreate(caller: Caller, body: MessageCreate, made: Made = {}): NewPost {
  const sent = roleOf(body.role)
  const role = made.role ?? sent
  const facts: JsonObject = {
    ...{ ...made, posted: true, role, assistantId: body.assistant_id },
    ...(body.sender_id ? { senderId: requireSender(caller, body.sender_id) } : {}),
  }
  const metadata = requireMetaData(body.meta_data ?? {})
  return { threadId: requireId('thread', body.thread_id), role: CORE_ROLES[role], content: body.content, metadata, facts }
}

const PLAIN_ROLES: Record<MessageRole, Role> = {
  user: 'user',
  assistant: 'assistant',
  system: 'system',
  developer: 'system',
  tool: 'tool',
  function: 'tool',
  chat: 'user',
  remove: 'system',
}

/** Parts of a kind that this dialect has no word for are shown as JSON: nothing disappears. */
function partText(part: ContentPart): string {
  if (part.type === 'text') return String(part.text ?? '')
  if (part.type === 'refusal') return String(part.refusal ?? '')
  return JSON.stringify(part)
}

export function textOf({ content, calls }: Pick<TranscriptMessage, 'content' | 'calls'>): string {
  const said = typeof content === 'string' ? content : content.map(partText).join('\n')
  const unsaid = calls.filter((call) => !isSaid(said, call))
  return [...(said === '' && unsaid.length > 0 ? [] : [said]), ...unsaid.map(callText)].join('\n')
}

/** Some models write a call down instead of making it. */
function isSaid(text: string, { name, args }: TranscriptMessage['calls'][number]): boolean {
  const call = spokenCall(text, (said) => said === name)
  return call !== undefined && Bun.deepEquals(JSON.parse(call.arguments), args)
}

/** What is known of a message beside its row. */
export interface Known {
  owned: Owned | undefined
  /** How its assistant is shown. */
  assistant: string | null
}

const wordOf = (owned: Owned | undefined, name: string): string | null => {
  const word = owned?.facts[name]
  return typeof word === 'string' && word !== '' ? word : null
}

/** The action that the message answers, or whatever its client called it by. */
function toolIdOf(message: TranscriptMessage, owned: Owned | undefined): string | null {
  return wordOf(owned, 'toolId') ?? spellOrNull('action', answeredAction(message)) ?? message.callId
}

const shownRole = (message: TranscriptMessage, owned: Owned | undefined): Role =>
  ROLES.find((role) => role === owned?.facts.role) ?? PLAIN_ROLES[message.role]

export function toMessage(message: TranscriptMessage, { owned, assistant }: Known): MessageRead {
  const posted = owned?.facts.posted === true
  const completed = posted ? owned.facts.completed === true : message.status === 'completed'
  return {
    id: spell('message', message.id),
    assistant_id: wordOf(owned, 'assistantId') ?? assistant,
    attachments: [],
    completed_at: completed ? toSecondsOrNull(message.endedAt) : null,
    content: textOf(message),
    created_at: toSeconds(posted ? owned.createdAt : message.createdAt),
    incomplete_at: message.status === 'incomplete' ? toSecondsOrNull(message.endedAt) : null,
    incomplete_details: message.cut === null ? null : { reason: message.cut },
    meta_data: metadataOf(message, owned),
    object: 'message',
    role: shownRole(message, owned),
    run_id: posted ? null : spellOrNull('run', message.runId),
    tool_id: toolIdOf(message, owned),
    status: null,
    thread_id: spell('thread', message.threadId),
    sender_id: posted ? wordOf(owned, 'senderId') : message.role === 'assistant' ? assistant : null,
  }
}

/** What every formatted conversation begins with; clients put their own instructions in its place. */
const OPENING: FormattedMessage = { role: 'system', content: 'Be as kind, intelligent, and helpful' }

export const toFormatted = (messages: readonly { message: TranscriptMessage; owned: Owned | undefined }[]): FormattedMessage[] => [
  OPENING,
  ...messages.map(({ message, owned }) => {
    const role = shownRole(message, owned)
    const toolId = role === 'tool' ? toolIdOf(message, owned) : null
    return { role, ...(toolId === null ? {} : { tool_call_id: toolId }), content: textOf(message) }
  }),
]
