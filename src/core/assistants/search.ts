import { type Caller, requireScope } from '../caller.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import type { Assistant } from './assistants.ts'
import { ensureGraphAssistants } from './graph-assistants.ts'
import { countRows, searchRows } from './search-store.ts'

export interface AssistantFilter {
  graph?: string
  /** Part of the name, in any case. */
  name?: string
  /** Containment. */
  metadata?: JsonObject
}

export type SortKey = 'id' | 'createdAt' | 'updatedAt' | 'name' | 'graph'

export interface AssistantSearch extends AssistantFilter {
  limit: number
  offset: number
  sortBy: SortKey
  order: 'asc' | 'desc'
}

/** Assistants of every graph. `total`: how many there are on all pages. */
export async function searchAssistants(
  app: Needs<'db' | 'clock' | 'graphs'>,
  caller: Caller,
  search: AssistantSearch,
): Promise<{ items: Assistant[]; total: number }> {
  requireScope(caller, 'read')
  await ensureGraphAssistants(app, caller)
  return searchRows(app.db, caller.tenantId, search)
}

export async function countAssistants(app: Needs<'db' | 'clock' | 'graphs'>, caller: Caller, filter: AssistantFilter): Promise<number> {
  requireScope(caller, 'read')
  await ensureGraphAssistants(app, caller)
  return countRows(app.db, caller.tenantId, filter)
}
