import { Annotation, END, type LangGraphRunnableConfig, START, StateGraph } from '@langchain/langgraph'
import { z } from 'zod'

const Said = Annotation.Root({ said: Annotation<string[]>({ reducer: (before, after) => before.concat(after), default: () => [] }) })

const line = (nodes: readonly string[]) => {
  const graph = new StateGraph(Said)
  let before: string = START
  for (const node of nodes) {
    graph.addNode(node, () => ({ said: [node] }))
    graph.addEdge(before as typeof START, node as typeof END)
    before = node
  }
  graph.addEdge(before as typeof START, END)
  return graph
}

/** Has the nodes that `configurable.nodes` names; without, one of the name `only`. Refuses an empty list. */
export async function dynamic(config: LangGraphRunnableConfig<{ nodes?: string[] }>) {
  const nodes = config.configurable?.nodes ?? ['only']
  if (nodes.length === 0) throw new RangeError('A graph needs nodes.')
  return line(nodes).compile()
}

/** As a promise of a builder. */
export const promised = Promise.resolve(line(['later']))

/** As the agents of LangChain wrap theirs. */
export const wrapped = { builder: line(['inside']), graph: line(['inside']).compile() }

const ContextState = z.object({ seen: z.record(z.string(), z.unknown()).optional(), greeting: z.string().optional() })
const Context = z.object({ user: z.string().optional(), tone: z.string().default('plain') })

/** Shows in its state what it was configured with. */
export const context = new StateGraph(ContextState, Context)
  .addNode('look', (_, config: LangGraphRunnableConfig) => ({
    seen: {
      context: config.context ?? null,
      configurable: shown(config.configurable),
      tags: config.tags ?? [],
      metadata: shown(config.metadata),
    },
    greeting: process.env.TEST_GRAPHS_GREETING ?? '',
  }))
  .addEdge(START, 'look')
  .addEdge('look', END)
  .compile()

/** Without what the runtime keeps there for itself. */
const shown = (fields: Record<string, unknown> | undefined) =>
  Object.fromEntries(Object.entries(fields ?? {}).filter(([name, value]) => !name.startsWith('__') && typeof value !== 'function'))
