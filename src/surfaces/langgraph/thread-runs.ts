import { Type as t } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { deleteRun } from '../../core/runs/removal.ts'
import { getRun, type Run, searchRuns } from '../../core/runs/runs.ts'
import { langgraphCaller } from './caller.ts'
import { cursorOf } from './cursor.ts'
import { FreeJson, LIMIT_DEFAULT, LIMITS, oneOf, Uuid } from './fields.wire.ts'
import { answers, answersNothing, asks, paths, streams, takes } from './route.ts'
import { Modes, RunBody } from './run-body.wire.ts'
import { pathOfRun, startRun } from './run-start.ts'
import { fromStatus, WIRE_STATUSES } from './run-status.ts'
import { stopRun, waitForEnd } from './run-stop.ts'
import { FROM_START, streamRun } from './run-stream.ts'
import { modesOf, RUN_FIELDS, RunObject, selected, toRun } from './runs.wire.ts'
import { partial } from './selection.ts'
import { streamThread, THREAD_MODES, type ThreadMode } from './thread-stream.ts'
import { waitForRun } from './wait.ts'

const ofThread = paths({ thread_id: Uuid })
const ofRun = paths({ thread_id: Uuid, run_id: Uuid })

const runKey = (params: { thread_id: string; run_id: string }) => ({ threadId: params.thread_id, id: params.run_id })

export const ListQuery = t.Object({
  ...LIMITS,
  status: t.Optional(oneOf(...WIRE_STATUSES)),
  select: t.Optional(t.Array(oneOf(...RUN_FIELDS))),
})
export const StreamQuery = t.Object({
  stream_mode: t.Optional(Modes),
  cancel_on_disconnect: t.Optional(t.Boolean({ default: false })),
})
const JoinQuery = t.Object({ cancel_on_disconnect: t.Optional(t.Boolean({ default: false })) })
export const CancelQuery = t.Object({
  wait: t.Optional(t.Boolean({ default: false })),
  action: t.Optional(oneOf('interrupt', 'rollback')),
})
const ThreadModes = t.Optional(t.Array(oneOf(...THREAD_MODES)))
const ThreadStreamQuery = t.Object({ stream_mode: ThreadModes, stream_modes: ThreadModes })

const Done = t.Object({})

/** Where a client whose connection broke comes back to. */
export const comeBack = (run: Run, stateful: boolean, to: 'stream' | 'join'): Record<string, string> => ({
  'content-location': pathOfRun(run, stateful),
  ...(run.call?.resumable || to === 'join' ? { location: `${pathOfRun(run, stateful)}/${to}` } : {}),
})

export const threadRuns = (app: App) =>
  new Elysia({ prefix: '/threads/:thread_id', tags: ['Thread runs'] })
    .use(langgraphCaller(app))
    .post(
      '/runs',
      async ({ caller, once, params, body, request, set }) => {
        const { run } = await startRun(app, { caller, once, request }, { body, threadId: params.thread_id })
        set.headers['content-location'] = pathOfRun(run, true)
        return toRun(run)
      },
      { ...ofThread, ...takes(RunBody), ...answers({ id: 'createRun', summary: 'Start a run in the background' }, RunObject) },
    )
    .post(
      '/runs/stream',
      async ({ caller, once, params, body, request }) => {
        const { run, first } = await startRun(app, { caller, once, request }, { body, threadId: params.thread_id })
        const headers = comeBack(run, true, 'stream')
        return streamRun(app, request, { caller, run, first, ...FROM_START, cancel: body.on_disconnect === 'cancel', headers })
      },
      { ...ofThread, ...takes(RunBody), ...streams({ id: 'streamRun', summary: 'Start a run and stream what it does' }) },
    )
    .post(
      '/runs/wait',
      async ({ caller, once, params, body, request }) => {
        const { run, first } = await startRun(app, { caller, once, request }, { body, threadId: params.thread_id, waited: true })
        const headers = comeBack(run, true, 'join')
        return waitForRun(app, request, { caller, run, first, cancel: body.on_disconnect === 'cancel', headers }) as never
      },
      { ...ofThread, ...takes(RunBody), ...answers({ id: 'waitForRun', summary: 'Start a run and wait for its values' }, FreeJson) },
    )
    .get(
      '/runs',
      async ({ caller, params, query }) => {
        const { limit = LIMIT_DEFAULT, offset = 0, status, select } = query
        const search = { threadId: params.thread_id, limit, offset, ...(status ? { status: fromStatus(status) } : {}) }
        const found = (await searchRuns(app, caller, search)).map(toRun)
        return select ? partial(found.map((run) => selected(run, select))) : found
      },
      { ...ofThread, ...asks(ListQuery), ...answers({ id: 'listRuns', summary: 'List the runs of a thread' }, t.Array(RunObject)) },
    )
    .get(
      '/stream',
      ({ caller, params, query, request }) => {
        const asked: ThreadMode[] = query.stream_mode ?? query.stream_modes ?? []
        const modes = new Set<ThreadMode>(asked.length > 0 ? asked : ['run_modes'])
        return streamThread(app, request, { caller, threadId: params.thread_id, modes })
      },
      { ...ofThread, ...asks(ThreadStreamQuery), ...streams({ id: 'streamThread', summary: 'Stream all that happens on a thread' }) },
    )

export const threadRun = (app: App) =>
  new Elysia({ prefix: '/threads/:thread_id/runs/:run_id', tags: ['Thread runs'] })
    .use(langgraphCaller(app))
    .get('', async ({ caller, params }) => toRun(await getRun(app, caller, runKey(params))), {
      ...ofRun,
      ...answers({ id: 'getRun', summary: 'Retrieve a run' }, RunObject),
    })
    .delete('', ({ caller, params }) => deleteRun(app, caller, runKey(params)), {
      ...ofRun,
      ...answersNothing({ id: 'deleteRun', summary: 'Delete a run with its checkpoints' }),
    })
    .get(
      '/join',
      async ({ caller, params, query, request }) => {
        const run = await getRun(app, caller, runKey(params))
        return waitForRun(app, request, { caller, run, cancel: query.cancel_on_disconnect ?? false }) as never
      },
      { ...ofRun, ...asks(JoinQuery), ...answers({ id: 'joinRun', summary: 'Wait for the values of a run' }, FreeJson) },
    )
    .get(
      '/stream',
      async ({ caller, params, query, request }) => {
        const run = await getRun(app, caller, runKey(params))
        const asked = { after: cursorOf(request.headers), modes: modesOf(query.stream_mode), cancel: query.cancel_on_disconnect ?? false }
        return streamRun(app, request, { caller, run, ...asked, headers: comeBack(run, true, 'stream') })
      },
      { ...ofRun, ...asks(StreamQuery), ...streams({ id: 'joinRunStream', summary: 'Stream a run that has begun' }) },
    )
    .post(
      '/cancel',
      async ({ caller, params, query, request }) => {
        const run = await stopRun(app, caller, { ...runKey(params), rollback: query.action === 'rollback' })
        if (query.wait) await waitForEnd(app, caller, { run, signal: request.signal })
        return {}
      },
      { ...ofRun, ...asks(CancelQuery), ...answers({ id: 'cancelRun', summary: 'Cancel a run' }, Done) },
    )
