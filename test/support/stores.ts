import type { Caller } from '../../src/core/caller.ts'
import type { StoredFile } from '../../src/core/files/files.ts'
import { insertFile } from '../../src/core/files/store.ts'
import { newId } from '../../src/core/id.ts'
import type { Job } from '../../src/core/jobs/jobs.ts'
import {
  beginIngestion,
  chunkOf,
  completeIngestion,
  failIngestion,
  type Ingestion,
  putChunks,
} from '../../src/core/vector-stores/ingestion.ts'
import type { StoreFile } from '../../src/core/vector-stores/store-files.ts'
import type { TestApp } from './app.ts'

/** The record of a file whose content nobody asks for. */
export async function recordFile(app: TestApp, caller: Caller, given: Partial<StoredFile> = {}): Promise<StoredFile> {
  const file: StoredFile = {
    ...{ id: newId(), objectId: newId(), filename: 'notes.txt', purpose: 'assistants', mediaType: 'text/plain' },
    ...{ bytes: 3, sha256: '0'.repeat(64), createdAt: app.clock.now(), expiresAt: null },
    ...given,
  }
  await insertFile(app.records.db, caller.tenantId, file)
  return file
}

export async function recordFiles(app: TestApp, caller: Caller, count: number): Promise<string[]> {
  const ids: string[] = []
  while (ids.length < count) ids.push((await recordFile(app, caller)).id)
  return ids
}

/** A job as the table has it; `begun` when a worker has ever had it. */
export interface JobRecord {
  kind: string
  subject: string
  payload: Record<string, unknown>
  runAt: number
  begun: boolean
}

/** All jobs of a tenant, oldest first. */
export async function jobsOf(app: TestApp, caller: Caller): Promise<JobRecord[]> {
  const rows = await app.records.db.query<{ kind: string; subject: string; payload: string; run_at: number; fence: number }>(
    'select kind, subject, payload, run_at, fence from job where tenant_id = $1 order by created_at, id',
    [caller.tenantId],
  )
  return rows.map(({ kind, subject, payload, run_at: runAt, fence }) => ({
    ...{ kind, subject, runAt, begun: fence > 0 },
    payload: JSON.parse(payload) as Record<string, unknown>,
  }))
}

/** Begins the ingestion of just this document, as a worker that claimed its job. */
export async function begin(app: TestApp, documentId: string): Promise<Ingestion> {
  const rows = await app.records.db.query<{ id: string; tenant_id: string; payload: string; fence: number; created_at: number }>(
    `update job set fence = fence + 1, attempt = attempt + 1, worker_id = $2::uuid, lease_until = now() + interval '15 s'
    where subject = $1 and kind = 'ingest_document' returning id, tenant_id, payload, fence, created_at`,
    [documentId, newId()],
  )
  const row = rows[0]
  if (!row) throw new Error('the document has no job')
  const job: Job = {
    ...{ id: row.id, tenantId: row.tenant_id, kind: 'ingest_document', subject: documentId, attempt: 1, fence: row.fence },
    ...{ createdAt: row.created_at, payload: JSON.parse(row.payload) },
  }
  const ingestion = await beginIngestion(app, job)
  if (!ingestion) throw new Error('the document is not in progress')
  return ingestion
}

/** The chunks' rows, without vectors. */
export const write = (app: TestApp, ingestion: Ingestion, texts: readonly string[]): Promise<boolean> =>
  putChunks(
    app,
    ingestion,
    texts.map((text, idx) => chunkOf(ingestion.documentId, idx, { text, tokens: text.length })),
  )

/** The file of the store becomes completed with these chunks. */
export async function complete(
  app: TestApp,
  { documentId }: Pick<StoreFile, 'documentId'>,
  texts: readonly string[] = ['text'],
): Promise<void> {
  const ingestion = await begin(app, documentId)
  await write(app, ingestion, texts)
  if (!(await completeIngestion(app, ingestion, { usageBytes: 100, chunks: texts.length }))) throw new Error('the document was taken away')
}

export async function fail(app: TestApp, { documentId }: Pick<StoreFile, 'documentId'>): Promise<void> {
  const problem = { code: 'invalid_file' as const, message: 'The file is empty.' }
  if (!(await failIngestion(app, await begin(app, documentId), problem))) throw new Error('the document was taken away')
}
