import type { BaseChannel } from '@langchain/langgraph'
import type { Pregel } from '@langchain/langgraph/pregel'

type Nodes = ConstructorParameters<typeof Pregel>[0]['nodes']

/** A compiled graph of whatever state, nodes and context. */
export type AnyGraph = Pregel<Nodes, Record<string, BaseChannel>>
