import { type Static, Type as t } from '@sinclair/typebox'
import type { Assistant, AssistantChange, NewAssistant } from '../../core/assistants/assistants.ts'
import type { JsonObject } from '../../core/json.ts'
import { CLOSED, deleted, Metadata, nullable, ShownMetadata, toMetadata, toSeconds, UnixSeconds } from './fields.wire.ts'
import { spell } from './ids.ts'
import {
  fromNewResources,
  fromResources,
  fromTools,
  NewToolResources,
  ReasoningEffort,
  ResponseFormat,
  Tool,
  ToolResources,
  toResources,
  toTools,
} from './tools.wire.ts'

const ASSISTANT_FIELDS = {
  name: t.Optional(nullable(t.String({ maxLength: 256 }))),
  description: t.Optional(nullable(t.String({ maxLength: 512 }))),
  instructions: t.Optional(nullable(t.String({ maxLength: 256_000 }))),
  reasoning_effort: t.Optional(nullable(ReasoningEffort)),
  tools: t.Optional(t.Array(Tool, { maxItems: 128 })),
  metadata: t.Optional(nullable(Metadata)),
  temperature: t.Optional(nullable(t.Number({ minimum: 0, maximum: 2 }))),
  top_p: t.Optional(nullable(t.Number({ minimum: 0, maximum: 1 }))),
  response_format: t.Optional(nullable(ResponseFormat)),
}

export const AssistantCreate = t.Object(
  { model: t.String(), ...ASSISTANT_FIELDS, tool_resources: t.Optional(nullable(NewToolResources)) },
  CLOSED,
)

export const AssistantModify = t.Object(
  { model: t.Optional(t.String()), ...ASSISTANT_FIELDS, tool_resources: t.Optional(nullable(ToolResources)) },
  CLOSED,
)

export const AssistantObject = t.Object({
  id: t.String(),
  object: t.Literal('assistant'),
  created_at: UnixSeconds,
  name: nullable(t.String()),
  description: nullable(t.String()),
  model: t.String(),
  instructions: nullable(t.String()),
  reasoning_effort: nullable(ReasoningEffort),
  tools: t.Array(Tool),
  tool_resources: nullable(ToolResources),
  metadata: ShownMetadata,
  temperature: nullable(t.Number()),
  top_p: nullable(t.Number()),
  response_format: nullable(ResponseFormat),
})
export type AssistantObject = Static<typeof AssistantObject>

export const AssistantDeleted = deleted('assistant.deleted')

/** What was given, under core's names: an absent field stays absent, null clears. */
export function fromAssistantModify(body: Static<typeof AssistantModify>): AssistantChange {
  const change: AssistantChange = {}
  if (body.model !== undefined) change.model = body.model
  if (body.name !== undefined) change.name = body.name
  if (body.description !== undefined) change.description = body.description
  if (body.instructions !== undefined) change.instructions = body.instructions
  if (body.reasoning_effort !== undefined) change.reasoningEffort = body.reasoning_effort
  if (body.tools !== undefined) change.tools = fromTools(body.tools)
  const resources = fromResources(body.tool_resources)
  if (resources !== undefined) change.toolResources = resources
  if (body.metadata !== undefined) change.metadata = body.metadata ?? {}
  if (body.temperature !== undefined) change.temperature = body.temperature
  if (body.top_p !== undefined) change.topP = body.top_p
  if (body.response_format !== undefined) change.responseFormat = body.response_format as 'auto' | JsonObject | null
  return change
}

export function fromAssistantCreate({ tool_resources, ...body }: Static<typeof AssistantCreate>): NewAssistant {
  const { toolResources: _, ...fields } = fromAssistantModify(body)
  const resources = fromNewResources(tool_resources)
  return { ...fields, model: body.model, ...(resources === undefined ? {} : { toolResources: resources }) }
}

export const toAssistant = (assistant: Assistant): AssistantObject => ({
  id: spell('assistant', assistant.id),
  object: 'assistant',
  created_at: toSeconds(assistant.createdAt),
  name: assistant.name,
  description: assistant.description,
  model: assistant.model,
  instructions: assistant.instructions,
  reasoning_effort: assistant.reasoningEffort as AssistantObject['reasoning_effort'],
  tools: toTools(assistant.tools),
  tool_resources: toResources(assistant.toolResources),
  metadata: toMetadata(assistant.metadata),
  temperature: assistant.temperature ?? 1,
  top_p: assistant.topP ?? 1,
  response_format: (assistant.responseFormat ?? 'auto') as AssistantObject['response_format'],
})
