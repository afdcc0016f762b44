import type { Chunking } from '../../drivers/extraction/port.ts'
import type { Db } from '../../drivers/records/port.ts'
import type { Attributes } from '../attributes.ts'
import { type Caller, requireScope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import { newId } from '../id.ts'
import { cancelJobs, insertJobs } from '../jobs/jobs.ts'
import type { Needs } from '../needs.ts'
import type { Page, PageRequest } from '../page.ts'
import { batchExists } from './batch-store.ts'
import {
  type DocumentRow,
  deleteFileRow,
  deleteFileRows,
  holdFiles,
  listFileRows,
  lockDocuments,
  putFileRows,
  readFileRow,
} from './file-store.ts'
import { lockStoreRow, readStoreHeads, touchStoreRow } from './store.ts'

export type FileStatus = 'in_progress' | 'completed' | 'failed' | 'cancelled'

export interface FileProblem {
  code: 'server_error' | 'unsupported_file' | 'invalid_file'
  message: string
}

export type { Chunking } from '../../drivers/extraction/port.ts'

export const DEFAULT_CHUNKING: Chunking = { tokensMax: 800, overlapTokens: 400 }

/** A file in a store. `documentId` names this ingestion of it: brought again, the file is another document. */
export interface StoreFile {
  storeId: string
  fileId: string
  documentId: string
  status: FileStatus
  error: FileProblem | null
  chunking: Chunking
  attributes: Attributes
  usageBytes: number
  createdAt: number
}

export interface NewStoreFile {
  fileId: string
  attributes?: Attributes
  chunking?: Chunking
}

export interface Attachment {
  storeId: string
  files: readonly NewStoreFile[]
  batchId?: string
}

export interface StoreFileKey {
  storeId: string
  fileId: string
}

/** One statement holds them all. */
export const FILES_AT_ONCE_MAX = 10_000
/** Longer than a worker that lost its job goes on writing: what it leaves behind is there to be removed by then. */
export const LATE_WRITES_MS = 15_000

export const missingStore = (id: string): Fault => notFound('vector_store', id)

export const expiredStore = (id: string, action: 'search' | 'attach' | 'change'): Fault =>
  new Fault('wrong_state', 'The vector store has expired.', { kind: 'vector_store', id, action })

/** What is wrong with a cut is said by the name of the number that is wrong. */
export function requireChunking({ tokensMax, overlapTokens }: Chunking): void {
  const wrong = (param: string, message: string) => new Fault('invalid', message, { param, reason: 'value' })
  if (!(tokensMax >= 100 && tokensMax <= 4096)) throw wrong('tokensMax', 'A chunk has 100 to 4096 tokens.')
  if (!(overlapTokens >= 0 && overlapTokens * 2 <= tokensMax)) throw wrong('overlapTokens', 'Chunks overlap by at most half of their size.')
}

/** JSON has no infinity, but a number like 1e999 becomes one when it is read. */
export function requireNumbers(attributes: Attributes): void {
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value !== 'number' || Number.isFinite(value)) continue
    const param = `attributes.${key}`
    throw new Fault('invalid', `Invalid '${param}': the number is too large.`, { param, reason: 'too_big' })
  }
}

/** In the order given; of a file that is named twice the last mention counts. */
function draftFiles(files: readonly NewStoreFile[]) {
  if (files.length > FILES_AT_ONCE_MAX)
    throw new Fault('invalid', `At most ${FILES_AT_ONCE_MAX} files can be added at once.`, { reason: 'too_many_items' })
  const drafts = files.map(({ fileId, attributes = {}, chunking = DEFAULT_CHUNKING }) => {
    requireNumbers(attributes)
    requireChunking(chunking)
    return { fileId, attributes, chunking, documentId: newId() }
  })
  return [...new Map(drafts.map((draft) => [draft.fileId, draft])).values()]
}

export type DraftFile = ReturnType<typeof draftFiles>[number]

/**
 * As attachFiles, inside a transaction of somebody else, who wakes the jobs after the commit. `app.db` is the transaction.
 */
export async function attachFilesIn(app: Needs<'db' | 'clock'>, caller: Caller, input: Attachment): Promise<DraftFile[]> {
  requireScope(caller, 'write')
  const { db } = app
  const { tenantId } = caller
  const { storeId, batchId = null } = input
  const drafts = draftFiles(input.files)
  const fileIds = drafts.map(({ fileId }) => fileId)
  const at = app.clock.now()

  const store = await lockStoreRow(db, tenantId, { id: storeId, now: at })
  if (!store) throw missingStore(storeId)
  if (store.expired) throw expiredStore(storeId, 'attach')
  const there = await holdFiles(db, tenantId, { ids: fileIds, now: at })
  const missing = fileIds.find((id) => !there.has(id))
  if (missing !== undefined) throw notFound('file', missing)

  await withdraw(db, at, { tenantId, documents: await lockDocuments(db, storeId, fileIds) })
  await putFileRows(db, { tenantId, storeId, batchId, at }, drafts)
  const jobOf = ({ fileId, documentId }: DraftFile) => ({
    kind: 'ingest_document' as const,
    tenantId,
    subject: documentId,
    payload: { storeId, fileId },
  })
  await insertJobs(db, at, drafts.map(jobOf))
  await touchStoreRow(db, storeId, at)
  return drafts
}

/**
 * Each file becomes a document that a worker ingests. One that the store has already begins anew: its old chunks are not
 * found any more. Throws not_found for the store or the first missing file, then nothing is written.
 */
export async function attachFiles(app: Needs<'db' | 'clock' | 'signals'>, caller: Caller, input: Attachment): Promise<StoreFile[]> {
  const at = app.clock.now()
  const { storeId } = input
  const drafts = await app.db.transaction((db) => attachFilesIn({ db, clock: app.clock }, caller, input))
  app.signals.wakeJobs()
  return drafts.map((draft) => ({ ...draft, storeId, status: 'in_progress', error: null, usageBytes: 0, createdAt: at }))
}

/** As attachFiles, of one. */
export async function attachFile(
  app: Needs<'db' | 'clock' | 'signals'>,
  caller: Caller,
  { storeId, file }: { storeId: string; file: NewStoreFile },
): Promise<StoreFile> {
  const [attached] = await attachFiles(app, caller, { storeId, files: [file] })
  if (!attached) throw new Fault('internal', 'One file was added, and none came of it.')
  return attached
}

/**
 * Ends the work on documents that their store gave up and has their chunks and vectors removed. Call it in the transaction
 * that locked, changed or deleted their rows.
 */
export async function withdraw(
  db: Db,
  at: number,
  { tenantId, documents }: { tenantId: string; documents: readonly DocumentRow[] },
): Promise<void> {
  const pending = documents.filter(({ status }) => status === 'in_progress').map((d) => d.document_id)
  // Nothing was written of those that nobody began; what failed or was cancelled is being removed already.
  const begun = new Set(await cancelJobs(db, 'ingest_document', pending))
  const removals = documents
    .filter((d) => d.status === 'completed' || begun.has(d.document_id))
    .map(({ store_id: storeId, document_id: subject, status }) => ({
      ...{ kind: 'remove_document' as const, tenantId, subject, payload: { storeId } },
      runAt: status === 'completed' ? at : at + LATE_WRITES_MS,
    }))
  await insertJobs(db, at, removals)
}

export const notInStore = ({ storeId, fileId }: StoreFileKey): Fault =>
  new Fault('not_found', 'No file with this id in the vector store.', { kind: 'file', id: fileId, storeId })

/** A store without its counts, for what stands inside of it. */
export async function requireStore(app: Needs<'db' | 'clock'>, caller: Caller, id: string): Promise<void> {
  if (!(await readStoreHeads(app.db, caller.tenantId, { ids: [id], now: app.clock.now() })).has(id)) throw missingStore(id)
}

/** Throws not_found for the store, or for a file that is not in it. */
export async function getStoreFile(app: Needs<'db' | 'clock'>, caller: Caller, key: StoreFileKey): Promise<StoreFile> {
  requireScope(caller, 'read')
  const row = await readFileRow(app.db, { ...key, tenantId: caller.tenantId })
  if (row) return row
  await requireStore(app, caller, key.storeId)
  throw notInStore(key)
}

export interface StoreFileList {
  storeId: string
  page: PageRequest
  status?: FileStatus
  batchId?: string
}

/** Throws not_found for the store or the batch. */
export async function listStoreFiles(app: Needs<'db' | 'clock'>, caller: Caller, input: StoreFileList): Promise<Page<StoreFile>> {
  requireScope(caller, 'read')
  const { tenantId } = caller
  await requireStore(app, caller, input.storeId)
  const { storeId, batchId } = input
  if (batchId !== undefined && !(await batchExists(app.db, { tenantId, storeId, id: batchId }))) throw notFound('file_batch', batchId)
  return listFileRows(app.db, { ...input, tenantId })
}

/** Takes the file out of the store; the file itself stays. Throws not_found. */
export async function removeStoreFile(app: Needs<'db' | 'clock' | 'signals'>, caller: Caller, key: StoreFileKey): Promise<void> {
  requireScope(caller, 'write')
  const { tenantId } = caller
  const removed = await app.db.transaction(async (db) => {
    const documents = await deleteFileRow(db, { ...key, tenantId })
    await withdraw(db, app.clock.now(), { tenantId, documents })
    return documents.length > 0
  })
  if (removed) return app.signals.wakeJobs()
  await requireStore(app, caller, key.storeId)
  throw notInStore(key)
}

/**
 * Takes a file that is deleted out of all stores. Call it in the transaction that deletes the file, after its row is gone:
 * whoever adds the file to a store meanwhile waits for that row. Jobs are to be woken after the commit.
 */
export async function detachFile(db: Db, at: number, { tenantId, fileId }: { tenantId: string; fileId: string }): Promise<void> {
  await withdraw(db, at, { tenantId, documents: await deleteFileRows(db, tenantId, fileId) })
}
