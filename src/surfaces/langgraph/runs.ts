import { type Static, Type as t } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { findRun } from '../../core/runs/runs.ts'
import { checked } from '../../http/checked.ts'
import { PendingBody } from '../../http/pending-body.ts'
import { langgraphCaller } from './caller.ts'
import { cursorOf } from './cursor.ts'
import { FreeJson, maybe, oneOf, Uuid } from './fields.wire.ts'
import { Refusal, requireValid } from './refusal.ts'
import { answers, answersNothing, asks, paths, streams, takes } from './route.ts'
import { BatchBody, RunBody, withSnakeNames } from './run-body.wire.ts'
import { pathOfRun, startBatch, startRun } from './run-start.ts'
import { fromStatus } from './run-status.ts'
import { STOPPED_MAX, stopRuns } from './run-stop.ts'
import { FROM_START, streamRun } from './run-stream.ts'
import { modesOf, RunObject, toRun } from './runs.wire.ts'
import { CancelQuery, comeBack, StreamQuery } from './thread-runs.ts'
import { waitForRun } from './wait.ts'

/** As `takes`, for items in the SDK's own spelling too. */
const takesBatch = {
  body: checked(BatchBody, async (body) => {
    const sent = body instanceof PendingBody ? await body.read() : body
    const value = Array.isArray(sent) ? sent.map(withSnakeNames) : sent
    requireValid(BatchBody, value, 'body')
    return { value: value as Static<typeof BatchBody> }
  }),
  parse: 'json' as const,
}

const CancelBody = t.Object({
  thread_id: maybe(Uuid),
  run_ids: maybe(t.Array(Uuid, { maxItems: STOPPED_MAX })),
  status: maybe(oneOf('pending', 'running', 'all')),
})

/** What the runs to be cancelled have in common. */
function fromCancel({ thread_id, run_ids, status }: Static<typeof CancelBody>) {
  if (!run_ids && !status)
    throw new Refusal(422, [{ loc: ['body', 'run_ids'], msg: 'run_ids or status: one of them is required.', type: 'missing' }])
  const active = [...fromStatus('pending'), ...fromStatus('running')]
  return {
    ...(thread_id ? { threadId: thread_id } : {}),
    ...(run_ids ? { ids: run_ids.map((id) => id.toLowerCase()) } : {}),
    status: status && status !== 'all' ? fromStatus(status) : active,
  }
}

/** Runs without a thread of their client's. */
export const runs = (app: App) =>
  new Elysia({ prefix: '/runs', tags: ['Stateless runs'] })
    .use(langgraphCaller(app))
    .post(
      '',
      async ({ caller, once, body, request, set }) => {
        const { run } = await startRun(app, { caller, once, request }, { body, threadId: null })
        set.headers['content-location'] = pathOfRun(run, false)
        return toRun(run)
      },
      { ...takes(RunBody), ...answers({ id: 'createStatelessRun', summary: 'Start a run in the background' }, RunObject) },
    )
    .post('/batch', async ({ caller, once, body, request }) => (await startBatch(app, { caller, once, request }, body)).map(toRun), {
      ...takesBatch,
      ...answers({ id: 'createRunBatch', summary: 'Start several runs in the background' }, t.Array(RunObject)),
    })
    .post(
      '/stream',
      async ({ caller, once, body, request }) => {
        const { run, first } = await startRun(app, { caller, once, request }, { body, threadId: null })
        const headers = comeBack(run, false, 'stream')
        return streamRun(app, request, { caller, run, first, ...FROM_START, cancel: body.on_disconnect === 'cancel', headers })
      },
      { ...takes(RunBody), ...streams({ id: 'streamStatelessRun', summary: 'Start a run and stream what it does' }) },
    )
    .post(
      '/wait',
      async ({ caller, once, body, request }) => {
        const { run, first } = await startRun(app, { caller, once, request }, { body, threadId: null, waited: true })
        const headers = { 'content-location': pathOfRun(run, false) }
        return waitForRun(app, request, { caller, run, first, cancel: body.on_disconnect === 'cancel', headers }) as never
      },
      { ...takes(RunBody), ...answers({ id: 'waitForStatelessRun', summary: 'Start a run and wait for its values' }, FreeJson) },
    )
    .post(
      '/cancel',
      async ({ caller, body, query }) => {
        await stopRuns(app, caller, { search: fromCancel(body), rollback: query.action === 'rollback' })
      },
      { ...takes(CancelBody), ...asks(CancelQuery), ...answersNothing({ id: 'cancelRuns', summary: 'Cancel runs' }) },
    )
    .get(
      '/:run_id/stream',
      async ({ caller, params, query, request }) => {
        const run = await findRun(app, caller, params.run_id)
        const asked = { after: cursorOf(request.headers), modes: modesOf(query.stream_mode), cancel: query.cancel_on_disconnect ?? false }
        return streamRun(app, request, { caller, run, ...asked, headers: comeBack(run, false, 'stream') })
      },
      {
        ...paths({ run_id: Uuid }),
        ...asks(StreamQuery),
        ...streams({ id: 'joinStatelessRunStream', summary: 'Stream a run that has begun' }),
      },
    )
