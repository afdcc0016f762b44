import { Type as t } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import type { Caller } from '../../core/caller.ts'
import { Fault } from '../../core/fault.ts'
import { findUsers } from '../../core/identity/users.ts'
import { requireThread } from '../../core/ownership/access.ts'
import { mayActFor } from '../../core/ownership/ownership.ts'
import {
  changeSharedThread,
  createSharedThread,
  getSharedThread,
  type SharedThreadChange,
  threadsOf,
} from '../../core/threads/participants.ts'
import { changeThread, deleteThread } from '../../core/threads/threads.ts'
import { entitiesCaller } from './caller.ts'
import { FreeObject, PathId } from './fields.wire.ts'
import { decodeId, requireId, spell } from './ids.ts'
import { answers, paths, takes } from './route.ts'
import { fromUserIds, requireMetaData, ThreadCreate, ThreadIds, ThreadRead, ThreadUpdate, toThread, unknownUsers } from './threads.wire.ts'

/** Throws where one of them does not exist. */
async function requireUsers(app: App, caller: Caller, texts: readonly string[]): Promise<string[]> {
  const ids = fromUserIds(texts)
  const found = await findUsers(app, caller, ids)
  if (ids.some((id) => !found.has(id))) throw unknownUsers()
  return ids
}

/** Of somebody else's threads there is nothing to see, as of those of a user who does not exist. */
async function idsOf(app: App, caller: Caller, text: string): Promise<string[]> {
  const userId = decodeId('user', text)
  if (userId === undefined || !mayActFor(caller, userId)) return []
  return (await threadsOf(app, caller, userId)).map((id) => spell('thread', id))
}

/** Who takes part is not theirs to say who only take part. */
async function changed(app: App, caller: Caller, { thread_id, body }: { thread_id: string; body: ThreadUpdate }) {
  const { owned, thread } = await requireThread(app, caller, requireId('thread', thread_id))
  const { participant_ids: texts, meta_data: metadata, tool_resources: toolResources } = body
  if (texts) requireOwner(caller, owned?.userId ?? null, "Only a thread's owner may say who takes part in it.")
  const change: SharedThreadChange = {
    ...(metadata ? { metadata: requireMetaData(metadata) } : {}),
    ...(texts ? { userIds: await requireUsers(app, caller, texts) } : {}),
    ...(toolResources ? { facts: { toolResources: requireMetaData(toolResources, ['tool_resources']) } } : {}),
  }
  return toThread(caller, await changeSharedThread(app, caller, { id: thread.id, change }))
}

function requireOwner(caller: Caller, userId: string | null, sentence: string): void {
  if (!mayActFor(caller, userId)) throw new Fault('forbidden', sentence)
}

const ofThread = paths({ thread_id: PathId })
const ofUser = paths({ user_id: PathId })
const named = (id: string, summary: string) => ({ id, summary })

export const threads = (app: App) =>
  new Elysia({ tags: ['Threads'] })
    .use(entitiesCaller(app))
    .post(
      '/threads',
      async ({ caller, once, body }) => {
        const input = { metadata: requireMetaData(body.meta_data ?? {}), userIds: await requireUsers(app, caller, body.participant_ids) }
        return toThread(caller, await once((parts) => createSharedThread(parts, caller, input)))
      },
      { ...takes(ThreadCreate), ...answers(named('create_thread', 'Create a thread'), ThreadRead) },
    )
    .get('/threads/user/:user_id', ({ caller, params }) => idsOf(app, caller, params.user_id), {
      ...ofUser,
      ...answers(named('list_user_threads', "List the ids of a user's threads"), t.Array(t.String())),
    })
    .get('/users/:user_id/threads', async ({ caller, params }) => ({ thread_ids: await idsOf(app, caller, params.user_id) }), {
      ...ofUser,
      ...answers(named('list_threads_of_user', "List the ids of a user's threads, as an object"), ThreadIds),
    })
    .get(
      '/threads/:thread_id',
      async ({ caller, params }) => {
        const { thread, owned } = await requireThread(app, caller, requireId('thread', params.thread_id))
        return toThread(caller, await getSharedThread(app, caller, { id: thread.id, owned }))
      },
      { ...ofThread, ...answers(named('get_thread', 'Retrieve a thread'), ThreadRead) },
    )
    .put('/threads/:thread_id', ({ caller, params, body }) => changed(app, caller, { ...params, body }), {
      ...ofThread,
      ...takes(ThreadUpdate),
      ...answers(named('update_thread', 'Change a thread; meta_data is merged'), ThreadRead),
    })
    .post('/threads/:thread_id', ({ caller, params, body }) => changed(app, caller, { ...params, body }), {
      ...ofThread,
      ...takes(ThreadUpdate),
      ...answers(named('update_thread_by_post', 'Change a thread, as clients call it that know no PUT'), ThreadRead),
    })
    .put(
      '/threads/:thread_id/metadata',
      async ({ caller, params, body }) => {
        const { thread, owned } = await requireThread(app, caller, requireId('thread', params.thread_id))
        await changeThread(app, caller, { id: thread.id, change: { metadata: requireMetaData(body, []) } })
        return toThread(caller, await getSharedThread(app, caller, { id: thread.id, owned }))
      },
      {
        ...ofThread,
        ...takes(FreeObject),
        ...answers(named('update_thread_metadata', "Replace a thread's meta_data by the body"), ThreadRead),
      },
    )
    .delete(
      '/threads/:thread_id',
      async ({ caller, params }) => {
        const { thread, owned } = await requireThread(app, caller, requireId('thread', params.thread_id))
        requireOwner(caller, owned?.userId ?? null, "Only a thread's owner may delete it.")
        await deleteThread(app, caller, thread.id)
        return true as const
      },
      { ...ofThread, ...answers(named('delete_thread', 'Delete a thread with everything in it'), t.Literal(true)) },
    )
