import { AIMessage, type BaseMessage } from '@langchain/core/messages'
import { Annotation, Command, interrupt, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph'
import type { Caller } from '../../../src/core/caller.ts'
import { Checkpointer } from '../../../src/engine/checkpointer.ts'
import type { TestApp } from '../../support/app.ts'

const State = Annotation.Root({
  ...MessagesAnnotation.spec,
  /** Holds a message inside an object, beside text that only looks like one. */
  box: Annotation<{ kept?: BaseMessage; note?: string }>,
  /** A subgraph gives back all it was given: each answer counts once. */
  answers: Annotation<string[]>({ reducer: (a, b) => [...new Set([...a, ...b])], default: () => [] }),
})

const inner = new StateGraph(State)
  .addNode('ask', () => ({ answers: [String(interrupt({ question: 'really?' }))] }))
  .addEdge(START, 'ask')
  .compile()

let made = 0

/** `think` answers, `keep` puts the answer into a box, and a subgraph asks before anything ends. */
const builder = new StateGraph(State)
  .addNode('think', (state) => ({ messages: [new AIMessage({ id: `ai-${++made}`, content: `re: ${state.messages.at(-1)?.text}` })] }))
  .addNode('keep', (state) => {
    const kept = state.messages.at(-1) as BaseMessage
    return { box: { kept, note: `"$m":"${kept.id}" and {"$m":"01890000-0000-7000-8000-000000000000"}` } }
  })
  .addNode('confirm', inner)
  .addEdge(START, 'think')
  .addEdge('think', 'keep')
  .addEdge('keep', 'confirm')

const at = (threadId: string) => ({ configurable: { thread_id: threadId } })

/** A graph on the rows of a tenant, driven without runs. */
export function graphOn(app: TestApp, caller: Caller) {
  const graph = builder.compile({ checkpointer: new Checkpointer(app, { tenantId: caller.tenantId, runId: null, assistantId: null }) })
  return {
    say: (threadId: string, text: string) => graph.invoke({ messages: [{ role: 'user', content: text }] }, at(threadId)),
    answer: (threadId: string, text: string) => graph.invoke(new Command({ resume: text }), at(threadId)),
    state: (threadId: string) => graph.getState(at(threadId), { subgraphs: true }),
    /** Every state, newest first, as comparable text: without what names the thread. */
    async story(threadId: string): Promise<string[]> {
      const states = await Array.fromAsync(graph.getStateHistory(at(threadId)))
      return states.map((s) =>
        JSON.stringify({
          ...s,
          config: s.config.configurable?.checkpoint_id,
          parentConfig: s.parentConfig?.configurable?.checkpoint_id,
        }).replaceAll(threadId, 'here'),
      )
    },
  }
}

export const STATE_TABLES = ['message', 'run', 'checkpoint', 'channel_blob', 'checkpoint_write']

/** How many rows each table has of a thread. */
export async function rowsOf(app: TestApp, threadId: string): Promise<Record<string, number>> {
  const counts = STATE_TABLES.map(async (table) => {
    const rows = await app.records.db.query<{ n: number }>(`select count(*)::int as n from ${table} where thread_id = $1`, [threadId])
    return [table, rows[0]?.n ?? 0]
  })
  return Object.fromEntries(await Promise.all(counts))
}
