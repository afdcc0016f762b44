import type { Caller, Scope } from '../caller.ts'
import { Fault } from '../fault.ts'
import { isUuid, newId } from '../id.ts'
import type { Needs } from '../needs.ts'
import { createKey } from './keys.ts'
import { countLiveKeys, ensureTenantRow, hasTenantRow } from './store.ts'

export const DEFAULT_TENANT = 'default'

/** The server's operator: may do everything inside the named tenant. Made at first use. */
export function operator(app: Needs<'db' | 'clock'>, tenantName: string = DEFAULT_TENANT): Promise<Caller> {
  const at = app.clock.now()
  return app.db.transaction(async (db) => {
    const tenantId = await ensureTenantRow(db, { id: newId(), name: tenantName, at })
    return operatorOf(tenantId)
  })
}

export const operatorOf = (tenantId: string): Caller => ({
  tenantId,
  userId: null,
  keyId: null,
  scopes: new Set(['read', 'write', 'admin']),
})

/** Whether this is the id of a tenant; whatever is no UUID is none. */
export const isTenant = async (app: Needs<'db'>, id: string): Promise<boolean> => isUuid(id) && hasTenantRow(app.db, id)

/**
 * A server nobody can talk to is of no use: with no live key in the default tenant one is made, and its secret answered.
 * A preset secret (containers, tests) is added if it is missing, and never answered.
 */
export function ensureFirstKey(app: Needs<'db' | 'clock'>, preset: string | null): Promise<string | undefined> {
  return app.db.transaction(async (db) => {
    const inside = { ...app, db }
    const caller = await operator(inside)
    const scopes: Scope[] = ['read', 'write', 'admin']
    if (preset === null) {
      if ((await countLiveKeys(db, caller.tenantId)) > 0) return undefined
      return (await createKey(inside, caller, { name: 'first', scopes })).secret
    }
    await createKey(inside, caller, { name: 'bootstrap', scopes, secret: preset }).catch((error) => {
      if (!(error instanceof Fault && error.code === 'invalid')) throw error // it is there since an earlier start
    })
    return undefined
  })
}
