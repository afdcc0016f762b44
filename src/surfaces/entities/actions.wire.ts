import { type Static, Type as t } from '@sinclair/typebox'
import type { Action, ActionStatus } from '../../core/actions/actions.ts'
import type { RunView } from '../../core/runs/planned.ts'
import { CLOSED, FreeObject, fromIso, Id, IsoTime, maybe, nullable, oneOf, toIsoOrNull } from './fields.wire.ts'
import { spell, spellOrNull } from './ids.ts'
import { refuseField } from './refusal.ts'
import { requireMetaData } from './threads.wire.ts'

/** Equal to core's words. */
const STATUSES = ['pending', 'processing', 'completed', 'failed', 'expired', 'cancelled', 'retrying'] as const satisfies ActionStatus[]
const Status = oneOf(...STATUSES)

export const ActionCreate = t.Object({
  id: maybe(t.String({ description: 'Not used.' })),
  tool_name: t.String({ minLength: 1, maxLength: 256 }),
  run_id: Id,
  function_args: maybe(FreeObject),
  expires_at: maybe(t.String({ maxLength: 64, description: 'ISO 8601; without an offset it is UTC.' })),
  status: maybe(Status),
})

export const ActionUpdate = t.Object({ status: Status, result: maybe(FreeObject) })

/** Closed: the Python SDK refuses an answer with any other field. */
export const ActionRead = t.Object(
  {
    id: t.String(),
    run_id: nullable(t.String()),
    tool_id: nullable(t.String()),
    tool_name: nullable(t.String()),
    triggered_at: nullable(IsoTime),
    expires_at: nullable(IsoTime),
    is_processed: nullable(t.Boolean()),
    processed_at: nullable(IsoTime),
    status: nullable(t.String()),
    function_args: nullable(FreeObject),
    result: nullable(FreeObject),
  },
  CLOSED,
)
export type ActionRead = Static<typeof ActionRead>

export const PendingAction = t.Object({
  action_id: t.String(),
  action_status: t.Literal('pending'),
  function_arguments: nullable(FreeObject),
  tool_name: t.String(),
  run_id: t.String(),
  run_status: t.String(),
})

const UNTOLD = {
  ...{ run_id: null, tool_id: null, tool_name: null, triggered_at: null, expires_at: null, is_processed: null, processed_at: null },
  ...{ function_args: null },
}

/** What is told of a new one. */
export const toNewAction = ({ id, status, result }: Action): ActionRead => ({ id: spell('action', id), ...UNTOLD, status, result })

/** What is told of a change. */
export const toChangedAction = (action: Action): ActionRead => ({ ...toNewAction(action), processed_at: toIsoOrNull(action.processedAt) })

export const toAction = (action: Action): ActionRead => ({
  ...{ id: spell('action', action.id), run_id: spell('run', action.runId), tool_id: spellOrNull('tool', action.toolId) },
  ...{ tool_name: action.toolName, triggered_at: toIsoOrNull(action.triggeredAt), expires_at: toIsoOrNull(action.expiresAt) },
  ...{ is_processed: action.status === 'completed', processed_at: toIsoOrNull(action.processedAt), status: action.status },
  ...{ function_args: action.arguments, result: action.result },
})

/** In the list by status tools have no names. */
export const toListedAction = (action: Action): ActionRead => ({ ...toAction(action), tool_id: null, tool_name: null })

export const toPendingActions = ({ id, label, actions }: RunView): Static<typeof PendingAction>[] =>
  actions
    .filter(({ status }) => status === 'pending')
    .map((action) => ({
      ...{ action_id: spell('action', action.id), action_status: 'pending' as const, function_arguments: action.arguments },
      ...{ tool_name: action.toolName, run_id: spell('run', id), run_status: label },
    }))

export function fromActionCreate({ tool_name, function_args, expires_at, status }: Static<typeof ActionCreate>) {
  const expiresAt = typeof expires_at === 'string' ? fromIso(expires_at) : null
  if (Number.isNaN(expiresAt)) throw refuseField(['expires_at'], 'expires_at is not a time in ISO 8601.', { input: expires_at })
  return {
    ...{
      toolName: tool_name,
      arguments: requireMetaData(function_args ?? {}, ['function_args']),
      status: status ?? ('pending' as const),
      expiresAt,
    },
  }
}

export const fromActionUpdate = ({ status, result }: Static<typeof ActionUpdate>) => ({
  ...{ status, result: result ? requireMetaData(result, ['result']) : null },
})
