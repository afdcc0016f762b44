import { type Static, Type as t } from '@sinclair/typebox'
import type { Caller } from '../../core/caller.ts'
import type { User } from '../../core/identity/users.ts'
import type { JsonObject } from '../../core/json.ts'
import { mayActFor } from '../../core/ownership/ownership.ts'
import { METADATA_CHARS_MAX, PARTICIPANTS_MAX, type SharedThread } from '../../core/threads/participants.ts'
import { FreeObject, maybe, nullable, Seconds, toSeconds } from './fields.wire.ts'
import { decodeId, spell } from './ids.ts'
import { Refusal, refuseField } from './refusal.ts'

/** What an object of this dialect remembers for its client. */
export const MetaData = t.Unsafe<JsonObject>({
  type: 'object',
  additionalProperties: true,
  description: 'Any JSON object, 64 KiB at most.',
})

/** Throws where it is too large. */
export function requireMetaData(metadata: JsonObject, path: readonly string[] = ['meta_data']): JsonObject {
  if (JSON.stringify(metadata).length > METADATA_CHARS_MAX)
    throw refuseField(path, `must hold at most ${METADATA_CHARS_MAX} characters of JSON`)
  return metadata
}

const UserIds = t.Array(t.String(), { maxItems: PARTICIPANTS_MAX, description: 'Ids of users; all must exist.' })

export const ThreadCreate = t.Object({ participant_ids: UserIds, meta_data: maybe(MetaData) })

export const ThreadUpdate = t.Object({
  participant_ids: maybe(UserIds),
  meta_data: maybe(MetaData),
  tool_resources: maybe(FreeObject),
})
export type ThreadUpdate = Static<typeof ThreadUpdate>

export const UserBase = t.Object({ id: t.String(), email: nullable(t.String()), full_name: nullable(t.String()) })

export const ThreadRead = t.Object({
  id: t.String(),
  created_at: Seconds,
  meta_data: MetaData,
  object: t.Literal('thread'),
  tool_resources: FreeObject,
  participants: t.Array(UserBase),
})

export const ThreadIds = t.Object({ thread_ids: t.Array(t.String()) })

export const unknownUsers = (): Refusal => new Refusal(400, 'Invalid user IDs')

/** Each once. Throws where one can be nobody's. */
export function fromUserIds(texts: readonly string[]): string[] {
  const ids = texts.map((text) => decodeId('user', text))
  return [...new Set(ids)].map((id) => {
    if (id === undefined) throw unknownUsers()
    return id
  })
}

/** Whoever knows an id can name its user: only a manager learns the address of somebody else. */
const toParticipant = (caller: Caller, user: User): Static<typeof UserBase> => ({
  id: spell('user', user.id),
  email: mayActFor(caller, user.id) ? user.email : null,
  full_name: user.name,
})

export const toThread = (caller: Caller, { thread, owned, participants }: SharedThread): Static<typeof ThreadRead> => ({
  id: spell('thread', thread.id),
  created_at: toSeconds(thread.createdAt),
  meta_data: thread.metadata,
  object: 'thread',
  tool_resources: (owned?.facts.toolResources as JsonObject | undefined) ?? {},
  participants: participants.map((user) => toParticipant(caller, user)),
})
