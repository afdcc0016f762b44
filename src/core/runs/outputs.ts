import { actionId, outputMessageId } from '../actions/action-ids.ts'
import { type Caller, requireScope } from '../caller.ts'
import { Fault } from '../fault.ts'
import type { Needs } from '../needs.ts'
import { resumedRow } from './claim-store.ts'
import { claimFromRow } from './claims.ts'
import { type LockedRun, lockIdleRun, resumeIdleRun } from './end-store.ts'
import { openStepFacts } from './ending.ts'
import type { FunctionCall, RunEvent } from './events.ts'
import { type ClaimedRun, getRun, type Run } from './runs.ts'
import type { Slot } from './signals.ts'

export interface ToolOutput {
  callId: string
  output: string
}

/**
 * Gives a waiting run the outputs of all its function calls, in one go, and lets it continue.
 * `after` is the newest event before the submission: what follows is new to the submitter.
 * Throws not_found, wrong_state (action 'submit'), or invalid (action 'submit', facts: expected, got).
 */
export async function submitOutputs(
  app: Needs<'db' | 'clock' | 'signals'>,
  caller: Caller,
  input: { threadId: string; id: string; outputs: ToolOutput[] },
): Promise<{ run: Run; after: number }> {
  requireScope(caller, 'write')
  const run = await getRun(app, caller, input)
  const slot = app.signals.reserve()
  try {
    const resumed = await app.db.transaction((db) => resume({ ...app, db }, { run, outputs: input.outputs, slot }))
    if (!resumed) {
      const now = await getRun(app, caller, input)
      // A worker passes over a row that is locked, as ours was while we looked at it: have it look again.
      if (now.status === 'queued') app.signals.wake()
      throw new Fault('wrong_state', 'The run does not wait for outputs.', { kind: 'run', status: now.status, action: 'submit' })
    }
    app.signals.publish(run.id, { seq: resumed.after + 1, events: resumed.events })
    if (slot && resumed.claimed) app.signals.hand(slot, resumed.claimed)
    else app.signals.wake()
    return { run: { ...run, status: 'queued', calls: null }, after: resumed.after }
  } catch (error) {
    if (slot) app.signals.release(slot)
    throw error
  }
}

interface Resumed {
  after: number
  events: RunEvent[]
  claimed: ClaimedRun | undefined
}

async function resume(
  app: Needs<'db' | 'clock'>,
  input: { run: Run; outputs: ToolOutput[]; slot: Slot | undefined },
): Promise<Resumed | undefined> {
  const { run, outputs, slot } = input
  const locked = await lockIdleRun(app.db, run.id)
  if (locked?.status !== 'waiting' || !locked.open_step || !locked.calls) return undefined
  checkOutputs(JSON.parse(locked.calls) as FunctionCall[], outputs)
  const at = app.clock.now()
  const events = resumeEvents(locked, outputs, at)
  const answer = answerOf(run.id, outputs)
  if (slot) events.push({ type: 'status', status: 'running', at })
  await resumeIdleRun(app.db, {
    runId: run.id,
    at,
    seq: locked.next_event,
    events,
    stepId: locked.open_step.id,
    outputs: outputs.map((o) => ({ call_id: o.callId, output: o.output })),
    resume: JSON.stringify(locked.call === null ? answer : { resume: answer }),
    workerId: slot?.workerId ?? null,
    leaseMs: slot?.leaseMs ?? null,
  })
  const row = slot && (await resumedRow(app.db, run.id))
  return { after: locked.next_event - 1, events, claimed: row && { ...claimFromRow(row), takenOver: false } }
}

/** What the run is resumed with, and the ids of the messages it writes, which are known before; see engine/tool-outputs.ts. */
const answerOf = (runId: string, outputs: readonly ToolOutput[]): Record<'outputs' | 'ids', Record<string, string>> => ({
  outputs: Object.fromEntries(outputs.map((o) => [o.callId, o.output])),
  ids: Object.fromEntries(outputs.map(({ callId }) => [callId, outputMessageId({ id: actionId(runId, callId) })])),
})

function checkOutputs(calls: FunctionCall[], outputs: ToolOutput[]): void {
  const expected = calls.map((c) => c.id)
  const got = outputs.map((o) => o.callId)
  const complete = got.length === expected.length && new Set(got).size === got.length && expected.every((id) => got.includes(id))
  if (!complete) throw new Fault('invalid', 'The outputs do not fit the calls.', { kind: 'run', action: 'submit', expected, got })
}

function resumeEvents(locked: LockedRun, outputs: ToolOutput[], at: number): RunEvent[] {
  const answered = new Map(outputs.map((o) => [o.callId, o.output]))
  const facts = openStepFacts(locked)
  const calls = (facts.calls ?? []).map((c) => ({ ...c, output: answered.get(c.id) ?? c.output }))
  return [
    { type: 'step_end', id: locked.open_step?.id ?? '', status: 'completed', at, usage: facts.usage, calls },
    { type: 'status', status: 'queued', at },
  ]
}
