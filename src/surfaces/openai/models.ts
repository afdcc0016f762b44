import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { deleteModel, getModel, listModels } from '../../core/models/models.ts'
import { openaiCaller } from './caller.ts'
import { ModelDeleted, ModelList, ModelObject, toModel } from './models.wire.ts'
import { answers, asksNothing } from './route.ts'

/** Ids may hold `/`: clients send it percent-encoded. */
export const models = (app: App) =>
  new Elysia({ prefix: '/models', tags: ['Models'] })
    .use(openaiCaller(app))
    .guard(asksNothing)
    .get(
      '',
      async ({ caller, request }) => {
        const found = await listModels(app, caller, request.signal)
        return { object: 'list' as const, data: found.map(toModel) }
      },
      answers({ id: 'listModels', summary: 'List the models that are configured or listed by a provider' }, ModelList),
    )
    .get(
      '/:model',
      async ({ caller, params, request }) => toModel(await getModel(app, caller, { id: params.model, signal: request.signal })),
      answers({ id: 'retrieveModel', summary: 'Retrieve a model' }, ModelObject),
    )
    .delete(
      '/:model',
      ({ caller, params, request }) => deleteModel(app, caller, { id: params.model, signal: request.signal }),
      answers(
        {
          id: 'deleteModel',
          summary: 'Refused: models come from the configuration',
          description: 'Answers 403 for a model that is there, and 404 otherwise. Models are removed from the configuration of the server.',
        },
        ModelDeleted,
      ),
    )
