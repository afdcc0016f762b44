import { Type as t } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { createRun, createThreadRun } from '../../core/runs/create.ts'
import { submitOutputs } from '../../core/runs/outputs.ts'
import { changeRun, getRun, listRuns, type Run } from '../../core/runs/runs.ts'
import { isEnd } from '../../core/runs/status.ts'
import { cancelRun } from '../../core/runs/stop.ts'
import { openaiCaller } from './caller.ts'
import { START } from './cursor.ts'
import { CLOSED, NoFields } from './fields.wire.ts'
import { requireId } from './ids.ts'
import { INCLUDE_FIELDS, RunPageQuery, shapedList, shapedListOf, viewOf } from './lists.ts'
import { askAgain } from './polling.ts'
import { answers, answersOrStreams, asks, asksBeta, asksNothing, takes } from './route.ts'
import { streamNewRun } from './run-stream.ts'
import {
  fromOutputs,
  fromRunCreate,
  fromThreadRunCreate,
  OutputsSubmit,
  RunCreate,
  RunModify,
  RunObject,
  ThreadRunCreate,
  toRun,
} from './runs.wire.ts'
import { StreamEvent } from './stream-events.wire.ts'

const threadOf = (params: { thread_id: string }): string => requireId('thread', 'thread_id', params.thread_id)

const runOf = (params: { thread_id: string; run_id: string }) => ({
  threadId: threadOf(params),
  id: requireId('run', 'run_id', params.run_id),
})

type Headers = Record<string, string | number>

/** The run, and how long a polling client should wait before it asks again. */
function pollable(app: App, run: Run, headers: Headers): RunObject {
  if (!isEnd(run.status)) askAgain({ headers }, app.clock.now(), run.createdAt)
  return toRun(run)
}

const IncludeQuery = t.Object(INCLUDE_FIELDS, CLOSED)

export const threadRuns = (app: App) =>
  new Elysia({ prefix: '/threads/runs', tags: ['Runs'] })
    .use(openaiCaller(app))
    .guard(asksBeta(app.config.openai.betaHeader))
    .post(
      '',
      async ({ caller, once, body, request, set }) => {
        const input = fromThreadRunCreate(body)
        const { thread, run, first } = await once((parts) => createThreadRun(parts, caller, input))
        if (!body.stream) return pollable(app, run, set.headers as Headers)
        return streamNewRun(app, request, { caller, story: { run, thread }, first, after: START })
      },
      {
        ...asksNothing,
        ...takes(ThreadRunCreate),
        ...answersOrStreams({ id: 'createThreadAndRun', summary: 'Create a thread and run it' }, RunObject, StreamEvent),
      },
    )

export const runs = (app: App) =>
  new Elysia({ prefix: '/threads/:thread_id/runs', tags: ['Runs'] })
    .use(openaiCaller(app))
    .guard(asksBeta(app.config.openai.betaHeader))
    .get(
      '',
      ({ caller, params, query, request, set }) =>
        shapedList({
          style: app.config.openai.listStyle,
          asked: { request, query },
          kind: 'run',
          headers: set.headers as Headers,
          async read(page) {
            const found = await listRuns(app, caller, { threadId: threadOf(params), page })
            return { ...found, items: found.items.map(toRun) }
          },
        }),
      { ...asks(RunPageQuery), ...answers({ id: 'listRuns', summary: 'List runs of a thread' }, shapedListOf(RunObject)) },
    )
    .post(
      '',
      async ({ caller, once, params, query, body, request, set }) => {
        const input = { threadId: threadOf(params), run: fromRunCreate(body) }
        const { run, first } = await once((parts) => createRun(parts, caller, input))
        if (!body.stream) return pollable(app, run, set.headers as Headers)
        return streamNewRun(app, request, { caller, story: { run, view: viewOf(query) }, first, after: START })
      },
      {
        ...takes(RunCreate),
        ...asks(IncludeQuery),
        ...answersOrStreams({ id: 'createRun', summary: 'Start a run' }, RunObject, StreamEvent),
      },
    )

export const singleRuns = (app: App) =>
  new Elysia({ prefix: '/threads/:thread_id/runs/:run_id', tags: ['Runs'] })
    .use(openaiCaller(app))
    .guard(asksBeta(app.config.openai.betaHeader))
    .get('', async ({ caller, params, set }) => pollable(app, await getRun(app, caller, runOf(params)), set.headers as Headers), {
      ...asksNothing,
      ...answers({ id: 'getRun', summary: 'Retrieve a run' }, RunObject),
    })
    .post(
      '',
      async ({ caller, once, params, body }) => {
        const change = body.metadata === undefined ? {} : { metadata: body.metadata ?? {} }
        return toRun(await once((parts) => changeRun(parts, caller, { ...runOf(params), ...change })))
      },
      { ...asksNothing, ...takes(RunModify), ...answers({ id: 'modifyRun', summary: 'Modify the metadata of a run' }, RunObject) },
    )
    .post(
      '/cancel',
      async ({ caller, once, params, set }) =>
        pollable(app, await once((parts) => cancelRun(parts, caller, runOf(params))), set.headers as Headers),
      { ...asksNothing, ...takes(NoFields), ...answers({ id: 'cancelRun', summary: 'Cancel a run' }, RunObject) },
    )
    .post(
      '/submit_tool_outputs',
      async ({ caller, once, params, body, request, set }) => {
        const input = { ...runOf(params), outputs: fromOutputs(body) }
        const { run, after } = await once((parts) => submitOutputs(parts, caller, input))
        if (!body.stream) return pollable(app, run, set.headers as Headers)
        return streamNewRun(app, request, { caller, story: { run }, after: { seq: after, part: null } })
      },
      {
        ...asksNothing,
        ...takes(OutputsSubmit),
        ...answersOrStreams({ id: 'submitToolOutputs', summary: 'Give a waiting run the outputs of its calls' }, RunObject, StreamEvent),
      },
    )
