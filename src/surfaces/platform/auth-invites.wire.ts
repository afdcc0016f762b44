import { type Static, Type as t } from '@sinclair/typebox'
import { ROLES } from '../../core/access/roles.ts'
import { INVITE_STATUSES, type Invite, type IssuedInvite, type NewInvite } from '../../core/sign-up/invites.ts'
import { Email, Note, pageFrom, pageOf } from './auth-fields.wire.ts'
import { IsoTime, maybe, nullable, oneOf, toIso, toIsoOrNull, Uuid } from './fields.wire.ts'

/** Never is written as null. */
export const ExpiresInHours = t.Optional(nullable(t.Integer({ minimum: 1, maximum: 336, default: 72 })))
const HOURS = 72

/** How long a new invite is good for; null: for ever. */
export const hoursOf = (hours: number | null | undefined): number | null => (hours === undefined ? HOURS : hours)

export const SignupInviteIssueRequest = t.Object({
  invited_email: maybe(Email),
  max_redemptions: t.Optional(t.Integer({ minimum: 1, maximum: 10, default: 1 })),
  expires_in_hours: ExpiresInHours,
  note: maybe(Note),
  signup_request_id: maybe(Uuid),
  role: maybe(oneOf(...ROLES)),
})

export const fromInviteIssue = (body: Static<typeof SignupInviteIssueRequest>): NewInvite => ({
  redemptionsMax: body.max_redemptions ?? 1,
  expiresInHours: hoursOf(body.expires_in_hours),
  ...(body.invited_email == null ? {} : { email: body.invited_email }),
  ...(body.note == null ? {} : { note: body.note }),
  ...(body.signup_request_id == null ? {} : { requestId: body.signup_request_id }),
  ...(body.role == null ? {} : { role: body.role }),
})

const INVITE = {
  id: Uuid,
  token_hint: t.String(),
  invited_email: nullable(t.String({ format: 'email' })),
  status: t.String(),
  max_redemptions: t.Integer(),
  redeemed_count: t.Integer(),
  expires_at: nullable(IsoTime),
  created_at: IsoTime,
  signup_request_id: nullable(Uuid),
  note: nullable(t.String()),
  /** Beside the contract: the tenant that is joined, and as what. Null: whoever redeems it gets a tenant of his own. */
  tenant_id: nullable(Uuid),
  role: nullable(oneOf(...ROLES)),
}
export const SignupInviteResponse = t.Object(INVITE)
export type SignupInviteResponse = Static<typeof SignupInviteResponse>

export const SignupInviteIssueResponse = t.Object({ ...INVITE, invite_token: t.String() })
export type SignupInviteIssueResponse = Static<typeof SignupInviteIssueResponse>

export const toInvite = (invite: Invite): SignupInviteResponse => ({
  id: invite.id,
  token_hint: invite.tokenHint,
  invited_email: invite.email,
  status: invite.status,
  max_redemptions: invite.redemptionsMax,
  redeemed_count: invite.redeemed,
  expires_at: toIsoOrNull(invite.expiresAt),
  created_at: toIso(invite.createdAt),
  signup_request_id: invite.requestId,
  note: invite.note,
  tenant_id: invite.tenantId,
  role: invite.role,
})

export const toIssuedInvite = ({ invite, token }: IssuedInvite): SignupInviteIssueResponse => ({
  ...toInvite(invite),
  invite_token: token,
})

const INVITES = { most: 200, usual: 50 }

export const InvitesQuery = t.Object({
  status: maybe(oneOf(...INVITE_STATUSES)),
  email: maybe(t.String({ maxLength: 320 })),
  request_id: maybe(Uuid),
  ...pageOf(INVITES),
})

export const fromInvitesQuery = (query: Static<typeof InvitesQuery>) => ({
  ...pageFrom(INVITES, query),
  ...(query.status == null ? {} : { status: query.status }),
  ...(query.email == null ? {} : { email: query.email }),
  ...(query.request_id == null ? {} : { requestId: query.request_id }),
})

export const SignupInviteListResponse = t.Object({ invites: t.Array(SignupInviteResponse), total: t.Integer() })
