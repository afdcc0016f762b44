import { AIMessage, HumanMessage } from '@langchain/core/messages'
import { newId } from '../core/id.ts'
import type { Needs } from '../core/needs.ts'
import { HOST, type Host } from './graphs/assistant.ts'
import type { Graph } from './graphs/built-in.ts'
import { own } from './messages.ts'
import { RunCheckpointer } from './run-checkpointer.ts'

const TURNS = 150
/** Dry runs between two looks at the real work. */
const AT_ONCE = 5

/**
 * Runs the graph dry until the JIT compiler knows it: the first two thousand runs would else cost twice the time of
 * later ones. Nothing is written. Gives way to whatever else is to be done, and stops when `busy` says so.
 */
export async function warmUp(app: Needs<'db' | 'clock'>, graph: Graph, busy: () => boolean): Promise<void> {
  const host: Host = {
    turn: () => Promise.resolve([own(new AIMessage({ id: newId(), content: 'warm' }))]),
    serve: () => Promise.resolve([]),
  }
  for (let done = 0; done < TURNS && !busy(); done++) {
    const owner = { tenantId: newId(), runId: newId(), assistantId: newId() }
    const threadId = newId()
    const saver = new RunCheckpointer(app, owner, { threadId, head: undefined, graph, commit: () => Promise.resolve() })
    const stream = await graph.with(saver).stream(graph.input([new HumanMessage({ content: 'dry run' })]) as never, {
      configurable: { thread_id: threadId, [HOST]: host },
      metadata: { run_id: owner.runId },
      streamMode: [],
      durability: 'sync',
    })
    for await (const _ of stream);
    await saver.settle()
    saver.take()
    if (done % AT_ONCE === 0) await new Promise(setImmediate)
  }
  // What starting and warming up left is a tenth of an idle server.
  if (!busy()) Bun.gc(true)
}
