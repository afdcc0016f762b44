import { type Static, Type as t } from '@sinclair/typebox'
import type { Answered, NewCompletion } from '../../core/completions/completions.ts'
import type { Json, JsonObject } from '../../core/json.ts'
import { ChatMessage, PartText } from './chat-messages.wire.ts'
import { ChatFunction, ChatFunctionChoice, ChatResponseFormat, ChatTool, ChatToolChoice } from './chat-tools.wire.ts'
import { CLOSED, Metadata, oneOf } from './fields.wire.ts'
import { spell } from './ids.ts'
import { mapOf, open, orNull } from './open.wire.ts'
import { ReasoningEffort } from './tools.wire.ts'

const flag = orNull(t.Boolean())
const tokens = orNull(t.Integer())
const penalty = orNull(t.Number({ minimum: -2, maximum: 2 }))

const sampling = {
  temperature: orNull(t.Number({ minimum: 0, maximum: 2 })),
  top_p: orNull(t.Number({ minimum: 0, maximum: 1 })),
  frequency_penalty: penalty,
  presence_penalty: penalty,
  logit_bias: orNull(mapOf(t.Integer())),
  logprobs: flag,
  top_logprobs: orNull(t.Integer({ minimum: 0, maximum: 20 })),
  max_completion_tokens: tokens,
  max_tokens: tokens,
  n: orNull(t.Integer({ minimum: 1, maximum: 128 })),
  seed: tokens,
  stop: orNull(t.Union([t.String(), t.Array(t.String(), { minItems: 1, maxItems: 4 })])),
}

const moderationMode = orNull(open({ mode: oneOf('score', 'block') }))

const hosting = {
  user: t.Optional(t.String()),
  safety_identifier: orNull(t.String({ maxLength: 64 })),
  prompt_cache_key: orNull(t.String()),
  prompt_cache_retention: orNull(oneOf('in_memory', '24h')),
  prompt_cache_options: t.Optional(open({ ttl: t.Optional(t.Literal('30m')), mode: t.Optional(oneOf('implicit', 'explicit')) })),
  service_tier: orNull(oneOf('auto', 'default', 'flex', 'scale', 'priority', 'fast')),
  moderation: orNull(open({ model: t.String(), policy: orNull(open({ input: moderationMode, output: moderationMode })) })),
}

const place = t.Optional(t.String())
const Location = open({ country: place, region: place, city: place, timezone: place })

const shaping = {
  modalities: orNull(t.Array(oneOf('text', 'audio'))),
  audio: orNull(
    open({
      voice: t.Union([t.String(), t.Object({ id: t.String() }, CLOSED)]),
      format: oneOf('wav', 'aac', 'mp3', 'flac', 'opus', 'pcm16'),
    }),
  ),
  verbosity: orNull(oneOf('low', 'medium', 'high')),
  reasoning_effort: orNull(ReasoningEffort),
  response_format: t.Optional(ChatResponseFormat),
  prediction: orNull(open({ type: t.Literal('content'), content: t.Union([t.String(), t.Array(PartText, { minItems: 1 })]) })),
  web_search_options: t.Optional(
    open({
      user_location: orNull(open({ type: t.Literal('approximate'), approximate: Location })),
      search_context_size: t.Optional(oneOf('low', 'medium', 'high')),
    }),
  ),
}

const calling = {
  tools: t.Optional(t.Array(ChatTool)),
  tool_choice: t.Optional(ChatToolChoice),
  parallel_tool_calls: t.Optional(t.Boolean()),
  function_call: t.Optional(ChatFunctionChoice),
  functions: t.Optional(t.Array(ChatFunction, { minItems: 1, maxItems: 128 })),
}

/** Fields that are not named here go to the provider as they are. */
export const ChatCreate = open({
  model: t.String(),
  messages: t.Array(ChatMessage, { minItems: 1 }),
  stream: flag,
  stream_options: orNull(open({ include_usage: t.Optional(t.Boolean()), include_obfuscation: t.Optional(t.Boolean()) })),
  store: flag,
  metadata: orNull(Metadata),
  ...sampling,
  ...hosting,
  ...shaping,
  ...calling,
})
export type ChatCreate = Static<typeof ChatCreate>

/** `store` is ours and never goes upstream; `metadata` belongs to what is stored, else to the provider. */
export function fromChatCreate(body: ChatCreate): Omit<NewCompletion, 'signal'> {
  const { model, messages, stream: _, store, metadata, ...rest } = body
  const given = metadata === undefined || store ? {} : { metadata }
  return {
    model,
    messages: messages as JsonObject[],
    options: { ...rest, ...given } as JsonObject,
    keep: store ? { metadata: metadata ?? {} } : null,
  }
}

/** What the contract requires and not every provider sends is filled in; all else stays as it came. */
export function toAnswer({ id, answer }: Answered): JsonObject {
  const choices = Array.isArray(answer.choices) ? answer.choices.map(toChoice) : []
  return { ...answer, object: 'chat.completion', choices, ...(id === null ? {} : { id: spell('completion', id) }) }
}

function toChoice(choice: Json, index: number): Json {
  const given = asObject(choice)
  const message = { role: 'assistant', content: null, refusal: null, ...asObject(given.message) }
  return { index, logprobs: null, ...given, finish_reason: given.finish_reason ?? 'stop', message }
}

export const asObject = (value: Json | undefined): JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}

/** Only between the tokens of a JSON text, where a space does as well. */
const LINE_BREAKS = /[\r\n]+/g

/** A kept completion is known by our id in every chunk; other chunks pass as they came, on one line. */
export function toChunk(id: string | null, chunk: string): string {
  if (id === null) return chunk.replace(LINE_BREAKS, ' ')
  return JSON.stringify({ ...(JSON.parse(chunk) as JsonObject), id: spell('completion', id) })
}
