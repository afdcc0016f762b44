import type { Db } from '../../drivers/records/port.ts'
import { type Caller, requireScope } from '../caller.ts'
import { Fault } from '../fault.ts'
import type { Needs } from '../needs.ts'
import { deleteSecret, deleteSecretsOfEndedRuns, readSecret, writeSecret } from './secret-store.ts'

/** A secret is there before its run begins; one whose run has not begun by then is nobody's. */
const UNUSED_KEEP_MS = 60 * 60_000

/**
 * Leaves the run its client's key of the model's provider, sealed; the newest one counts. It is sealed at once and written
 * by what comes back, which may be part of a transaction.
 */
export async function clientKeyWriter(
  app: Needs<'clock' | 'vault'>,
  caller: Caller,
  { runId, key }: { runId: string; key: string },
): Promise<(db: Db) => Promise<void>> {
  requireScope(caller, 'write')
  const sealed = await app.vault.seal(key, runId)
  return (db) => writeSecret(db, { runId, tenantId: caller.tenantId, sealed, at: app.clock.now() })
}

/** Undefined: its client left none. Throws internal where it was sealed with a key that this server does not have. */
export async function clientKeyOf(app: Needs<'db' | 'vault'>, run: { id: string; tenantId: string }): Promise<string | undefined> {
  const sealed = await readSecret(app.db, run.tenantId, run.id)
  if (sealed === undefined) return undefined
  const key = await app.vault.open(sealed, run.id)
  if (key !== undefined) return key
  throw new Fault('internal', 'The API key that came with this run was sealed by a server with another secrets.key.')
}

/** Once the run has ended. */
export const dropClientKey = (app: Needs<'db'>, run: { id: string; tenantId: string }): Promise<void> =>
  deleteSecret(app.db, run.tenantId, run.id)

/** Those of runs that have ended, or never began. Answers how many went. */
export const dropClientKeys = (app: Needs<'db' | 'clock'>, limit: number): Promise<number> =>
  deleteSecretsOfEndedRuns(app.db, { unusedSince: app.clock.now() - UNUSED_KEEP_MS, limit })
