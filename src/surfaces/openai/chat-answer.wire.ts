import { Type as t } from '@sinclair/typebox'
import { PartImage, PartText, ToolCall } from './chat-messages.wire.ts'
import { Metadata, nullable, oneOf } from './fields.wire.ts'
import { mapOf, open, orNull } from './open.wire.ts'

const count = t.Optional(t.Integer())

const Usage = open({
  prompt_tokens: t.Integer(),
  completion_tokens: t.Integer(),
  total_tokens: t.Integer(),
  completion_tokens_details: t.Optional(
    open({
      accepted_prediction_tokens: count,
      audio_tokens: count,
      reasoning_tokens: count,
      rejected_prediction_tokens: count,
      text_tokens: count,
    }),
  ),
  prompt_tokens_details: t.Optional(
    open({ audio_tokens: count, cached_tokens: count, cache_write_tokens: count, image_tokens: count, text_tokens: count }),
  ),
})

const bytes = nullable(t.Array(t.Integer()))
const TokenLogprob = open({
  token: t.String(),
  logprob: t.Number(),
  bytes,
  top_logprobs: t.Array(open({ token: t.String(), logprob: t.Number(), bytes })),
})
const Logprobs = nullable(open({ content: nullable(t.Array(TokenLogprob)), refusal: nullable(t.Array(TokenLogprob)) }))

const ModerationResults = open({
  type: t.Literal('moderation_results'),
  model: t.String(),
  results: t.Array(
    open({
      type: t.Literal('moderation_result'),
      model: t.String(),
      flagged: t.Boolean(),
      categories: mapOf(t.Boolean()),
      category_scores: mapOf(t.Number()),
      category_applied_input_types: mapOf(t.Array(oneOf('text', 'image'))),
    }),
  ),
})
const ModerationError = open({ type: t.Literal('error'), code: t.String(), message: t.String() })
const moderated = t.Union([ModerationResults, ModerationError])
const Moderation = orNull(open({ input: moderated, output: moderated }))

const Citation = open({
  type: t.Literal('url_citation'),
  url_citation: open({ start_index: t.Integer(), end_index: t.Integer(), url: t.String(), title: t.String() }),
})

const spoken = {
  content: nullable(t.String()),
  refusal: nullable(t.String()),
  tool_calls: t.Optional(t.Array(ToolCall)),
  annotations: t.Optional(t.Array(Citation)),
  function_call: t.Optional(open({ arguments: t.String(), name: t.String() })),
  audio: orNull(open({ id: t.String(), expires_at: t.Integer(), data: t.String(), transcript: t.String() })),
}
const AnswerMessage = open({ role: t.Literal('assistant'), ...spoken })

const FinishReason = oneOf('stop', 'length', 'tool_calls', 'content_filter', 'function_call')
const ServiceTier = orNull(oneOf('auto', 'default', 'flex', 'scale', 'priority', 'fast'))

const head = {
  id: t.String(),
  created: t.Integer(),
  model: t.String(),
  service_tier: ServiceTier,
  system_fingerprint: t.Optional(t.String()),
  moderation: Moderation,
}

export const ChatCompletion = open({
  ...head,
  object: t.Literal('chat.completion'),
  choices: t.Array(open({ index: t.Integer(), message: AnswerMessage, finish_reason: FinishReason, logprobs: Logprobs })),
  metadata: orNull(Metadata),
  usage: t.Optional(Usage),
})

const CallChunk = open({
  index: t.Integer(),
  id: t.Optional(t.String()),
  type: t.Optional(t.Literal('function')),
  function: t.Optional(open({ name: t.Optional(t.String()), arguments: t.Optional(t.String()) })),
})

const Delta = open({
  role: t.Optional(oneOf('developer', 'system', 'user', 'assistant', 'tool')),
  content: orNull(t.String()),
  refusal: orNull(t.String()),
  tool_calls: t.Optional(t.Array(CallChunk)),
  function_call: t.Optional(open({ arguments: t.Optional(t.String()), name: t.Optional(t.String()) })),
})

export const ChatChunk = open({
  ...head,
  object: t.Literal('chat.completion.chunk'),
  choices: t.Array(open({ index: t.Integer(), delta: Delta, finish_reason: nullable(FinishReason), logprobs: t.Optional(Logprobs) })),
  obfuscation: t.Optional(t.String()),
  usage: orNull(Usage),
})

/** The contract's schema says that every role is `assistant`; its example, and we, list what was asked. */
export const StoredMessage = open({
  id: t.String(),
  role: oneOf('assistant', 'developer', 'system', 'user', 'tool', 'function'),
  ...spoken,
  content_parts: orNull(t.Array(t.Union([PartText, PartImage]))),
})

export const ChatCompletionDeleted = t.Object({ object: t.Literal('chat.completion.deleted'), id: t.String(), deleted: t.Boolean() })
