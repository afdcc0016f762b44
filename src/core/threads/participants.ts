import { type Caller, requireScope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import { findUsers, type User } from '../identity/users.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import { associated } from '../ownership/associations.ts'
import { changeFacts, type Owned, own } from '../ownership/ownership.ts'
import { addParticipantRows, keepParticipantRows, mergeThreadMetadata, threadsOfRow } from './participant-store.ts'
import { createThreadIn, getThread, type Thread } from './threads.ts'

/** A thread that users share: the owner, and who takes part in it. */
export interface SharedThread {
  thread: Thread
  owned: Owned | undefined
  participants: User[]
}

export const PARTICIPANTS_MAX = 100
/** Of a thread, as JSON. */
export const METADATA_CHARS_MAX = 65_536
/** Threads of one answer: there is no cursor. */
const THREADS_MAX = 10_000

type Changes = Needs<'db' | 'clock' | 'limits'>

/** Whoever makes it is the owner. Ids that name no user of the tenant are passed over: ask `findUsers` first. */
export async function createSharedThread(
  app: Changes,
  caller: Caller,
  input: { metadata: JsonObject; userIds: readonly string[]; facts?: JsonObject },
): Promise<SharedThread> {
  requireScope(caller, 'write')
  const { metadata, userIds, facts = {} } = input
  return app.db.transaction(async (db) => {
    const parts = { ...app, db }
    const thread = await createThreadIn(parts, caller, { metadata })
    // It names itself, so that it goes away with the thread, whoever removes that.
    const owned = await own(parts, caller, { kind: 'thread', id: thread.id, threadId: thread.id, facts })
    const side = { threadId: thread.id, tenantId: caller.tenantId }
    await addParticipantRows(db, side, { userIds, at: app.clock.now() })
    return { thread, owned, participants: await participantsOf(parts, caller, thread.id) }
  })
}

/** In the order in which they came. Whether the caller may see the thread is for the one who calls. */
export async function participantsOf(app: Needs<'db'>, caller: Caller, threadId: string): Promise<User[]> {
  requireScope(caller, 'read')
  const ids = await associated(app, caller, { kind: 'thread_user', from: threadId })
  const users = await findUsers(app, caller, ids)
  return ids.flatMap((id) => users.get(id) ?? [])
}

export interface SharedThreadChange {
  /** Merged into what is there. */
  metadata?: JsonObject
  /** From now on these take part, and nobody else. */
  userIds?: readonly string[]
  /** Merged into what the dialect remembers of the thread. */
  facts?: JsonObject
}

/** Throws not_found. */
export async function changeSharedThread(
  app: Changes,
  caller: Caller,
  { id, change }: { id: string; change: SharedThreadChange },
): Promise<SharedThread> {
  requireScope(caller, 'write')
  const { metadata = {}, userIds, facts } = change
  return app.db.transaction(async (db) => {
    // Its row is the lock: two changes of one thread go one after the other.
    const thread = await mergeThreadMetadata(db, caller.tenantId, { id, metadata, at: app.clock.now() })
    if (!thread) throw notFound('thread', id)
    if (JSON.stringify(thread.metadata).length > METADATA_CHARS_MAX)
      throw new Fault('too_large', `The metadata of a thread holds at most ${METADATA_CHARS_MAX} characters of JSON.`)
    if (userIds) {
      const side = { threadId: id, tenantId: caller.tenantId }
      await keepParticipantRows(db, side, userIds)
      await addParticipantRows(db, side, { userIds, at: app.clock.now() })
    }
    const owned = await remember({ ...app, db }, caller, { id, facts: facts ?? {} })
    return { thread, owned, participants: await participantsOf({ db }, caller, id) }
  })
}

/** A thread that another dialect made gets its row when there is something to remember. */
async function remember(app: Changes, caller: Caller, { id, facts }: { id: string; facts: JsonObject }): Promise<Owned | undefined> {
  const owned = await changeFacts(app, caller, { kind: 'thread', id, change: (held) => ({ ...held, ...facts }) })
  if (owned || Object.keys(facts).length === 0) return owned
  return own(app, caller, { kind: 'thread', id, userId: null, threadId: id, facts })
}

/** As others see it. Throws not_found. */
export async function getSharedThread(
  app: Needs<'db'>,
  caller: Caller,
  { id, owned }: { id: string; owned: Owned | undefined },
): Promise<SharedThread> {
  const [thread, participants] = await Promise.all([getThread(app, caller, id), participantsOf(app, caller, id)])
  return { thread, owned, participants }
}

/** Ids of the threads that are a user's, or that he takes part in; oldest first. */
export function threadsOf(app: Needs<'db'>, caller: Caller, userId: string): Promise<string[]> {
  requireScope(caller, 'read')
  return threadsOfRow(app.db, caller.tenantId, { userId, limit: THREADS_MAX })
}
