import { type Caller, requireScope } from '../caller.ts'
import { notFound } from '../fault.ts'
import { newId } from '../id.ts'
import type { Needs } from '../needs.ts'
import { batchExists, cancelBatchRows, insertBatchRow, readBatchRow } from './batch-store.ts'
import { lockStoreRow } from './store.ts'
import { attachFilesIn, missingStore, type NewStoreFile, requireStore, withdraw } from './store-files.ts'
import type { FileCounts } from './stores.ts'

/**
 * Files that were added together. `cancelled` once it was cancelled with files still in progress; `failed` when all of
 * its files failed; `completed` when none is in progress. A file that was taken out or replaced counts as cancelled.
 */
export interface FileBatch {
  id: string
  storeId: string
  status: 'in_progress' | 'completed' | 'failed' | 'cancelled'
  counts: FileCounts
  createdAt: number
}

export interface FileBatchKey {
  storeId: string
  id: string
}

/** Throws not_found for the store or the first missing file: then nothing is written. */
export async function createBatch(
  app: Needs<'db' | 'clock' | 'signals'>,
  caller: Caller,
  { storeId, files }: { storeId: string; files: readonly NewStoreFile[] },
): Promise<FileBatch> {
  const id = newId()
  const createdAt = app.clock.now()
  const drafts = await app.db.transaction(async (db) => {
    const attached = await attachFilesIn({ db, clock: app.clock }, caller, { storeId, files, batchId: id })
    await insertBatchRow(db, { id, storeId, tenantId: caller.tenantId }, { at: createdAt, files: attached })
    return attached
  })
  app.signals.wakeJobs()
  const total = drafts.length
  return { id, storeId, status: 'in_progress', counts: { inProgress: total, completed: 0, failed: 0, cancelled: 0, total }, createdAt }
}

/** Throws not_found for the store or the batch. */
export async function getBatch(app: Needs<'db' | 'clock'>, caller: Caller, key: FileBatchKey): Promise<FileBatch> {
  requireScope(caller, 'read')
  const row = await readBatchRow(app.db, { ...key, tenantId: caller.tenantId })
  if (row) return row
  await requireStore(app, caller, key.storeId)
  throw notFound('file_batch', key.id)
}

/** Its files that are in progress become cancelled; a batch without any stays as it is. Throws not_found. */
export async function cancelBatch(app: Needs<'db' | 'clock' | 'signals'>, caller: Caller, key: FileBatchKey): Promise<FileBatch> {
  requireScope(caller, 'write')
  const { tenantId } = caller
  const at = app.clock.now()
  const batch = await app.db.transaction(async (db) => {
    if (!(await lockStoreRow(db, tenantId, { id: key.storeId, now: at }))) throw missingStore(key.storeId)
    if (!(await batchExists(db, { ...key, tenantId }))) throw notFound('file_batch', key.id)
    await withdraw(db, at, { tenantId, documents: await cancelBatchRows(db, { id: key.id, at }) })
    return readBatchRow(db, { ...key, tenantId })
  })
  if (!batch) throw notFound('file_batch', key.id)
  app.signals.wakeJobs()
  return batch
}
