import { Fault } from '../core/fault.ts'
import { finishJob, retryJob } from '../core/jobs/jobs.ts'
import type { Needs } from '../core/needs.ts'
import { EMBED_INPUTS_MAX, EMBED_TOKENS_MAX, embedTexts } from '../core/vector-stores/embedding.ts'
import {
  abandonIngestion,
  beginIngestion,
  type Chunk,
  chunkOf,
  completeIngestion,
  countWritten,
  type Failure,
  failIngestion,
  type Ingestion,
  putChunks,
} from '../core/vector-stores/ingestion.ts'
import { dropChunks } from '../core/vector-stores/removal.ts'
import type { Extracted, ExtractedChunk } from '../drivers/extraction/port.ts'
import { doneOf, type JobWork } from './job-work.ts'

export type IngestNeeds = Needs<'db' | 'clock' | 'log' | 'signals' | 'models' | 'files' | 'vectors' | 'extraction'>

/** Answers as `JobHandler.run` does; throws what `putOff` is to judge. */
export async function ingestDocument(app: IngestNeeds, work: JobWork): Promise<boolean> {
  const begunAt = app.clock.now()
  const ingestion = await beginIngestion(app, work.job)
  if (!ingestion) return finishJob(app.db, work.job)
  if (work.job.attempt > work.attemptsMax) return fail(app, ingestion, interrupted(work.job.attempt - 1))
  const extracted = await extract(app, ingestion, work.signal)
  work.steps++
  if (!extracted.ok) return fail(app, ingestion, { code: extracted.problem, message: extracted.message })
  const bytesPerVector = await writeAll(app, { ingestion, work, chunks: extracted.chunks })
  if (bytesPerVector === undefined) return lost(app, ingestion)
  const chunks = extracted.chunks.length
  const usageBytes = chunks * bytesPerVector + textBytes(extracted.chunks)
  if (!(await completeIngestion(app, ingestion, { usageBytes, chunks }))) return lost(app, ingestion)
  const { fileId: file, storeId: store } = ingestion
  app.log.info('ingest.done', { file, store, chunks, type: extracted.type, ms: app.clock.now() - begunAt })
  return true
}

const interrupted = (times: number): Failure => ({
  code: 'server_error',
  message: `The file's processing was interrupted ${times} times; add the file again to try once more.`,
})

async function extract(app: IngestNeeds, { source, chunking }: Ingestion, signal: AbortSignal): Promise<Extracted> {
  if (source === null) return GONE
  const { key, filename, mediaType } = source
  const content = await app.files.read(key)
  try {
    return await app.extraction.extract({ content, filename, mediaType, chunking, signal })
  } finally {
    // Read to its end it has nothing to cancel; a reader that left it is gone by now.
    await content.cancel().catch(() => undefined)
  }
}

const GONE: Extracted = { ok: false, problem: 'invalid_file', message: 'The file was deleted.' }

interface Writing {
  ingestion: Ingestion
  work: JobWork
  chunks: readonly ExtractedChunk[]
}

/** Bytes of one vector when all is written; undefined when the document was taken away. */
async function writeAll(app: IngestNeeds, writing: Writing): Promise<number | undefined> {
  const { ingestion, work, chunks } = writing
  let bytes = 0
  for (const window of windowsOf(ingestion.documentId, chunks, await beginAt(app, writing))) {
    const texts = window.map((chunk) => chunk.text)
    const vectors = await embedTexts(app, { model: ingestion.embeddingModel, texts }, work.signal)
    if (work.signal.aborted || !(await putChunks(app, ingestion, window))) return undefined
    const points = window.flatMap(({ id }, index) => (vectors[index] ? [{ id, vector: vectors[index] }] : []))
    await app.vectors.upsert({ ...keyOf(ingestion), fileId: ingestion.fileId, attributes: ingestion.attributes, points })
    bytes = vectors[0]?.byteLength ?? 0
    work.done = (window.at(-1)?.idx ?? 0) + 1
    work.steps++
    if (work.signal.aborted) return undefined
  }
  return bytes
}

/** What is embedded and written at once. */
function* windowsOf(documentId: string, chunks: readonly ExtractedChunk[], from: number): Generator<Chunk[]> {
  let window: Chunk[] = []
  let tokens = 0
  for (const [offset, extracted] of chunks.slice(from).entries()) {
    if (window.length === EMBED_INPUTS_MAX || (window.length > 0 && tokens + extracted.tokens > EMBED_TOKENS_MAX)) {
      yield window
      window = []
      tokens = 0
    }
    window.push(chunkOf(documentId, from + offset, extracted))
    tokens += extracted.tokens
  }
  if (window.length > 0) yield window
}

/**
 * Index of the first chunk to write. What earlier attempts wrote stays, but for the last window of one that was cut off:
 * its vectors may be missing. If they cut the text otherwise, all they wrote goes first.
 */
async function beginAt(app: IngestNeeds, { ingestion, work, chunks }: Writing): Promise<number> {
  const written = work.job.fence === 1 ? 0 : await countWritten(app, ingestion, chunks)
  if (written === undefined) {
    work.done = 0
    await app.vectors.removeDocument(keyOf(ingestion))
    while (await dropChunks(app, ingestion.documentId));
    return 0
  }
  const begin = Math.max(Math.min(work.done, written), written - EMBED_INPUTS_MAX)
  // One more at least, which tells how long its vectors are.
  return Math.max(0, Math.min(begin, chunks.length - 1))
}

const keyOf = ({ tenantId, storeId, documentId }: Ingestion) => ({ tenantId, storeId, documentId })

const textBytes = (chunks: readonly ExtractedChunk[]): number => chunks.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0)

/** `reason` is for the log, where the message may hold words of a provider, and those words of the text. */
async function fail(app: IngestNeeds, ingestion: Ingestion, failure: Failure & { reason?: string }): Promise<boolean> {
  if (!(await failIngestion(app, ingestion, failure))) return lost(app, ingestion)
  const { fileId: file, storeId: store } = ingestion
  app.log.info('ingest.failed', { file, store, code: failure.code, reason: failure.reason ?? failure.message })
  app.signals.wakeJobs()
  return true
}

/** The document was taken away, or somebody else is at it. */
async function lost(app: IngestNeeds, ingestion: Ingestion): Promise<boolean> {
  if (await abandonIngestion(app, ingestion)) app.signals.wakeJobs()
  return false
}

/** Times in a row, without one more chunk done, that a document waits for somebody else's limits or troubles: about an hour. */
const PUT_OFF_MAX = 60
const WAIT_MAX_MS = 60_000

/**
 * What an attempt died of decides how it goes on: others' limits and troubles are waited for without charge, other errors
 * are charged as attempts, and what no repetition cures ends the document.
 */
export async function putOff(app: IngestNeeds, work: JobWork, cause: unknown): Promise<boolean> {
  const { job, attemptsMax } = work
  const fault = cause instanceof Fault ? cause : undefined
  const waits = fault?.code === 'rate_limited' || fault?.code === 'unavailable'
  const before = work.done > doneOf(job) ? 0 : countOf(job.payload.putOff)
  const again = waits ? before < PUT_OFF_MAX : job.attempt < attemptsMax && !isFinal(fault)
  if (!again) return giveUp(app, work, cause)
  const doubling = 1_000 * 2 ** Math.min(waits ? before : job.attempt, 10)
  const waitMs = Math.min(WAIT_MAX_MS, Math.max(doubling, fault?.facts.retryAfterMs ?? 0))
  app.log.warn('ingest.put_off', { document: job.subject, attempt: job.attempt, waitMs, cause: nameOf(cause) })
  const payload = { ...job.payload, putOff: waits ? before + 1 : before, done: work.done }
  return retryJob(app, job, { runAt: app.clock.now() + waitMs, error: fault?.message ?? String(cause), charged: !waits, payload })
}

const countOf = (value: unknown): number => (typeof value === 'number' ? value : 0)

/** Only what another time may end otherwise is tried again. */
const isFinal = (fault: Fault | undefined): boolean => fault !== undefined && fault.code !== 'upstream' && fault.code !== 'internal'

async function giveUp(app: IngestNeeds, { job }: JobWork, cause: unknown): Promise<boolean> {
  const ingestion = await beginIngestion(app, job)
  if (!ingestion) return finishJob(app.db, job)
  if (!(cause instanceof Fault)) app.log.error('ingest.broke', { document: job.subject, cause })
  return fail(app, ingestion, { code: 'server_error', message: messageOf(cause), reason: nameOf(cause) })
}

const nameOf = (cause: unknown): string => (cause instanceof Fault ? cause.code : cause instanceof Error ? cause.name : 'unknown')

function messageOf(cause: unknown): string {
  if (!(cause instanceof Fault)) return "The file's processing failed because of an error in the server."
  return cause.code === 'not_found' ? "The file's content is not there any more." : cause.message
}
