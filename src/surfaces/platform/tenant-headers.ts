import type { App } from '../../app.ts'
import type { Principal } from '../../core/access/principal.ts'
import { grantsOf, isAtLeast, isGranted, isRole, type Role, scopesOf } from '../../core/access/roles.ts'
import { Fault } from '../../core/fault.ts'
import { isTenant } from '../../core/identity/tenants.ts'

/** Who asks, for the tenant and with the role that his headers name. Throws forbidden with why. */
export async function inTenant(app: Pick<App, 'db'>, principal: Principal, headers: Headers): Promise<Principal> {
  const tenant = headers.get('x-tenant-id')?.trim().toLowerCase() || null
  const chosen = tenant === null ? principal : await forTenant(app, principal, tenant)
  const role = headers.get('x-tenant-role')?.trim().toLowerCase() ?? ''
  return isRole(role) ? lowered(chosen, role) : chosen
}

async function forTenant(app: Pick<App, 'db'>, principal: Principal, tenantId: string): Promise<Principal> {
  if (principal.tenantId === tenantId) return principal
  const isFree = principal.tenantId === null && (await isTenant(app, tenantId))
  if (!isFree) throw new Fault('forbidden', 'X-Tenant-Id names another tenant than the credential.', { why: 'tenant_mismatch' })
  const { userId, account, sessionId, serviceTokenId, grants, role } = principal
  const caller = {
    tenantId,
    userId,
    keyId: serviceTokenId ?? sessionId,
    scopes: scopesOf(grants, role),
    ...(role === null ? {} : { role }),
    ...(account === null ? {} : { account }),
  }
  return { ...principal, tenantId, caller }
}

/** Whoever asks to be less is less in everything that his role gives. */
function lowered(principal: Principal, role: Role): Principal {
  if (principal.role === role) return principal
  if (!isAtLeast(principal.role, role))
    throw new Fault('forbidden', 'X-Tenant-Role asks for more than the credential has.', { why: 'insufficient_role' })
  const given = grantsOf({ role })
  const grants = principal.grants.filter((grant) => isGranted(given, grant))
  const allowed = scopesOf(grants, role)
  const { caller } = principal
  const scopes = new Set([...(caller?.scopes ?? [])].filter((scope) => allowed.has(scope)))
  return { ...principal, role, isOperator: false, grants, caller: caller === null ? null : { ...caller, scopes, role } }
}
