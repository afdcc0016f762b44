import type { BaseCheckpointSaver } from '@langchain/langgraph-checkpoint'
import { buildAssistant } from './assistant.ts'
import { installLeanContext } from './lean-context.ts'

type AssistantGraph = ReturnType<typeof buildAssistant>

/** The channel that triggers the model node, as LangGraph names it. */
const MODEL_TRIGGER = 'branch:to:model'

export interface Graph {
  nodes: Record<string, { triggers: string[] }>
  /** A copy that checkpoints with `saver`: a graph object is shared by all runs and never changed. */
  with(saver: BaseCheckpointSaver): AssistantGraph
  /** What starts the graph on these messages. */
  input(messages: unknown[]): Record<string, unknown>
}

/**
 * The built-in graph, ready to run. Its input goes straight into the channels that LangGraph's `__start__` step would
 * write, which saves that step; where the channel has another name, the step is taken.
 */
export function openAssistantGraph(): Graph {
  installLeanContext()
  const graph = buildAssistant()
  const direct = MODEL_TRIGGER in graph.channels
  return {
    nodes: graph.nodes as unknown as Graph['nodes'],
    with(saver) {
      const copy = Object.assign(Object.create(Object.getPrototypeOf(graph)), graph, { checkpointer: saver })
      return direct ? Object.assign(copy, { inputChannels: ['messages', MODEL_TRIGGER] }) : copy
    },
    input: (messages) => (direct ? { messages, [MODEL_TRIGGER]: null } : { messages }),
  }
}
