import { type Static, Type as t } from '@sinclair/typebox'
import type { NewUserKey, UserKey } from '../../core/identity/user-keys.ts'
import { CLOSED, IsoTime, maybe, nullable, toIso, toIsoOrNull } from './fields.wire.ts'
import { spell } from './ids.ts'

/** A century, so that every end is a time that can be written down. */
const DAYS_MAX = 36_500
const DAY_MS = 86_400_000

export const ApiKeyCreate = t.Object(
  { key_name: maybe(t.String({ maxLength: 100 })), expires_in_days: maybe(t.Integer({ minimum: 1, maximum: DAYS_MAX })) },
  CLOSED,
)
export type ApiKeyCreate = Static<typeof ApiKeyCreate>

export const ApiKeyDetails = t.Object({
  prefix: t.String(),
  key_name: nullable(t.String()),
  user_id: t.String(),
  created_at: IsoTime,
  expires_at: nullable(IsoTime),
  last_used_at: nullable(IsoTime),
  is_active: t.Boolean({ description: 'False once the key is revoked.' }),
})
export type ApiKeyDetails = Static<typeof ApiKeyDetails>

export const ApiKeyCreated = t.Object({ plain_key: t.String({ description: 'Shown this once.' }), details: ApiKeyDetails })
export type ApiKeyCreated = Static<typeof ApiKeyCreated>

export const ApiKeyList = t.Object({ keys: t.Array(ApiKeyDetails) })

export const ApiKeyListQuery = t.Object({ include_inactive: t.Optional(t.Boolean({ default: false })) })

export const fromApiKeyCreate = ({ key_name, expires_in_days }: ApiKeyCreate, now: number): Omit<NewUserKey, 'userId'> => ({
  name: key_name ?? null,
  expiresAt: expires_in_days == null ? null : now + expires_in_days * DAY_MS,
})

export const toApiKey = (key: UserKey): ApiKeyDetails => ({
  prefix: key.prefix,
  key_name: key.name === '' ? null : key.name,
  user_id: spell('user', key.userId),
  created_at: toIso(key.createdAt),
  expires_at: toIsoOrNull(key.expiresAt),
  last_used_at: toIsoOrNull(key.lastUsedAt),
  is_active: key.revokedAt === null,
})

export const toApiKeyCreated = ({ key, secret }: { key: UserKey; secret: string }): ApiKeyCreated => ({
  plain_key: secret,
  details: toApiKey(key),
})
