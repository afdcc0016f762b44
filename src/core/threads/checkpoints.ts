import type { Json } from '../json.ts'
import type { Needs } from '../needs.ts'
import {
  type CheckpointFilter,
  type CheckpointRow,
  deleteCheckpointRows,
  type LogRow,
  readCheckpointRows,
  readLogRows,
  writeCheckpointRows,
} from './checkpoint-store.ts'

export type { CheckpointFilter, CheckpointRow, LogRow }

/** A checkpoint as the engine writes it; `versions` says which value each channel has, `inline` holds the primitives. */
export interface CheckpointRecord {
  thread_id: string
  ns: string
  id: string
  parent_id: string | null
  run_id: string | null
  step: number
  source: string
  versions: Record<string, string | number>
  seen: string
  inline: string | null
  metadata: { [key: string]: Json }
  at: number
  v: number
}

/** A channel value: exactly one of message_ids, data (JSON text) and bytes (base64). */
export interface BlobRecord {
  thread_id: string
  ns: string
  channel: string
  version: string
  message_ids?: string[]
  data?: string
  bytes?: string
}

export interface WriteRecord {
  thread_id: string
  ns: string
  checkpoint_id: string
  task_id: string
  idx: number
  path: string
  channel: string
  data?: string
  bytes?: string
  /** Special channels (errors, interrupts, resumes) replace an earlier write, ordinary ones never do. */
  upsert: boolean
}

/** Newest first. The tenant is part of the key: another tenant's thread has no checkpoints. */
export const readCheckpoints = (app: Needs<'db'>, tenantId: string, filter: CheckpointFilter): Promise<CheckpointRow[]> =>
  readCheckpointRows(app.db, tenantId, filter)

/** Rows of the message log by id, in no order. */
export const readLog = (app: Needs<'db'>, tenantId: string, ids: string[]): Promise<LogRow[]> =>
  ids.length === 0 ? Promise.resolve([]) : readLogRows(app.db, tenantId, ids)

/**
 * Writes outside a run (state updates): refused while a run holds the thread. False: no such thread, or held.
 * Messages are numbered by the thread; the newest root checkpoint becomes its head.
 */
export const writeCheckpoints = writeCheckpointRows

export const deleteCheckpoints = (app: Needs<'db'>, tenantId: string, threadId: string): Promise<void> =>
  deleteCheckpointRows(app.db, tenantId, threadId)
