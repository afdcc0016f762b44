import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { sendVerification, verifyEmail } from '../../core/sessions/email.ts'
import { Done, done, succeeded } from './auth-answers.wire.ts'
import { EmailVerificationConfirmRequest, VerificationSent } from './auth-email.wire.ts'
import { anybody, signedIn } from './caller.ts'
import { answers, takes } from './route.ts'

const opened = (app: App) =>
  new Elysia({ tags: ['auth'] }).use(anybody(app)).post(
    '/auth/email/verify',
    async ({ client, body }) => {
      await verifyEmail(app, { token: body.token, client })
      return done('The e-mail address is verified.')
    },
    {
      ...takes(EmailVerificationConfirmRequest),
      ...answers(
        {
          may: 'auth.email.verify',
          id: 'verify_email_token_api_v1_auth_email_verify_post',
          summary: 'Redeem the token of a verification mail',
        },
        Done,
      ),
    },
  )

const closed = (app: App) =>
  new Elysia({ tags: ['auth'] }).use(signedIn(app)).post(
    '/auth/email/send',
    async ({ principal, client }) => {
      const { emailVerified } = await sendVerification(app, principal, { client })
      return succeeded(emailVerified ? 'The e-mail address is verified already.' : 'The mail is on its way.', {
        email_verified: emailVerified,
      })
    },
    {
      ...answers(
        { may: 'auth.email.send', id: 'send_email_verification_api_v1_auth_email_send_post', summary: 'Send a verification mail' },
        VerificationSent,
        202,
      ),
    },
  )

export const authEmail = (app: App) => new Elysia().use(opened(app)).use(closed(app))
