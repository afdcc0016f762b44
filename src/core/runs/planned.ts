import { type Action, actionsOf, ensureActions, giveUpActions, hasOpenCalls, outputsOf, removeActions } from '../actions/actions.ts'
import { type Caller, requireScope } from '../caller.ts'
import { Fault, notFound, unlessMissing } from '../fault.ts'
import { newId } from '../id.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import { changeFacts, disown, holdOwned, type Owned, own, ownerOf } from '../ownership/ownership.ts'
import type { CreatedRun } from './draft.ts'
import { inOneCommit } from './held-signals.ts'
import { type EndLabel, isEndLabel, labelOf, type RunLabel, type RunPlan, requireLabelChange, type SettableLabel } from './labels.ts'
import { submitOutputs } from './outputs.ts'
import { keepThread, planFromFacts, readPlans } from './planned-store.ts'
import { deleteRun } from './removal.ts'
import { findRun, type Run, type RunOptions, searchRuns } from './runs.ts'
import { cancelRun } from './stop.ts'
import { createTaken } from './strategies.ts'

/** A run that a client announced: it is only remembered until it is begun. */
export interface PlannedRun {
  id: string
  threadId: string
  /** Whose it is; null: the tenant's. */
  userId: string | null
  createdAt: number
  plan: RunPlan
}

/** A run as clients see it that plan theirs. One of `planned` and `run` is there. */
export interface RunView {
  id: string
  threadId: string
  assistantId: string
  planned: PlannedRun | undefined
  /** Undefined: it has not begun. */
  run: Run | undefined
  label: RunLabel
  /** Oldest first. */
  actions: Action[]
}

const plannedFrom = ({ id, threadId, userId, createdAt, facts }: Owned): PlannedRun => ({
  ...{ id, threadId: threadId ?? '', userId, createdAt, plan: planFromFacts(facts) },
})

/** Longer than any client waits for a person. */
const LIFETIME_MAX_MS = 7 * 24 * 3_600_000

export interface NewPlan {
  threadId: string
  /** A core id. */
  assistantId: string
  /** Kept as it is, for the client's sake. */
  options: JsonObject
  /** Absent: an hour from now. */
  expiresAt?: number
}

const LIFETIME_MS = 3_600_000

/** Throws not_found for the thread. */
export async function planRun(app: Needs<'db' | 'clock'>, caller: Caller, input: NewPlan): Promise<PlannedRun> {
  requireScope(caller, 'write')
  const { threadId, assistantId, options } = input
  const now = app.clock.now()
  const plan: RunPlan = {
    ...{ assistantId, options, label: 'queued', endedAt: null, begun: false, waiting: null, end: null },
    expiresAt: Math.min(input.expiresAt ?? now + LIFETIME_MS, now + LIFETIME_MAX_MS),
  }
  return app.db.transaction(async (db) => {
    if (!(await keepThread(db, caller.tenantId, threadId))) throw notFound('thread', threadId)
    return plannedFrom(await own({ ...app, db }, caller, { kind: 'run', id: newId(), threadId, facts: plan }))
  })
}

/** Also a run of another dialect. Throws not_found. */
export async function getPlanned(app: Needs<'db' | 'clock'>, caller: Caller, id: string): Promise<RunView> {
  requireScope(caller, 'read')
  const [owned, run] = await Promise.all([ownerOf(app, caller, { kind: 'run', id }), unlessMissing(findRun(app, caller, id))])
  return viewOf(app, caller, { id, owned, run })
}

async function viewOf(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  { id, owned, run }: { id: string; owned: Owned | undefined; run: Run | undefined },
): Promise<RunView> {
  const planned = owned && plannedFrom(owned)
  // One that began and is no run any more was removed in another dialect.
  if (!run && (!planned || planned.plan.begun)) throw notFound('run', id)
  const actions = run?.status === 'waiting' ? await ensureActions(app, caller, run) : ((await actionsOf(app, caller, [id])).get(id) ?? [])
  return assemble(app, { id, planned, run, actions })
}

function assemble(app: Needs<'clock'>, parts: Pick<RunView, 'id' | 'planned' | 'run' | 'actions'>): RunView {
  const { planned, run, actions } = parts
  const open = run !== undefined && hasOpenCalls(run, actions)
  return {
    ...parts,
    threadId: run?.threadId ?? planned?.threadId ?? '',
    assistantId: run?.assistantId ?? planned?.plan.assistantId ?? '',
    label: labelOf({ plan: planned?.plan, run, open }, app.clock.now()),
  }
}

/** Newest first. `userId`: only those that this user planned. Absent: of everybody. */
export async function listPlanned(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  { userId = null, threadId = null, limit }: { userId?: string | null; threadId?: string | null; limit: number },
): Promise<RunView[]> {
  requireScope(caller, 'read')
  const plans = await readPlans(app.db, caller.tenantId, { userId, threadId, limit })
  const ids = plans.map(({ id }) => id)
  const [runs, actions] = await Promise.all([
    ids.length === 0 ? [] : searchRuns(app, caller, { ids, limit, offset: 0 }),
    actionsOf(app, caller, ids),
  ])
  const byId = new Map(runs.map((run) => [run.id, run]))
  return plans.flatMap((planned) => {
    const run = byId.get(planned.id)
    if (!run && planned.plan.begun) return []
    return [assemble(app, { id: planned.id, planned, run, actions: actions.get(planned.id) ?? [] })]
  })
}

type BeginNeeds = Needs<'db' | 'clock' | 'signals' | 'models'>

export interface Beginning {
  id: string
  options: RunOptions
  metadata?: JsonObject
  /** Absent: the planned one. */
  assistantId?: string
  /** Done in the commit that makes the run: before it nobody executes it. */
  beside?: (db: BeginNeeds['db']) => Promise<void>
}

/**
 * A planned run begins, once, whoever asks how often: without `first`, somebody has begun it before. Behind another run of
 * the thread it waits; one that waits for outputs makes way and is cancelled. Throws not_found, wrong_state (action
 * 'create_run') for a run that is over, model_not_found, or busy.
 */
export async function beginRun(app: BeginNeeds, caller: Caller, input: Beginning): Promise<CreatedRun | { run: Run }> {
  requireScope(caller, 'write')
  const { id, options } = input
  if (options.model !== undefined) app.models.require(options.model)
  return inOneCommit(app, async (inner) => {
    const owned = await holdOwned(inner.db, caller, { kind: 'run', id })
    const run = await unlessMissing(findRun(inner, caller, id))
    if (run) return { run }
    if (!owned) throw notFound('run', id)
    const { planned, label } = await viewOf(inner, caller, { id, owned, run })
    if (!planned) throw notFound('run', id)
    if (isEndLabel(label)) throw new Fault('wrong_state', `The run is ${label}.`, { kind: 'run', id, action: 'create_run' })
    const created = await create(inner, caller, { ...input, planned })
    await input.beside?.(inner.db)
    await remember(inner, caller, { id, change: { begun: true } })
    return created
  })
}

async function create(app: BeginNeeds, caller: Caller, input: Beginning & { planned: PlannedRun }): Promise<CreatedRun> {
  const { id, options, planned, metadata = {}, assistantId = planned.plan.assistantId } = input
  const { threadId, plan } = planned
  const slot = app.signals.reserve()
  const { run, first } = await createTaken(app, caller, {
    draft: {
      ...{ id, threadId, assistantId, options, metadata, call: null, strategy: 'enqueue', messages: [], slot, newThread: false },
      ...{ expiryMs: plan.expiresAt - app.clock.now(), delayMs: 0, threadMetadata: null },
    },
    slot,
  })
  return { run, first }
}

/** Of a row that the transaction holds. */
async function remember(
  app: Needs<'db'>,
  caller: Caller,
  { id, change }: { id: string; change: { [K in keyof RunPlan]?: RunPlan[K] } },
): Promise<void> {
  await changeFacts(app, caller, { kind: 'run', id, change: (facts) => ({ ...facts, ...change }) as JsonObject })
}

type GoOnNeeds = Needs<'db' | 'clock' | 'signals'>

/** What is new since the outputs were given comes after the event `after`; null: somebody else gave them. */
export interface Continued {
  run: Run
  after: number | null
}

/**
 * A waiting run goes on with the outputs of its actions, once, whoever asks how often. Undefined: something is still to be
 * done for it. A run that does not wait is answered as it is. Throws not_found.
 */
export async function continueRun(
  app: GoOnNeeds,
  caller: Caller,
  { id, threadId }: Pick<Run, 'id' | 'threadId'>,
): Promise<Continued | undefined> {
  requireScope(caller, 'write')
  const run = await findRun(app, caller, id)
  if (run.status !== 'waiting' || run.calls === null) return { run, after: null }
  const outputs = outputsOf(run, await ensureActions(app, caller, run))
  if (!outputs) return undefined
  try {
    return await submitOutputs(app, caller, { threadId, id, outputs })
  } catch (error) {
    // It goes on, or has ended, or waits for the next calls already, in which case these outputs do not fit.
    if (!(error instanceof Fault) || (error.code !== 'wrong_state' && error.code !== 'invalid')) throw error
    return { run: await findRun(app, caller, id), after: null }
  }
}

type ChangeNeeds = Needs<'db' | 'clock' | 'signals'>

/**
 * What a client says of how a run stands. One that has not begun, or waits, is shown so; an end stops a run that is at
 * work, and it is shown so once it has stopped. Of a run at work nothing else can be said: it shows how it stands. Throws
 * not_found, or wrong_state (action 'change').
 */
export const changeLabel = (app: ChangeNeeds, caller: Caller, input: { id: string; status: SettableLabel }): Promise<RunView> =>
  change(app, caller, { ...input, check: requireLabelChange })

/** Throws not_found, or wrong_state (action 'cancel') for a run that is over. */
export const cancelPlanned = (app: ChangeNeeds, caller: Caller, id: string): Promise<RunView> =>
  change(app, caller, {
    ...{ id, status: 'cancelled' },
    check(from) {
      if (isEndLabel(from))
        throw new Fault('wrong_state', 'Cannot cancel a completed or already cancelled run', { kind: 'run', action: 'cancel' })
    },
  })

interface Change {
  id: string
  status: SettableLabel
  check(from: RunLabel, to: RunLabel): void
}

async function change(app: ChangeNeeds, caller: Caller, { id, status, check }: Change): Promise<RunView> {
  requireScope(caller, 'write')
  const { threadId } = await inOneCommit(app, async (inner) => {
    // The row first: whoever begins or changes the run waits here.
    const owned = await holdOwned(inner.db, caller, { kind: 'run', id })
    const run = await unlessMissing(findRun(inner, caller, id))
    const view = await viewOf(inner, caller, { id, owned, run })
    check(view.label, status)
    if (view.label === status) return view
    if (!run) await relabel(inner, caller, { id, status })
    else if (isEndLabel(status)) await stop(inner, caller, { view, end: status })
    else if (run.status === 'waiting' && owned)
      await remember(inner, caller, { id, change: { waiting: { call: run.calls?.[0]?.id ?? '', label: status } } })
    return view
  })
  app.signals.announce(threadId)
  return getPlanned(app, caller, id)
}

async function relabel(app: Needs<'db' | 'clock'>, caller: Caller, { id, status }: { id: string; status: SettableLabel }): Promise<void> {
  const over = isEndLabel(status)
  await remember(app, caller, { id, change: { label: status, endedAt: over ? app.clock.now() : null } })
  if (over) await giveUpActions(app, caller, { runId: id, status: status === 'expired' ? 'expired' : 'cancelled' })
}

async function stop(app: ChangeNeeds, caller: Caller, { view, end }: { view: RunView; end: EndLabel }): Promise<void> {
  const { id, threadId, planned } = view
  if (planned) await remember(app, caller, { id, change: { end } })
  else if (end !== 'cancelled')
    throw new Fault('wrong_state', 'A run of another API can only be cancelled here', { kind: 'run', action: 'change' })
  try {
    await cancelRun(app, caller, { threadId, id })
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'wrong_state') throw error
    // It ended in this very moment, by itself.
    throw new Fault('wrong_state', error.message, { ...error.facts, action: end === 'cancelled' ? 'cancel' : 'change' })
  }
}

/** With its actions. Throws not_found, wrong_state (action 'delete') while a worker is at it, or busy. */
export async function deletePlanned(app: ChangeNeeds, caller: Caller, id: string): Promise<void> {
  requireScope(caller, 'write')
  await inOneCommit(app, async (inner) => {
    const owned = await holdOwned(inner.db, caller, { kind: 'run', id })
    const run = await unlessMissing(findRun(inner, caller, id))
    if (!run && !owned) throw notFound('run', id)
    if (run) await deleteRun(inner, caller, { threadId: run.threadId, id })
    await removeActions(inner, caller, id)
    if (owned) await disown(inner.db, caller, { kind: 'run', id })
  })
}
