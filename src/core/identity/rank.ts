import type { Db } from '../../drivers/records/port.ts'
import { isAtLeast, type Role } from '../access/roles.ts'
import type { Caller } from '../caller.ts'
import { Fault } from '../fault.ts'
import { isManager } from '../ownership/ownership.ts'
import { readRank } from './removal-store.ts'

/** Machines that got a token manage none: a key that they made would outlive it. */
export const managesUsers = (caller: Caller): boolean => isManager(caller) && caller.account === undefined

/** What a caller without a role of his own comes to: a key of the tenant, or of somebody who has everything of it. */
function rankOf({ role, scopes }: Caller): Role {
  if (role !== undefined && (isAtLeast(role, 'admin') || !scopes.has('admin'))) return role
  if (scopes.has('admin')) return 'owner'
  return scopes.has('write') ? 'member' : 'viewer'
}

/**
 * Whoever manages users manages those of his own rank and below: with a key made for somebody higher he would be as high.
 * Operators are managed by keys of their tenant, and by nobody's role. Throws forbidden with this sentence.
 * @param db a transaction that has locked the user, where he is changed
 */
export async function requireAbove(db: Db, caller: Caller, { userId, sentence }: { userId: string; sentence: string }): Promise<void> {
  if (caller.userId === userId) return
  if (caller.account !== undefined) throw new Fault('forbidden', sentence, { why: 'insufficient_role' })
  const { role, isOperator, isAdmin } = await readRank(db, { tenantId: caller.tenantId, userId })
  const rank: Role | null = isAdmin || isOperator ? 'owner' : role
  const isAbove = (isOperator && caller.role !== undefined) || (rank !== null && !isAtLeast(rankOf(caller), rank))
  if (isAbove) throw new Fault('forbidden', sentence, { why: 'insufficient_role' })
}
