import { newId } from '../id.ts'
import { hashSecret } from '../identity/secrets.ts'
import { type JsonObject, makeStorable } from '../json.ts'
import type { Needs } from '../needs.ts'
import { deleteEvents, insertEvent } from './store.ts'

/** What is done, as noun and verb. */
export const AUDIT_NAMES = [
  ...(['account.register', 'email.send', 'email.verify', 'invite.issue', 'invite.revoke', 'mail.resend'] as const),
  ...(['operator.create', 'operator.invite', 'password.change', 'password.forgot', 'password.reset'] as const),
  ...(['service_token.sign', 'service_token.issue', 'service_token.revoke'] as const),
  ...(['session.open', 'session.refresh', 'session.end', 'session.end_all', 'session.revoke'] as const),
  ...(['signup_request.approve', 'signup_request.reject', 'user.change'] as const),
] as const
export type AuditName = (typeof AUDIT_NAMES)[number]

/** Something that happened to an identity. */
export interface AuditEvent {
  /** Null: of no tenant, or of nobody known. */
  tenantId: string | null
  userId: string | null
  event: AuditName
  /** `pending`: it is about to be tried. */
  result: 'success' | 'failure' | 'locked' | 'pending'
  reason?: string
  client?: { ip: string | null; userAgent: string | null }
  /** No secret and no address of a person. */
  details?: JsonObject
}

const USER_AGENT_MAX = 512
const DAY_MS = 86_400_000
const KEEP_MS = 180 * DAY_MS

/** In the transaction of what it is about, if that has one. */
export async function audit(app: Needs<'db' | 'clock'>, { client, details, ...event }: AuditEvent): Promise<void> {
  await insertEvent(app.db, {
    id: newId(),
    ...event,
    reason: event.reason ?? null,
    ipHash: client?.ip == null ? null : hashSecret(client.ip),
    userAgent: client?.userAgent == null ? null : makeStorable(client.userAgent.slice(0, USER_AGENT_MAX)),
    details: details === undefined ? null : JSON.stringify(details),
    at: app.clock.now(),
  })
}

/** Those that are older than anybody asks for. Answers how many, at most `limit`. */
export const dropAuditEvents = (app: Needs<'db' | 'clock'>, limit: number): Promise<number> =>
  deleteEvents(app.db, app.clock.now() - KEEP_MS, limit)
