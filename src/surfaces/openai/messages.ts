import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { changeMessage, createMessage, deleteMessage, getMessage, listMessages } from '../../core/threads/messages.ts'
import { openaiCaller } from './caller.ts'
import { filterId, requireId } from './ids.ts'
import { MessagePageQuery, shapedList, shapedListOf } from './lists.ts'
import { fromMessageCreate, MessageCreate, MessageDeleted, MessageModify, MessageObject, toMessage } from './messages.wire.ts'
import { answers, asks, asksBeta, asksNothing, takes } from './route.ts'

const threadOf = (params: { thread_id: string }): string => requireId('thread', 'thread_id', params.thread_id)

const messageOf = (params: { thread_id: string; message_id: string }) => ({
  threadId: threadOf(params),
  id: requireId('message', 'message_id', params.message_id),
})

export const messages = (app: App) =>
  new Elysia({ prefix: '/threads/:thread_id/messages', tags: ['Messages'] })
    .use(openaiCaller(app))
    .guard(asksBeta(app.config.openai.betaHeader))
    .get(
      '',
      ({ caller, params, query, request, set }) =>
        shapedList({
          style: app.config.openai.listStyle,
          asked: { request, query },
          kind: 'message',
          headers: set.headers as Record<string, string>,
          async read(page) {
            const filter = query.run_id === undefined ? {} : { runId: filterId('run', 'run_id', query.run_id) }
            const found = await listMessages(app, caller, { threadId: threadOf(params), page, ...filter })
            return { ...found, items: found.items.map(toMessage) }
          },
        }),
      { ...asks(MessagePageQuery), ...answers({ id: 'listMessages', summary: 'List messages of a thread' }, shapedListOf(MessageObject)) },
    )
    .post(
      '',
      async ({ caller, once, params, body }) => {
        const input = { threadId: threadOf(params), message: fromMessageCreate(body) }
        return toMessage(await once((parts) => createMessage(parts, caller, input)))
      },
      { ...asksNothing, ...takes(MessageCreate), ...answers({ id: 'createMessage', summary: 'Append a message' }, MessageObject) },
    )
    .get('/:message_id', async ({ caller, params }) => toMessage(await getMessage(app, caller, messageOf(params))), {
      ...asksNothing,
      ...answers({ id: 'getMessage', summary: 'Retrieve a message' }, MessageObject),
    })
    .post(
      '/:message_id',
      async ({ caller, once, params, body }) => {
        const change = body.metadata === undefined ? {} : { metadata: body.metadata ?? {} }
        const input = { ...messageOf(params), ...change }
        return toMessage(await once((parts) => changeMessage(parts, caller, input)))
      },
      {
        ...asksNothing,
        ...takes(MessageModify),
        ...answers({ id: 'modifyMessage', summary: 'Modify the metadata of a message' }, MessageObject),
      },
    )
    .delete(
      '/:message_id',
      async ({ caller, params }) => {
        await deleteMessage(app, caller, messageOf(params))
        return { id: params.message_id, object: 'thread.message.deleted' as const, deleted: true }
      },
      { ...asksNothing, ...answers({ id: 'deleteMessage', summary: 'Delete a message' }, MessageDeleted) },
    )
