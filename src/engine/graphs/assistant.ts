import { AIMessage, type BaseMessage, ToolMessage } from '@langchain/core/messages'
import { Runnable, type RunnableConfig } from '@langchain/core/runnables'
import { AsyncLocalStorageProviderSingleton } from '@langchain/core/singletons'
import { END, interrupt, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph'
import { newId } from '../../core/id.ts'
import { own } from '../messages.ts'

/** What a run lends its nodes. It travels in `configurable` under a `__` key: never stored, never traced. */
export interface Host {
  /** One turn of the model over the conversation so far: the messages it adds. */
  turn(messages: BaseMessage[]): Promise<BaseMessage[]>
}
export const HOST = '__host'
const hostOf = (config: RunnableConfig): Host => config.configurable?.[HOST] as Host

/** What a waiting run is resumed with. */
export interface Outputs {
  outputs: Record<string, string>
}

type State = typeof MessagesAnnotation.State

/**
 * A node as a bare Runnable, which LangGraph runs as it is. A function would be wrapped in one that builds a tracing
 * tree and enters AsyncLocalStorage at every call: a fifth of the engine's time.
 */
class Node<I, O> extends Runnable<I, O> {
  lc_namespace = ['tetraport']
  constructor(private readonly work: (input: I, config: RunnableConfig) => Promise<O>) {
    super()
  }
  override invoke(input: I, config?: Partial<RunnableConfig>): Promise<O> {
    return this.work(input, (config ?? {}) as RunnableConfig)
  }
}

const model = new Node<State, Partial<State>>(async (state, config) => ({
  messages: await hostOf(config).turn(state.messages),
}))

/** Of the state alone: a state update runs the edges too, with no run behind it. */
const route = new Node<State, string>(async (state) => {
  const last = state.messages.at(-1)
  return last && AIMessage.isInstance(last) && (last.tool_calls?.length ?? 0) > 0 ? 'functions' : END
})

/** `interrupt` reads its config from AsyncLocalStorage, which a bare node has to enter itself. */
const functions = new Node<State, Partial<State>>(async (state, config) => {
  const calls = (state.messages.at(-1) as AIMessage).tool_calls ?? []
  const { outputs } = AsyncLocalStorageProviderSingleton.runWithConfig(config, () =>
    interrupt<{ type: string; tool_calls: typeof calls }, Outputs>({ type: 'submit_tool_outputs', tool_calls: calls }),
  )
  return {
    messages: calls.map((call) =>
      own(new ToolMessage({ id: newId(), content: outputs[call.id ?? ''] ?? '', tool_call_id: call.id ?? '', name: call.name })),
    ),
  }
})

/** The built-in graph: a model that may call functions, and the client that answers them. */
export const buildAssistant = () =>
  new StateGraph(MessagesAnnotation)
    .addNode('model', model)
    .addNode('functions', functions)
    .addEdge(START, 'model')
    .addConditionalEdges('model', route as unknown as (state: State) => Promise<string>, ['functions', END])
    .addEdge('functions', 'model')
    .compile()
