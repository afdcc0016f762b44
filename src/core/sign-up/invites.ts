import { type Principal, whoIs } from '../access/principal.ts'
import { isAtLeast, isGranted, type Role } from '../access/roles.ts'
import { type AuditName, audit } from '../audit/audit.ts'
import { normalAddress } from '../credentials/address.ts'
import { Fault, notFound } from '../fault.ts'
import { isUuid, newId } from '../id.ts'
import { titleOf } from '../identity/directory.ts'
import { queueMail } from '../mail/mail.ts'
import type { Needs } from '../needs.ts'
import { takeLimit } from '../rates/rates.ts'
import {
  deleteInviteRows,
  type InviteFilter,
  type InviteScope,
  insertInviteRow,
  listInviteRows,
  lockInvite,
  revokeInviteRow,
} from './invite-store.ts'
import { newInviteToken } from './invite-token.ts'
import { readRequestRow } from './request-store.ts'

export const INVITE_STATUSES = ['active', 'revoked', 'expired', 'exhausted'] as const
export type InviteStatus = (typeof INVITE_STATUSES)[number]

/** Leave to register. */
export interface Invite {
  id: string
  /** Null: whoever redeems it gets a tenant of his own. */
  tenantId: string | null
  /** In the tenant that is joined. */
  role: Role | null
  /** Whoever redeems it runs the server. */
  isOperator: boolean
  tokenHint: string
  /** In lower case. Null: for whoever has the token. */
  email: string | null
  status: InviteStatus
  redemptionsMax: number
  redeemed: number
  note: string | null
  requestId: string | null
  issuedBy: string | null
  /** Milliseconds since the epoch. */
  createdAt: number
  expiresAt: number | null
}

export interface NewInvite {
  email?: string | null
  redemptionsMax?: number
  /** Null: never expires. */
  expiresInHours?: number | null
  note?: string | null
  requestId?: string | null
  /** Into the issuer's tenant. Without it an operator's invite makes a tenant, anybody else's makes a member. */
  role?: Role
}

export interface IssuedInvite {
  invite: Invite
  /** Nobody can read it again. */
  token: string
}

const REDEMPTIONS_MAX = 10
const HOURS_MAX = 336
const HOURS = 72
const NOTE_CHARS_MAX = 512
const HOUR_MS = 3_600_000
const LISTED_MAX = 200

/** Each may be a mail to a stranger. Operators know what they do. */
const PER_TENANT = { name: 'invite_tenant', max: 100, windowMs: 24 * HOUR_MS } as const

type InviteNeeds = Needs<'db' | 'clock' | 'signals' | 'vault' | 'mail'>

/** Throws forbidden, invalid, rate_limited, or not_found for a sign-up request that is not there. */
export async function issueInvite(app: InviteNeeds, principal: Principal, input: NewInvite): Promise<IssuedInvite> {
  requireGrant(principal, 'auth:invites')
  const place = placeOf(principal, input)
  const made = newInvite(input, { ...place, issuedBy: principal.userId, at: app.clock.now() })
  const { tenantId } = made.invite
  if (tenantId !== null && !isOperator(principal)) await takeLimit(app, [{ ...PER_TENANT, key: tenantId }])
  await app.db.transaction(async (db) => {
    if (made.invite.requestId !== null) await requireRequest(db, made.invite.requestId)
    await writeInvite({ ...app, db }, made, { by: principal, event: 'invite.issue' })
  })
  if (made.invite.email !== null) app.signals.wakeJobs()
  return { invite: made.invite, token: made.token }
}

async function requireRequest(db: Needs<'db'>['db'], id: string): Promise<void> {
  if (!isUuid(id) || !(await readRequestRow(db, id))) throw notFound('signup_request', id)
}

/** Where an invite of this issuer leads. Throws forbidden, or invalid for what only operators say. */
function placeOf(principal: Principal, { role, requestId }: NewInvite): { tenantId: string | null; role: Role | null } {
  if (isOperator(principal) && role === undefined) return { tenantId: null, role: null }
  const { tenantId } = principal
  if (tenantId === null)
    throw new Fault('forbidden', 'An invite with a role leads into a tenant, and none is chosen.', { why: 'tenant_required' })
  const given = role ?? 'member'
  // Whoever runs the server may fill his own tenant; others give no more than they have.
  if (!isAtLeast(principal.role, 'admin') || !isAtLeast(principal.role, given))
    throw new Fault('forbidden', `Inviting somebody as ${given} needs the role ${isAtLeast(given, 'admin') ? given : 'admin'}.`, {
      why: 'insufficient_role',
    })
  if (requestId != null)
    throw new Fault('invalid', 'Only invites that make a tenant answer a sign-up request.', { param: 'signup_request_id', reason: 'value' })
  return { tenantId, role: given }
}

export const isOperator = (principal: Principal): boolean => isGranted(principal.grants, 'platform:operator')

export function requireGrant(principal: Principal, grant: string): void {
  if (!isGranted(principal.grants, grant)) throw new Fault('forbidden', `This needs the scope ${grant}.`, { why: 'insufficient_scope' })
}

export interface MadeInvite extends IssuedInvite {
  hash: string
}

interface Place {
  tenantId: string | null
  role: Role | null
  isOperator?: boolean
  issuedBy: string | null
  at: number
}

/** Nothing is written yet. Throws invalid. */
export function newInvite(input: NewInvite, { tenantId, role, isOperator = false, issuedBy, at }: Place): MadeInvite {
  const { redemptionsMax = 1, expiresInHours = HOURS, note = null, requestId = null } = input
  requireRange('max_redemptions', redemptionsMax, REDEMPTIONS_MAX)
  if (expiresInHours !== null) requireRange('expires_in_hours', expiresInHours, HOURS_MAX)
  if (note !== null && note.length > NOTE_CHARS_MAX)
    throw new Fault('invalid', `A note has at most ${NOTE_CHARS_MAX} characters.`, { param: 'note', reason: 'too_long' })
  const { token, hash, hint } = newInviteToken()
  const invite: Invite = {
    ...{ id: newId(), tenantId, role, isOperator, tokenHint: hint, email: input.email == null ? null : normalAddress(input.email) },
    ...{ status: 'active', redemptionsMax, redeemed: 0, note, requestId, issuedBy, createdAt: at },
    expiresAt: expiresInHours === null ? null : at + expiresInHours * HOUR_MS,
  }
  return { invite, token, hash }
}

function requireRange(param: string, value: number, max: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= max) return
  throw new Fault('invalid', `${param} must be a whole number from 1 to ${max}.`, { param, reason: value < 1 ? 'too_small' : 'too_big' })
}

interface Making {
  /** Null: the server itself. */
  by: Principal | null
  event: AuditName
}

/** In the caller's transaction; where somebody is invited by name, `signals.wakeJobs()` is due after the commit. */
export async function writeInvite(app: Needs<'db' | 'clock' | 'vault' | 'mail'>, made: MadeInvite, making: Making): Promise<void> {
  await storeInvite(app, made, making)
  const { invite, token } = made
  const { tenantId, role, email, expiresAt } = invite
  if (email === null) return
  const link = { to: email, token, expiresAt }
  const tenantTitle = tenantId === null ? null : await titleOf(app, tenantId)
  const isAnswer = invite.requestId !== null
  await queueMail(app, isAnswer ? { kind: 'signup_approved', ...link } : { kind: 'invite', ...link, tenantTitle, role }, tenantId)
}

/** For whoever hands the token over himself. */
export async function storeInvite(app: Needs<'db' | 'clock'>, { invite, hash }: MadeInvite, { by, event }: Making): Promise<void> {
  await insertInviteRow(app.db, { ...invite, hash })
  const who = { tenantId: invite.tenantId ?? by?.tenantId ?? null, userId: by?.userId ?? null }
  const details = { ...(by ? { by: whoIs(by) } : {}), invite: invite.id }
  await audit(app, { ...who, event, result: 'success', details })
}

export interface InviteQuery extends InviteFilter {
  limit: number
  offset: number
}

const scopeOf = (principal: Principal): InviteScope => {
  requireGrant(principal, 'auth:invites')
  if (isOperator(principal)) return null
  if (principal.tenantId === null) throw new Fault('forbidden', 'A tenant must be chosen.', { why: 'tenant_required' })
  return principal.tenantId
}

/** Newest first: an operator's are all there are, anybody else's those into his tenant. */
export async function listInvites(
  app: Needs<'db' | 'clock'>,
  principal: Principal,
  { email, limit, offset, ...filter }: InviteQuery,
): Promise<{ invites: Invite[]; total: number }> {
  const scope = scopeOf(principal)
  const named = email === undefined ? {} : { email: normalAddress(email) }
  return listInviteRows(app.db, scope, { ...filter, ...named, limit: Math.min(limit, LISTED_MAX), offset, now: app.clock.now() })
}

/** What is revoked or used up stays as it is. Throws not_found. */
export async function revokeInvite(app: Needs<'db' | 'clock'>, principal: Principal, id: string): Promise<Invite> {
  const scope = scopeOf(principal)
  if (!isUuid(id)) throw notFound('invite', id)
  return app.db.transaction(async (db) => {
    const invite = await lockInvite(db, scope, { id, now: app.clock.now() })
    if (!invite) throw notFound('invite', id)
    if (invite.status === 'revoked' || invite.status === 'exhausted') return invite
    await revokeInviteRow(db, id, 'manual')
    const { tenantId, userId } = principal
    const details = { by: whoIs(principal), invite: id }
    await audit({ ...app, db }, { tenantId: invite.tenantId ?? tenantId, userId, event: 'invite.revoke', result: 'success', details })
    return { ...invite, status: 'revoked' }
  })
}

const KEEP_MS = 180 * 24 * HOUR_MS

/** Those that were made long ago and are good for nobody. Answers how many went, at most `limit`. */
export const dropInvites = ({ db, clock }: Needs<'db' | 'clock'>, limit: number): Promise<number> =>
  deleteInviteRows(db, { createdBefore: clock.now() - KEEP_MS, now: clock.now(), limit })
