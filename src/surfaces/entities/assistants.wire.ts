import { type Static, Type as t } from '@sinclair/typebox'
import type { Assistant, AssistantChange, NewAssistant } from '../../core/assistants/assistants.ts'
import { UNNAMED } from '../../core/assistants/assistants.ts'
import type { OwnedAssistant } from '../../core/assistants/owned-assistants.ts'
import type { Json, JsonObject } from '../../core/json.ts'
import type { Name } from '../../core/ownership/access.ts'
import { FreeObject, Id, maybe, nullable, Seconds, toSeconds } from './fields.wire.ts'
import { nameOf, spellName, spellOrNull } from './ids.ts'
import { VectorStoreRead } from './vector-stores.wire.ts'

const Tools = t.Array(FreeObject, { maxItems: 128, description: 'Kept and shown. A run has the tools that the assistant was given.' })

const FIELDS = {
  description: maybe(t.String({ maxLength: 256 })),
  instructions: maybe(t.String({ maxLength: 256_000 })),
  tools: maybe(Tools),
  meta_data: maybe(FreeObject),
  top_p: maybe(t.Number({ minimum: 0, maximum: 1 })),
  temperature: maybe(t.Number({ minimum: 0, maximum: 2 })),
  response_format: maybe(t.String({ maxLength: 64 })),
}
const NameText = t.String({ maxLength: 128 })
const Model = t.String({ minLength: 1, maxLength: 256 })

export const AssistantCreate = t.Object({ id: maybe(Id), name: NameText, model: Model, ...FIELDS })
export const AssistantUpdate = t.Object({ name: maybe(NameText), model: maybe(Model), ...FIELDS })

export const AssistantRead = t.Object({
  id: t.String(),
  user_id: nullable(t.String()),
  object: t.Literal('assistant'),
  created_at: Seconds,
  name: t.String(),
  description: nullable(t.String()),
  model: t.String(),
  instructions: nullable(t.String()),
  tools: nullable(t.Array(FreeObject)),
  meta_data: nullable(FreeObject),
  top_p: t.Number(),
  temperature: t.Number(),
  response_format: t.String(),
  vector_stores: t.Array(VectorStoreRead),
})
export type AssistantRead = Static<typeof AssistantRead>

export const MessageResult = t.Object({ message: t.String() })
export const AssistantDeleted = t.Object({ id: t.String(), object: t.Literal('assistant'), deleted: t.Literal(true) })

/** The formats that every dialect knows; another one is remembered, and the model is told nothing of it. */
const FORMATS: Record<string, 'auto' | JsonObject> = {
  auto: 'auto',
  text: { type: 'text' },
  json_object: { type: 'json_object' },
}

const formatOf = (text: string): 'auto' | JsonObject | null => (Object.hasOwn(FORMATS, text) ? (FORMATS[text] ?? null) : null)

function spellFormat(format: Assistant['responseFormat'], remembered: Json | undefined): string {
  if (format === null) return typeof remembered === 'string' ? remembered : 'auto'
  return format === 'auto' ? format : String(format.type)
}

/** What core keeps of a change: an absent field stays as it is, null clears what can be empty. */
export function fromAssistantUpdate(body: Static<typeof AssistantUpdate>): { change: AssistantChange; facts: JsonObject } {
  const change: AssistantChange = {}
  if (body.name != null) change.name = body.name
  if (body.model != null) change.model = body.model
  if (body.description !== undefined) change.description = body.description
  if (body.instructions !== undefined) change.instructions = body.instructions
  if (body.meta_data !== undefined) change.metadata = body.meta_data ?? {}
  if (body.top_p !== undefined) change.topP = body.top_p
  if (body.temperature !== undefined) change.temperature = body.temperature
  if (body.response_format !== undefined) change.responseFormat = formatOf(body.response_format ?? 'auto')
  return { change, facts: factsOf(body) }
}

/** What only this dialect remembers. */
const factsOf = ({ tools, response_format: format }: Static<typeof AssistantUpdate>): JsonObject => ({
  ...(tools === undefined ? {} : { tools }),
  ...(format === undefined ? {} : { response_format: format }),
})

export function fromAssistantCreate(body: Static<typeof AssistantCreate>): {
  name: Name
  fields: Omit<NewAssistant, 'id'>
  facts: JsonObject
} {
  const { change, facts } = fromAssistantUpdate(body)
  const { toolResources: _, ...fields } = change
  return {
    name: body.id == null ? {} : nameOf('assistant', body.id),
    fields: { ...fields, model: body.model, description: body.description ?? '', instructions: body.instructions ?? '' },
    facts,
  }
}

export const toAssistant = ({ assistant, owned }: OwnedAssistant): AssistantRead => ({
  id: spellName('assistant', assistant.id, owned?.alias),
  user_id: spellOrNull('user', owned?.userId),
  object: 'assistant',
  created_at: toSeconds(assistant.createdAt),
  name: assistant.name ?? UNNAMED,
  description: assistant.description,
  model: assistant.model,
  instructions: assistant.instructions,
  tools: toTools(assistant, owned?.facts.tools),
  meta_data: assistant.metadata,
  top_p: assistant.topP ?? 1,
  temperature: assistant.temperature ?? 1,
  response_format: spellFormat(assistant.responseFormat, owned?.facts.response_format),
  vector_stores: [],
})

/** Of an assistant that another dialect made: what it has there. */
const toTools = ({ tools }: Assistant, remembered: Json | undefined): JsonObject[] | null => {
  if (remembered !== undefined) return remembered as JsonObject[] | null
  return tools.length > 0 ? tools : null
}

export const toAssistantDeleted = (id: string): Static<typeof AssistantDeleted> => ({ id, object: 'assistant', deleted: true })
