import { Fault } from '../fault.ts'
import { type Principal, UNVERIFIED } from './principal.ts'
import { type Grant, isAtLeast, isGranted, type Role } from './roles.ts'

/**
 * - `none`: anybody.
 * - `bearer`: any valid credential.
 * - `user`: somebody who signed in: only people have sessions and passwords.
 * - `verified`: a valid credential; a user's e-mail address is verified, where the server asks for that.
 * - `tenant`: as `verified`, and for a tenant.
 */
export type Level = 'none' | 'bearer' | 'user' | 'verified' | 'tenant'

export interface Permission {
  level: Level
  /** All of them. */
  grants?: readonly Grant[]
  /** The least role within the tenant. */
  role?: Role
  /** An operator may do it for any tenant, when he says so and why. */
  operator?: true
}

/** Who may do what, on the platform's surface. Its document, its checks and their test come from here. */
export const PERMISSIONS = {
  'health.live': { level: 'none' },
  'health.ready': { level: 'none' },
  'health.storage': { level: 'none' },
  root: { level: 'none' },
  jwks: { level: 'none' },
  pages: { level: 'none' },
  'auth.token': { level: 'none' },
  'auth.refresh': { level: 'none' },
  'auth.logout': { level: 'user' },
  'auth.logout_all': { level: 'user' },
  'auth.sessions.list': { level: 'user' },
  'auth.sessions.revoke': { level: 'user' },
  'auth.me': { level: 'bearer' },
  'auth.email.send': { level: 'user' },
  'auth.email.verify': { level: 'none' },
  'auth.password.forgot': { level: 'none' },
  'auth.password.confirm': { level: 'none' },
  'auth.password.change': { level: 'user' },
  'auth.password.reset': { level: 'verified', grants: ['support:read', 'support:manage'] },
  'auth.service_accounts.issue': { level: 'none' },
  'auth.service_accounts.exchange': { level: 'none' },
  'auth.service_accounts.browser_issue': { level: 'verified', role: 'admin', operator: true },
  'auth.service_accounts.list': { level: 'verified', role: 'admin', operator: true },
  'auth.service_accounts.revoke': { level: 'verified', role: 'admin', operator: true },
  'auth.signup_policy': { level: 'none' },
  'auth.register': { level: 'none' },
  'auth.request_access': { level: 'none' },
  'auth.signup_requests.list': { level: 'bearer', grants: ['auth:signup_requests'] },
  'auth.signup_requests.approve': { level: 'bearer', grants: ['auth:signup_requests'] },
  'auth.signup_requests.reject': { level: 'bearer', grants: ['auth:signup_requests'] },
  'auth.invites.list': { level: 'bearer', grants: ['auth:invites'] },
  // It mails strangers, so the issuer must have shown an address of his own.
  'auth.invites.issue': { level: 'verified', grants: ['auth:invites'] },
  'auth.invites.revoke': { level: 'bearer', grants: ['auth:invites'] },
  'tenants.settings.get': { level: 'tenant', role: 'admin' },
  'tenants.settings.put': { level: 'tenant', role: 'admin' },
} as const satisfies Record<string, Permission>

export type Operation = keyof typeof PERMISSIONS

export interface Ask {
  /** Null: nobody said who he is. */
  principal: Principal | null
  /** Whether users need a verified e-mail address. */
  verifiedEmail: boolean
  /** The operator's path was chosen. */
  asOperator?: boolean
}

const forbidden = (why: 'email_unverified' | 'insufficient_scope' | 'insufficient_role', sentence: string): Fault =>
  new Fault('forbidden', sentence, { why })

/** Throws unauthenticated, or forbidden with why. */
export function requirePermission(operation: Operation, { principal, verifiedEmail, asOperator = false }: Ask): void {
  const { level, grants = [], role, operator }: Permission = PERMISSIONS[operation]
  if (level === 'none') return
  if (principal === null) throw new Fault('unauthenticated', 'This needs a credential: Authorization: Bearer ...')
  if (level === 'user' && principal.kind !== 'user') throw forbidden('insufficient_role', 'Only a user who signed in can do this.')
  if (level === 'tenant' && principal.tenantId === null)
    throw new Fault('forbidden', 'For which tenant? This credential has none: name it in X-Tenant-Id.', { why: 'tenant_required' })
  const needsEmail = level === 'verified' || level === 'tenant'
  if (needsEmail && verifiedEmail && principal.kind === 'user' && !principal.emailVerified) throw forbidden('email_unverified', UNVERIFIED)
  const missing = grants.find((grant) => !isGranted(principal.grants, grant))
  if (missing !== undefined) throw forbidden('insufficient_scope', `This needs the scope ${missing}.`)
  if (operator && asOperator) requireOperatorOf(principal)
  else if (role !== undefined && !isAtLeast(principal.role, role)) throw forbidden('insufficient_role', `This needs the role ${role}.`)
}

/** Throws forbidden. */
export function requireOperatorOf(principal: Principal): void {
  if (!isGranted(principal.grants, 'platform:operator')) throw forbidden('insufficient_scope', 'This needs the scope platform:operator.')
}
