import { Type as t } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { openOutputs, postToolMessage } from '../../core/actions/tool-messages.ts'
import type { Caller } from '../../core/caller.ts'
import { Fault, notFound } from '../../core/fault.ts'
import { requireMessage, requireThread } from '../../core/ownership/access.ts'
import { mayActFor, type Owned, ownersOf } from '../../core/ownership/ownership.ts'
import { onIdleThread } from '../../core/runs/clearing.ts'
import { addToDraft } from '../../core/threads/message-drafts.ts'
import { createPost, deletePost, mergeMetadata, type NewPost, type Posted } from '../../core/threads/posts.ts'
import type { Thread } from '../../core/threads/threads.ts'
import { findMessage, listTranscript, type TranscriptMessage } from '../../core/threads/transcript.ts'
import { entitiesCaller } from './caller.ts'
import { PathId } from './fields.wire.ts'
import { decodeId, requireId, spell } from './ids.ts'
import {
  FormattedMessage,
  fromMessageCreate,
  type Known,
  MESSAGES_MAX,
  MessageCreate,
  MessageDeleted,
  MessageQuery,
  MessageRead,
  MessageUpdate,
  toFormatted,
  toMessage,
} from './messages.wire.ts'
import { answers, asks, paths, takes } from './route.ts'
import { requireMetaData } from './threads.wire.ts'

/** How long a message waits for a run at work. */
const PATIENCE_MS = 10_000
/** A conversation as models are given it: what is older than these no model reads. */
const FORMATTED_MAX = 10_000

interface Listing {
  thread: Pick<Thread, 'id' | 'runId'>
  order: 'asc' | 'desc'
  limit: number
}

/** Answers that a run has still to write stand at the end. */
async function listed(app: App, caller: Caller, { thread, order, limit }: Listing): Promise<TranscriptMessage[]> {
  const open = await openOutputs(app, caller, thread)
  const written = await listTranscript(app, caller, { threadId: thread.id, order, limit })
  const ids = new Set(written.map(({ id }) => id))
  const coming = open.filter(({ id }) => !ids.has(id))
  return (order === 'asc' ? [...written, ...coming] : [...coming.reverse(), ...written]).slice(0, limit)
}

/** With what is known of each beside its row. */
async function known(
  app: App,
  caller: Caller,
  messages: readonly TranscriptMessage[],
): Promise<(Known & { message: TranscriptMessage })[]> {
  const assistantIds = [...new Set(messages.flatMap(({ assistantId }) => assistantId ?? []))]
  const [owners, assistants] = await Promise.all([
    ownersOf(app, caller, { kind: 'message', ids: messages.map(({ id }) => id) }),
    ownersOf(app, caller, { kind: 'assistant', ids: assistantIds }),
  ])
  const named = (id: string | null) => (id === null ? null : (assistants.get(id)?.alias ?? spell('assistant', id)))
  return messages.map((message) => ({ message, owned: owners.get(message.id), assistant: named(message.assistantId) }))
}

/** Also one that its run has still to write. */
async function shown(app: App, caller: Caller, text: string): Promise<MessageRead> {
  const id = requireId('message', text)
  const { threadId, thread } = await requireMessage(app, caller, id)
  const open = await openOutputs(app, caller, thread)
  const message = (await findMessage(app, caller, { threadId, id })) ?? open.find((each) => each.id === id)
  if (!message) throw notFound('message', id)
  const [found] = await known(app, caller, [message])
  return toMessage(message, found as Known)
}

/** Whoever takes part in a thread changes his own messages; those of others are the thread's owner's. */
async function requireMine(app: App, caller: Caller, text: string): Promise<{ threadId: string; id: string }> {
  const id = requireId('message', text)
  const { threadId, owned } = await requireMessage(app, caller, id)
  const { owned: ofThread } = await requireThread(app, caller, threadId)
  const mine = (held: Owned | undefined) => mayActFor(caller, held?.userId ?? null)
  if (!mine(owned) && !mine(ofThread)) throw new Fault('forbidden', "Only a message's author and the thread's owner may change it.")
  return { threadId, id }
}

async function changed(app: App, caller: Caller, { message_id, body }: { message_id: string; body: MessageUpdate }): Promise<MessageRead> {
  const key = await requireMine(app, caller, message_id)
  const { message } = await mergeMetadata(app, caller, { ...key, metadata: requireMetaData(body.meta_data) })
  const [found] = await known(app, caller, [message])
  return toMessage(message, found as Known)
}

const read = ({ message, owned }: Posted): MessageRead => toMessage(message, { owned, assistant: null })

/** Who writes, of pieces that belong together. */
const authorOf = (body: MessageCreate): string => JSON.stringify([body.assistant_id, body.sender_id ?? null])

const buffered = (): Response => Response.json({ status: 'buffered' }, { status: 202 })

const ofThread = paths({ thread_id: PathId })
const ofMessage = paths({ message_id: PathId })
const named = (id: string, summary: string) => ({ id, summary })

export const messages = (app: App) => new Elysia({ tags: ['Messages'] }).use(reading(app)).use(writing(app)).use(changing(app))

const reading = (app: App) =>
  new Elysia({ tags: ['Messages'] })
    .use(entitiesCaller(app))
    .get(
      '/threads/:thread_id/messages',
      async ({ caller, params, query }) => {
        const { thread } = await requireThread(app, caller, requireId('thread', params.thread_id))
        const order = (query.order ?? 'asc') === 'asc' ? 'asc' : 'desc'
        const found = await listed(app, caller, { thread, order, limit: Math.min(query.limit ?? 20, MESSAGES_MAX) })
        return (await known(app, caller, found)).map(({ message, ...beside }) => toMessage(message, beside))
      },
      { ...ofThread, ...asks(MessageQuery), ...answers(named('list_messages', 'List messages of a thread'), t.Array(MessageRead)) },
    )
    .get(
      '/threads/:thread_id/formatted_messages',
      async ({ caller, params }) => {
        const { thread } = await requireThread(app, caller, requireId('thread', params.thread_id))
        const newest = await listed(app, caller, { thread, order: 'desc', limit: FORMATTED_MAX })
        return toFormatted(await known(app, caller, newest.reverse()))
      },
      {
        ...ofThread,
        ...answers(named('get_formatted_messages', 'A conversation as models are given it'), t.Array(FormattedMessage)),
      },
    )
    .get('/messages/:message_id', ({ caller, params }) => shown(app, caller, params.message_id), {
      ...ofMessage,
      ...answers(named('get_message', 'Retrieve a message'), MessageRead),
    })

const writing = (app: App) =>
  new Elysia({ tags: ['Messages'] })
    .use(entitiesCaller(app))
    .post(
      '/messages',
      async ({ caller, once, body }) => {
        const post = await allowed(app, caller, fromMessageCreate(caller, body))
        const effect = () => once((parts) => createPost(parts, caller, post))
        return read(await onIdleThread(app, caller, { patienceMs: PATIENCE_MS, waiting: 'yields', effect }))
      },
      { ...takes(MessageCreate), ...answers(named('create_message', 'Append a message'), MessageRead) },
    )
    .post(
      '/messages/assistant',
      async ({ caller, once, body }) => {
        const post = await allowed(app, caller, fromMessageCreate(caller, body, { completed: true }))
        const draft = { threadId: post.threadId, author: authorOf(body) }
        if (body.is_last_chunk !== true) {
          await once((parts) => addToDraft(parts, caller, { ...draft, text: body.content }).then(() => null))
          return buffered()
        }
        const effect = () => once((parts) => createPost(parts, caller, { ...post, draft }))
        return read(await onIdleThread(app, caller, { patienceMs: PATIENCE_MS, waiting: 'yields', effect }))
      },
      {
        ...takes(MessageCreate),
        ...answers(named('save_assistant_message', 'Append a message that comes in pieces; only the last one writes it'), MessageRead),
      },
    )
    .post(
      '/messages/tools',
      async ({ caller, once, body }) => {
        const made = { role: 'tool' as const, ...(body.tool_id ? { toolId: body.tool_id } : {}) }
        const post = await allowed(app, caller, fromMessageCreate(caller, body, made))
        const toolId = body.tool_id ? decodeId('action', body.tool_id) : undefined
        const effect = () => once((parts) => postToolMessage(parts, caller, { toolId, post }))
        const posted = await onIdleThread(app, caller, { patienceMs: PATIENCE_MS, waiting: 'refuses', effect })
        return { ...read(posted), sender_id: null }
      },
      { ...takes(MessageCreate), ...answers(named('submit_tool_response', "Say what a client's tool came to"), MessageRead) },
    )

/** Throws where there is no such thread, or it is not the caller's. */
async function allowed(app: App, caller: Caller, post: NewPost): Promise<NewPost> {
  await requireThread(app, caller, post.threadId)
  return post
}

/** What clients of later versions call. */
const changing = (app: App) =>
  new Elysia({ tags: ['Messages'] })
    .use(entitiesCaller(app))
    .put('/messages/:message_id', ({ caller, params, body }) => changed(app, caller, { ...params, body }), {
      ...ofMessage,
      ...takes(MessageUpdate),
      ...answers(named('update_message', "Change a message's meta_data, which is merged"), MessageRead),
    })
    .delete(
      '/messages/:message_id',
      async ({ caller, params }) => {
        const key = await requireMine(app, caller, params.message_id)
        await deletePost(app, caller, key)
        return { id: spell('message', key.id), object: 'message' as const, deleted: true as const }
      },
      { ...ofMessage, ...answers(named('delete_message', 'Delete a message'), MessageDeleted) },
    )
