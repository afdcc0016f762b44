import { Type as t } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import {
  assistantsOf,
  changeOwnedAssistant,
  createOwnedAssistant,
  deleteOwnedAssistant,
  giveAssistant,
  takeAssistant,
} from '../../core/assistants/owned-assistants.ts'
import { Fault } from '../../core/fault.ts'
import { requireAssistant } from '../../core/ownership/access.ts'
import {
  AssistantCreate,
  AssistantDeleted,
  AssistantRead,
  AssistantUpdate,
  fromAssistantCreate,
  fromAssistantUpdate,
  MessageResult,
  toAssistant,
  toAssistantDeleted,
} from './assistants.wire.ts'
import { entitiesCaller } from './caller.ts'
import { PathId } from './fields.wire.ts'
import { nameOf, requireId } from './ids.ts'
import { Refusal } from './refusal.ts'
import { answers, answersNothing, paths, takes } from './route.ts'

const ofAssistant = paths({ assistant_id: PathId })

function asDuplicate(error: unknown): never {
  if (!(error instanceof Fault && error.code === 'exists')) throw error
  throw new Refusal(400, `Assistant with ID '${error.facts.id ?? ''}' already exists`)
}

const kept = (app: App) =>
  new Elysia({ tags: ['Assistants'] })
    .use(entitiesCaller(app))
    .post(
      '/assistants',
      async ({ caller, once, body }) => {
        const input = fromAssistantCreate(body)
        return toAssistant(await once((parts) => createOwnedAssistant(parts, caller, input)).catch(asDuplicate))
      },
      { ...takes(AssistantCreate), ...answers({ id: 'create_assistant', summary: 'Make an assistant' }, AssistantRead) },
    )
    .get(
      '/assistants/:assistant_id',
      async ({ caller, params }) =>
        toAssistant(await requireAssistant(app, caller, { ...nameOf('assistant', params.assistant_id), to: 'use' })),
      { ...ofAssistant, ...answers({ id: 'get_assistant', summary: 'Read an assistant' }, AssistantRead) },
    )
    .put(
      '/assistants/:assistant_id',
      async ({ caller, params, body }) => {
        const input = { name: nameOf('assistant', params.assistant_id), ...fromAssistantUpdate(body) }
        return toAssistant(await changeOwnedAssistant(app, caller, input))
      },
      {
        ...ofAssistant,
        ...takes(AssistantUpdate),
        ...answers({ id: 'update_assistant', summary: 'Change what the body names of an assistant' }, AssistantRead),
      },
    )
    .delete(
      '/assistants/:assistant_id',
      async ({ caller, params: { assistant_id: text } }) => {
        await deleteOwnedAssistant(app, caller, nameOf('assistant', text))
        return toAssistantDeleted(text)
      },
      {
        ...ofAssistant,
        ...answers({ id: 'delete_assistant', summary: 'Remove an assistant; its past runs stay' }, AssistantDeleted),
      },
    )

const ofUser = paths({ user_id: PathId, assistant_id: PathId })

const given = (app: App) =>
  new Elysia({ tags: ['Assistants'] })
    .use(entitiesCaller(app))
    .get(
      '/users/:user_id/assistants',
      async ({ caller, params }) => (await assistantsOf(app, caller, requireId('user', params.user_id))).map(toAssistant),
      {
        ...paths({ user_id: PathId }),
        ...answers({ id: 'list_assistants_by_user', summary: 'The assistants that a user was given' }, t.Array(AssistantRead)),
      },
    )
    .post(
      '/users/:user_id/assistants/:assistant_id',
      async ({ caller, params }) => {
        const name = nameOf('assistant', params.assistant_id)
        await giveAssistant(app, caller, { name, userId: requireId('user', params.user_id) })
        return { message: 'Assistant associated with user successfully' }
      },
      { ...ofUser, ...answers({ id: 'associate_assistant_with_user', summary: 'Let a user use an assistant' }, MessageResult) },
    )
    .delete(
      '/users/:user_id/assistants/:assistant_id',
      async ({ caller, params }) => {
        const name = nameOf('assistant', params.assistant_id)
        const taken = await takeAssistant(app, caller, { name, userId: requireId('user', params.user_id) })
        if (!taken) throw new Refusal(400, 'Assistant not associated with the user')
      },
      { ...ofUser, ...answersNothing({ id: 'disassociate_assistant_from_user', summary: 'Take an assistant from a user' }) },
    )

/** Who answers, whose it is and who else may ask it. */
export const assistants = (app: App) => new Elysia().use(kept(app)).use(given(app))
