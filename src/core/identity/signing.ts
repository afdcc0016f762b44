import type { Needs } from '../needs.ts'
import { ensureSigningKey, readSigningKey } from './store.ts'

/** Signs the tenant's links to files; made when the first link is. */
export async function signingKey(app: Needs<'db'>, tenantId: string): Promise<string> {
  const known = await readSigningKey(app.db, tenantId)
  if (known !== undefined) return known
  const fresh = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url')
  return ensureSigningKey(app.db, tenantId, fresh)
}

/** Undefined for a tenant that has made no link, or that is not there. */
export const findSigningKey = (app: Needs<'db'>, tenantId: string): Promise<string | undefined> => readSigningKey(app.db, tenantId)
