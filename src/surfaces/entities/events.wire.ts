import { Type as t } from '@sinclair/typebox'
import { actionId } from '../../core/actions/action-ids.ts'
import type { Action } from '../../core/actions/actions.ts'
import type { FunctionCall, RunEvent } from '../../core/runs/events.ts'
import type { RunView } from '../../core/runs/planned.ts'
import { Id } from './fields.wire.ts'
import { spell, spellOrNull } from './ids.ts'
import { toRunDetailed } from './runs.wire.ts'

export const MonitorRequest = t.Object({ run_id: Id })
export const MonitorResponse = t.Object({ status: t.Literal('monitoring_registered'), run_id: t.String() })

export const SubscribeQuery = t.Object({
  after: t.Optional(t.String({ description: 'Id of the last event that was seen; the header Last-Event-ID says the same.' })),
})

/** Name and data of one event. */
export type Told = readonly [event: string, data: object]

export const toMonitor = (runId: string) => ({ status: 'monitoring_registered' as const, run_id: spell('run', runId) })

const runOf = (view: RunView, label: RunView['label']) => ({ ...toRunDetailed({ ...view, label }), run_id: spell('run', view.id) })

export const toConnected = (view: RunView): Told => [
  'connected',
  { run_id: spell('run', view.id), message: 'Subscription active', status: view.label, run: runOf(view, view.label) },
]

/** How a run that is over is told. */
export function toEnd(view: RunView): Told[] {
  const end: Told = [view.label === 'cancelled' ? 'cancelled' : 'run_ended', runOf(view, view.label)]
  return view.label === 'failed' ? [['error', errorOf(view.id, view.run?.error?.message ?? 'The run failed.')], end] : [end]
}

export const errorOf = (runId: string, error: string) => ({ run_id: spell('run', runId), error })

/** What a run wants done, each call as the client has to name it. */
export function toActionRequired(view: RunView, { calls = [] }: Extract<RunEvent, { type: 'status' }>): Told[] {
  const run = runOf(view, 'action_required')
  const invoked = calls.map((call): Told => {
    const action = view.actions.find(({ callId }) => callId === call.id)
    return ['tool_invoked', { ...toInvoked(view, { call, action }), assistant_id: run.assistant_id }]
  })
  return [['action_required', run], ...invoked]
}

function toInvoked(view: RunView, { call, action }: { call: FunctionCall; action: Action | undefined }) {
  return {
    ...{ event: 'tool_invoked', run_id: spell('run', view.id), thread_id: spell('thread', view.threadId) },
    ...{ tool_call_id: spell('action', actionId(view.id, call.id)), tool_id: spellOrNull('tool', action?.toolId), tool_name: call.name },
    ...{ function_args: action?.arguments ?? {}, result: action?.result ?? {} },
  }
}
