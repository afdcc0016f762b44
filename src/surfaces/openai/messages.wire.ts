import { type Static, Type as t } from '@sinclair/typebox'
import type { JsonObject } from '../../core/json.ts'
import type { Citation } from '../../core/threads/citation.ts'
import type { ContentPart, Attachment as CoreAttachment, Message, NewMessage } from '../../core/threads/messages.ts'
import { CLOSED, deleted, Metadata, nullable, oneOf, toSeconds, toSecondsOrNull, UnixSeconds } from './fields.wire.ts'
import { requireId, spell } from './ids.ts'
import { AttachmentTool } from './tools.wire.ts'

const Role = oneOf('user', 'assistant')
const Detail = t.Optional(oneOf('auto', 'low', 'high'))

const ImageFilePart = t.Object(
  { type: t.Literal('image_file'), image_file: t.Object({ file_id: t.String(), detail: Detail }, CLOSED) },
  CLOSED,
)
const ImageUrlPart = t.Object(
  { type: t.Literal('image_url'), image_url: t.Object({ url: t.String({ format: 'uri' }), detail: Detail }, CLOSED) },
  CLOSED,
)
const TextInput = t.Object({ type: t.Literal('text'), text: t.String() }, CLOSED)
const Attachment = t.Object({ file_id: t.String(), tools: t.Array(AttachmentTool) }, CLOSED)

export const MessageCreate = t.Object(
  {
    role: Role,
    content: t.Union([t.String(), t.Array(t.Union([ImageFilePart, ImageUrlPart, TextInput]), { minItems: 1 })]),
    attachments: t.Optional(nullable(t.Array(Attachment))),
    metadata: t.Optional(nullable(Metadata)),
  },
  CLOSED,
)
export type MessageCreate = Static<typeof MessageCreate>

export const MessageModify = t.Object({ metadata: t.Optional(nullable(Metadata)) }, CLOSED)

const span = { text: t.String(), start_index: t.Integer({ minimum: 0 }), end_index: t.Integer({ minimum: 0 }) }
const FileRef = t.Object({ file_id: t.String() })
const Annotation = t.Union([
  t.Object({ type: t.Literal('file_citation'), ...span, file_citation: FileRef }),
  t.Object({ type: t.Literal('file_path'), ...span, file_path: FileRef }),
])
export type Annotation = Static<typeof Annotation>
const TextPart = t.Object({ type: t.Literal('text'), text: t.Object({ value: t.String(), annotations: t.Array(Annotation) }) })
const RefusalPart = t.Object({ type: t.Literal('refusal'), refusal: t.String() })
const ShownPart = t.Union([ImageFilePart, ImageUrlPart, TextPart, RefusalPart])
export type ShownPart = Static<typeof ShownPart>

export const CutReason = oneOf('content_filter', 'max_tokens', 'run_cancelled', 'run_expired', 'run_failed')

export const MessageObject = t.Object({
  id: t.String(),
  object: t.Literal('thread.message'),
  created_at: UnixSeconds,
  assistant_id: nullable(t.String()),
  thread_id: t.String(),
  run_id: nullable(t.String()),
  status: oneOf('in_progress', 'incomplete', 'completed'),
  incomplete_details: nullable(t.Object({ reason: CutReason })),
  incomplete_at: nullable(UnixSeconds),
  completed_at: nullable(UnixSeconds),
  role: Role,
  content: t.Array(ShownPart),
  attachments: nullable(t.Array(Attachment)),
  metadata: Metadata,
})
export type MessageObject = Static<typeof MessageObject>

export const MessageDeleted = deleted('thread.message.deleted')

/** `at` is the path of the message inside its body: empty, or such as `messages[0].`. */
export function fromMessageCreate(body: MessageCreate, at = ''): NewMessage {
  const attachments = body.attachments?.map((attachment, i) => fromAttachment(attachment, `${at}attachments[${i}]`))
  return {
    role: body.role,
    content: typeof body.content === 'string' ? body.content : body.content.map((part, i) => fromPart(part, `${at}content[${i}]`)),
    ...(attachments?.length ? { attachments } : {}),
    metadata: body.metadata ?? {},
  }
}

const fromAttachment = ({ file_id, tools }: Static<typeof Attachment>, at: string): CoreAttachment => ({
  fileId: requireId('file', `${at}.file_id`, file_id),
  tools,
})

function fromPart(part: Exclude<MessageCreate['content'], string>[number], at: string): ContentPart {
  if (part.type !== 'image_file') return part as ContentPart
  const file_id = requireId('file', `${at}.image_file.file_id`, part.image_file.file_id)
  return { type: 'image_file', image_file: { ...part.image_file, file_id } }
}

export const fromMessages = (bodies: readonly MessageCreate[] | null | undefined, param: string): NewMessage[] =>
  (bodies ?? []).map((body, i) => fromMessageCreate(body, `${param}[${i}].`))

const textPart = (value: string, annotations: Annotation[] = []): ShownPart => ({ type: 'text', text: { value, annotations } })

export const toAnnotation = ({ file_citation: { file_id }, ...span }: Citation): Annotation => ({
  ...span,
  file_citation: { file_id: spell('file', file_id) },
})

/** A graph may have written annotations of any shape: only ours can be shown. */
const annotationsOf = ({ annotations }: ContentPart): Annotation[] =>
  Array.isArray(annotations) ? (annotations as unknown[]).filter(isCitation).map(toAnnotation) : []

const isCitation = (value: unknown): value is Citation => Object(value).type === 'file_citation'

/** A part of a kind that this dialect has no word for is shown as its JSON text: nothing disappears. */
function toPart(part: ContentPart): ShownPart {
  switch (part.type) {
    case 'text':
      return textPart(String(part.text ?? ''), annotationsOf(part))
    case 'image_file': {
      const file = part.image_file as JsonObject
      return { ...part, image_file: { ...file, file_id: spell('file', String(file.file_id)) } } as unknown as ShownPart
    }
    case 'refusal':
    case 'image_url':
      return part as unknown as ShownPart
    default:
      return textPart(JSON.stringify(part))
  }
}

function toContent({ content, runId }: Message): ShownPart[] {
  if (typeof content !== 'string') return content.map(toPart)
  return content === '' && runId !== null ? [] : [textPart(content)]
}

export const toMessage = (message: Message): MessageObject => ({
  id: spell('message', message.id),
  object: 'thread.message',
  created_at: toSeconds(message.createdAt),
  assistant_id: message.assistantId === null ? null : spell('assistant', message.assistantId),
  thread_id: spell('thread', message.threadId),
  run_id: message.runId === null ? null : spell('run', message.runId),
  status: message.status,
  incomplete_details: message.cut === null ? null : { reason: message.cut },
  incomplete_at: message.status === 'incomplete' ? toSecondsOrNull(message.endedAt) : null,
  completed_at: message.status === 'completed' ? toSecondsOrNull(message.endedAt) : null,
  role: message.role === 'user' ? 'user' : 'assistant',
  content: toContent(message),
  attachments: message.attachments.map((a) => ({ file_id: spell('file', a.fileId), tools: a.tools as Static<typeof AttachmentTool>[] })),
  metadata: message.metadata,
})
