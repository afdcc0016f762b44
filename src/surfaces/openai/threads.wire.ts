import { type Static, Type as t } from '@sinclair/typebox'
import type { NewThread, Thread, ThreadChange } from '../../core/threads/threads.ts'
import { CLOSED, deleted, Metadata, nullable, ShownMetadata, toMetadata, toSeconds, UnixSeconds } from './fields.wire.ts'
import { spell } from './ids.ts'
import { fromMessages, MessageCreate } from './messages.wire.ts'
import { fromNewResources, fromResources, NewToolResources, ToolResources, toResources } from './tools.wire.ts'

export const ThreadCreate = t.Object(
  {
    messages: t.Optional(t.Array(MessageCreate)),
    tool_resources: t.Optional(nullable(NewToolResources)),
    metadata: t.Optional(nullable(Metadata)),
  },
  CLOSED,
)
export type ThreadCreate = Static<typeof ThreadCreate>

export const ThreadModify = t.Object(
  { tool_resources: t.Optional(nullable(ToolResources)), metadata: t.Optional(nullable(Metadata)) },
  CLOSED,
)

export const ThreadObject = t.Object({
  id: t.String(),
  object: t.Literal('thread'),
  created_at: UnixSeconds,
  tool_resources: nullable(ToolResources),
  metadata: ShownMetadata,
})
export type ThreadObject = Static<typeof ThreadObject>

export const ThreadDeleted = deleted('thread.deleted')

/** `at` is the path of the thread inside its body: empty, or `thread.`. */
export const fromThreadCreate = (body: ThreadCreate, at = ''): NewThread => ({
  metadata: body.metadata ?? {},
  toolResources: fromNewResources(body.tool_resources, `${at}tool_resources`) ?? null,
  messages: fromMessages(body.messages, `${at}messages`),
})

export function fromThreadModify(body: Static<typeof ThreadModify>): ThreadChange {
  const resources = fromResources(body.tool_resources)
  return {
    ...(body.metadata === undefined ? {} : { metadata: body.metadata ?? {} }),
    ...(resources === undefined ? {} : { toolResources: resources }),
  }
}

export const toThread = (thread: Thread): ThreadObject => ({
  id: spell('thread', thread.id),
  object: 'thread',
  created_at: toSeconds(thread.createdAt),
  tool_resources: toResources(thread.toolResources),
  metadata: toMetadata(thread.metadata),
})
