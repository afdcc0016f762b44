import { type Principal, whoIs } from '../access/principal.ts'
import { audit } from '../audit/audit.ts'
import { normalAddress } from '../credentials/address.ts'
import { Fault, notFound } from '../fault.ts'
import { isUuid, newId } from '../id.ts'
import { hashSecret } from '../identity/secrets.ts'
import type { Needs } from '../needs.ts'
import { signupRequestLimits } from '../rates/quotas.ts'
import { takeLimit } from '../rates/rates.ts'
import type { Client } from '../sessions/client.ts'
import { type IssuedInvite, newInvite, requireGrant, writeInvite } from './invites.ts'
import {
  countPending,
  decideRequestRow,
  deleteRequestRows,
  holdAddress,
  insertRequestRow,
  listRequestRows,
  lockRequestRow,
} from './request-store.ts'
import { requireName } from './slug.ts'

export const REQUEST_STATUSES = ['pending', 'approved', 'rejected'] as const
export type RequestStatus = (typeof REQUEST_STATUSES)[number]

/** Somebody without an account who asks for one. */
export interface SignupRequest {
  id: string
  /** In lower case. */
  email: string
  organization: string | null
  fullName: string | null
  message: string | null
  status: RequestStatus
  decisionReason: string | null
  decidedBy: string | null
  /** Milliseconds since the epoch. */
  decidedAt: number | null
  inviteTokenHint: string | null
  createdAt: number
}

export interface AccessRequest {
  email: string
  organization: string
  fullName: string
  message?: string | null
  /** People do not see this field: what fills it in is none. */
  honeypot?: string | null
  client: Client
}

/** From one address. */
const PENDING_MAX = 3
const RETRY_AFTER_MS = 3_600_000
const LISTED_MAX = 200
const REASON_CHARS_MAX = 512

/** Under every policy; whoever asks twice has asked twice. Throws rate_limited, or invalid for names without anything in them. */
export async function requestAccess(app: Needs<'db' | 'clock'>, input: AccessRequest): Promise<void> {
  const email = normalAddress(input.email)
  const names = { organization: requireName('organization', input.organization), fullName: requireName('full_name', input.fullName) }
  const { ip, userAgent } = input.client
  await takeLimit(app, signupRequestLimits({ email, ip }))
  if (input.honeypot != null && input.honeypot.trim() !== '') return
  const ipHash = hashSecret(ip ?? 'unknown')
  const message = input.message?.trim() || null
  const row = {
    ...{ id: newId(), email, ...names, message },
    ...{ ipHash, userAgentHash: userAgent === null ? null : hashSecret(userAgent), createdAt: app.clock.now() },
  }
  await app.db.transaction(async (db) => {
    await holdAddress(db, ipHash)
    if ((await countPending(db, ipHash, PENDING_MAX)) >= PENDING_MAX)
      throw new Fault('rate_limited', 'Requests from here are still waiting for an answer.', { retryAfterMs: RETRY_AFTER_MS })
    await insertRequestRow(db, row)
  })
}

/** Newest first. */
export async function listSignupRequests(
  app: Needs<'db'>,
  principal: Principal,
  { status, limit, offset }: { status?: RequestStatus | undefined; limit: number; offset: number },
): Promise<{ requests: SignupRequest[]; total: number }> {
  requireGrant(principal, 'auth:signup_requests')
  return listRequestRows(app.db, { status, limit: Math.min(limit, LISTED_MAX), offset })
}

export interface Approval {
  id: string
  note?: string | null
  /** Null: the invite never expires. */
  expiresInHours?: number | null
}

/**
 * The invite makes a tenant, once, for the address that asked. It is mailed there, and its token is in the answer, this
 * once. Throws not_found, or wrong_state for what was decided.
 */
export async function approveRequest(
  app: Needs<'db' | 'clock' | 'signals' | 'vault' | 'mail'>,
  principal: Principal,
  { id, note = null, expiresInHours }: Approval,
): Promise<IssuedInvite & { request: SignupRequest }> {
  requireGrant(principal, 'auth:signup_requests')
  requireReason('note', note)
  const at = app.clock.now()
  const decided = await app.db.transaction(async (db) => {
    const request = await lockPending(db, id)
    const input = { email: request.email, requestId: id, note, ...(expiresInHours === undefined ? {} : { expiresInHours }) }
    const made = newInvite(input, { tenantId: null, role: null, issuedBy: principal.userId, at })
    await writeInvite({ ...app, db }, made, { by: principal, event: 'invite.issue' })
    const decision = { status: 'approved', reason: note, tokenHint: made.invite.tokenHint, at } as const
    return { request: await decide({ ...app, db }, principal, { request, ...decision }), invite: made.invite, token: made.token }
  })
  app.signals.wakeJobs()
  return decided
}

/** Throws not_found, or wrong_state for what was decided. */
export async function rejectRequest(
  app: Needs<'db' | 'clock'>,
  principal: Principal,
  { id, reason = null }: { id: string; reason?: string | null },
): Promise<SignupRequest> {
  requireGrant(principal, 'auth:signup_requests')
  requireReason('reason', reason)
  return app.db.transaction(async (db) => {
    const request = await lockPending(db, id)
    return decide({ ...app, db }, principal, { request, status: 'rejected', reason, tokenHint: null, at: app.clock.now() })
  })
}

async function lockPending(db: Needs<'db'>['db'], id: string): Promise<SignupRequest> {
  const request = isUuid(id) ? await lockRequestRow(db, id) : undefined
  if (!request) throw notFound('signup_request', id)
  if (request.status !== 'pending')
    throw new Fault('wrong_state', `This request was ${request.status} before.`, { kind: 'signup_request', id })
  return request
}

interface Decision {
  request: SignupRequest
  status: 'approved' | 'rejected'
  reason: string | null
  tokenHint: string | null
  at: number
}

async function decide(
  app: Needs<'db' | 'clock'>,
  principal: Principal,
  { request, status, reason, tokenHint, at }: Decision,
): Promise<SignupRequest> {
  const { tenantId, userId } = principal
  const decided: SignupRequest = {
    ...request,
    ...{ status, decisionReason: reason, decidedBy: userId, decidedAt: at, inviteTokenHint: tokenHint },
  }
  await decideRequestRow(app.db, decided)
  await audit(app, {
    tenantId,
    userId,
    event: status === 'approved' ? 'signup_request.approve' : 'signup_request.reject',
    result: 'success',
    details: { by: whoIs(principal), request: request.id },
  })
  return decided
}

function requireReason(param: string, text: string | null): void {
  if (text !== null && text.length > REASON_CHARS_MAX)
    throw new Fault('invalid', `It has at most ${REASON_CHARS_MAX} characters.`, { param, reason: 'too_long' })
}

const DAY_MS = 86_400_000
const KEEP_MS = 180 * DAY_MS

/** They hold addresses of people: what nobody decided in half a year goes too. Answers how many went, at most `limit`. */
export const dropSignupRequests = ({ db, clock }: Needs<'db' | 'clock'>, limit: number): Promise<number> =>
  deleteRequestRows(db, { before: clock.now() - KEEP_MS, limit })
