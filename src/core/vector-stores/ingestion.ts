import type { Chunking, ExtractedChunk } from '../../drivers/extraction/port.ts'
import type { ObjectKey } from '../../drivers/files/port.ts'
import type { Db } from '../../drivers/records/port.ts'
import type { Attributes } from '../attributes.ts'
import { derivedId } from '../id.ts'
import { finishJob, insertJobs, type Job, type NewJob } from '../jobs/jobs.ts'
import { makeStorable } from '../json.ts'
import type { Needs } from '../needs.ts'
import { endIngestion, hasChunks, putChunkRows, readChunkHashes, readDocument, readIngestion } from './ingestion-store.ts'
import { lexemesOf } from './words.ts'

/** One attempt at making a file of a store searchable. */
export interface Ingestion {
  job: Job
  tenantId: string
  storeId: string
  /** See lexemesOf. */
  storeNo: number
  fileId: string
  documentId: string
  /** Null: the file is gone. */
  source: { key: ObjectKey; filename: string; mediaType: string } | null
  chunking: Chunking
  attributes: Attributes
  embeddingModel: string
}

export interface Chunk extends ExtractedChunk {
  /** The same for the same document and index in every attempt: what an older attempt still writes is no stranger. */
  id: string
  idx: number
}

export const chunkOf = (documentId: string, idx: number, { text, tokens }: ExtractedChunk): Chunk => ({
  ...{ id: derivedId(documentId, idx), idx },
  ...{ text, tokens },
})

/** Undefined: the document is not in progress any more, and nothing is to be done. */
export async function beginIngestion(app: Needs<'db'>, job: Job): Promise<Ingestion | undefined> {
  const row = await readIngestion(app.db, job.subject, job.tenantId)
  if (!row) return undefined
  const { tenantId, subject: documentId } = job
  const { object_id: id, filename, media_type: mediaType } = row
  return {
    ...{ job, tenantId, documentId, storeId: row.store_id, storeNo: row.store_no, fileId: row.file_id },
    source: id === null || filename === null || mediaType === null ? null : { key: { tenantId, id }, filename, mediaType },
    chunking: { tokensMax: row.chunk_tokens, overlapTokens: row.overlap_tokens },
    attributes: row.attributes,
    embeddingModel: row.embedding_model,
  }
}

const md5 = (text: string): string => new Bun.CryptoHasher('md5').update(text).digest('hex')

/**
 * How many of these chunks an earlier attempt has written as they are, from the first on. Undefined: it wrote others, which
 * have to go first. The vectors of the last ones may be missing: rows are written before vectors.
 */
export async function countWritten(
  app: Needs<'db'>,
  { documentId }: Ingestion,
  chunks: readonly ExtractedChunk[],
): Promise<number | undefined> {
  const hashes = await readChunkHashes(app.db, documentId)
  if (hashes.length > chunks.length) return undefined
  for (const [idx, hash] of hashes.entries()) {
    if (md5(chunks[idx]?.text ?? '') !== hash) return undefined
    if (idx % HASHES_AT_ONCE === 0) await aTurn()
  }
  return hashes.length
}

const HASHES_AT_ONCE = 64

/** Lets everything else that is due go first. */
const aTurn = (): Promise<void> => new Promise(setImmediate)

/** Commits chunks before their vectors are written. False: the document or the job was taken away; stop. */
export async function putChunks(app: Needs<'db'>, ingestion: Ingestion, chunks: readonly Chunk[]): Promise<boolean> {
  const rows: (Chunk & { lexemes: string })[] = []
  for (const chunk of chunks) {
    rows.push({ ...chunk, lexemes: lexemesOf(ingestion.storeNo, chunk.text) })
    await aTurn()
  }
  return putChunkRows(app.db, ingestion, rows)
}

/** Thrown to roll back: somebody else has the job. */
class Lost extends Error {}

async function end(app: Needs<'db'>, work: (db: Db) => Promise<void>): Promise<boolean> {
  try {
    await app.db.transaction(work)
    return true
  } catch (error) {
    if (error instanceof Lost) return false
    throw error
  }
}

export interface Completion {
  /** Bytes of texts and vectors. */
  usageBytes: number
  chunks: number
}

/** The file is found from now on. False: the document or the job was taken away; stop. */
export function completeIngestion(app: Needs<'db' | 'clock'>, ingestion: Ingestion, { usageBytes, chunks }: Completion): Promise<boolean> {
  const at = app.clock.now()
  const { documentId } = ingestion
  return end(app, async (db) => {
    const attributes = await endIngestion(db, { documentId, at, status: 'completed', error: null, usageBytes, chunks })
    if (attributes === undefined) throw new Lost()
    // The vectors were written with what was true at the beginning.
    if (!Bun.deepEquals(attributes, ingestion.attributes)) await insertJobs(db, at, [jobAbout(ingestion, 'set_attributes')])
    if (!(await finishJob(db, ingestion.job))) throw new Lost()
  })
}

export interface Failure {
  code: 'server_error' | 'unsupported_file' | 'invalid_file'
  /** For the client. */
  message: string
}

/** What was written of the document is removed by a job. False: the document or the job was taken away; stop. */
export function failIngestion(app: Needs<'db' | 'clock'>, ingestion: Ingestion, { code, message }: Failure): Promise<boolean> {
  const at = app.clock.now()
  const { documentId } = ingestion
  return end(app, async (db) => {
    const error = { code, message: makeStorable(message) }
    if ((await endIngestion(db, { documentId, at, status: 'failed', error, usageBytes: 0, chunks: 0 })) === undefined) throw new Lost()
    if (await hasChunks(db, documentId)) await insertJobs(db, at, [jobAbout(ingestion, 'remove_document')])
    if (!(await finishJob(db, ingestion.job))) throw new Lost()
  })
}

/**
 * For an attempt that found its document taken away after it had written vectors: they may have come after the removal, so
 * that is asked for again. Answers whether it was.
 */
export async function abandonIngestion(app: Needs<'db' | 'clock'>, ingestion: Ingestion): Promise<boolean> {
  const document = await readDocument(app.db, ingestion.documentId)
  if (document?.status === 'in_progress' || document?.status === 'completed') return false
  await insertJobs(app.db, app.clock.now(), [jobAbout(ingestion, 'remove_document')])
  return true
}

const jobAbout = ({ tenantId, storeId, documentId }: Ingestion, kind: NewJob['kind']): NewJob => ({
  ...{ kind, tenantId, subject: documentId },
  payload: { storeId },
})
