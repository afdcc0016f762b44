import { type Static, Type as t } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import type { Caller } from '../../core/caller.ts'
import type { Once } from '../../core/idempotency/effects.ts'
import { requireAssistant, requireRun, requireThread } from '../../core/ownership/access.ts'
import { isManager, ownerOf } from '../../core/ownership/ownership.ts'
import { cancelPlanned, changeLabel, deletePlanned, getPlanned, listPlanned, planRun, type RunView } from '../../core/runs/planned.ts'
import { entitiesCaller } from './caller.ts'
import { PathId } from './fields.wire.ts'
import { nameOf, requireId, spell, spellName } from './ids.ts'
import { answers, asks, paths, takes } from './route.ts'
import {
  Deleted,
  optionsOf,
  Run,
  RunCreate,
  RunReadDetailed,
  RunStatusUpdate,
  RunsQuery,
  toNewRun,
  toRun,
  toRunDetailed,
} from './runs.wire.ts'

/** The core id of a run that the caller may use. */
async function runIdOf(app: App, caller: Caller, text: string): Promise<string> {
  const id = requireId('run', text)
  await requireRun(app, caller, id)
  return id
}

/** How clients know the assistant of a run that was not planned here. */
async function assistantNameOf(app: App, caller: Caller, { planned, assistantId }: RunView): Promise<string | undefined> {
  if (planned?.plan.assistantId === assistantId) return undefined
  return spellName('assistant', assistantId, (await ownerOf(app, caller, { kind: 'assistant', id: assistantId }))?.alias)
}

async function planned(app: App, asked: { caller: Caller; once: Once }, body: Static<typeof RunCreate>): Promise<Run> {
  const { caller, once } = asked
  const { thread } = await requireThread(app, caller, requireId('thread', body.thread_id))
  const { assistant } = await requireAssistant(app, caller, { ...nameOf('assistant', body.assistant_id), to: 'use' })
  const expiry = body.expires_at == null ? {} : { expiresAt: body.expires_at * 1000 }
  const plan = { threadId: thread.id, assistantId: assistant.id, options: optionsOf(body), ...expiry }
  return toNewRun(await once((parts) => planRun(parts, caller, plan)))
}

async function listed(app: App, caller: Caller, query: Static<typeof RunsQuery>): Promise<RunReadDetailed[]> {
  const { limit = 100, thread_id: text } = query
  const thread = text === undefined ? undefined : (await requireThread(app, caller, requireId('thread', text))).thread
  const of = thread ? { threadId: thread.id } : { userId: isManager(caller) ? null : caller.userId }
  return (await listPlanned(app, caller, { ...of, limit })).map((view) => toRunDetailed(view))
}

const ofRun = paths({ run_id: PathId })
const named = (id: string, summary: string) => ({ id, summary })

export const runs = (app: App) =>
  new Elysia({ tags: ['Runs'] })
    .use(entitiesCaller(app))
    .post('/runs', ({ caller, once, body }) => planned(app, { caller, once }, body), {
      ...takes(RunCreate),
      ...answers(named('create_run', 'Plan a run; POST /completions begins it'), Run),
    })
    .get('/runs', ({ caller, query }) => listed(app, caller, query), {
      ...asks(RunsQuery),
      ...answers(named('list_runs', 'List runs, newest first'), t.Array(RunReadDetailed)),
    })
    .get(
      '/runs/:run_id',
      async ({ caller, params }) => {
        const view = await getPlanned(app, caller, await runIdOf(app, caller, params.run_id))
        return toRunDetailed(view, await assistantNameOf(app, caller, view))
      },
      { ...ofRun, ...answers(named('get_run', 'Retrieve a run'), RunReadDetailed) },
    )
    .put(
      '/runs/:run_id/status',
      async ({ caller, params, body }) => {
        const view = await changeLabel(app, caller, { id: await runIdOf(app, caller, params.run_id), status: body.status })
        return toRun(view, await assistantNameOf(app, caller, view))
      },
      { ...ofRun, ...takes(RunStatusUpdate), ...answers(named('update_run_status', 'Say how a run stands'), Run) },
    )
    .post(
      '/runs/:run_id/cancel',
      async ({ caller, params }) => {
        const view = await cancelPlanned(app, caller, await runIdOf(app, caller, params.run_id))
        return toRun(view, await assistantNameOf(app, caller, view))
      },
      { ...ofRun, ...answers(named('cancel_run', 'Cancel a run, and stop what it generates'), Run) },
    )
    .delete(
      '/runs/:run_id',
      async ({ caller, params }) => {
        const id = await runIdOf(app, caller, params.run_id)
        await deletePlanned(app, caller, id)
        return { id: spell('run', id), deleted: true as const }
      },
      { ...ofRun, ...answers(named('delete_run', 'Delete a run that is not at work'), Deleted) },
    )
