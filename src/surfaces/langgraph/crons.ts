import { Type as t } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { graphAssistantId, resolveAssistant } from '../../core/assistants/graph-assistants.ts'
import type { Caller } from '../../core/caller.ts'
import type { JsonObject } from '../../core/json.ts'
import { changeSchedule, countSchedules, createSchedule, deleteSchedule, searchSchedules } from '../../core/schedules/schedules.ts'
import type { Once } from './caller.ts'
import { langgraphCaller } from './caller.ts'
import {
  CronCount,
  CronCreate,
  CronObject,
  CronPatch,
  CronSearch,
  fromCronCreate,
  fromCronFilter,
  fromCronPatch,
  fromCronSearch,
  toCron,
} from './crons.wire.ts'
import { toTime, Uuid } from './fields.wire.ts'
import { answers, paths, takes } from './route.ts'
import { partial, pick } from './selection.ts'

interface Asked {
  caller: Caller
  once: Once
  body: CronCreate
}

async function create(app: App, { caller, once, body }: Asked, threadId: string | null): Promise<CronObject> {
  const schedule = fromCronCreate(body, threadId)
  const { id: assistantId } = await resolveAssistant(app, caller, body.assistant_id)
  return toCron(await once((parts) => createSchedule(parts, caller, { ...schedule, assistantId })))
}

/** A filter may name an assistant that is gone: its crons are still there. */
function assistantOf(app: App, ref: string | null | undefined): string | undefined {
  if (ref == null) return undefined
  return app.graphs.has(ref) ? graphAssistantId(ref) : ref.toLowerCase()
}

const named = { ...paths({ cron_id: Uuid }) }

/** Runs that begin by themselves. */
export const crons = (app: App) =>
  new Elysia({ tags: ['Crons'] })
    .use(langgraphCaller(app))
    .post('/threads/:thread_id/runs/crons', ({ params, ...asked }) => create(app, asked, params.thread_id), {
      ...paths({ thread_id: Uuid }),
      ...takes(CronCreate),
      ...answers({ id: 'createThreadCron', summary: 'Start a run on a thread again and again' }, CronObject),
    })
    .post('/runs/crons', (asked) => create(app, asked, null), {
      ...takes(CronCreate),
      ...answers({ id: 'createCron', summary: 'Start a run with a thread of its own again and again' }, CronObject),
    })
    .post(
      '/runs/crons/search',
      async ({ caller, body }) => {
        const { select } = body
        const found = (await searchSchedules(app, caller, fromCronSearch(body, assistantOf(app, body.assistant_id)))).map(toCron)
        if (!select) return found
        const now = toTime(app.clock.now())
        return partial(found.map((cron) => pick({ ...cron, now } as JsonObject, select)))
      },
      { ...takes(CronSearch), ...answers({ id: 'searchCrons', summary: 'Search crons' }, t.Array(CronObject)) },
    )
    .post(
      '/runs/crons/count',
      ({ caller, body }) => countSchedules(app, caller, fromCronFilter(body, assistantOf(app, body.assistant_id))),
      { ...takes(CronCount), ...answers({ id: 'countCrons', summary: 'Count crons' }, t.Integer()) },
    )
    .patch(
      '/runs/crons/:cron_id',
      async ({ caller, once, params, body }) => {
        const change = fromCronPatch(body)
        return toCron(await once((parts) => changeSchedule(parts, caller, { id: params.cron_id, change })))
      },
      { ...named, ...takes(CronPatch), ...answers({ id: 'updateCron', summary: 'Change a cron' }, CronObject) },
    )
    .delete(
      '/runs/crons/:cron_id',
      async ({ caller, once, params }) => {
        await once((parts) => deleteSchedule(parts, caller, params.cron_id))
        return {}
      },
      { ...named, ...answers({ id: 'deleteCron', summary: 'Delete a cron' }, t.Object({})) },
    )
