import { Type as t } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { getStep, listSteps } from '../../core/runs/steps.ts'
import { openaiCaller } from './caller.ts'
import { CLOSED } from './fields.wire.ts'
import { requireId } from './ids.ts'
import { INCLUDE_FIELDS, StepPageQuery, shapedList, shapedListOf, viewOf } from './lists.ts'
import { answers, asks, asksBeta } from './route.ts'
import { StepObject, toStep } from './steps.wire.ts'

const runOf = (params: { thread_id: string; run_id: string }) => ({
  threadId: requireId('thread', 'thread_id', params.thread_id),
  runId: requireId('run', 'run_id', params.run_id),
})

export const steps = (app: App) =>
  new Elysia({ prefix: '/threads/:thread_id/runs/:run_id/steps', tags: ['Runs'] })
    .use(openaiCaller(app))
    .guard(asksBeta(app.config.openai.betaHeader))
    .get(
      '',
      ({ caller, params, query, request, set }) =>
        shapedList({
          style: app.config.openai.listStyle,
          asked: { request, query },
          kind: 'step',
          headers: set.headers as Record<string, string>,
          async read(page) {
            const found = await listSteps(app, caller, { ...runOf(params), page })
            return { ...found, items: found.items.map((step) => toStep(step, viewOf(query))) }
          },
        }),
      { ...asks(StepPageQuery), ...answers({ id: 'listRunSteps', summary: 'List steps of a run' }, shapedListOf(StepObject)) },
    )
    .get(
      '/:step_id',
      async ({ caller, params, query }) =>
        toStep(await getStep(app, caller, { ...runOf(params), id: requireId('step', 'step_id', params.step_id) }), viewOf(query)),
      { ...asks(t.Object(INCLUDE_FIELDS, CLOSED)), ...answers({ id: 'getRunStep', summary: 'Retrieve a step' }, StepObject) },
    )
