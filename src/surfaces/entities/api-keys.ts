import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { createOwnKey, getUserKey, listUserKeys, revokeUserKey } from '../../core/identity/user-keys.ts'
import {
  ApiKeyCreate,
  ApiKeyCreated,
  ApiKeyDetails,
  ApiKeyList,
  ApiKeyListQuery,
  fromApiKeyCreate,
  toApiKey,
  toApiKeyCreated,
} from './api-keys.wire.ts'
import { entitiesCaller } from './caller.ts'
import { PathId } from './fields.wire.ts'
import { answers, answersNothing, asks, paths, takes } from './route.ts'
import { userIdOf } from './users.ts'

const ofUser = paths({ user_id: PathId })
const named = paths({ user_id: PathId, key_prefix: PathId })

const keyOf = (params: { user_id: string; key_prefix: string }) => ({ userId: userIdOf(params.user_id), prefix: params.key_prefix })

/** Users' own keys, for nobody else. */
export const apiKeys = (app: App) =>
  new Elysia({ tags: ['API Keys'] })
    .use(entitiesCaller(app))
    // Not kept for a repeated request: the secret would lie in the database.
    .post(
      '/users/:user_id/apikeys',
      async ({ caller, params, body }) =>
        toApiKeyCreated(await createOwnKey(app, caller, { ...fromApiKeyCreate(body, app.clock.now()), userId: userIdOf(params.user_id) })),
      { ...ofUser, ...takes(ApiKeyCreate), ...answers({ id: 'create_api_key', summary: 'Make an API key' }, ApiKeyCreated, 201) },
    )
    .get(
      '/users/:user_id/apikeys',
      async ({ caller, params, query }) => {
        const keys = await listUserKeys(app, caller, { userId: userIdOf(params.user_id), revoked: query.include_inactive ?? false })
        return { keys: keys.map(toApiKey) }
      },
      { ...ofUser, ...asks(ApiKeyListQuery), ...answers({ id: 'list_api_keys', summary: 'List API keys, newest first' }, ApiKeyList) },
    )
    .get('/users/:user_id/apikeys/:key_prefix', async ({ caller, params }) => toApiKey(await getUserKey(app, caller, keyOf(params))), {
      ...named,
      ...answers({ id: 'get_api_key_details', summary: 'Read an API key, also a revoked one' }, ApiKeyDetails),
    })
    .delete(
      '/users/:user_id/apikeys/:key_prefix',
      async ({ caller, params }) => {
        await revokeUserKey(app, caller, keyOf(params))
      },
      { ...named, ...answersNothing({ id: 'revoke_api_key', summary: 'Revoke an API key' }) },
    )
