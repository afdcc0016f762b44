import type { Db } from '../../drivers/records/port.ts'
import { type Caller, requireScope, serverOf } from '../caller.ts'
import { notFound } from '../fault.ts'
import type { Needs } from '../needs.ts'
import { disown } from '../ownership/ownership.ts'
import { detachFile } from '../vector-stores/store-files.ts'
import { dropObjects } from './objects.ts'
import { deleteExpiredRows, deleteFileRow, type RemovedFile } from './store.ts'

/** Its content goes with the next sweep, what vector stores made of it with their jobs. Throws not_found. */
export async function deleteFile(app: Needs<'db' | 'clock' | 'signals'>, caller: Caller, id: string): Promise<void> {
  requireScope(caller, 'write')
  const at = app.clock.now()
  await app.db.transaction(async (db) => {
    const removed = await deleteFileRow(db, caller.tenantId, { id, at })
    if (!removed) throw notFound('file', id)
    await letGo(db, at, [removed])
  })
  app.signals.wakeJobs()
}

/** Removes files whose time is over. Answers how many. */
export async function expireFiles(app: Needs<'db' | 'clock' | 'signals'>, limit: number): Promise<number> {
  const at = app.clock.now()
  const count = await app.db.transaction(async (db) => {
    const removed = await deleteExpiredRows(db, at, limit)
    await letGo(db, at, removed)
    return removed.length
  })
  if (count > 0) app.signals.wakeJobs()
  return count
}

async function letGo(db: Db, at: number, files: readonly RemovedFile[]): Promise<void> {
  await dropObjects(
    db,
    at,
    files.map((file) => file.object_id),
  )
  for (const { id, tenant_id: tenantId } of files) {
    await detachFile(db, at, { tenantId, fileId: id })
    await disown(db, serverOf(tenantId), { kind: 'file', id })
  }
}
