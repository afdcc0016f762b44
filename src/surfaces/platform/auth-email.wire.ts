import { Type as t } from '@sinclair/typebox'
import { successOf } from './auth-answers.wire.ts'
import { MailedToken } from './auth-fields.wire.ts'

export const EmailVerificationConfirmRequest = t.Object({ token: MailedToken })

export const VerificationSent = successOf(t.Object({ email_verified: t.Boolean() }))
