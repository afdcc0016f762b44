import type { Db } from '../../drivers/records/port.ts'
import { newId } from '../id.ts'
import { type JsonObject, makeStorable } from '../json.ts'
import type { Needs } from '../needs.ts'
import {
  claimJobRows,
  countJobRows,
  deleteJobRow,
  deleteJobRows,
  expireJobLeases,
  insertJobRows,
  type JobRow,
  releaseJobRows,
  renewJobRows,
  retryJobRow,
} from './store.ts'

/**
 * - `ingest_document` {storeId, fileId}, subject: the document.
 * - `remove_document` {storeId}, subject: the document. Its vectors and chunks go.
 * - `remove_store` {storeId}, subject: the store. The vectors and chunks of all its documents go.
 * - `set_attributes` {storeId}, subject: the document. What the file's row says now is told to the vectors.
 * - `webhook` {url}, subject: the run. Somebody outside is told that it has ended.
 * - `mail` {}, subject: the mail. It is sent.
 */
export const JOB_KINDS = ['ingest_document', 'remove_document', 'remove_store', 'set_attributes', 'webhook', 'mail'] as const
export type JobKind = (typeof JOB_KINDS)[number]

export interface NewJob {
  kind: JobKind
  tenantId: string
  subject: string
  payload: JsonObject
  /** Not before; milliseconds since the epoch. */
  runAt?: number
}

export interface Job {
  id: string
  tenantId: string
  kind: JobKind
  subject: string
  payload: JsonObject
  /** How often it was begun and neither released nor put off without charge; 1 at first. */
  attempt: number
  fence: number
  createdAt: number
}

/**
 * Call it in the transaction that makes the work necessary, and `signals.wakeJobs()` after the commit. There is one job of
 * a kind for a subject: asked for again it is done again from its beginning, even if a worker is at it.
 */
export async function insertJobs(db: Db, at: number, jobs: readonly NewJob[]): Promise<void> {
  if (jobs.length === 0) return
  const bySubject = new Map(jobs.map((job) => [`${job.kind} ${job.subject}`, job]))
  const rows = [...bySubject.values()].map(({ kind, tenantId, subject, payload, runAt = at }) => ({
    ...{ id: newId(), tenant_id: tenantId, kind, subject },
    ...{ payload: JSON.stringify(payload), run_at: runAt },
  }))
  await insertJobRows(db, at, rows)
}

/** Nobody begins these jobs any more, and who is at one commits nothing. Answers the subjects whose job had been begun at any time. */
export const cancelJobs = async (db: Db, kind: JobKind, subjects: readonly string[]): Promise<string[]> =>
  subjects.length === 0 ? [] : deleteJobRows(db, kind, [...subjects])

export async function cancelJob(db: Db, kind: JobKind, subject: string): Promise<void> {
  await cancelJobs(db, kind, [subject])
}

export interface ClaimRequest {
  workerId: string
  leaseMs: number
  limit: number
  kinds?: readonly JobKind[]
  /** The tenant whose turn was last, of the last job of the claim before; absent: anybody begins. */
  after?: string
}

const NOBODY = '00000000-0000-0000-0000-000000000000'

const fromRow = (row: JobRow): Job => ({
  id: row.id,
  tenantId: row.tenant_id,
  kind: row.kind as JobKind,
  subject: row.subject,
  payload: JSON.parse(row.payload) as JsonObject,
  attempt: row.attempt,
  fence: row.fence,
  createdAt: row.created_at,
})

/**
 * Up to `limit` jobs that are due, also those whose worker died. Tenants with the fewest jobs of these kinds at work go first, those with
 * equally many take turns; of one tenant the oldest goes first. Answered in the order of turns.
 */
export async function claimJobs(
  app: Needs<'db' | 'clock'>,
  { kinds = JOB_KINDS, after = NOBODY, ...request }: ClaimRequest,
): Promise<Job[]> {
  return (await claimJobRows(app.db, { ...request, kinds, after, now: app.clock.now() })).map(fromRow)
}

/** Answers the ids that are still this worker's; the others are lost. */
export const renewJobs = (app: Needs<'db'>, input: { workerId: string; leaseMs: number; ids: string[] }): Promise<string[]> =>
  input.ids.length === 0 ? Promise.resolve([]) : renewJobRows(app.db, input)

/** Call it last in the transaction of the job's effect. False: somebody else's by now; roll back. */
export const finishJob = (db: Db, job: Job): Promise<boolean> => deleteJobRow(db, job)

export interface Retry {
  /** Milliseconds since the epoch. */
  runAt: number
  error: string
  /** False: this attempt does not count. Absent: it does. */
  charged?: boolean
  /** Absent: as it was. */
  payload?: JsonObject
}

const ERROR_CHARS_MAX = 2_000

/** Gives the job back for later. False: it was not this worker's any more. */
export function retryJob(app: Needs<'db'>, job: Job, { runAt, error, charged = true, payload = job.payload }: Retry): Promise<boolean> {
  const change = { runAt, error: makeStorable(error.slice(0, ERROR_CHARS_MAX)), charged, payload: JSON.stringify(payload) }
  return retryJobRow(app.db, job, change)
}

/** Gives jobs back as if they had not been begun, for whoever comes next. Those that are not this worker's stay as they are. */
export const releaseJobs = async (app: Needs<'db'>, workerId: string, ids: readonly string[]): Promise<void> =>
  ids.length === 0 ? undefined : releaseJobRows(app.db, workerId, [...ids])

/** Only where no other process can be at work: what a dead one had is due at once. */
export const takeOverJobs = (app: Needs<'db'>): Promise<void> => expireJobLeases(app.db)

/** Counts no further than `max`. */
export const countJobs = (app: Needs<'db'>, kind: JobKind, max: number): Promise<number> => countJobRows(app.db, kind, max)
