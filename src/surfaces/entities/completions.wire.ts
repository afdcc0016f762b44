import { type Static, Type as t } from '@sinclair/typebox'
import { Id, maybe } from './fields.wire.ts'

export const StreamRequest = t.Object({
  provider: maybe(t.String({ description: 'Not read: the name of the model says whose it is.' })),
  model: t.String({ minLength: 1, maxLength: 512, description: 'A name of `entities.models`, or any that this server knows.' }),
  api_key: maybe(
    t.String({
      maxLength: 4096,
      description: "Of the model's provider: used for this run, and forgotten with its end.",
    }),
  ),
  thread_id: Id,
  message_id: maybe(t.String({ description: 'Not read: the thread holds the message already.' })),
  run_id: Id,
  assistant_id: Id,
  content: maybe(t.String({ description: 'Not read.' })),
})
export type StreamRequest = Static<typeof StreamRequest>
