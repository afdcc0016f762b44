import type { Db } from '../../drivers/records/port.ts'
import { type Caller, requireScope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import { changeFacts, disown, type Owned, own } from '../ownership/ownership.ts'
import { draftMessage } from './draft.ts'
import { type Draft, takeDraft } from './message-drafts.ts'
import { toRecord } from './message-rows.ts'
import { appendRecord } from './message-store.ts'
import { getThread } from './threads.ts'
import type { TranscriptMessage } from './transcript.ts'
import { deleteSpokenRow, lockSpokenRow, writeSpokenMetadata } from './transcript-store.ts'

/** A message that a client of one dialect wrote, with what only that dialect remembers. */
export interface NewPost {
  threadId: string
  /** Absent: a new one. */
  id?: string
  role: 'user' | 'assistant' | 'system' | 'tool'
  content: string
  metadata: JsonObject
  facts: JsonObject
  /** What came before `content`, piece by piece. */
  draft?: Draft
}

export interface Posted {
  message: TranscriptMessage
  owned: Owned
}

/** What every dialect can show of metadata. */
const PLAIN = { pairs: 16, keyChars: 64, valueChars: 512 }
/** Under which the rest is remembered. */
const REST = 'metadata'

function split(metadata: JsonObject): { plain: Record<string, string>; rest: JsonObject } {
  const plain: Record<string, string> = {}
  const rest: JsonObject = {}
  for (const [key, value] of Object.entries(metadata)) {
    const fits = typeof value === 'string' && value.length <= PLAIN.valueChars && key.length <= PLAIN.keyChars
    if (fits && Object.keys(plain).length < PLAIN.pairs) plain[key] = value
    else rest[key] = value
  }
  return { plain, rest }
}

/** What the dialect remembers of the message, the rest of its metadata included. */
export const factsOf = ({ facts, metadata }: Pick<NewPost, 'facts' | 'metadata'>): JsonObject => withRest(facts, split(metadata).rest)

const withRest = (facts: JsonObject, rest: JsonObject): JsonObject => {
  const { [REST]: _, ...others } = facts
  return Object.keys(rest).length > 0 ? { ...others, [REST]: rest } : others
}

/** All of it: what other dialects show too, and what they could not. */
export const metadataOf = (message: Pick<TranscriptMessage, 'metadata'>, owned: Owned | undefined): JsonObject => ({
  ...message.metadata,
  ...(owned?.facts[REST] as JsonObject | undefined),
})

/**
 * Appends to an idle thread. A tool message of a client names no call: models read it as what a user says. Throws
 * not_found, or busy (facts: threadId, runId, action 'append') while a run holds the thread; then a draft stays.
 */
export function createPost(app: Needs<'db' | 'clock'>, caller: Caller, post: NewPost): Promise<Posted> {
  requireScope(caller, 'write')
  return app.db.transaction((db) => append({ ...app, db }, caller, post))
}

async function append(app: { db: Db } & Needs<'clock'>, caller: Caller, post: NewPost): Promise<Posted> {
  const { threadId, role } = post
  const content = post.draft ? (await takeDraft(app, caller, post.draft)) + post.content : post.content
  const message = draftPost({ ...post, content }, app.clock.now())
  const record = { ...toRecord(caller.tenantId, message), tool_call_id: role === 'tool' ? '' : null }
  if (!(await appendRecord(app.db, record))) {
    const { runId } = await getThread(app, caller, threadId)
    throw new Fault('busy', 'The thread has an active run.', { threadId, runId: runId ?? '', action: 'append' })
  }
  const owned = await own(app, caller, { kind: 'message', id: message.id, threadId, facts: factsOf(post) })
  return { message, owned }
}

/** The message as it will be once appended. */
export function draftPost({ threadId, role, content, metadata, id }: NewPost, at: number): TranscriptMessage {
  const drafted = draftMessage(threadId, { role: 'user', content, metadata: split(metadata).plain }, at)
  return { ...drafted, id: id ?? drafted.id, role, calls: [], callId: null }
}

/** Merged into the message's metadata. Throws not_found. */
export function mergeMetadata(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  { threadId, id, metadata }: { threadId: string; id: string; metadata: JsonObject },
): Promise<Posted> {
  requireScope(caller, 'write')
  return app.db.transaction(async (db) => {
    const message = await lockSpokenRow(db, caller.tenantId, { threadId, id })
    if (!message) throw notFound('message', id)
    const key = { kind: 'message' as const, id }
    let plain: Record<string, string> = message.metadata
    const change = (facts: JsonObject, owned: Owned) => {
      const parts = split({ ...metadataOf(message, owned), ...metadata })
      plain = parts.plain
      return withRest(facts, parts.rest)
    }
    const owned =
      (await changeFacts({ db }, caller, { ...key, change })) ?? (await remember({ ...app, db }, caller, { ...key, threadId, change }))
    await writeSpokenMetadata(db, caller.tenantId, { threadId, id, metadata: plain })
    return { message: { ...message, metadata: plain }, owned }
  })
}

/** Of a message that another dialect or the engine wrote. */
async function remember(
  app: { db: Db } & Needs<'clock'>,
  caller: Caller,
  given: { kind: 'message'; id: string; threadId: string; change: (facts: JsonObject, owned: Owned) => JsonObject },
): Promise<Owned> {
  const { change, ...key } = given
  const fresh: Owned = { id: key.id, userId: null, alias: null, threadId: key.threadId, facts: {}, createdAt: app.clock.now() }
  return own(app, caller, { ...key, userId: null, facts: change({}, fresh) })
}

/** The row is marked and no list shows it. Throws not_found. */
export async function deletePost(app: Needs<'db' | 'clock'>, caller: Caller, key: { threadId: string; id: string }): Promise<void> {
  requireScope(caller, 'write')
  await app.db.transaction(async (db) => {
    if (!(await deleteSpokenRow(db, caller.tenantId, { ...key, at: app.clock.now() }))) throw notFound('message', key.id)
    await disown(db, caller, { kind: 'message', id: key.id })
  })
}
