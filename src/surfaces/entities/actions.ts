import { type Static, Type as t } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { completeAction, deleteAction } from '../../core/actions/actions.ts'
import { requestAction, requireAction } from '../../core/actions/requested.ts'
import type { Caller } from '../../core/caller.ts'
import { Fault } from '../../core/fault.ts'
import type { Once } from '../../core/idempotency/effects.ts'
import { requireRun } from '../../core/ownership/access.ts'
import { getPlanned, type RunView } from '../../core/runs/planned.ts'
import {
  ActionCreate,
  ActionRead,
  ActionUpdate,
  fromActionCreate,
  fromActionUpdate,
  PendingAction,
  toAction,
  toChangedAction,
  toListedAction,
  toNewAction,
  toPendingActions,
} from './actions.wire.ts'
import { entitiesCaller } from './caller.ts'
import { PathId } from './fields.wire.ts'
import { requireId } from './ids.ts'
import { answers, answersNothing, asks, paths, takes } from './route.ts'

/** These lists know no missing run: undefined then. */
async function runUnlessMissing(app: App, caller: Caller, text: string): Promise<RunView | undefined> {
  try {
    const id = requireId('run', text)
    await requireRun(app, caller, id)
    return await getPlanned(app, caller, id)
  } catch (error) {
    if (error instanceof Fault && error.code === 'not_found') return undefined
    throw error
  }
}

async function requested(app: App, asked: { caller: Caller; once: Once }, body: Static<typeof ActionCreate>): Promise<ActionRead> {
  const { caller, once } = asked
  const runId = requireId('run', body.run_id)
  await requireRun(app, caller, runId)
  const action = { runId, ...fromActionCreate(body) }
  return toNewAction(await once((parts) => requestAction(parts, caller, action)))
}

const actionOf = (app: App, caller: Caller, text: string) => requireAction(app, caller, requireId('action', text))

const ofAction = paths({ action_id: PathId })
const ofRun = paths({ run_id: PathId })
const StatusQuery = t.Object({ status: t.Optional(t.String({ default: 'pending' })) })
const named = (id: string, summary: string) => ({ id, summary })

export const actions = (app: App) =>
  new Elysia({ tags: ['Actions'] })
    .use(entitiesCaller(app))
    .post('/actions', ({ caller, once, body }) => requested(app, { caller, once }, body), {
      ...takes(ActionCreate),
      ...answers(named('create_action', 'Ask for an action'), ActionRead),
    })
    .get(
      '/actions/pending/:run_id',
      async ({ caller, params }) => {
        const view = await runUnlessMissing(app, caller, params.run_id)
        return view ? toPendingActions(view) : []
      },
      { ...ofRun, ...answers(named('get_pending_actions', 'List what is to be done for a run'), t.Array(PendingAction)) },
    )
    .get('/actions/:action_id', async ({ caller, params }) => toAction(await actionOf(app, caller, params.action_id)), {
      ...ofAction,
      ...answers(named('get_action', 'Retrieve an action'), ActionRead),
    })
    .put(
      '/actions/:action_id',
      async ({ caller, params, body }) => {
        const { id } = await actionOf(app, caller, params.action_id)
        return toChangedAction(await completeAction(app, caller, { id, ...fromActionUpdate(body) }))
      },
      { ...ofAction, ...takes(ActionUpdate), ...answers(named('update_action_status', 'Say how an action stands'), ActionRead) },
    )
    .delete(
      '/actions/:action_id',
      async ({ caller, params }) => {
        const { id } = await actionOf(app, caller, params.action_id)
        await deleteAction(app, caller, id)
      },
      { ...ofAction, ...answersNothing(named('delete_action', 'Delete an action; one that a run waits for is cancelled')) },
    )
    .get(
      '/runs/:run_id/actions/status',
      async ({ caller, params, query }) => {
        const { status = 'pending' } = query
        const view = await runUnlessMissing(app, caller, params.run_id)
        return (view?.actions ?? []).filter((action) => action.status === status).map(toListedAction)
      },
      { ...ofRun, ...asks(StatusQuery), ...answers(named('get_actions_by_status', "List a run's actions by status"), t.Array(ActionRead)) },
    )
