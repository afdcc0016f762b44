import type { Caller } from '../../../src/core/caller.ts'
import type { NewGraphCall } from '../../../src/core/runs/graph-runs.ts'
import * as graphRuns from '../../../src/core/runs/graph-runs.ts'
import * as removal from '../../../src/core/runs/removal.ts'
import * as runs from '../../../src/core/runs/runs.ts'
import * as strategies from '../../../src/core/runs/strategies.ts'
import * as journal from '../../../src/core/runs/thread-journal.ts'
import type { TestApp } from '../../support/app.ts'

interface RunIds {
  thread: string
  run: string
  assistant: string
}
type Case = (caller: Caller, ids: RunIds) => Promise<unknown>

const call: NewGraphCall = {
  ...{ input: null, command: null, modes: [], subgraphs: false, resumable: false },
  ...{ interruptBefore: null, interruptAfter: null, checkpoint: null, durability: 'sync', webhook: null },
}
const whole = { ...call, graph: 'assistant', config: {}, context: null, temporary: false }

/** Every way in which an id of these functions can be foreign. */
export function runCases(open: { app: () => TestApp; own: () => RunIds }): Record<string, Case[]> {
  const { app, own } = open
  const page = { limit: 5, offset: 0 }
  const newRun = (assistantId: string) => ({ assistantId, call, strategy: 'rollback' as const })
  const draft = (threadId: string, assistantId: string) => ({
    ...{ threadId, assistantId, options: {}, metadata: {}, call: whole, strategy: 'rollback' as const, messages: [], slot: undefined },
    ...{ newThread: false, expiryMs: null, delayMs: 0, threadMetadata: null },
  })
  return {
    'graph-runs.createGraphRun': [
      (c, ids) => graphRuns.createGraphRun(app(), c, { thread: { id: ids.thread, create: false }, run: newRun(own().assistant) }),
      (c, ids) => graphRuns.createGraphRun(app(), c, { thread: { id: own().thread, create: false }, run: newRun(ids.assistant) }),
      (c, ids) => graphRuns.createGraphRun(app(), c, { thread: { temporary: true }, run: newRun(ids.assistant) }),
    ],
    'strategies.createTaken': [
      (c, ids) => strategies.createTaken(app(), c, { draft: draft(ids.thread, own().assistant), slot: undefined }),
      (c, ids) => strategies.createTaken(app(), c, { draft: draft(own().thread, ids.assistant), slot: undefined }),
    ],
    'removal.deleteRun': [
      (c, ids) => removal.deleteRun(app(), c, { threadId: ids.thread, id: ids.run }),
      (c, ids) => removal.deleteRun(app(), c, { threadId: own().thread, id: ids.run }),
    ],
    'runs.findRun': [(c, ids) => runs.findRun(app(), c, ids.run)],
    'runs.searchRuns': [
      (c, ids) => runs.searchRuns(app(), c, { ...page, threadId: ids.thread }),
      (c, ids) => runs.searchRuns(app(), c, { ...page, ids: [ids.run] }),
      (c, ids) => runs.searchRuns(app(), c, { ...page, threadId: own().thread, ids: [ids.run] }),
    ],
    'thread-journal.followThread': [
      (c, ids) => journal.followThread(app(), c, { threadId: ids.thread, signal: AbortSignal.timeout(1_000) }).next(),
      (c, ids) => {
        const from = { runId: ids.run, seq: 1 }
        return journal.followThread(app(), c, { threadId: ids.thread, from, signal: AbortSignal.timeout(1_000) }).next()
      },
    ],
  }
}
