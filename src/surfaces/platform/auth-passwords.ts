import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import {
  admitPassword,
  changePassword,
  confirmPasswordReset,
  requestPasswordReset,
  resetPasswordOf,
} from '../../core/sessions/passwords.ts'
import { Done, done } from './auth-answers.wire.ts'
import { PasswordChangeRequest, PasswordForgotRequest, PasswordResetConfirmRequest, PasswordResetRequest } from './auth-passwords.wire.ts'
import { anybody, signedIn } from './caller.ts'
import { as422 } from './refusal.ts'
import { answers, takes } from './route.ts'

const opened = (app: App) =>
  new Elysia({ tags: ['auth'] })
    .use(anybody(app))
    .post(
      '/auth/password/forgot',
      async ({ client, body }) => {
        await requestPasswordReset(app, { email: body.email, client })
        return done('If the address is known here, a mail is on its way to it.')
      },
      {
        ...takes(PasswordForgotRequest),
        ...answers(
          {
            may: 'auth.password.forgot',
            id: 'request_password_reset_api_v1_auth_password_forgot_post',
            summary: 'Ask for a mail that sets a new password',
          },
          Done,
          202,
        ),
      },
    )
    .post(
      '/auth/password/confirm',
      async ({ client, body }) => {
        // Of this operation what is wrong with the password as such is a mistake of the body, before the token is looked at.
        await as422(admitPassword(app, { next: body.new_password, client }))
        await confirmPasswordReset(app, { token: body.token, next: body.new_password, client })
        return done('The password is changed. Sign in with it.')
      },
      {
        ...takes(PasswordResetConfirmRequest),
        ...answers(
          {
            may: 'auth.password.confirm',
            id: 'confirm_password_reset_api_v1_auth_password_confirm_post',
            summary: 'Set a new password with the token of a mail',
          },
          Done,
        ),
      },
    )

const closed = (app: App) =>
  new Elysia({ tags: ['auth'] })
    .use(signedIn(app))
    .post(
      '/auth/password/change',
      async ({ principal, client, body }) => {
        await changePassword(app, principal, { current: body.current_password, next: body.new_password, client })
        return done('The password is changed. Sign in with it.')
      },
      {
        ...takes(PasswordChangeRequest),
        ...answers(
          {
            may: 'auth.password.change',
            id: 'change_password_api_v1_auth_password_change_post',
            summary: 'Change one’s own password; ends all sessions',
          },
          Done,
        ),
      },
    )
    .post(
      '/auth/password/reset',
      async ({ principal, client, body }) => {
        await resetPasswordOf(app, principal, { userId: body.user_id, next: body.new_password, client })
        return done('The password is set.')
      },
      {
        ...takes(PasswordResetRequest),
        ...answers(
          {
            may: 'auth.password.reset',
            id: 'admin_reset_password_api_v1_auth_password_reset_post',
            summary: 'Set the password of a user of one’s own tenant',
          },
          Done,
        ),
      },
    )

export const authPasswords = (app: App) => new Elysia().use(opened(app)).use(closed(app))
