import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { refreshSession } from '../../core/sessions/refresh.ts'
import { listSessions, revokeSession, signOut, signOutAll } from '../../core/sessions/sessions.ts'
import { signIn } from '../../core/sessions/sign-in.ts'
import { succeeded } from './auth-answers.wire.ts'
import {
  CurrentUser,
  fromLogin,
  fromSessionsQuery,
  LoggedOut,
  LoggedOutAll,
  SessionsQuery,
  toSessionItem,
  toSessionPair,
  UserLoginRequest,
  UserLogoutRequest,
  UserRefreshRequest,
  UserSessionListResponse,
  UserSessionResponse,
} from './auth-sessions.wire.ts'
import { anybody, signedIn } from './caller.ts'
import { Uuid } from './fields.wire.ts'
import { answers, asks, paths, takes } from './route.ts'

const opened = (app: App) =>
  new Elysia({ tags: ['auth'] })
    .use(anybody(app))
    .post('/auth/token', async ({ client, body }) => toSessionPair(await signIn(app, { ...fromLogin(body), client })), {
      ...takes(UserLoginRequest),
      ...answers(
        { secret: true, may: 'auth.token', id: 'login_for_access_token_api_v1_auth_token_post', summary: 'Sign in' },
        UserSessionResponse,
      ),
    })
    .post(
      '/auth/refresh',
      async ({ client, body }) => toSessionPair(await refreshSession(app, { refreshToken: body.refresh_token, client })),
      {
        ...takes(UserRefreshRequest),
        ...answers(
          {
            secret: true,
            may: 'auth.refresh',
            id: 'refresh_access_token_api_v1_auth_refresh_post',
            summary: 'Exchange a refresh token for a new pair',
          },
          UserSessionResponse,
        ),
      },
    )

const closed = (app: App) =>
  new Elysia({ tags: ['auth'] })
    .use(signedIn(app))
    .post(
      '/auth/logout',
      async ({ principal, body }) =>
        succeeded('Signed out.', { revoked: await signOut(app, principal, { refreshToken: body.refresh_token }) }),
      {
        ...takes(UserLogoutRequest),
        ...answers(
          { may: 'auth.logout', id: 'logout_session_api_v1_auth_logout_post', summary: 'End the session of a refresh token' },
          LoggedOut,
        ),
      },
    )
    .post('/auth/logout/all', async ({ principal }) => succeeded('Signed out everywhere.', { revoked: await signOutAll(app, principal) }), {
      ...answers(
        { may: 'auth.logout_all', id: 'logout_all_sessions_api_v1_auth_logout_all_post', summary: 'End all of one’s own sessions' },
        LoggedOutAll,
      ),
    })
    .get(
      '/auth/sessions',
      async ({ principal, query }) => {
        const page = fromSessionsQuery(query)
        const { sessions, total } = await listSessions(app, principal, page)
        const { limit, offset } = page
        return { sessions: sessions.map((session) => toSessionItem(session, principal.sessionId)), total, limit, offset }
      },
      {
        ...asks(SessionsQuery),
        ...answers(
          {
            may: 'auth.sessions.list',
            id: 'list_user_sessions_api_v1_auth_sessions_get',
            summary: 'One’s own sessions, latest activity first',
          },
          UserSessionListResponse,
        ),
      },
    )
    .delete(
      '/auth/sessions/:session_id',
      async ({ principal, params }) => {
        await revokeSession(app, principal, params.session_id)
        return succeeded('The session has ended.', { revoked: true })
      },
      {
        ...paths({ session_id: Uuid }),
        ...answers(
          {
            may: 'auth.sessions.revoke',
            id: 'revoke_user_session_api_v1_auth_sessions__session_id__delete',
            summary: 'End one of one’s own sessions',
          },
          LoggedOut,
        ),
      },
    )
    .get('/auth/me', ({ principal }) => succeeded('You are known.', { user_id: principal.userId, token_payload: principal.claims }), {
      ...answers(
        { may: 'auth.me', id: 'get_current_user_info_api_v1_auth_me_get', summary: 'Who asks, and what the token says' },
        CurrentUser,
      ),
    })

export const authSessions = (app: App) => new Elysia().use(opened(app)).use(closed(app))
