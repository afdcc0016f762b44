import type { Caller } from '../../../src/core/caller.ts'
import { Fault } from '../../../src/core/fault.ts'
import { onIdleThread } from '../../../src/core/runs/clearing.ts'
import { goOn } from '../../../src/core/runs/continuation.ts'
import type { NewGraphCall } from '../../../src/core/runs/graph-runs.ts'
import * as graphRuns from '../../../src/core/runs/graph-runs.ts'
import * as planned from '../../../src/core/runs/planned.ts'
import * as removal from '../../../src/core/runs/removal.ts'
import * as runs from '../../../src/core/runs/runs.ts'
import { clientKeyWriter } from '../../../src/core/runs/secrets.ts'
import * as strategies from '../../../src/core/runs/strategies.ts'
import * as journal from '../../../src/core/runs/thread-journal.ts'
import { addToDraft } from '../../../src/core/threads/message-drafts.ts'
import { createThread } from '../../../src/core/threads/threads.ts'
import type { TestApp } from '../../support/app.ts'

export interface PlanIds {
  /** A run that has not begun, with its client's key. */
  plan: string
  /** Its thread, which no run holds. A message to it has come in part. */
  idle: string
}
interface RunIds extends PlanIds {
  thread: string
  run: string
  assistant: string
  user: string
}
type Case = (caller: Caller, ids: RunIds) => Promise<unknown>

/** Of every draft here. */
export const AUTHOR = 'somebody'

export async function fillPlan(app: TestApp, caller: Caller, assistantId: string): Promise<PlanIds> {
  const { id: idle } = await createThread(app, caller, {})
  const { id: plan } = await planned.planRun(app, caller, { threadId: idle, assistantId, options: {} })
  const write = await clientKeyWriter(app, caller, { runId: plan, key: 'sk-theirs' })
  await write(app.db)
  await addToDraft(app, caller, { threadId: idle, author: AUTHOR, text: 'not for others' })
  return { plan, idle }
}

const call: NewGraphCall = {
  ...{ input: null, command: null, modes: [], subgraphs: false, resumable: false },
  ...{ interruptBefore: null, interruptAfter: null, checkpoint: null, durability: 'sync', webhook: null },
}
const whole = { ...call, graph: 'assistant', config: {}, context: null, temporary: false }

interface Open {
  app: () => TestApp
  own: () => RunIds
  /** The owner's run, as the owner reads it. */
  run: () => Promise<runs.Run>
}

/** Every way in which an id of these functions can be foreign. */
export function runCases(open: Open): Record<string, Case[]> {
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
    ...planCases(open),
    ...clearingCases(open),
    'continuation.goOn': [0, 1, 1000].map((after) => async (c, ids) => {
      const run = { ...(await open.run()), id: ids.run, threadId: ids.thread }
      return goOn(app(), c, { run, after, signal: AbortSignal.timeout(1_000) })
    }),
    'secrets.clientKeyWriter': [
      async (c, ids) => {
        const write = await clientKeyWriter(app(), c, { runId: ids.plan, key: 'sk-intruder' })
        return write(app().db)
      },
    ],
  }
}

function planCases({ app, own }: Open): Record<string, Case[]> {
  const either = (ask: (caller: Caller, id: string) => Promise<unknown>): Case[] => [
    (c, ids) => ask(c, ids.plan),
    (c, ids) => ask(c, ids.run),
  ]
  return {
    'planned.planRun': [
      (c, ids) => planned.planRun(app(), c, { threadId: ids.thread, assistantId: own().assistant, options: {} }),
      // Whose the assistant is counts when the run begins: see below.
      async (c, ids) => (await planned.planRun(app(), c, { threadId: own().idle, assistantId: ids.assistant, options: {} })).plan,
    ],
    'planned.getPlanned': either((c, id) => planned.getPlanned(app(), c, id)),
    'planned.listPlanned': [
      (c, ids) => planned.listPlanned(app(), c, { threadId: ids.idle, limit: 5 }),
      (c, ids) => planned.listPlanned(app(), c, { userId: ids.user, limit: 5 }),
      (c, ids) => planned.listPlanned(app(), c, { userId: ids.user, threadId: own().idle, limit: 5 }),
    ],
    'planned.beginRun': [
      ...either((c, id) => planned.beginRun(app(), c, { id, options: {} })),
      (c, ids) => planned.beginRun(app(), c, { id: own().plan, options: {}, assistantId: ids.assistant }),
      async (c, ids) => {
        const { id } = await planned.planRun(app(), c, { threadId: own().idle, assistantId: ids.assistant, options: {} })
        return planned.beginRun(app(), c, { id, options: {} })
      },
    ],
    'planned.continueRun': [
      (c, ids) => planned.continueRun(app(), c, { id: ids.run, threadId: ids.thread }),
      (c, ids) => planned.continueRun(app(), c, { id: ids.run, threadId: own().thread }),
    ],
    'planned.changeLabel': (['in_progress', 'action_required', 'completed', 'failed'] as const).flatMap((status) =>
      either((c, id) => planned.changeLabel(app(), c, { id, status })),
    ),
    'planned.cancelPlanned': either((c, id) => planned.cancelPlanned(app(), c, id)),
    'planned.deletePlanned': either((c, id) => planned.deletePlanned(app(), c, id)),
  }
}

/** The thread is said to be held by a run of somebody else: that one goes on, and nothing is told of it. */
function clearingCases({ app }: Open): Record<string, Case[]> {
  const clear = (waiting: 'yields' | 'refuses'): Case => {
    return (c, ids) => {
      const tries: Fault[] = []
      const effect = async () => {
        if (tries.length > 0) return 'done'
        throw tries[tries.push(new Fault('busy', 'held', { threadId: ids.thread, runId: ids.run, action: 'append' })) - 1]
      }
      return onIdleThread(app(), c, { patienceMs: 1_000, waiting, effect })
    }
  }
  return { 'clearing.onIdleThread': [clear('yields'), clear('refuses')] }
}
