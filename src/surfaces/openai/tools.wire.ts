import { type Static, Type as t } from '@sinclair/typebox'
import { Fault } from '../../core/fault.ts'
import type { JsonObject } from '../../core/json.ts'
import { CLOSED, FreeObject, Metadata, nullable, oneOf } from './fields.wire.ts'

const Ranking = t.Object(
  { ranker: t.Optional(oneOf('auto', 'default_2024_08_21')), score_threshold: t.Number({ minimum: 0, maximum: 1 }) },
  CLOSED,
)

const FunctionTool = t.Object(
  {
    type: t.Literal('function'),
    function: t.Object(
      {
        name: t.String(),
        description: t.Optional(t.String()),
        parameters: t.Optional(FreeObject),
        strict: t.Optional(nullable(t.Boolean())),
      },
      CLOSED,
    ),
  },
  CLOSED,
)
const CodeTool = t.Object({ type: t.Literal('code_interpreter') }, CLOSED)
const SearchTool = t.Object(
  {
    type: t.Literal('file_search'),
    file_search: t.Optional(
      t.Object({ max_num_results: t.Optional(t.Integer({ minimum: 1, maximum: 50 })), ranking_options: t.Optional(Ranking) }, CLOSED),
    ),
  },
  CLOSED,
)
export const AttachmentTool = t.Union([CodeTool, t.Object({ type: t.Literal('file_search') }, CLOSED)])

export const Tool = t.Union([CodeTool, SearchTool, FunctionTool])
export type Tool = Static<typeof Tool>

export const NamedToolChoice = t.Object(
  { type: oneOf('function', 'code_interpreter', 'file_search'), function: t.Optional(t.Object({ name: t.String() }, CLOSED)) },
  CLOSED,
)
export const ToolChoice = t.Union([oneOf('none', 'auto', 'required'), NamedToolChoice])

const JsonSchemaFormat = t.Object(
  {
    type: t.Literal('json_schema'),
    json_schema: t.Object(
      { name: t.String(), description: t.Optional(t.String()), schema: t.Optional(FreeObject), strict: t.Optional(nullable(t.Boolean())) },
      CLOSED,
    ),
  },
  CLOSED,
)
export const ResponseFormat = t.Union([
  t.Literal('auto'),
  t.Object({ type: t.Literal('text') }, CLOSED),
  t.Object({ type: t.Literal('json_object') }, CLOSED),
  JsonSchemaFormat,
])

export const ReasoningEffort = oneOf('none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max')

const CodeResources = t.Object({ file_ids: t.Optional(t.Array(t.String(), { maxItems: 20 })) }, CLOSED)
const StoreIds = t.Optional(t.Array(t.String(), { maxItems: 1 }))

/** As shown, and as a change may say it. */
export const ToolResources = t.Object(
  { code_interpreter: t.Optional(CodeResources), file_search: t.Optional(t.Object({ vector_store_ids: StoreIds }, CLOSED)) },
  CLOSED,
)
export type ToolResources = Static<typeof ToolResources>

const Chunking = t.Union([
  t.Object({ type: t.Literal('auto') }, CLOSED),
  t.Object(
    {
      type: t.Literal('static'),
      static: t.Object({ max_chunk_size_tokens: t.Integer({ minimum: 100, maximum: 4096 }), chunk_overlap_tokens: t.Integer() }, CLOSED),
    },
    CLOSED,
  ),
])
const NewStore = t.Object(
  {
    file_ids: t.Optional(t.Array(t.String(), { maxItems: 100_000_000 })),
    chunking_strategy: t.Optional(Chunking),
    metadata: t.Optional(nullable(Metadata)),
  },
  CLOSED,
)
/** A creation may also ask for a new vector store. */
export const NewToolResources = t.Object(
  {
    code_interpreter: t.Optional(CodeResources),
    file_search: t.Optional(
      t.Object({ vector_store_ids: StoreIds, vector_stores: t.Optional(t.Array(NewStore, { maxItems: 1 })) }, CLOSED),
    ),
  },
  CLOSED,
)
export type NewToolResources = Static<typeof NewToolResources>

export const notYet = (what: string, param: string): Fault =>
  new Fault('unsupported', `${what} is not supported by this server yet.`, { param })

const HOSTED: Record<string, string> = { code_interpreter: "The tool 'code_interpreter'", file_search: "The tool 'file_search'" }

export function requireServed(type: string, param: string): void {
  const name = HOSTED[type]
  if (name !== undefined) throw notYet(name, param)
}

export function fromTools(tools: readonly Tool[]): JsonObject[] {
  for (const [i, tool] of tools.entries()) requireServed(tool.type, `tools[${i}]`)
  return tools.map((tool) => tool as JsonObject)
}

export const toTools = (tools: readonly JsonObject[]): Tool[] => tools as unknown as Tool[]

/** Empty resources name nothing that would have to be found. */
export function fromResources(resources: NewToolResources | null | undefined, param = 'tool_resources'): JsonObject | null | undefined {
  if (!resources) return resources
  const { file_search: search, code_interpreter: code } = resources
  if (search?.vector_store_ids && search.vector_stores) {
    throw new Fault('invalid', `Invalid '${param}.file_search': give either 'vector_store_ids' or 'vector_stores', not both.`, {
      param: `${param}.file_search`,
      reason: 'value',
    })
  }
  if (code?.file_ids?.length) throw notYet('Giving files to code_interpreter', `${param}.code_interpreter.file_ids`)
  if (search?.vector_store_ids?.length) throw notYet('Giving vector stores to file_search', `${param}.file_search.vector_store_ids`)
  if (search?.vector_stores?.length) throw notYet('Creating a vector store for file_search', `${param}.file_search.vector_stores`)
  return resources as JsonObject
}

export const toResources = (resources: JsonObject | null): ToolResources => (resources ?? {}) as ToolResources
