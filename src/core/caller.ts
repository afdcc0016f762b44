import type { Role } from './access/roles.ts'
import { Fault } from './fault.ts'

export type Scope = 'read' | 'write' | 'admin'

/** Who is asking: resolved once per request, passed to every core function, never optional. */
export interface Caller {
  readonly tenantId: string
  readonly userId: string | null
  /** The API key behind the request; null for the server's own work (reaper, CLI). */
  readonly keyId: string | null
  readonly scopes: ReadonlySet<Scope>
  /** Of a user who signed in: he may see what is the tenant's, as far as his scopes go. */
  readonly role?: Role
  /** Of a service account: its name. It works with what is the tenant's, and manages no users: their keys would outlive it. */
  readonly account?: string
}

/** What each scope allows beside itself: who may write reads what was written, an admin does everything. */
const ALLOWED_BY: Record<Scope, readonly Scope[]> = { read: ['read', 'write', 'admin'], write: ['write', 'admin'], admin: ['admin'] }

export function requireScope(caller: Caller, scope: Scope): void {
  if (!ALLOWED_BY[scope].some((held) => caller.scopes.has(held))) throw new Fault('forbidden', `This key lacks the '${scope}' scope.`)
}

/** The server's own work for a tenant: what a run does in the name of whoever started it. */
export const serverOf = (tenantId: string): Caller => ({ tenantId, userId: null, keyId: null, scopes: new Set<Scope>(['read', 'write']) })
