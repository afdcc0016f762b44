import type { Db } from '../../drivers/records/port.ts'
import { deleteCredentialIfUnused, readCredential, readCredentialOf } from '../credentials/credentials.ts'
import { dropEmailTokensOf } from './email-token-store.ts'
import { deleteSessionsOf } from './store.ts'

interface UserId {
  tenantId: string
  userId: string
}

/** Of a user who is on his way out; he may sign in again until `leaveCredential`. */
export const dropSessionsOf = (db: Db, who: UserId): Promise<void> => deleteSessionsOf(db, who)

/**
 * Around the removal of a user's row, in a transaction that holds it: with him go his sessions, and what he signs in with
 * unless he is somebody in another tenant too. `remove` answers whether he went.
 */
export async function leaveCredential(db: Db, who: UserId, remove: () => Promise<boolean>): Promise<boolean> {
  const credentialId = await readCredentialOf(db, who)
  if (credentialId !== undefined) await readCredential(db, { id: credentialId }, { hold: true })
  await deleteSessionsOf(db, who)
  if (!(await remove())) return false
  if (credentialId !== undefined && (await deleteCredentialIfUnused(db, credentialId))) await dropEmailTokensOf(db, { credentialId })
  return true
}
