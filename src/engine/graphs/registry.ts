import type { BaseCheckpointSaver, BaseStore } from '@langchain/langgraph-checkpoint'
import { Fault, notFound } from '../../core/fault.ts'
import { BUILT_IN_GRAPH, type GraphInfo, type GraphUse } from '../../core/graphs/graphs.ts'
import type { Log } from '../../core/needs.ts'
import type { GraphConfig } from '../../core/runs/call.ts'
import type { AnyGraph } from './any-graph.ts'
import type { Factory } from './load.ts'
import type { GraphProblem } from './manifest.ts'
import type { GraphProject, ProjectGraph } from './project.ts'

export type { AnyGraph } from './any-graph.ts'

/** A graph as runs and the state API use it. Shared: nobody changes `compiled`. */
export interface LoadedGraph {
  id: string
  compiled: AnyGraph
  /** A copy with exactly these parts: what its author compiled it with is never used. */
  with(parts: GraphParts): AnyGraph
}

export interface GraphParts {
  checkpointer?: BaseCheckpointSaver
  store?: BaseStore
}

export interface RegistryOptions {
  /** Path of a langgraph.json, or of its folder; null: only the built-in graph. */
  graphs: string | null
  watch: boolean
}

const BUILT_IN: GraphInfo = { id: BUILT_IN_GRAPH, description: 'A model that may call tools.' }

/** The graphs of this server, the built-in one first. LangGraph is not loaded before one of them is opened, unless there is a project. */
export class GraphRegistry {
  private builtIn: Promise<LoadedGraph> | undefined
  private readonly opened = new WeakMap<object, LoadedGraph>()
  private readonly listeners = new Set<() => void>()
  private project: GraphProject | undefined

  static async open({ graphs, watch }: RegistryOptions, log: Log): Promise<GraphRegistry> {
    const registry = new GraphRegistry()
    if (graphs === null) return registry
    const { GraphProject } = await import('./project.ts')
    const project = new GraphProject(graphs, log, () => registry.tell())
    registry.project = project
    await project.open(watch)
    return registry
  }

  /** Graphs that did not load are listed too: their runs say why. */
  list(): readonly GraphInfo[] {
    return [BUILT_IN, ...(this.project?.list() ?? [])]
  }

  has(id: string): boolean {
    return id === BUILT_IN_GRAPH || this.project?.get(id) !== undefined
  }

  /** Whether it is one object for all uses: opening it calls nothing of its author's. */
  isShared(id: string): boolean {
    if (id === BUILT_IN_GRAPH) return true
    const loaded = this.project?.get(id)?.loaded
    return loaded !== undefined && 'graph' in loaded
  }

  get problems(): readonly GraphProblem[] {
    return this.project?.problems() ?? []
  }

  /**
   * Calls a factory with the config. Throws not_found (kind graph) for a graph that is not here, and invalid (kind graph)
   * for one that did not load or could not be made, with file, export and cause.
   */
  async open({ graph, config }: GraphUse): Promise<LoadedGraph> {
    if (graph === BUILT_IN_GRAPH) return this.openBuiltIn()
    const found = this.project?.get(graph)
    if (found === undefined) throw notFound('graph', graph)
    const { loaded } = found
    if ('problem' in loaded) throw new Fault('invalid', loaded.problem, { kind: 'graph', id: graph })
    if ('make' in loaded) return lend(graph, await make(loaded.make, found, config))
    const shared = this.opened.get(loaded.graph) ?? lend(graph, loaded.graph)
    this.opened.set(loaded.graph, shared)
    return shared
  }

  /** Called after graphs were loaded again; answers how to end that. */
  onReload(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  close(): void {
    this.listeners.clear()
    this.project?.close()
  }

  private tell(): void {
    for (const listener of this.listeners) listener()
  }

  private openBuiltIn(): Promise<LoadedGraph> {
    this.builtIn ??= import('./assistant.ts').then(({ buildAssistant }) => lend(BUILT_IN_GRAPH, buildAssistant() as unknown as AnyGraph))
    return this.builtIn
  }
}

export const openRegistry = (config: RegistryOptions, log: Log): Promise<GraphRegistry> => GraphRegistry.open(config, log)

async function make(factory: Factory, { spec }: ProjectGraph, config: GraphConfig): Promise<AnyGraph> {
  const { makeGraph } = await import('./load.ts')
  try {
    return await makeGraph(factory, asLibrary(config), spec)
  } catch (error) {
    throw new Fault('invalid', (error as Error).message, { kind: 'graph', id: spec.id, cause: (error as Error).cause })
  }
}

/** As LangGraph hands a config to a node. */
function asLibrary({ configurable, recursion_limit, tags }: GraphConfig): Record<string, unknown> {
  return {
    ...(tags === undefined ? {} : { tags }),
    ...(recursion_limit === undefined ? {} : { recursionLimit: recursion_limit }),
    configurable: configurable ?? {},
  }
}

function lend(id: string, graph: AnyGraph): LoadedGraph {
  return { id, compiled: copy(graph, {}), with: (parts) => copy(graph, parts) }
}

/**
 * Graph objects are shared by all runs, and their parts are fields: a copy for each use keeps a run without a
 * checkpointer from taking it from another. Subgraphs take theirs from the config of the run.
 */
function copy(graph: AnyGraph, { checkpointer, store }: GraphParts): AnyGraph {
  return Object.assign(Object.create(Object.getPrototypeOf(graph)), graph, { checkpointer, store })
}
