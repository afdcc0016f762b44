import { requireOperatorOf } from '../access/permissions.ts'
import type { Principal } from '../access/principal.ts'
import { isAtLeast } from '../access/roles.ts'
import { Fault } from '../fault.ts'
import { isUuid } from '../id.ts'
import { isStorable } from '../json.ts'
import { invalid } from './order.ts'

/** In what capacity somebody manages tokens. */
export interface Acting {
  /** As one who runs the server: for every tenant, and he says why. */
  asOperator: boolean
  operatorReason: string | null
}

const REASON_CHARS_MAX = 512

/**
 * The tenant that he is held to; null: none. Throws forbidden, or invalid for an operator without a reason. What the surface's
 * permission asked for is asked again here, because it decides whose tokens are touched.
 */
export function heldTenant(principal: Principal, { asOperator, operatorReason }: Acting): string | null {
  if (asOperator) {
    requireOperatorOf(principal)
    requireReason('X-Operator-Reason', operatorReason, 1)
    return null
  }
  if (!isAtLeast(principal.role, 'admin')) throw new Fault('forbidden', 'This needs the role admin.', { why: 'insufficient_role' })
  if (principal.tenantId === null) throw new Fault('forbidden', 'This needs a tenant.', { why: 'tenant_required' })
  return principal.tenantId
}

/** As it is spelled in rows. Throws forbidden for another than he is held to, invalid for what is no id. */
export function requireOwn(held: string | null, asked: string | null): string | null {
  const id = asked?.toLowerCase() ?? null
  if (held !== null && id !== null && id !== held) throw new Fault('forbidden', 'This is another tenant.', { why: 'tenant_mismatch' })
  if (id !== null && !isUuid(id)) throw invalid('tenant_id', 'A tenant is named by its id, a UUID.')
  return held ?? id
}

/** Throws invalid. */
export function requireReason(param: string, reason: string | null, charsMin: number): string {
  if (reason === null || reason.trim() === '') throw invalid(param, 'A reason must be given, for the records.', 'missing_field')
  if (reason.length < charsMin) throw invalid(param, `A reason has at least ${charsMin} characters.`, 'too_short')
  if (reason.length > REASON_CHARS_MAX) throw invalid(param, `A reason has at most ${REASON_CHARS_MAX} characters.`, 'too_long')
  if (!isStorable(reason)) throw invalid(param, 'The reason cannot be stored.')
  return reason
}
