import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { approveRequest, listSignupRequests, rejectRequest, requestAccess } from '../../core/sign-up/requests.ts'
import { register, signupPolicy } from '../../core/sign-up/sign-up.ts'
import { toIssuedInvite } from './auth-invites.wire.ts'
import {
  fromAccessRequest,
  fromApproval,
  fromRegister,
  fromRequestsQuery,
  SignupAccessPolicyResponse,
  SignupRequestApprovalRequest,
  SignupRequestDecisionResponse,
  SignupRequestListResponse,
  SignupRequestPublicRequest,
  SignupRequestRejectionRequest,
  SignupRequestsQuery,
  toPolicy,
  toRegistered,
  toSignupRequest,
  UserRegisterRequest,
  UserRegisterResponse,
} from './auth-sign-up.wire.ts'
import { anybody, signedIn } from './caller.ts'
import { Uuid } from './fields.wire.ts'
import { as422 } from './refusal.ts'
import { answers, asks, paths, takes } from './route.ts'

const opened = (app: App) =>
  new Elysia({ tags: ['auth'] })
    .use(anybody(app))
    .get('/auth/signup-policy', () => toPolicy(signupPolicy(app)), {
      ...answers(
        { may: 'auth.signup_policy', id: 'get_signup_access_policy_api_v1_auth_signup_policy_get', summary: 'Who may register here' },
        SignupAccessPolicyResponse,
      ),
    })
    .post('/auth/register', async ({ client, body }) => toRegistered(await as422(register(app, { ...fromRegister(body), client }))), {
      ...takes(UserRegisterRequest),
      ...answers(
        {
          secret: true,
          may: 'auth.register',
          id: 'register_tenant_api_v1_auth_register_post',
          summary: 'Register, with a tenant of one’s own or in that of an invite',
        },
        UserRegisterResponse,
        201,
      ),
    })
    .post(
      '/auth/request-access',
      async ({ client, body }) => {
        await as422(requestAccess(app, { ...fromAccessRequest(body), client }))
        return toPolicy(signupPolicy(app))
      },
      {
        ...takes(SignupRequestPublicRequest),
        ...answers(
          { may: 'auth.request_access', id: 'submit_access_request_api_v1_auth_request_access_post', summary: 'Ask for an account' },
          SignupAccessPolicyResponse,
          202,
        ),
      },
    )

const closed = (app: App) =>
  new Elysia({ tags: ['auth'] })
    .use(signedIn(app))
    .get(
      '/auth/signup-requests',
      async ({ principal, query }) => {
        const { requests, total } = await listSignupRequests(app, principal, fromRequestsQuery(query))
        return { requests: requests.map(toSignupRequest), total }
      },
      {
        ...asks(SignupRequestsQuery),
        ...answers(
          {
            may: 'auth.signup_requests.list',
            id: 'list_signup_requests_api_v1_auth_signup_requests_get',
            summary: 'Who asked for an account, newest first',
          },
          SignupRequestListResponse,
        ),
      },
    )
    // Not kept for a repeated request: the token would lie in the database.
    .post(
      '/auth/signup-requests/:request_id/approve',
      async ({ principal, params, body }) => {
        const { request, ...issued } = await approveRequest(app, principal, { id: params.request_id, ...fromApproval(body) })
        return { request: toSignupRequest(request), invite: toIssuedInvite(issued) }
      },
      {
        ...paths({ request_id: Uuid }),
        ...takes(SignupRequestApprovalRequest),
        ...answers(
          {
            secret: true,
            may: 'auth.signup_requests.approve',
            id: 'approve_signup_request_api_v1_auth_signup_requests__request_id__approve_post',
            summary: 'Invite somebody who asked',
          },
          SignupRequestDecisionResponse,
        ),
      },
    )
    .post(
      '/auth/signup-requests/:request_id/reject',
      async ({ principal, params, body, once }) => {
        const decision = { id: params.request_id, reason: body.reason ?? null }
        return { request: toSignupRequest(await once((parts) => rejectRequest(parts, principal, decision))), invite: null }
      },
      {
        ...paths({ request_id: Uuid }),
        ...takes(SignupRequestRejectionRequest),
        ...answers(
          {
            may: 'auth.signup_requests.reject',
            id: 'reject_signup_request_api_v1_auth_signup_requests__request_id__reject_post',
            summary: 'Turn somebody down who asked',
          },
          SignupRequestDecisionResponse,
        ),
      },
    )

export const authSignUp = (app: App) => new Elysia().use(opened(app)).use(closed(app))
