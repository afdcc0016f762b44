import { type Static, Type as t } from '@sinclair/typebox'
import { Fault } from '../../core/fault.ts'
import type { JsonObject } from '../../core/json.ts'
import type { NewToolResources as CoreNewResources, ToolResources as CoreResources } from '../../core/tool-resources/tool-resources.ts'
import type { NewVectorStore } from '../../core/vector-stores/stores.ts'
import { ChunkingStrategy, fromChunking } from './chunking.wire.ts'
import { CLOSED, FreeObject, Metadata, nullable, oneOf } from './fields.wire.ts'
import { requireId, spell } from './ids.ts'

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

const NewStore = t.Object(
  {
    file_ids: t.Optional(t.Array(t.String(), { maxItems: 100_000_000 })),
    chunking_strategy: t.Optional(ChunkingStrategy),
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

export function requireServed(type: string, param: string): void {
  if (type === 'code_interpreter') throw notYet("The tool 'code_interpreter'", param)
}

const SEARCH = 'file_search'

export function fromTools(tools: readonly Tool[]): JsonObject[] {
  for (const [i, tool] of tools.entries()) requireServed(tool.type, `tools[${i}]`)
  const twin = tools.findIndex((tool) => tool.type === 'function' && tool.function.name === SEARCH)
  // A model knows tools by name only: it could not say which of the two it means.
  if (twin >= 0 && tools.some(({ type }) => type === SEARCH)) {
    const param = `tools[${twin}].function.name`
    throw new Fault('invalid', `Invalid '${param}': the name '${SEARCH}' is taken by the tool of that type.`, { param, reason: 'value' })
  }
  return tools.map((tool) => tool as JsonObject)
}

const SHOWN = new Set<unknown>(['function', SEARCH, 'code_interpreter'])
const isShown = ({ type }: JsonObject): boolean => SHOWN.has(type)

/** Runs of other dialects may have tools that this one has no word for. */
export const toTools = (tools: readonly JsonObject[]): Tool[] => (tools.every(isShown) ? tools : tools.filter(isShown)) as unknown as Tool[]

type Search = NonNullable<NewToolResources['file_search']>

const idsOf = (kind: 'file' | 'vector_store', ids: readonly string[], param: string): string[] =>
  ids.map((id, i) => requireId(kind, `${param}[${i}]`, id))

function fromSearch({ vector_store_ids: ids, vector_stores: stores }: Search, param: string): NonNullable<CoreNewResources['fileSearch']> {
  if (ids && stores) {
    throw new Fault('invalid', `Invalid '${param}': give either 'vector_store_ids' or 'vector_stores', not both.`, {
      param,
      reason: 'value',
    })
  }
  const [store] = stores ?? []
  if (store) return { newStore: fromNewStore(store, `${param}.vector_stores[0]`) }
  return { storeIds: idsOf('vector_store', ids ?? [], `${param}.vector_store_ids`) }
}

const fromNewStore = ({ file_ids, chunking_strategy, metadata }: Static<typeof NewStore>, param: string): NewVectorStore => ({
  ...(file_ids ? { fileIds: idsOf('file', file_ids, `${param}.file_ids`) } : {}),
  ...(chunking_strategy ? { chunking: fromChunking(chunking_strategy, `${param}.chunking_strategy`) } : {}),
  ...(metadata ? { metadata } : {}),
})

/** As a creation says it: it may also ask for a new store. */
export function fromNewResources(
  resources: NewToolResources | null | undefined,
  param = 'tool_resources',
): CoreNewResources | null | undefined {
  if (!resources) return resources
  const { file_search: search, code_interpreter: code } = resources
  return {
    ...(code ? { codeInterpreter: { fileIds: idsOf('file', code.file_ids ?? [], `${param}.code_interpreter.file_ids`) } } : {}),
    ...(search ? { fileSearch: fromSearch(search, `${param}.file_search`) } : {}),
  }
}

/** As a change says it: ids only. */
export const fromResources = (resources: ToolResources | null | undefined): CoreResources | null | undefined =>
  fromNewResources(resources) as CoreResources | null | undefined

export function toResources(resources: CoreResources | null): ToolResources {
  const { codeInterpreter: code, fileSearch: search } = resources ?? {}
  return {
    ...(code ? { code_interpreter: { file_ids: code.fileIds.map((id) => spell('file', id)) } } : {}),
    ...(search ? { file_search: { vector_store_ids: search.storeIds.map((id) => spell('vector_store', id)) } } : {}),
  }
}
