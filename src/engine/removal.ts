import { finishJob, retryJob } from '../core/jobs/jobs.ts'
import type { Needs } from '../core/needs.ts'
import { tellAttributes } from '../core/vector-stores/file-attributes.ts'
import { documentOf, dropChunks, dropStoreChunks } from '../core/vector-stores/removal.ts'
import type { JobWork } from './job-work.ts'

type RemovalNeeds = Needs<'db' | 'clock' | 'vectors'>

/*
 * Vectors go first, then the chunks, then the job: whatever is interrupted is done again, and never is there a vector
 * without its chunk. All of these answer as `JobHandler.run` does.
 */

export async function removeDocument(app: RemovalNeeds, work: JobWork): Promise<boolean> {
  const document = documentOf(work.job)
  await app.vectors.removeDocument(document)
  return dropAll(app, work, () => dropChunks(app, document.documentId))
}

export async function removeStore(app: RemovalNeeds, work: JobWork): Promise<boolean> {
  const { tenantId, storeId } = documentOf(work.job)
  await app.vectors.removeStore({ tenantId, storeId })
  return dropAll(app, work, () => dropStoreChunks(app, storeId))
}

/** @param drop some chunks; answers whether there may be more */
async function dropAll(app: RemovalNeeds, work: JobWork, drop: () => Promise<boolean>): Promise<boolean> {
  while (await drop()) {
    if (work.signal.aborted) return false
    work.steps++
  }
  return finishJob(app.db, work.job)
}

/** While the document is being ingested there is nothing to tell yet. */
const ATTRIBUTES_AGAIN_MS = 30_000

/** A change that comes meanwhile asks for the job again, and then this one does not finish. */
export async function setAttributes(app: RemovalNeeds, { job }: JobWork): Promise<boolean> {
  if ((await tellAttributes(app, documentOf(job))) !== 'later') return finishJob(app.db, job)
  return retryJob(app, job, { runAt: app.clock.now() + ATTRIBUTES_AGAIN_MS, error: 'not ready', charged: false })
}
