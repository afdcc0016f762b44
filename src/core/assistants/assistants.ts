import type { Caller } from '../caller.ts'
import { requireScope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import { BUILT_IN_GRAPH } from '../graphs/graphs.ts'
import { newId } from '../id.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import type { Page, PageRequest } from '../page.ts'
import type { GraphConfig } from '../runs/call.ts'
import { type NewToolResources, requireResources, type ToolResources, withResources } from '../tool-resources/tool-resources.ts'
import { deleteRow, insertAssistant, listRows, readRow } from './store.ts'
import { addVersion } from './versions.ts'

/** What a run needs to know of an assistant. `null` means "not set": the model's own default. */
export interface AssistantConfig {
  model: string
  instructions: string | null
  /** Tool definitions in the chat endpoint's own shape: `{type: 'function', function: {...}}`, or a hosted tool's. */
  tools: JsonObject[]
  toolResources: ToolResources | null
  temperature: number | null
  topP: number | null
  /** `'auto'` or a response-format object of the chat endpoint. */
  responseFormat: 'auto' | JsonObject | null
  reasoningEffort: string | null
}

export interface Assistant extends AssistantConfig {
  id: string
  version: number
  /** Id of the immutable version row. */
  versionId: string
  graph: string
  name: string | null
  description: string | null
  /** What runs of any graph are configured with. Of the built-in graph, without what is in AssistantConfig (see settings.ts). */
  settings: GraphConfig
  context: JsonObject
  metadata: JsonObject
  /** Milliseconds since the epoch. */
  createdAt: number
  updatedAt: number
}

/** As it was when `version` was written. */
export type AssistantVersion = Omit<Assistant, 'updatedAt'>

/** How an assistant without a name is called, also by a search for names. */
export const UNNAMED = 'Untitled'

/** `id` is a UUID that the client chose. */
export type NewAssistant = Partial<Omit<Assistant, 'version' | 'versionId' | 'createdAt' | 'updatedAt' | 'model' | 'toolResources'>> & {
  model: string
  toolResources?: NewToolResources | null
}

/** Absent fields stay as they are; null clears. `tools` and `metadata` are replaced as a whole. */
export type AssistantChange = Partial<Omit<Assistant, 'id' | 'graph' | 'version' | 'versionId' | 'createdAt' | 'updatedAt'>>

/**
 * Makes an assistant of the built-in graph, as the functions here do that are not said to be about all graphs; see
 * graph-assistants.ts for those. A vector store that it asks for is made in the same transaction. Throws not_found
 * for a missing file or store, or exists for an id in use.
 */
export async function createAssistant(
  app: Needs<'db' | 'clock' | 'limits' | 'signals'>,
  caller: Caller,
  input: NewAssistant,
): Promise<Assistant> {
  requireScope(caller, 'write')
  const { toolResources: wanted = null, ...fields } = input
  return withResources(app, caller, {
    wanted,
    expiresDays: null,
    async write(db, toolResources) {
      const created = draftAssistant({ ...fields, toolResources }, app.clock.now())
      if (!(await insertAssistant(db, caller.tenantId, created))) throw taken(created.id)
      return created
    },
  })
}

export const taken = (id: string): Fault => new Fault('exists', 'An assistant with this id is there already.', { kind: 'assistant', id })

/** The first version, as it will be once inserted. */
export function draftAssistant(
  fields: Omit<NewAssistant, 'toolResources'> & { toolResources: ToolResources | null },
  at: number,
): Assistant {
  return {
    id: newId(),
    version: 1,
    versionId: newId(),
    graph: BUILT_IN_GRAPH,
    name: null,
    description: null,
    instructions: null,
    tools: [],
    temperature: null,
    topP: null,
    responseFormat: null,
    reasoningEffort: null,
    settings: {},
    context: {},
    metadata: {},
    createdAt: at,
    updatedAt: at,
    ...fields,
  }
}

/** Of any graph. Throws not_found. */
export async function getAssistant(app: Needs<'db'>, caller: Caller, id: string): Promise<Assistant> {
  requireScope(caller, 'read')
  const row = await readRow(app.db, caller.tenantId, id)
  if (!row) throw notFound('assistant', id)
  return row
}

/** For dialects that know no graphs: one of another graph is not there. Throws not_found. */
export async function getBuiltInAssistant(app: Needs<'db'>, caller: Caller, id: string): Promise<Assistant> {
  return builtIn(await getAssistant(app, caller, id))
}

function builtIn(assistant: Assistant): Assistant {
  if (assistant.graph !== BUILT_IN_GRAPH) throw notFound('assistant', assistant.id)
  return assistant
}

export async function listAssistants(app: Needs<'db'>, caller: Caller, page: PageRequest): Promise<Page<Assistant>> {
  requireScope(caller, 'read')
  return listRows(app.db, caller.tenantId, page)
}

/** Writes a new version, unless nothing was changed. Throws not_found, also for a file or store that the change names. */
export async function changeAssistant(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  input: { id: string; change: AssistantChange },
): Promise<Assistant> {
  requireScope(caller, 'write')
  await requireResources(app, caller, input.change.toolResources ?? null)
  const changes = Object.keys(input.change).length > 0
  const change = (current: Assistant) => (changes ? { ...builtIn(current), ...input.change } : void builtIn(current))
  return addVersion(app, caller, { id: input.id, change })
}

/** Past runs keep the version they were created with. Throws not_found. */
export async function deleteAssistant(app: Needs<'db' | 'clock'>, caller: Caller, id: string): Promise<void> {
  requireScope(caller, 'write')
  const at = app.clock.now()
  if (!(await deleteRow(app.db, caller.tenantId, { id, graph: BUILT_IN_GRAPH, at }))) throw notFound('assistant', id)
}
