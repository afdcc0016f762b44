import { type Caller, requireScope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import { changeFacts, holdOwned } from '../ownership/ownership.ts'
import type { FunctionCall } from '../runs/events.ts'
import type { ToolOutput } from '../runs/outputs.ts'
import type { Run } from '../runs/runs.ts'
import { isEnd } from '../runs/status.ts'
import { actionId, outputMessageId } from './action-ids.ts'
import {
  deleteActionRow,
  deleteActionsOf,
  endOpenActions,
  expireActionRows,
  insertActions,
  lockAction,
  readAction,
  readActions,
  type StoredAction,
  writeAction,
} from './store.ts'

export type ActionStatus = 'pending' | 'processing' | 'retrying' | 'completed' | 'failed' | 'expired' | 'cancelled'

const OPEN: readonly ActionStatus[] = ['pending', 'processing', 'retrying']
export const isOpen = ({ status }: Pick<Action, 'status'>): boolean => OPEN.includes(status)

/** Something a client has to do for a run. */
export interface Action {
  id: string
  threadId: string
  runId: string
  toolId: string | null
  toolName: string
  /** The model's call; null: a client asked for it, and no run waits for it. */
  callId: string | null
  arguments: JsonObject
  status: ActionStatus
  /** What the model is told, in so many words. */
  output: string | null
  /** For people and clients. */
  result: JsonObject | null
  /** Milliseconds since the epoch. */
  triggeredAt: number
  expiresAt: number | null
  /** When it was over. */
  processedAt: number | null
}

/** Of one run. */
export const ACTIONS_MAX = 1000

/** An open action of a run that is over is over too, whether that is stored yet or not. */
function asItStands({ runStatus, runEndedAt, ...action }: StoredAction, now: number): Action {
  if (!isOpen(action)) return action
  if (runStatus !== null && isEnd(runStatus))
    return { ...action, status: runStatus === 'expired' ? 'expired' : 'cancelled', processedAt: runEndedAt ?? now }
  if (action.expiresAt !== null && action.expiresAt <= now) return { ...action, status: 'expired', processedAt: action.expiresAt }
  return action
}

/** What models write as arguments need not be an object, or JSON. */
function argumentsOf({ arguments: text }: FunctionCall): JsonObject {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {}
  } catch {
    return {}
  }
}

/**
 * One action for each function call that a waiting run wants answered, the same ones for whoever asks; then all actions of
 * the run, oldest first. Throws not_found for a run of another tenant.
 */
export async function ensureActions(app: Needs<'db' | 'clock'>, caller: Caller, run: Run): Promise<Action[]> {
  requireScope(caller, 'read')
  if (run.tenantId !== caller.tenantId) throw notFound('run', run.id)
  const before = await listActions(app, caller, run.id)
  const missing = callsOf(run).filter(({ id }) => !before.some(({ callId }) => callId === id))
  if (missing.length === 0) return before
  await insertActions(app.db, {
    ...{ tenantId: caller.tenantId, threadId: run.threadId, runId: run.id, assistantId: run.assistantId },
    ...{ at: app.clock.now(), expiresAt: run.expiresAt },
    actions: missing.map((call) => ({
      ...{ id: actionId(run.id, call.id), toolName: call.name, callId: call.id, arguments: argumentsOf(call), status: 'pending' as const },
    })),
  })
  return listActions(app, caller, run.id)
}

const callsOf = (run: Pick<Run, 'status' | 'calls'>): FunctionCall[] => (run.status === 'waiting' ? (run.calls ?? []) : [])

/** Of one run, oldest first. */
export const listActions = async (app: Needs<'db' | 'clock'>, caller: Caller, runId: string): Promise<Action[]> =>
  (await actionsOf(app, caller, [runId])).get(runId) ?? []

/** Of several runs; one without actions is not in it. */
export async function actionsOf(app: Needs<'db' | 'clock'>, caller: Caller, runIds: string[]): Promise<Map<string, Action[]>> {
  requireScope(caller, 'read')
  const now = app.clock.now()
  const actions = await readActions(app.db, caller.tenantId, { runIds, limit: ACTIONS_MAX })
  return Map.groupBy(
    actions.map((action) => asItStands(action, now)),
    ({ runId }) => runId,
  )
}

/** Throws not_found. */
export async function getAction(app: Needs<'db' | 'clock'>, caller: Caller, id: string): Promise<Action> {
  requireScope(caller, 'read')
  const stored = await readAction(app.db, caller.tenantId, id)
  if (!stored) throw notFound('action', id)
  return asItStands(stored, app.clock.now())
}

/** Whether a call of a waiting run has no answer yet. `actions` are the run's own. */
export const hasOpenCalls = (run: Pick<Run, 'status' | 'calls'>, actions: readonly Action[]): boolean =>
  callsOf(run).some((call) => actions.every((action) => action.callId !== call.id || isOpen(action)))

/** What a waiting run is given once nothing of it is open; undefined before. */
export function outputsOf(run: Run, actions: readonly Action[]): ToolOutput[] | undefined {
  if (hasOpenCalls(run, actions)) return undefined
  return callsOf(run).flatMap(({ id: callId }) => {
    const action = actions.find((each) => each.callId === callId)
    return action ? [{ callId, output: toldOf(action) }] : []
  })
}

/** What the model is told of an action that is over. */
export function toldOf({ status, output, result }: Pick<Action, 'status' | 'output' | 'result'>): string {
  if (output !== null) return output
  if (result !== null) return typeof result.output === 'string' ? result.output : JSON.stringify(result)
  return status === 'completed' ? '' : SENTENCES[status]
}

const SENTENCES: Record<Exclude<ActionStatus, 'completed'>, string> = {
  pending: '',
  processing: '',
  retrying: '',
  failed: 'The tool failed.',
  expired: 'The tool was not called in time.',
  cancelled: 'The tool call was cancelled.',
}

const wrongChange = (): Fault => new Fault('wrong_state', 'Invalid status transition', { kind: 'action', action: 'change' })

/**
 * How an action stands from now on. One that is over stays as it is, but for its result. Throws not_found, or wrong_state
 * (action 'change').
 */
export async function completeAction(
  app: Needs<'db' | 'clock' | 'signals'>,
  caller: Caller,
  input: { id: string; status: ActionStatus; result: JsonObject | null },
): Promise<Action> {
  requireScope(caller, 'write')
  const changed = await app.db.transaction(async (db) => {
    const action = await hold({ ...app, db }, caller, input.id)
    const { status, result } = input
    if (!isOpen(action) && status !== action.status) throw wrongChange()
    const over = isOpen(action) && !OPEN.includes(status)
    const next = { ...action, status, result: result ?? (isOpen(action) ? null : action.result) }
    const written = over ? { ...next, processedAt: app.clock.now() } : next
    await writeAction(db, written)
    return written
  })
  app.signals.announce(changed.threadId)
  return changed
}

/** Until the end of the transaction nobody else changes it. */
async function hold(app: Needs<'db' | 'clock'>, caller: Caller, id: string): Promise<Action & Pick<StoredAction, 'runStatus'>> {
  const stored = await lockAction(app.db, caller.tenantId, id)
  if (!stored) throw notFound('action', id)
  return { ...asItStands(stored, app.clock.now()), runStatus: stored.runStatus }
}

/** What became of an output that a client brought. */
export interface TakenOutput {
  action: Action
  /** Of the message that the run writes when it goes on; null: no run waits for it, whoever wants a message writes it. */
  messageId: string | null
  /** An output was there before: that one stays. */
  again: boolean
}

/**
 * The output of a client's tool, taken once; the action is completed with it. Undefined: the thread has no such action.
 * Throws wrong_state (action 'submit') where nobody wants it any more.
 */
export async function completeToolOutput(
  app: Needs<'db' | 'clock' | 'signals'>,
  caller: Caller,
  input: { threadId: string; toolId: string; content: string },
): Promise<TakenOutput | undefined> {
  requireScope(caller, 'write')
  const found = await readAction(app.db, caller.tenantId, input.toolId)
  if (found?.threadId !== input.threadId) return undefined
  const taken = await app.db.transaction(async (db): Promise<TakenOutput | undefined> => {
    // Of a run that has not begun, its own row goes first, as when it is changed.
    if (found.runStatus === null) await holdOwned(db, caller, { kind: 'run', id: found.runId })
    const stored = await lockAction(db, caller.tenantId, input.toolId)
    if (!stored) return undefined
    const action = asItStands(stored, app.clock.now())
    const messageId = action.callId === null ? null : outputMessageId(action)
    if (action.output !== null) return { action, messageId, again: true }
    if (!takesOutput(action, stored.runStatus))
      throw new Fault('wrong_state', 'The action is over.', { kind: 'action', action: 'submit', id: action.id })
    const done: Action = {
      ...{ ...action, status: isOpen(action) ? 'completed' : action.status, output: input.content },
      ...{ result: action.result ?? { output: input.content }, processedAt: action.processedAt ?? app.clock.now() },
    }
    await writeAction(db, done)
    if (stored.runStatus === null) await queueAgain({ ...app, db }, caller, action.runId)
    return { action: done, messageId, again: false }
  })
  if (taken && !taken.again) app.signals.announce(input.threadId)
  return taken
}

/** A run that has not begun, and was said to need actions, needs none any more. */
async function queueAgain(app: Needs<'db' | 'clock'>, caller: Caller, runId: string): Promise<void> {
  if ((await listActions(app, caller, runId)).some(isOpen)) return
  const change = (facts: JsonObject): JsonObject => (facts.label === 'action_required' ? { ...facts, label: 'queued' } : facts)
  await changeFacts(app, caller, { kind: 'run', id: runId, change })
}

/** Also one that was called done, or failed, without a word for the model, as long as the run has not gone on. */
const takesOutput = (action: Action, runStatus: StoredAction['runStatus']): boolean =>
  isOpen(action) || ((action.status === 'completed' || action.status === 'failed') && (action.callId === null || runStatus === 'waiting'))

/** One that a run waits for is cancelled and stays, as the run has to be told something. Throws not_found. */
export async function deleteAction(app: Needs<'db' | 'clock' | 'signals'>, caller: Caller, id: string): Promise<void> {
  requireScope(caller, 'write')
  const { threadId } = await app.db.transaction(async (db) => {
    const { runStatus, ...action } = await hold({ ...app, db }, caller, id)
    if (action.callId === null || runStatus !== 'waiting') await deleteActionRow(db, caller.tenantId, id)
    else if (isOpen(action)) await writeAction(db, { ...action, status: 'cancelled', processedAt: app.clock.now() })
    return action
  })
  app.signals.announce(threadId)
}

/** What nobody has seen to, of a run that ends before it began. In the transaction that ends it. */
export const giveUpActions = (
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  { runId, status }: { runId: string; status: 'cancelled' | 'expired' },
): Promise<void> => endOpenActions(app.db, caller.tenantId, { runId, status, at: app.clock.now() })

/** In the transaction that removes the run. */
export const removeActions = (app: Needs<'db'>, caller: Caller, runId: string): Promise<void> =>
  deleteActionsOf(app.db, caller.tenantId, runId)

/** Stores that the time of open actions is over; at most `limit` at once. Safe at any time, in any replica. */
export const expireActions = (app: Needs<'db' | 'clock'>, limit: number): Promise<number> =>
  expireActionRows(app.db, app.clock.now(), limit)
