import { Fault } from './fault.ts'

export type Scope = 'read' | 'write' | 'admin'

/** Who is asking: resolved once per request, passed to every core function, never optional. */
export interface Caller {
  readonly tenantId: string
  readonly userId: string | null
  /** The API key behind the request; null for the server's own work (reaper, CLI). */
  readonly keyId: string | null
  readonly scopes: ReadonlySet<Scope>
}

export function requireScope(caller: Caller, scope: Scope): void {
  if (!caller.scopes.has(scope) && !caller.scopes.has('admin')) throw new Fault('forbidden', `This key lacks the '${scope}' scope.`)
}
