import { type Caller, requireScope } from '../core/caller.ts'
import type { Graphs } from '../core/graphs/graphs.ts'
import type { Needs } from '../core/needs.ts'
import type { GraphRegistry } from './graphs/registry.ts'
import type { GraphStates } from './state.ts'

export { type GraphRegistry, openRegistry } from './graphs/registry.ts'

/** Graphs as core sees them. LangGraph is loaded with the first question that needs it. */
export function openGraphs(app: Needs<'db' | 'clock' | 'signals'>, registry: GraphRegistry): Graphs {
  let states: Promise<GraphStates> | undefined
  const open = (): Promise<GraphStates> => {
    states ??= import('./state.ts').then(({ GraphStates }) => new GraphStates(app, registry))
    return states
  }
  const reads = (caller: Caller): Promise<GraphStates> => {
    requireScope(caller, 'read')
    return open()
  }
  const writes = (caller: Caller): Promise<GraphStates> => {
    requireScope(caller, 'write')
    return open()
  }
  const write = async (states: GraphStates, input: Parameters<GraphStates['update']>[0]) => {
    const written = await states.update(input)
    app.signals.announce(input.thread.id)
    return written
  }
  const describe = async (caller: Caller) => {
    requireScope(caller, 'read')
    return import('./describe.ts')
  }
  return {
    list: () => registry.list(),
    has: (graph) => registry.has(graph),
    async drawing(caller, input) {
      const { drawingOf } = await describe(caller)
      return drawingOf((await registry.open(input)).compiled, input)
    },
    async schemas(caller, input) {
      const { schemasOf } = await describe(caller)
      return schemasOf((await registry.open(input)).compiled)
    },
    async subgraphs(caller, input) {
      const { subgraphsOf } = await describe(caller)
      return subgraphsOf((await registry.open(input)).compiled, { ...input, id: input.graph })
    },
    async state(caller, input) {
      const [states, { untorn }] = await Promise.all([reads(caller), import('./tuples.ts')])
      return untorn(() => states.state(input))
    },
    async history(caller, input) {
      const [states, { untorn }] = await Promise.all([reads(caller), import('./tuples.ts')])
      return untorn(() => states.history(input))
    },
    update: async (caller, { update, ...input }) => write(await writes(caller), { ...input, steps: [[update]] }),
    async replay(caller, { thread, steps }) {
      const states = await writes(caller)
      return steps.length === 0 ? null : write(states, { thread, at: {}, steps })
    },
    async heads(caller, threads) {
      const begun = threads.filter(({ headId, pending }) => headId !== null || pending)
      if (begun.length === 0) {
        requireScope(caller, 'read')
        return new Map(threads.map(({ id }) => [id, { values: null, interrupts: {} }]))
      }
      const [states, { readHeadStates }, { untorn }] = await Promise.all([reads(caller), import('./state-heads.ts'), import('./tuples.ts')])
      const found = await untorn(() => readHeadStates(app, states, { graphs: registry, threads: begun }))
      for (const { id } of threads) if (!found.has(id)) found.set(id, { values: null, interrupts: {} })
      return found
    },
  }
}
