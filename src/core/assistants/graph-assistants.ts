import { type Caller, requireScope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import type { GraphInfo, Graphs } from '../graphs/graphs.ts'
import { isUuid, namedId } from '../id.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import type { GraphConfig } from '../runs/call.ts'
import { deleteThread } from '../threads/threads.ts'
import { requireResources } from '../tool-resources/tool-resources.ts'
import { type Assistant, draftAssistant, taken } from './assistants.ts'
import { NO_CONFIG, settingsOf, split } from './settings.ts'
import { deleteRow, insertAssistant, insertUnused, listThreadsOf, readRow } from './store.ts'
import { addVersion } from './versions.ts'

const NAMESPACE = '6ba7b821-9dad-11d1-80b4-00c04fd430c8'

/** The id of the assistant that a graph has from the beginning: the same on every server and for every tenant. */
export const graphAssistantId = (graph: string): string => namedId(NAMESPACE, graph)

/** Which tenants have the assistants of which graphs. It spares a statement; to forget one costs one. */
const ensured = new WeakMap<Graphs, Map<string, string>>()
const ENSURED_MAX = 10_000

/**
 * Makes the assistant of every graph that is served, for a tenant that has never had it. One that was deleted stays
 * deleted, on all replicas and after a restart; its id may be taken again.
 */
export async function ensureGraphAssistants(app: Needs<'db' | 'clock' | 'graphs'>, caller: Caller): Promise<void> {
  requireScope(caller, 'read')
  const graphs = app.graphs.list()
  const state = graphs.map((graph) => graph.id).join('\n')
  const tenants = ensured.get(app.graphs) ?? new Map<string, string>()
  ensured.set(app.graphs, tenants)
  if (tenants.get(caller.tenantId) === state) return
  await insertMissing(app, caller, graphs)
  if (tenants.size >= ENSURED_MAX) tenants.clear()
  tenants.set(caller.tenantId, state)
}

async function insertMissing(app: Needs<'db' | 'clock'>, caller: Caller, graphs: readonly GraphInfo[]): Promise<void> {
  const at = app.clock.now()
  const own = graphs.map(({ id: graph, description }) =>
    draftAssistant({ ...NO_CONFIG, id: graphAssistantId(graph), graph, name: graph, description, metadata: { created_by: 'system' } }, at),
  )
  if (own.length > 0) await insertUnused(app.db, caller.tenantId, own)
}

/** @param text an assistant's id, or a graph's, which means the assistant that the graph has. Throws not_found. */
export async function resolveAssistant(app: Needs<'db' | 'clock' | 'graphs'>, caller: Caller, text: string): Promise<Assistant> {
  requireScope(caller, 'read')
  const id = app.graphs.has(text) ? graphAssistantId(text) : text.toLowerCase()
  if (!isUuid(id)) throw notFound('assistant', text)
  const row = (await readRow(app.db, caller.tenantId, id)) ?? (await firstUse(app, caller, id))
  if (!row) throw notFound('assistant', text)
  return row
}

/** The assistant of a graph that nobody of this tenant has asked for yet. */
async function firstUse(app: Needs<'db' | 'clock' | 'graphs'>, caller: Caller, id: string): Promise<Assistant | undefined> {
  const graph = app.graphs.list().find((each) => graphAssistantId(each.id) === id)
  if (!graph) return undefined
  await insertMissing(app, caller, [graph])
  return readRow(app.db, caller.tenantId, id)
}

export interface NewGraphAssistant {
  /** A UUID; absent: a new one. */
  id?: string
  graph: string
  name?: string | null
  description?: string | null
  settings?: GraphConfig
  context?: JsonObject
  metadata?: JsonObject
  /** Where the id is in use: whether that is a mistake, or what was wanted. Absent: a mistake. */
  ifExists?: 'raise' | 'do_nothing'
}

/** Throws not_found (graph, file, vector store), exists, or invalid for settings that the built-in graph cannot read. */
export async function createGraphAssistant(
  app: Needs<'db' | 'clock' | 'graphs'>,
  caller: Caller,
  input: NewGraphAssistant,
): Promise<Assistant> {
  requireScope(caller, 'write')
  const { ifExists = 'raise', settings = {}, ...fields } = input
  requireGraph(app, fields.graph)
  const created = draftAssistant({ ...fields, ...split(fields.graph, settings) }, app.clock.now())
  await requireResources(app, caller, created.toolResources)
  if (fields.id !== undefined) await firstUse(app, caller, fields.id)
  if (await insertAssistant(app.db, caller.tenantId, created)) return created
  const there = ifExists === 'do_nothing' ? await readRow(app.db, caller.tenantId, created.id) : undefined
  if (!there) throw taken(created.id)
  return there
}

function requireGraph(app: Needs<'graphs'>, graph: string): void {
  if (!app.graphs.has(graph)) throw new Fault('not_found', `No graph '${graph}' is served here.`, { kind: 'graph', id: graph })
}

/** Null or absent stays as it is; `metadata` is merged, everything else replaced as a whole. */
export interface GraphAssistantChange {
  graph?: string | null
  settings?: GraphConfig | null
  context?: JsonObject | null
  metadata?: JsonObject | null
  name?: string | null
  description?: string | null
}

/** Always writes a new version, also where nothing was changed. Throws as createGraphAssistant, and not_found. */
export async function changeGraphAssistant(
  app: Needs<'db' | 'clock' | 'graphs'>,
  caller: Caller,
  input: { id: string; change: GraphAssistantChange },
): Promise<Assistant> {
  requireScope(caller, 'write')
  const { graph, settings, context, metadata, name, description } = input.change
  if (graph != null) requireGraph(app, graph)
  const change = async (current: Assistant): Promise<Assistant> => {
    const config = split(graph ?? current.graph, settings ?? settingsOf(current))
    if (settings != null || graph != null) await requireResources(app, caller, config.toolResources)
    return {
      ...{ ...current, ...config, graph: graph ?? current.graph, context: context ?? current.context },
      ...{ metadata: { ...current.metadata, ...metadata }, name: name ?? current.name, description: description ?? current.description },
    }
  }
  return addVersion(app, caller, { id: input.id, change })
}

/** Threads found at once. */
const BATCH = 500

/**
 * Of any graph, with all its versions; runs keep the one they were created with. `deleteThreads`: also this tenant's
 * threads whose metadata names it as `assistant_id`. They go first, so that a crash in between leaves something to
 * repeat the request for. Throws not_found.
 */
export async function deleteGraphAssistant(
  app: Needs<'db' | 'clock' | 'signals'>,
  caller: Caller,
  input: { id: string; deleteThreads: boolean },
): Promise<void> {
  requireScope(caller, 'write')
  const { id } = input
  if (!(await readRow(app.db, caller.tenantId, id))) throw notFound('assistant', id)
  for (let more = input.deleteThreads; more; ) {
    const threads = await listThreadsOf(app.db, caller.tenantId, { assistantId: id, limit: BATCH })
    let gone = 0
    for (const thread of threads) if (await deleteIfThere(app, caller, thread)) gone++
    more = gone > 0 && threads.length === BATCH
  }
  if (!(await deleteRow(app.db, caller.tenantId, { id, graph: null, at: app.clock.now() }))) throw notFound('assistant', id)
}

/** False: somebody else was faster. */
async function deleteIfThere(app: Needs<'db' | 'signals'>, caller: Caller, thread: string): Promise<boolean> {
  try {
    await deleteThread(app, caller, thread)
    return true
  } catch (error) {
    if (error instanceof Fault && error.code === 'not_found') return false
    throw error
  }
}
