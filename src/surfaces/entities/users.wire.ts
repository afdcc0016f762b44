import { type Static, Type as t } from '@sinclair/typebox'
import type { NewUser, User, UserChange } from '../../core/identity/users.ts'
import { IsoTime, maybe, nullable, toIso } from './fields.wire.ts'
import { spell } from './ids.ts'

/** As long as an e-mail address can be. */
const EMAIL_CHARS_MAX = 320
const NAME_CHARS_MAX = 255
const URL_CHARS_MAX = 2048

const Name = t.String({ maxLength: NAME_CHARS_MAX })

const PROFILE = {
  email: maybe(t.String({ maxLength: EMAIL_CHARS_MAX })),
  full_name: maybe(Name),
  given_name: maybe(Name),
  family_name: maybe(Name),
  picture_url: maybe(t.String({ maxLength: URL_CHARS_MAX })),
  email_verified: maybe(t.Boolean()),
}

export const UserCreate = t.Object({ ...PROFILE, oauth_provider: maybe(Name), provider_user_id: maybe(Name) })
export type UserCreate = Static<typeof UserCreate>

/** What is left out stays as it is; null clears. */
export const UserUpdate = t.Object(PROFILE)
export type UserUpdate = Static<typeof UserUpdate>

export const UserRead = t.Object({
  id: t.String(),
  email: nullable(t.String()),
  full_name: nullable(t.String()),
  given_name: nullable(t.String()),
  family_name: nullable(t.String()),
  picture_url: nullable(t.String()),
  email_verified: t.Boolean(),
  oauth_provider: t.String(),
  created_at: IsoTime,
  updated_at: IsoTime,
})
export type UserRead = Static<typeof UserRead>

export function fromUserUpdate(body: UserUpdate): UserChange {
  const change: UserChange = {}
  if (body.email !== undefined) change.email = body.email
  if (body.full_name !== undefined) change.name = body.full_name
  if (body.given_name !== undefined) change.givenName = body.given_name
  if (body.family_name !== undefined) change.familyName = body.family_name
  if (body.picture_url !== undefined) change.pictureUrl = body.picture_url
  if (body.email_verified != null) change.emailVerified = body.email_verified
  return change
}

export const fromUserCreate = (body: UserCreate): NewUser => ({
  ...fromUserUpdate(body),
  ...(body.oauth_provider == null ? {} : { provider: body.oauth_provider }),
  ...(body.provider_user_id === undefined ? {} : { providerUserId: body.provider_user_id }),
})

/** Whether he is an admin, and who he is to his provider, is shown to nobody. */
export const toUser = (user: User): UserRead => ({
  id: spell('user', user.id),
  email: user.email,
  full_name: user.name,
  given_name: user.givenName,
  family_name: user.familyName,
  picture_url: user.pictureUrl,
  email_verified: user.emailVerified,
  oauth_provider: user.provider,
  created_at: toIso(user.createdAt),
  updated_at: toIso(user.updatedAt),
})
