import { AIMessage, type BaseMessage, ToolMessage } from '@langchain/core/messages'
import type { ToolCall } from '@langchain/core/messages/tool'
import { Runnable, type RunnableConfig } from '@langchain/core/runnables'
import { AsyncLocalStorageProviderSingleton } from '@langchain/core/singletons'
import { END, interrupt, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph'
import { newId } from '../../core/id.ts'
import { own } from '../messages.ts'
import { type MessageIds, type Outputs, readMessageIds, readOutputs } from '../tool-outputs.ts'

/** What a run lends its nodes. It travels in `configurable` under a `__` key: never stored, never traced. */
export interface Host {
  /** One turn of the model over the conversation so far: the messages it adds. */
  turn(messages: BaseMessage[]): Promise<BaseMessage[]>
  /** Answers the calls of the newest turn that are not the client's to answer: the messages that answer them. */
  serve(calls: readonly ToolCall[], messages: BaseMessage[]): Promise<BaseMessage[]>
}
export const HOST = '__host'
const hostOf = (config: RunnableConfig): Host => config.configurable?.[HOST] as Host

/** What the graph asks of a client; `error` says what was wrong with the last answer. */
export interface OutputsWanted {
  type: 'submit_tool_outputs'
  tool_calls: ToolCall[]
  error?: string
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

/** The calls of the newest turn that nobody has answered. */
function openCalls(messages: readonly BaseMessage[]): ToolCall[] {
  const answered = new Set<string>()
  for (let i = messages.length - 1; i >= 0; i--) {
    const message = messages[i]
    if (ToolMessage.isInstance(message)) answered.add(message.tool_call_id)
    else return AIMessage.isInstance(message) ? (message.tool_calls ?? []).filter(({ id }) => !answered.has(id ?? '')) : []
  }
  return []
}

/** Ids of a turn's calls that the server answers itself. They are kept with the message, as only the run knows its tools. */
export const servedIds = (message: AIMessage): readonly string[] => (message.additional_kwargs[SERVED] as string[] | undefined) ?? []
export const SERVED = 'served'

/** Of the state alone: a state update runs the edges too, with no run behind it. */
const route = new Node<State, string>(async (state) => {
  const last = state.messages.at(-1)
  if (!last || !AIMessage.isInstance(last) || !last.tool_calls?.length) return END
  return servedIds(last).length > 0 ? 'served' : 'functions'
})

/** A node of its own, so that its answers are kept before the client is asked: what follows never repeats them. */
const served = new Node<State, Partial<State>>(async (state, config) => {
  const ids = servedIds(state.messages.at(-1) as AIMessage)
  const calls = openCalls(state.messages).filter(({ id }) => ids.includes(id ?? ''))
  return { messages: await hostOf(config).serve(calls, state.messages) }
})

const routeServed = new Node<State, string>(async (state) => (openCalls(state.messages).length > 0 ? 'functions' : 'model'))

/**
 * Asks until the answer fits: LangGraph keeps every answer, so a node that threw at one would be given it again for ever.
 * `interrupt` throws where nothing was answered yet.
 */
function askOutputs(calls: ToolCall[]): { outputs: Outputs; ids: MessageIds } {
  for (let error: string | undefined; ; ) {
    const given = interrupt<OutputsWanted, unknown>({ type: 'submit_tool_outputs', tool_calls: calls, ...(error ? { error } : {}) })
    const read = readOutputs(given, calls)
    if (typeof read !== 'string') return { outputs: read, ids: readMessageIds(given) }
    error = read
  }
}

/** `interrupt` reads its config from AsyncLocalStorage, which a bare node has to enter itself. */
const functions = new Node<State, Partial<State>>(async (state, config) => {
  const calls = openCalls(state.messages)
  const { outputs, ids } = AsyncLocalStorageProviderSingleton.runWithConfig(config, () => askOutputs(calls))
  return {
    messages: calls.map(({ id = '', name }) =>
      own(new ToolMessage({ id: ids[id] ?? newId(), content: outputs[id] ?? '', tool_call_id: id, name })),
    ),
  }
})

type Edge = (state: State) => Promise<string>

/** The built-in graph: a model that may call tools, the server that answers some of them, and the client that answers the others. */
export const buildAssistant = () =>
  new StateGraph(MessagesAnnotation)
    .addNode('model', model)
    .addNode('served', served)
    .addNode('functions', functions)
    .addEdge(START, 'model')
    .addConditionalEdges('model', route as unknown as Edge, ['served', 'functions', END])
    .addConditionalEdges('served', routeServed as unknown as Edge, ['functions', 'model'])
    .addEdge('functions', 'model')
    .compile()
