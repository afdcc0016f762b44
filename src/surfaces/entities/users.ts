import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { Fault } from '../../core/fault.ts'
import { createKeyFor } from '../../core/identity/user-keys.ts'
import { deleteUser } from '../../core/identity/user-removal.ts'
import { changeUser, createUser, getUser } from '../../core/identity/users.ts'
import { ApiKeyCreate, ApiKeyCreated, fromApiKeyCreate, toApiKeyCreated } from './api-keys.wire.ts'
import { entitiesCaller } from './caller.ts'
import { PathId } from './fields.wire.ts'
import { decodeId } from './ids.ts'
import { Refusal } from './refusal.ts'
import { answers, answersNothing, paths, takes } from './route.ts'
import { fromUserCreate, fromUserUpdate, toUser, UserCreate, UserRead, UserUpdate } from './users.wire.ts'

/** Of nobody. */
const NOBODY = '00000000-0000-0000-0000-000000000000'

/** Who may not ask for others is told so before it shows whether there is such a user: no id is refused by its form. */
export const userIdOf = (text: string): string => decodeId('user', text) ?? NOBODY

const named = paths({ user_id: PathId })

const missingUser = (text: string) => (error: unknown) => {
  if (error instanceof Fault && error.code === 'not_found') throw new Refusal(404, `User with ID '${text.slice(0, 100)}' not found.`)
  throw error
}

const admin = (app: App) =>
  new Elysia({ tags: ['Admin'] })
    .use(entitiesCaller(app))
    // Not kept for a repeated request: the secret would lie in the database.
    .post(
      '/admin/users/:target_user_id/keys',
      async ({ caller, params: { target_user_id: text }, body }) => {
        const key = { ...fromApiKeyCreate(body, app.clock.now()), userId: userIdOf(text) }
        return toApiKeyCreated(await createKeyFor(app, caller, key).catch(missingUser(text)))
      },
      {
        ...paths({ target_user_id: PathId }),
        ...takes(ApiKeyCreate),
        ...answers({ id: 'admin_create_api_key_for_user', summary: 'Make an API key for any user' }, ApiKeyCreated, 201),
      },
    )

export const users = (app: App) =>
  new Elysia({ tags: ['Users'] })
    .use(entitiesCaller(app))
    .post('/users', async ({ caller, once, body }) => toUser(await once((parts) => createUser(parts, caller, fromUserCreate(body)))), {
      ...takes(UserCreate),
      ...answers({ id: 'create_user', summary: 'Make a user' }, UserRead, 201),
    })
    .get('/users/:user_id', async ({ caller, params }) => toUser(await getUser(app, caller, userIdOf(params.user_id))), {
      ...named,
      ...answers({ id: 'get_user', summary: 'Read a user' }, UserRead),
    })
    .put(
      '/users/:user_id',
      async ({ caller, params, body }) =>
        toUser(await changeUser(app, caller, { id: userIdOf(params.user_id), change: fromUserUpdate(body) })),
      { ...named, ...takes(UserUpdate), ...answers({ id: 'update_user', summary: 'Change a user' }, UserRead) },
    )
    .delete('/users/:user_id', async ({ caller, params }) => deleteUser(app, caller, userIdOf(params.user_id)), {
      ...named,
      ...answersNothing({ id: 'delete_user', summary: 'Delete a user with all that is his' }),
    })
    .use(admin(app))
