import { Fault } from '../fault.ts'
import { cancelJobs, insertJobs, type Job } from '../jobs/jobs.ts'
import type { Needs } from '../needs.ts'
import { deleteDocumentChunks, deleteStoreChunks, emptyFiles, expiredStores, markEmptied } from './removal-store.ts'
import { LATE_WRITES_MS } from './store-files.ts'

const CHUNKS_AT_ONCE = 1_000

export interface DocumentOfJob {
  tenantId: string
  storeId: string
  documentId: string
}

/** The document that a job is about. */
export function documentOf({ tenantId, subject, payload }: Job): DocumentOfJob {
  if (typeof payload.storeId !== 'string') throw new Fault('internal', 'A job about a document names no store.')
  return { tenantId, storeId: payload.storeId, documentId: subject }
}

/** Of a document whose vectors are gone. Answers whether there may be more. */
export const dropChunks = async (app: Needs<'db'>, documentId: string): Promise<boolean> =>
  (await deleteDocumentChunks(app.db, documentId, CHUNKS_AT_ONCE)) === CHUNKS_AT_ONCE

/** Of a store whose vectors are gone. Answers whether there may be more. */
export const dropStoreChunks = async (app: Needs<'db'>, storeId: string): Promise<boolean> =>
  (await deleteStoreChunks(app.db, storeId, CHUNKS_AT_ONCE)) === CHUNKS_AT_ONCE

/** Has the contents of stores removed whose time is over, at most `limit` of them; the stores stay, as expired. Answers how many. */
export async function emptyExpiredStores(app: Needs<'db' | 'clock' | 'signals'>, limit: number): Promise<number> {
  const ids = await expiredStores(app.db, app.clock.now(), limit)
  let emptied = 0
  for (const id of ids) if (await emptyStore(app, id)) emptied++
  if (emptied > 0) app.signals.wakeJobs()
  return emptied
}

function emptyStore(app: Needs<'db' | 'clock'>, storeId: string): Promise<boolean> {
  const at = app.clock.now()
  return app.db.transaction(async (db) => {
    const store = await markEmptied(db, storeId, at)
    if (!store) return false
    const open = await emptyFiles(db, { storeId, at, message: 'The vector store expired before this file was ready.' })
    await cancelJobs(db, 'ingest_document', open)
    const runAt = open.length > 0 ? at + LATE_WRITES_MS : at
    await insertJobs(db, at, [{ kind: 'remove_store', tenantId: store.tenantId, subject: storeId, payload: { storeId }, runAt }])
    return true
  })
}
