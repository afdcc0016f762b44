import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import {
  changeCompletion,
  createCompletion,
  deleteCompletion,
  getCompletion,
  listCompletionMessages,
  listCompletions,
} from '../../core/completions/completions.ts'
import { openaiCaller } from './caller.ts'
import { ChatCreate, fromChatCreate, toAnswer } from './chat.wire.ts'
import { ChatChunk, ChatCompletion, ChatCompletionDeleted, StoredMessage } from './chat-answer.wire.ts'
import {
  ChatChange,
  fromStoredMessageQuery,
  fromStoredQuery,
  StoredMessageQuery,
  StoredQuery,
  toStored,
  toStoredMessage,
} from './chat-stored.wire.ts'
import { chatStream } from './chat-stream.ts'
import { requireId } from './ids.ts'
import { envelopeOf, toEnvelope } from './lists.ts'
import { answers, answersOrStreams, asks, asksNothing, takes } from './route.ts'

const CREATE = {
  id: 'createChatCompletion',
  summary: 'Create a chat completion',
  description:
    'Goes through to the model provider. Fields that are not listed here are passed on as they are. `store` keeps the completion ' +
    'on this server and is not passed on; neither is `metadata` then.',
}

export const chat = (app: App) =>
  new Elysia({ prefix: '/chat/completions', tags: ['Chat'] })
    .use(openaiCaller(app))
    .post(
      '',
      async ({ caller, onceCalled, body, request }) => {
        const completion = fromChatCreate(body)
        if (body.stream) return chatStream(app, { caller, once: onceCalled, completion, request })
        const input = { ...completion, signal: request.signal }
        return asGiven(toAnswer(await onceCalled((parts) => createCompletion(parts, caller, input))))
      },
      { ...asksNothing, ...takes(ChatCreate), ...answersOrStreams(CREATE, ChatCompletion, ChatChunk) },
    )
    .use(stored(app))

const idOf = (params: { completion_id: string }): string => requireId('completion', 'completion_id', params.completion_id)

/** Answers of providers and messages of clients carry fields of their own: they are not held against our schema. */
const asGiven = (json: object): Response => Response.json(json)

const stored = (app: App) =>
  new Elysia()
    .use(openaiCaller(app))
    .get(
      '',
      async ({ caller, query }) => {
        const page = await listCompletions(app, caller, fromStoredQuery(query))
        return asGiven(toEnvelope({ ...page, items: page.items.map(toStored) }))
      },
      {
        ...asks(StoredQuery),
        ...answers({ id: 'listChatCompletions', summary: 'List stored chat completions' }, envelopeOf(ChatCompletion)),
      },
    )
    .get('/:completion_id', async ({ caller, params }) => asGiven(toStored(await getCompletion(app, caller, idOf(params)))), {
      ...asksNothing,
      ...answers({ id: 'getChatCompletion', summary: 'Retrieve a stored chat completion' }, ChatCompletion),
    })
    .post(
      '/:completion_id',
      async ({ caller, once, params, body }) => {
        const input = { id: idOf(params), metadata: body.metadata ?? {} }
        return asGiven(toStored(await once((parts) => changeCompletion(parts, caller, input))))
      },
      {
        ...asksNothing,
        ...takes(ChatChange),
        ...answers({ id: 'updateChatCompletion', summary: 'Replace the metadata of a stored chat completion' }, ChatCompletion),
      },
    )
    .delete(
      '/:completion_id',
      async ({ caller, params }) => {
        await deleteCompletion(app, caller, idOf(params))
        return { object: 'chat.completion.deleted' as const, id: params.completion_id, deleted: true }
      },
      { ...asksNothing, ...answers({ id: 'deleteChatCompletion', summary: 'Delete a stored chat completion' }, ChatCompletionDeleted) },
    )
    .get(
      '/:completion_id/messages',
      async ({ caller, params, query }) => {
        const id = idOf(params)
        const page = await listCompletionMessages(app, caller, { id, page: fromStoredMessageQuery(id, query) })
        return asGiven(toEnvelope({ ...page, items: page.items.map((item) => toStoredMessage(id, item)) }))
      },
      {
        ...asks(StoredMessageQuery),
        ...answers(
          { id: 'getChatCompletionMessages', summary: 'List the messages of a stored chat completion' },
          envelopeOf(StoredMessage),
        ),
      },
    )
