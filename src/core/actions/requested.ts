import { type Caller, requireScope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import { newId } from '../id.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import { requireThread } from '../ownership/access.ts'
import { holdOwned } from '../ownership/ownership.ts'
import { isEndLabel } from '../runs/labels.ts'
import { getPlanned } from '../runs/planned.ts'
import { getToolNamed, toolsOf } from '../tools/tools.ts'
import { ACTIONS_MAX, type Action, type ActionStatus, getAction } from './actions.ts'
import { insertActions } from './store.ts'

export interface NewRequest {
  runId: string
  /** Of a tool of the run's assistant, or of one that the caller may use. */
  toolName: string
  arguments: JsonObject
  status: ActionStatus
  /** It is never longer open than its run. */
  expiresAt: number | null
}

/**
 * An action that a client asks for by itself: no run waits for it. Throws not_found (run, tool), wrong_state for a run that
 * is over, or invalid where the run has too many.
 */
export async function requestAction(app: Needs<'db' | 'clock' | 'signals'>, caller: Caller, input: NewRequest): Promise<Action> {
  requireScope(caller, 'write')
  const { runId, toolName } = input
  const id = newId()
  const { threadId } = await app.db.transaction(async (db) => {
    const inner = { ...app, db }
    // Whoever ends the run before it began waits for this action, and gives it up then.
    await holdOwned(db, caller, { kind: 'run', id: runId })
    const view = await getPlanned(inner, caller, runId)
    if (isEndLabel(view.label)) throw new Fault('wrong_state', `The run is ${view.label}.`, { kind: 'run', id: runId, action: 'append' })
    if (view.actions.length >= ACTIONS_MAX)
      throw new Fault('invalid', `A run can have at most ${ACTIONS_MAX} actions.`, { param: 'run_id', reason: 'too_many_items' })
    const toolId = await toolNamed(inner, caller, { toolName, assistantId: view.assistantId })
    const runEnds = view.run ? view.run.expiresAt : (view.planned?.plan.expiresAt ?? null)
    const { tenantId } = caller
    const { arguments: args, status } = input
    await insertActions(db, {
      ...{ tenantId, threadId: view.threadId, runId, assistantId: view.assistantId, at: app.clock.now() },
      expiresAt: earlier(input.expiresAt, runEnds),
      actions: [{ id, toolName, ...toolId, callId: null, arguments: args, status }],
    })
    return view
  })
  app.signals.announce(threadId)
  return getAction(app, caller, id)
}

const earlier = (a: number | null, b: number | null): number | null => (a === null ? b : b === null ? a : Math.min(a, b))

async function toolNamed(
  app: Needs<'db'>,
  caller: Caller,
  { toolName, assistantId }: { toolName: string; assistantId: string },
): Promise<{ toolId: string }> {
  const own = (await toolsOf(app, caller, assistantId)).find(({ name }) => name === toolName)
  return { toolId: (own ?? (await getToolNamed(app, caller, toolName))).id }
}

/** Of a thread that the caller may use. Throws not_found. */
export async function requireAction(app: Needs<'db' | 'clock'>, caller: Caller, id: string): Promise<Action> {
  const action = await getAction(app, caller, id)
  try {
    await requireThread(app, caller, action.threadId)
  } catch (error) {
    if (error instanceof Fault && error.code === 'not_found') throw notFound('action', id)
    throw error
  }
  return action
}
