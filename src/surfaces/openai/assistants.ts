import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { changeAssistant, createAssistant, deleteAssistant, getBuiltInAssistant, listAssistants } from '../../core/assistants/assistants.ts'
import {
  AssistantCreate,
  AssistantDeleted,
  AssistantModify,
  AssistantObject,
  fromAssistantCreate,
  fromAssistantModify,
  toAssistant,
} from './assistants.wire.ts'
import { openaiCaller } from './caller.ts'
import { requireId } from './ids.ts'
import { envelopeOf, fromPageQuery, PageQuery, toEnvelope } from './lists.ts'
import { answers, asks, asksBeta, asksNothing, takes } from './route.ts'

const idOf = (params: { assistant_id: string }): string => requireId('assistant', 'assistant_id', params.assistant_id)

export const assistants = (app: App) =>
  new Elysia({ prefix: '/assistants', tags: ['Assistants'] })
    .use(openaiCaller(app))
    .guard(asksBeta(app.config.openai.betaHeader))
    .get(
      '',
      async ({ caller, query }) => {
        const page = await listAssistants(app, caller, fromPageQuery('assistant', query))
        return toEnvelope({ ...page, items: page.items.map(toAssistant) })
      },
      { ...asks(PageQuery), ...answers({ id: 'listAssistants', summary: 'List assistants' }, envelopeOf(AssistantObject)) },
    )
    .post(
      '',
      async ({ caller, once, body }) => toAssistant(await once((parts) => createAssistant(parts, caller, fromAssistantCreate(body)))),
      {
        ...asksNothing,
        ...takes(AssistantCreate),
        ...answers({ id: 'createAssistant', summary: 'Create an assistant' }, AssistantObject),
      },
    )
    .get('/:assistant_id', async ({ caller, params }) => toAssistant(await getBuiltInAssistant(app, caller, idOf(params))), {
      ...asksNothing,
      ...answers({ id: 'getAssistant', summary: 'Retrieve an assistant' }, AssistantObject),
    })
    .post(
      '/:assistant_id',
      async ({ caller, once, params, body }) => {
        const input = { id: idOf(params), change: fromAssistantModify(body) }
        return toAssistant(await once((parts) => changeAssistant(parts, caller, input)))
      },
      { ...asksNothing, ...takes(AssistantModify), ...answers({ id: 'modifyAssistant', summary: 'Modify an assistant' }, AssistantObject) },
    )
    .delete(
      '/:assistant_id',
      async ({ caller, params }) => {
        await deleteAssistant(app, caller, idOf(params))
        return { id: params.assistant_id, object: 'assistant.deleted' as const, deleted: true }
      },
      { ...asksNothing, ...answers({ id: 'deleteAssistant', summary: 'Delete an assistant' }, AssistantDeleted) },
    )
