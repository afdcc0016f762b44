import { Type as t } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { exchangeServiceToken } from '../../core/service-accounts/exchange.ts'
import { issueFor, issueServiceToken } from '../../core/service-accounts/issue.ts'
import { listServiceTokens, revokeServiceToken } from '../../core/service-accounts/tokens.ts'
import { HEADERS } from '../../http/openapi.ts'
import { succeeded, successOf } from './auth-answers.wire.ts'
import {
  BrowserServiceAccountIssueRequest,
  fromIssue,
  fromTokensQuery,
  ServiceAccountAccessResponse,
  ServiceAccountExchangeRequest,
  ServiceAccountIssueRequest,
  ServiceAccountTokenListResponse,
  ServiceAccountTokenResponse,
  ServiceAccountTokenRevokeRequest,
  ServiceTokensQuery,
  toAccess,
  toGivenToken,
  toTokenItem,
} from './auth-service-accounts.wire.ts'
import { anybody, type Override, signedIn } from './caller.ts'
import { answers, asks, header, paths, takes } from './route.ts'

const issued = answers(
  {
    ...{ may: 'auth.service_accounts.issue', secret: true },
    id: 'issue_service_account_token_api_v1_auth_service_accounts_issue_post',
    summary: 'A refresh token for a machine that can sign its request',
  },
  ServiceAccountTokenResponse,
  201,
)

const SIGNED_HEADERS = [
  header('Authorization', 'Bearer vault:<signature>, or Bearer dev-local on a server for development.', true),
  header('X-Vault-Payload', 'The signed claims, as JSON in base64url.'),
]

const signedOf = ({ headers }: Request) => ({ authorization: headers.get('authorization'), payload: headers.get('x-vault-payload') })

const actingOf = (override: Override | null) => ({ asOperator: override !== null, operatorReason: override?.reason ?? null })

const opened = (app: App) =>
  new Elysia({ tags: ['auth'] })
    .use(anybody(app))
    .post(
      '/auth/service-accounts/issue',
      async ({ request, client, body }) =>
        toGivenToken(await issueServiceToken(app, { signed: signedOf(request), body: fromIssue(body), client })),
      { ...takes(ServiceAccountIssueRequest), ...issued, detail: { ...issued.detail, [HEADERS]: SIGNED_HEADERS } },
    )
    .post(
      '/auth/service-accounts/exchange',
      async ({ body }) => toAccess(await exchangeServiceToken(app, { refreshToken: body.refresh_token })),
      {
        ...takes(ServiceAccountExchangeRequest),
        ...answers(
          {
            ...{ may: 'auth.service_accounts.exchange', secret: true },
            id: 'exchange_service_account_token',
            summary: 'An access token for the refresh token of a service account',
          },
          ServiceAccountAccessResponse,
        ),
      },
    )

const Revoked = successOf(t.Object({ jti: t.String() }))

const closed = (app: App) =>
  new Elysia({ tags: ['auth'] })
    .use(signedIn(app))
    // Not kept for a repeated request: the token would lie in the database.
    .post(
      '/auth/service-accounts/browser-issue',
      async ({ principal, client, override, body }) =>
        toGivenToken(await issueFor(app, principal, { ...fromIssue(body), ...actingOf(override), reason: body.reason, client })),
      {
        ...takes(BrowserServiceAccountIssueRequest),
        ...answers(
          {
            ...{ may: 'auth.service_accounts.browser_issue', secret: true },
            id: 'issue_service_account_token_from_browser_api_v1_auth_service_accounts_browser_issue_post',
            summary: 'A refresh token for a machine, asked for by an admin or operator',
          },
          ServiceAccountTokenResponse,
          201,
        ),
      },
    )
    .get(
      '/auth/service-accounts/tokens',
      async ({ principal, override, query }) => {
        const search = fromTokensQuery(query)
        const { tokens, total } = await listServiceTokens(app, principal, { ...search, ...actingOf(override) })
        return { items: tokens.map(toTokenItem), total, limit: search.limit, offset: search.offset }
      },
      {
        ...asks(ServiceTokensQuery),
        ...answers(
          {
            may: 'auth.service_accounts.list',
            id: 'list_service_account_tokens_api_v1_auth_service_accounts_tokens_get',
            summary: 'Refresh tokens of service accounts, newest first',
          },
          ServiceAccountTokenListResponse,
        ),
      },
    )
    .post(
      '/auth/service-accounts/tokens/:jti/revoke',
      async ({ principal, client, override, params: { jti }, body }) => {
        await revokeServiceToken(app, principal, { jti, reason: body.reason ?? null, ...actingOf(override), client })
        return succeeded('The token is good for nothing now.', { jti })
      },
      {
        ...paths({ jti: t.String({ maxLength: 64 }) }),
        ...takes(ServiceAccountTokenRevokeRequest),
        ...answers(
          {
            may: 'auth.service_accounts.revoke',
            id: 'revoke_service_account_token_api_v1_auth_service_accounts_tokens__jti__revoke_post',
            summary: 'Revoke a refresh token of a service account, and what was exchanged for it',
          },
          Revoked,
        ),
      },
    )

export const authServiceAccounts = (app: App) => new Elysia().use(opened(app)).use(closed(app))
