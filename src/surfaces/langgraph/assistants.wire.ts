import { type Static, Type as t } from '@sinclair/typebox'
import { type Assistant, type AssistantVersion, UNNAMED } from '../../core/assistants/assistants.ts'
import type { GraphAssistantChange, NewGraphAssistant } from '../../core/assistants/graph-assistants.ts'
import type { AssistantFilter, AssistantSearch, SortKey } from '../../core/assistants/search.ts'
import { settingsOf } from '../../core/assistants/settings.ts'
import type { GraphSchemas } from '../../core/graphs/graphs.ts'
import type { JsonObject } from '../../core/json.ts'
import {
  ConfigBody,
  FreeObject,
  fromConfig,
  LIMIT_DEFAULT,
  LIMITS,
  Metadata,
  maybe,
  nullable,
  oneOf,
  Timestamp,
  toTime,
  Uuid,
} from './fields.wire.ts'
import { pick } from './selection.ts'

const GRAPH_CHARS_MAX = 255
const NAME_CHARS_MAX = 65_536
const VERSION_MAX = 2_147_483_647

const GraphId = t.String({ minLength: 1, maxLength: GRAPH_CHARS_MAX, description: 'The graph to use.' })

const FIELDS = {
  config: maybe(ConfigBody),
  context: maybe(FreeObject),
  metadata: maybe(Metadata),
  name: maybe(t.String({ maxLength: NAME_CHARS_MAX })),
  description: maybe(t.String({ maxLength: NAME_CHARS_MAX })),
}

export const AssistantCreate = t.Object({
  graph_id: GraphId,
  assistant_id: maybe(Uuid),
  if_exists: maybe(oneOf('raise', 'do_nothing')),
  ...FIELDS,
})

export const AssistantPatch = t.Object({ graph_id: maybe(GraphId), ...FIELDS })

const SORTS: Record<string, SortKey> = {
  assistant_id: 'id',
  created_at: 'createdAt',
  updated_at: 'updatedAt',
  name: 'name',
  graph_id: 'graph',
}

const FILTERS = {
  graph_id: maybe(t.String({ maxLength: GRAPH_CHARS_MAX })),
  name: maybe(t.String({ maxLength: NAME_CHARS_MAX, description: 'Part of the name, in any case.' })),
  metadata: maybe(Metadata),
}

const VERSION_FIELDS = {
  assistant_id: Uuid,
  graph_id: t.String(),
  config: ConfigBody,
  context: FreeObject,
  created_at: Timestamp,
  metadata: Metadata,
  version: t.Integer({ minimum: 1 }),
  name: t.String(),
  description: nullable(t.String()),
}

export const AssistantVersionObject = t.Object(VERSION_FIELDS)
export const AssistantObject = t.Object({ ...VERSION_FIELDS, updated_at: Timestamp })
export type AssistantObject = Static<typeof AssistantObject>

export const AssistantSearchBody = t.Object({
  ...FILTERS,
  ...LIMITS,
  sort_by: maybe(oneOf(...Object.keys(SORTS))),
  sort_order: maybe(oneOf('asc', 'desc')),
  select: maybe(t.Array(oneOf(...Object.keys(AssistantObject.properties)))),
})

export const AssistantCount = t.Object(FILTERS)
export const Count = t.Integer()

export const VersionSearch = t.Object({ metadata: maybe(Metadata), ...LIMITS })
export const VersionChoice = t.Object({ version: t.Integer({ minimum: 1, maximum: VERSION_MAX }) })

const TRUTH = { default: false }
export const DeleteQuery = t.Object({ delete_threads: t.Optional(t.Boolean(TRUTH)) })
export const DrawingQuery = t.Object({
  xray: t.Optional(
    t.Union([t.Boolean(), t.Integer({ minimum: 0, maximum: 100 })], { description: 'Whether, or how deep, subgraphs are drawn.' }),
  ),
})
export const SubgraphsQuery = t.Object({ recurse: t.Optional(t.Boolean(TRUTH)) })
export const Namespace = t.String({ minLength: 1, maxLength: 4096 })

export const Deleted = t.Array(Uuid)
export const DrawingObject = t.Object({ nodes: t.Array(FreeObject), edges: t.Array(FreeObject) })

const SCHEMA_FIELDS = {
  state_schema: FreeObject,
  config_schema: FreeObject,
  input_schema: t.Optional(FreeObject),
  output_schema: t.Optional(FreeObject),
  context_schema: t.Optional(FreeObject),
}
export const GraphSchema = t.Object({ graph_id: t.String(), ...SCHEMA_FIELDS })
const SubgraphSchema = t.Object({
  ...SCHEMA_FIELDS,
  state: FreeObject,
  config: FreeObject,
  input: t.Optional(FreeObject),
  output: t.Optional(FreeObject),
  context: t.Optional(FreeObject),
})
export const Subgraphs = t.Record(t.String(), SubgraphSchema, { description: 'By namespace, nested ones as `parent|child`.' })

export const fromAssistantCreate = (body: Static<typeof AssistantCreate>): NewGraphAssistant => ({
  graph: body.graph_id,
  ifExists: body.if_exists ?? 'raise',
  name: body.name ?? null,
  description: body.description ?? null,
  settings: fromConfig(body.config ?? {}),
  context: body.context ?? {},
  metadata: body.metadata ?? {},
  ...(body.assistant_id == null ? {} : { id: body.assistant_id }),
})

export const fromAssistantPatch = (body: Static<typeof AssistantPatch>): GraphAssistantChange => ({
  graph: body.graph_id ?? null,
  settings: body.config == null ? null : fromConfig(body.config),
  context: body.context ?? null,
  metadata: body.metadata ?? null,
  name: body.name ?? null,
  description: body.description ?? null,
})

export const fromAssistantFilter = (body: Static<typeof AssistantCount>): AssistantFilter => ({
  ...(body.graph_id == null ? {} : { graph: body.graph_id }),
  ...(body.name == null ? {} : { name: body.name }),
  ...(body.metadata == null ? {} : { metadata: body.metadata }),
})

export const fromAssistantSearch = (body: Static<typeof AssistantSearchBody>): AssistantSearch => ({
  ...fromAssistantFilter(body),
  limit: body.limit ?? LIMIT_DEFAULT,
  offset: body.offset ?? 0,
  sortBy: SORTS[body.sort_by ?? 'created_at'] ?? 'createdAt',
  order: body.sort_order ?? 'desc',
})

export const fromVersionSearch = (body: Static<typeof VersionSearch>) => ({
  metadata: body.metadata ?? {},
  limit: body.limit ?? LIMIT_DEFAULT,
  offset: body.offset ?? 0,
})

export const toAssistantVersion = (assistant: AssistantVersion): Static<typeof AssistantVersionObject> => ({
  assistant_id: assistant.id,
  graph_id: assistant.graph,
  config: settingsOf(assistant),
  context: assistant.context,
  created_at: toTime(assistant.createdAt),
  metadata: assistant.metadata,
  version: assistant.version,
  name: assistant.name ?? UNNAMED,
  description: assistant.description,
})

export const toAssistant = (assistant: Assistant): AssistantObject => ({
  ...toAssistantVersion(assistant),
  updated_at: toTime(assistant.updatedAt),
})

/** The answer of a search and the headers for leafing through it. */
export function toFoundAssistants(
  found: { items: Assistant[]; total: number },
  { limit, offset, select }: { limit: number; offset: number; select: readonly string[] | null },
): { items: AssistantObject[]; headers: Record<string, string> } {
  const items = found.items.map(toAssistant)
  const next = offset + limit
  return {
    items: select === null ? items : items.map((item) => pick(item as unknown as JsonObject, select) as unknown as AssistantObject),
    headers: { 'x-pagination-total': String(found.total), ...(next < found.total ? { 'x-pagination-next': String(next) } : {}) },
  }
}

/** The keys that the first clients required are there even where the graph does not say. */
const toSchemaFields = ({ state = {}, config = {}, input, output, context }: GraphSchemas) => ({
  state_schema: state,
  config_schema: config,
  ...(input === undefined ? {} : { input_schema: input }),
  ...(output === undefined ? {} : { output_schema: output }),
  ...(context === undefined ? {} : { context_schema: context }),
})

export const toGraphSchema = (graph: string, schemas: GraphSchemas): Static<typeof GraphSchema> => ({
  graph_id: graph,
  ...toSchemaFields(schemas),
})

/** In both spellings that clients read. */
export const toSubgraphs = (found: Record<string, GraphSchemas>): Static<typeof Subgraphs> =>
  Object.fromEntries(
    Object.entries(found).map(([namespace, schemas]) => {
      const { state = {}, config = {}, ...others } = schemas
      return [namespace, { ...toSchemaFields(schemas), state, config, ...others }]
    }),
  )
