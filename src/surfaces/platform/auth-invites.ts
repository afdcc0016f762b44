import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { issueInvite, listInvites, revokeInvite } from '../../core/sign-up/invites.ts'
import {
  fromInviteIssue,
  fromInvitesQuery,
  InvitesQuery,
  SignupInviteIssueRequest,
  SignupInviteIssueResponse,
  SignupInviteListResponse,
  SignupInviteResponse,
  toInvite,
  toIssuedInvite,
} from './auth-invites.wire.ts'
import { signedIn } from './caller.ts'
import { Uuid } from './fields.wire.ts'
import { answers, asks, paths, takes } from './route.ts'

export const authInvites = (app: App) =>
  new Elysia({ tags: ['auth'] })
    .use(signedIn(app))
    .get(
      '/auth/invites',
      async ({ principal, query }) => {
        const { invites, total } = await listInvites(app, principal, fromInvitesQuery(query))
        return { invites: invites.map(toInvite), total }
      },
      {
        ...asks(InvitesQuery),
        ...answers(
          { may: 'auth.invites.list', id: 'list_invites_api_v1_auth_invites_get', summary: 'Invites, newest first' },
          SignupInviteListResponse,
        ),
      },
    )
    // Not kept for a repeated request: the token would lie in the database.
    .post('/auth/invites', async ({ principal, body }) => toIssuedInvite(await issueInvite(app, principal, fromInviteIssue(body))), {
      ...takes(SignupInviteIssueRequest),
      ...answers(
        {
          secret: true,
          may: 'auth.invites.issue',
          id: 'issue_invite_api_v1_auth_invites_post',
          summary: 'Invite somebody; the token is shown this once',
        },
        SignupInviteIssueResponse,
        201,
      ),
    })
    .post(
      '/auth/invites/:invite_id/revoke',
      async ({ principal, params }) => toInvite(await revokeInvite(app, principal, params.invite_id)),
      {
        ...paths({ invite_id: Uuid }),
        ...answers(
          { may: 'auth.invites.revoke', id: 'revoke_invite_api_v1_auth_invites__invite_id__revoke_post', summary: 'Take an invite back' },
          SignupInviteResponse,
        ),
      },
    )
