import type { Caller } from '../caller.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import type { RunOptions } from '../runs/runs.ts'
import { storesFor } from '../vector-stores/owned-stores.ts'
import { functionOf, type Tool, toolsOf } from './tools.ts'

const FILE_SEARCH = 'file_search'

/** What clients add to a function is for themselves: providers, and other dialects, know these fields only. */
function plain(tool: JsonObject | undefined): JsonObject | undefined {
  if (!tool) return undefined
  const { name = '', description, parameters, strict } = tool.function as JsonObject
  const told: JsonObject = { name }
  if (typeof description === 'string') told.description = description
  if (typeof parameters === 'object' && parameters !== null && !Array.isArray(parameters)) told.parameters = parameters
  if (typeof strict === 'boolean') told.strict = strict
  return { type: 'function', function: told }
}

/** The engine knows one search. The other tools of the server it knows by name only, and refuses. */
function definitionOf(tool: Tool): JsonObject | undefined {
  if (tool.hosted === null) return plain(functionOf(tool))
  return { type: tool.hosted === 'vector_store_search' ? FILE_SEARCH : tool.hosted }
}

/**
 * The tools that a run gets because its assistant was given them, and the stores that it searches. A function whose name
 * the search has is left out: a model could not tell them apart.
 */
export async function runTools(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  assistantId: string,
): Promise<Pick<RunOptions, 'tools' | 'toolResources'>> {
  const given = (await toolsOf(app, caller, assistantId)).map(definitionOf).filter((tool) => tool !== undefined)
  // Those that another dialect wrote into the assistant count then.
  if (given.length === 0) return {}
  if (given.every(({ type }) => type !== FILE_SEARCH)) return { tools: given }
  const tools = given.filter((tool) => Object(tool.function).name !== FILE_SEARCH)
  return { tools, toolResources: { fileSearch: { storeIds: await storesFor(app, caller, assistantId) } } }
}
