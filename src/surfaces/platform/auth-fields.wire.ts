import { Type as t } from '@sinclair/typebox'
import { PASSWORD_MAX } from '../../core/passwords/hashing.ts'
import { PASSWORD_MIN } from '../../core/passwords/policy.ts'

/** As long as an address can be. */
export const Email = t.String({ format: 'email', maxLength: 320 })

/** Of somebody who has one: rules may have been others when it was made. */
export const Password = t.String({ minLength: 8, maxLength: PASSWORD_MAX })

export const NewPassword = t.String({
  minLength: PASSWORD_MIN,
  maxLength: PASSWORD_MAX,
  description: 'At least 14 characters, two of the four classes of characters, and hard to guess.',
})

/** Signed tokens of any kind. */
export const Token = t.String({ minLength: 1, maxLength: 8192 })

/** What mails and invites carry. */
export const MailedToken = t.String({ minLength: 1, maxLength: 512 })

export const Note = t.String({ maxLength: 512 })

interface PageSize {
  most: number
  usual: number
}

/** A page of a list that is read by counting. */
export const pageOf = ({ most, usual }: PageSize) => ({
  limit: t.Optional(t.Integer({ minimum: 1, maximum: most, default: usual })),
  offset: t.Optional(t.Integer({ minimum: 0, maximum: 2 ** 31 - 1, default: 0 })),
})

export const pageFrom = ({ usual }: PageSize, { limit = usual, offset = 0 }: { limit?: number; offset?: number }) => ({ limit, offset })
