import { getConfigTypeSchema, getInputTypeSchema, getOutputTypeSchema, getStateTypeSchema } from '@langchain/langgraph/zod/schema'
import { notFound } from '../core/fault.ts'
import type { Drawing, GraphSchemas, GraphUse } from '../core/graphs/graphs.ts'
import type { JsonObject } from '../core/json.ts'
import type { AnyGraph } from './graphs/registry.ts'
import { toPlain } from './plain.ts'

/** Nodes and edges, as LangGraph's own tools draw them. */
export async function drawingOf(
  graph: AnyGraph,
  { config, xray }: Pick<GraphUse, 'config'> & { xray: boolean | number },
): Promise<Drawing> {
  const drawn = await graph.getGraphAsync({ configurable: config.configurable ?? {}, xray } as Parameters<AnyGraph['getGraphAsync']>[0])
  const { nodes, edges } = toPlain(drawn.toJSON()) as { nodes?: JsonObject[]; edges?: JsonObject[] }
  return { nodes: nodes ?? [], edges: edges ?? [] }
}

/**
 * What a graph says of itself while it runs: graphs over Zod or a StateSchema say everything, graphs over annotations
 * nothing, as their types are gone once they are compiled.
 */
export function schemasOf(graph: AnyGraph): GraphSchemas {
  const config = schema(() => getConfigTypeSchema(graph))
  const found: Record<keyof GraphSchemas, JsonObject | undefined> = {
    input: schema(() => getInputTypeSchema(graph)),
    output: schema(() => getOutputTypeSchema(graph)),
    state: schema(() => getStateTypeSchema(graph)),
    config,
    context: config,
  }
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined))
}

/** A type that JSON Schema has no word for is a schema that is not there. */
function schema(make: () => unknown): JsonObject | undefined {
  try {
    const made = make()
    return made === undefined || made === null ? undefined : (toPlain(made) as JsonObject)
  } catch {
    return undefined
  }
}

/** Throws not_found for a namespace that is not there. */
export async function subgraphsOf(
  graph: AnyGraph,
  { id, namespace, recurse }: { id: string; namespace?: string; recurse: boolean },
): Promise<Record<string, GraphSchemas>> {
  const found: Record<string, GraphSchemas> = {}
  // A nested one is found only by going down.
  const deep = recurse || (namespace?.includes('|') ?? false)
  for await (const [name, subgraph] of graph.getSubgraphsAsync(namespace, deep)) found[name] = schemasOf(subgraph as unknown as AnyGraph)
  if (namespace !== undefined && Object.keys(found).length === 0) throw notFound('graph', `${id}|${namespace}`)
  return found
}
