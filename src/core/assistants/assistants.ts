import type { Caller } from '../caller.ts'
import { requireScope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import { newId } from '../id.ts'
import { BUILT_IN_GRAPH } from '../graphs/graphs.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import type { Page, PageRequest } from '../page.ts'
import type { GraphConfig } from '../runs/call.ts'
import { type NewToolResources, requireResources, type ToolResources, withResources } from '../tool-resources/tool-resources.ts'
import { deleteRow, insertAssistant, insertVersion, listRows, newestVersion, readRow } from './store.ts'

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
  /** What runs of any graph are configured with. */
  settings: GraphConfig
  context: JsonObject
  metadata: JsonObject
  /** Milliseconds since the epoch. */
  createdAt: number
  updatedAt: number
}

/** `id` is a UUID that the client chose. */
export type NewAssistant = Partial<Omit<Assistant, 'version' | 'versionId' | 'createdAt' | 'updatedAt' | 'model' | 'toolResources'>> & {
  model: string
  toolResources?: NewToolResources | null
}

/** Absent fields stay as they are; null clears. `tools` and `metadata` are replaced as a whole. */
export type AssistantChange = Partial<Omit<Assistant, 'id' | 'version' | 'versionId' | 'createdAt' | 'updatedAt'>>

/** A vector store that it asks for is made in the same transaction. Throws not_found for a missing file or store, or exists for an id in use. */
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
      const created = draft({ ...fields, toolResources }, app.clock.now())
      const version = await insertAssistant(db, caller.tenantId, created)
      if (version === undefined) throw new Fault('exists', 'An assistant with this id is there already.', { kind: 'assistant', id: created.id })
      return { ...created, version }
    },
  })
}

function draft(fields: Omit<NewAssistant, 'toolResources'> & { toolResources: ToolResources | null }, at: number): Assistant {
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

/** Throws not_found. */
export async function getAssistant(app: Needs<'db'>, caller: Caller, id: string): Promise<Assistant> {
  requireScope(caller, 'read')
  const row = await readRow(app.db, caller.tenantId, id)
  if (!row) throw notFound('assistant', id)
  return row
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
  // Two changes at once: the later one reads the version again, so that neither is lost.
  for (;;) {
    const current = await getAssistant(app, caller, input.id)
    if (Object.keys(input.change).length === 0) return current
    const at = app.clock.now()
    const newest = (await newestVersion(app.db, caller.tenantId, input.id)) ?? current.version
    const next: Assistant = { ...current, ...input.change, version: newest + 1, versionId: newId(), updatedAt: at }
    if (await insertVersion(app.db, caller.tenantId, { assistant: next, at })) return next
  }
}

/** Past runs keep the version they were created with. Throws not_found. */
export async function deleteAssistant(app: Needs<'db' | 'clock'>, caller: Caller, id: string): Promise<void> {
  requireScope(caller, 'write')
  if (!(await deleteRow(app.db, caller.tenantId, { id, at: app.clock.now() }))) throw notFound('assistant', id)
}
