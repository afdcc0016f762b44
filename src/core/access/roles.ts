import type { Scope } from '../caller.ts'

/** What a user may do with all that is the tenant's, from the least to the most. */
export const ROLES = ['viewer', 'member', 'admin', 'owner'] as const
export type Role = (typeof ROLES)[number]

export const isRole = (text: string): text is Role => (ROLES as readonly string[]).includes(text)

export const isAtLeast = (role: Role | null | undefined, least: Role): boolean =>
  role != null && ROLES.indexOf(role) >= ROLES.indexOf(least)

export const lesserOf = (one: Role, other: Role): Role => (isAtLeast(one, other) ? other : one)

/** The right to do one kind of thing, e.g. `conversations:read`. `ns:*` stands for all of its namespace, `support:*` for all there are. */
export type Grant = string

const READING = ['conversations:read', 'tools:read']
const WRITING = [...READING, 'conversations:write']
const MANAGING = [...WRITING, 'conversations:delete', 'billing:read', 'billing:manage', 'support:read', 'auth:invites']

/** What clients find in their tokens; the first ones are those of the contract. */
const GRANTS: Record<Role, readonly Grant[]> = {
  viewer: READING,
  member: WRITING,
  admin: MANAGING,
  owner: [...MANAGING, 'support:manage'],
}

/** Beside the role in the operator's own tenant. */
const OPERATOR_GRANTS: readonly Grant[] = ['platform:operator', 'auth:invites', 'auth:signup_requests', 'status:manage']

/** Sorted. */
export const grantsOf = ({ role, isOperator = false }: { role: Role | null; isOperator?: boolean }): Grant[] =>
  [...new Set([...(role === null ? [] : GRANTS[role]), ...(isOperator ? OPERATOR_GRANTS : [])])].toSorted()

export const isGranted = (held: readonly Grant[], wanted: Grant): boolean =>
  held.some((grant) => grant === wanted || grant === 'support:*' || (grant.endsWith(':*') && wanted.startsWith(grant.slice(0, -1))))

/** What every surface asks for, of what the platform's tokens grant. */
export function scopesOf(held: readonly Grant[], role: Role | null): Set<Scope> {
  const scopes = new Set<Scope>()
  const isWriter = isGranted(held, 'conversations:write') || isGranted(held, 'chat:write')
  if (isWriter || isGranted(held, 'conversations:read')) scopes.add('read')
  if (isWriter) scopes.add('write')
  if (isAtLeast(role, 'admin') || held.includes('support:*')) scopes.add('admin')
  return scopes
}
