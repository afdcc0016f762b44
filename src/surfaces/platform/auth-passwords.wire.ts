import { Type as t } from '@sinclair/typebox'
import { Email, MailedToken, NewPassword, Password } from './auth-fields.wire.ts'
import { Uuid } from './fields.wire.ts'

export const PasswordForgotRequest = t.Object({ email: Email })

export const PasswordResetConfirmRequest = t.Object({ token: MailedToken, new_password: NewPassword })

export const PasswordChangeRequest = t.Object({ current_password: Password, new_password: NewPassword })

export const PasswordResetRequest = t.Object({ user_id: Uuid, new_password: NewPassword })
