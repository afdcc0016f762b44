import type { Caller } from '../caller.ts'
import { newId } from '../id.ts'
import type { Needs } from '../needs.ts'
import { createKey } from './keys.ts'
import { countLiveKeys, ensureAdminRow, ensureTenantRow } from './store.ts'

export const DEFAULT_TENANT = 'default'

/** The server's operator: may do everything inside the named tenant. Made at first use. */
export async function operator(app: Needs<'db' | 'clock'>, tenantName: string = DEFAULT_TENANT): Promise<Caller> {
  const at = app.clock.now()
  const tenant = await ensureTenantRow(app.db, { id: newId(), name: tenantName, at })
  const userId = await ensureAdminRow(app.db, { id: newId(), tenantId: tenant.id, at })
  return { tenantId: tenant.id, userId, keyId: null, scopes: new Set(['read', 'write', 'admin'] as const) }
}

/**
 * A server nobody can talk to is of no use: with no live key in the default tenant one is made, and its secret answered.
 * A preset secret (containers, tests) is added if it is missing, and never answered.
 */
export async function ensureFirstKey(app: Needs<'db' | 'clock'>, preset: string | null): Promise<string | undefined> {
  const caller = await operator(app)
  const scopes = ['read', 'write', 'admin'] as const
  if (preset !== null) {
    await createKey(app, caller, { name: 'bootstrap', scopes: [...scopes], secret: preset }).catch((error) => {
      if (error?.code !== 'invalid') throw error // it is there since an earlier start
    })
    return undefined
  }
  if ((await countLiveKeys(app.db, caller.tenantId)) > 0) return undefined
  return (await createKey(app, caller, { name: 'first', scopes: [...scopes] })).secret
}
