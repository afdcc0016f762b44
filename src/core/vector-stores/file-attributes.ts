import type { Attributes } from '../attributes.ts'
import { type Caller, requireScope } from '../caller.ts'
import { insertJobs } from '../jobs/jobs.ts'
import type { Needs } from '../needs.ts'
import { changeFileAttributes, readDocumentRow } from './file-store.ts'
import { notInStore, requireNumbers, requireStore, type StoreFile, type StoreFileKey } from './store-files.ts'

/** A change is told to the vectors by its request; the job is for the request that dies in between. */
const NET_MS = 5_000
const TELLS_MAX = 5

/**
 * Replaces the attributes. Searches filter by them once `applyAttributes` was called, or soon after by a job. Throws
 * not_found.
 */
export async function changeAttributes(
  app: Needs<'db' | 'clock' | 'signals'>,
  caller: Caller,
  { attributes, ...key }: StoreFileKey & { attributes: Attributes },
): Promise<StoreFile> {
  requireScope(caller, 'write')
  requireNumbers(attributes)
  const { tenantId } = caller
  const { storeId } = key
  const at = app.clock.now()
  const changed = await app.db.transaction(async (db) => {
    const file = await changeFileAttributes(db, { ...key, tenantId }, attributes)
    // The end of an ingestion looks by itself whether the attributes are still those of its beginning.
    if (file?.status === 'completed') {
      const job = { kind: 'set_attributes' as const, tenantId, subject: file.documentId, payload: { storeId } }
      await insertJobs(db, at, [{ ...job, runAt: at + NET_MS }])
    }
    return file
  })
  if (changed) return changed
  await requireStore(app, caller, key.storeId)
  throw notInStore(key)
}

/**
 * Tells the vectors what the row says, until it says so still afterwards: of two changes at once the later row wins,
 * whichever of them is slower. `later` while the document is being ingested, or when the row does not come to rest.
 */
export async function tellAttributes(
  app: Needs<'db' | 'vectors'>,
  { tenantId, documentId }: { tenantId: string; documentId: string },
): Promise<'told' | 'gone' | 'later'> {
  let told: string | undefined
  for (let tells = 0; tells <= TELLS_MAX; tells++) {
    const file = await readDocumentRow(app.db, tenantId, documentId)
    if (!file || file.status === 'failed' || file.status === 'cancelled') return 'gone'
    if (file.status === 'in_progress') return 'later'
    const current = JSON.stringify(file.attributes)
    if (current === told) return 'told'
    await app.vectors.setAttributes({ tenantId, storeId: file.storeId, documentId }, file.attributes)
    told = current
  }
  return 'later'
}

/** Tells the vectors of a change that is committed. Never fails: the job of the change is still there. */
export async function applyAttributes(
  app: Needs<'db' | 'vectors' | 'log'>,
  caller: Caller,
  { storeId, documentId }: StoreFile,
): Promise<void> {
  try {
    await tellAttributes(app, { tenantId: caller.tenantId, documentId })
  } catch (cause) {
    app.log.warn('attributes.later', { store: storeId, document: documentId, cause: String(cause) })
  }
}
