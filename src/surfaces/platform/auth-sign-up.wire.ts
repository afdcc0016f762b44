import { type Static, Type as t } from '@sinclair/typebox'
import type { SignedIn } from '../../core/sessions/session.ts'
import { type AccessRequest, type Approval, REQUEST_STATUSES, type SignupRequest } from '../../core/sign-up/requests.ts'
import type { Registration, SignupPolicy } from '../../core/sign-up/sign-up.ts'
import { Email, MailedToken, NewPassword, Note, pageFrom, pageOf } from './auth-fields.wire.ts'
import { ExpiresInHours, hoursOf, SignupInviteIssueResponse } from './auth-invites.wire.ts'
import { SESSION_PAIR, toSessionPair } from './auth-sessions.wire.ts'
import { IsoTime, maybe, nullable, oneOf, toIso, Uuid } from './fields.wire.ts'

/** Nothing else will do. */
const Accepted = t.Unsafe<true>({ type: 'boolean', enum: [true], description: 'Must be true.' })
const Name = t.String({ minLength: 2, maxLength: 128 })

export const SignupAccessPolicyResponse = t.Object({
  policy: t.String(),
  invite_required: t.Boolean(),
  request_access_enabled: t.Boolean(),
})

export const toPolicy = (signup: SignupPolicy): Static<typeof SignupAccessPolicyResponse> => ({
  policy: signup.policy,
  invite_required: signup.inviteRequired,
  request_access_enabled: signup.requestAccessEnabled,
})

export const UserRegisterRequest = t.Object({
  email: Email,
  password: NewPassword,
  tenant_name: Name,
  display_name: maybe(t.String({ maxLength: 255 })),
  plan_code: maybe(t.String({ maxLength: 64 })),
  trial_days: maybe(t.Integer({ minimum: 0, maximum: 365, description: 'Trials have the length of their plan: it is ignored.' })),
  accept_terms: Accepted,
  invite_token: maybe(MailedToken),
})

export const fromRegister = (body: Static<typeof UserRegisterRequest>): Omit<Registration, 'client'> => ({
  email: body.email,
  password: body.password,
  tenantName: body.tenant_name,
  displayName: body.display_name ?? null,
  inviteToken: body.invite_token ?? null,
  planCode: body.plan_code ?? null,
})

export const UserRegisterResponse = t.Object({ ...SESSION_PAIR, tenant_slug: t.String() })

export const toRegistered = (made: SignedIn & { tenantSlug: string }): Static<typeof UserRegisterResponse> => ({
  ...toSessionPair(made),
  tenant_slug: made.tenantSlug,
})

export const SignupRequestPublicRequest = t.Object({
  email: Email,
  organization: Name,
  full_name: Name,
  message: maybe(t.String({ maxLength: 1000 })),
  accept_terms: Accepted,
  honeypot: maybe(t.String({ maxLength: 1000, description: 'Leave it empty.' })),
})

export const fromAccessRequest = (body: Static<typeof SignupRequestPublicRequest>): Omit<AccessRequest, 'client'> => ({
  email: body.email,
  organization: body.organization,
  fullName: body.full_name,
  message: body.message ?? null,
  honeypot: body.honeypot ?? null,
})

const REQUESTS = { most: 200, usual: 50 }

export const SignupRequestsQuery = t.Object({
  status: maybe(oneOf(...REQUEST_STATUSES)),
  ...pageOf(REQUESTS),
})

export const fromRequestsQuery = (query: Static<typeof SignupRequestsQuery>) => ({
  ...pageFrom(REQUESTS, query),
  status: query.status ?? undefined,
})

export const SignupRequestResponse = t.Object({
  id: Uuid,
  email: t.String({ format: 'email' }),
  organization: nullable(t.String()),
  full_name: nullable(t.String()),
  /** Beside the contract: whoever decides reads it. */
  message: nullable(t.String()),
  status: t.String(),
  created_at: IsoTime,
  decision_reason: nullable(t.String()),
  invite_token_hint: nullable(t.String()),
})

export const toSignupRequest = (request: SignupRequest): Static<typeof SignupRequestResponse> => ({
  id: request.id,
  email: request.email,
  organization: request.organization,
  full_name: request.fullName,
  message: request.message,
  status: request.status,
  created_at: toIso(request.createdAt),
  decision_reason: request.decisionReason,
  invite_token_hint: request.inviteTokenHint,
})

export const SignupRequestListResponse = t.Object({ requests: t.Array(SignupRequestResponse), total: t.Integer() })

export const SignupRequestApprovalRequest = t.Object({ note: maybe(Note), invite_expires_in_hours: ExpiresInHours })

export const fromApproval = (body: Static<typeof SignupRequestApprovalRequest>): Omit<Approval, 'id'> => ({
  note: body.note ?? null,
  expiresInHours: hoursOf(body.invite_expires_in_hours),
})

export const SignupRequestRejectionRequest = t.Object({ reason: maybe(Note) })

export const SignupRequestDecisionResponse = t.Object({
  request: SignupRequestResponse,
  invite: nullable(SignupInviteIssueResponse),
})
