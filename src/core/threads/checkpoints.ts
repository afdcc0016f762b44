import { type Caller, requireScope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import type { Json, JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import {
  type CheckpointFilter,
  type CheckpointPage,
  deleteCheckpointRows,
  type HeadPage,
  hasCheckpointRow,
  type LogRow,
  patchHeadMetadata,
  readCheckpointRows,
  readHeadRows,
  readLogRows,
} from './checkpoint-store.ts'
import { type StateWrite, type Written, writeCheckpointRows } from './state-store.ts'

export type { BlobRow, CheckpointFilter, CheckpointPage, CheckpointRow, HeadPage, LogRow } from './checkpoint-store.ts'
export type { StateWrite, Written } from './state-store.ts'

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

/**
 * A channel value: exactly one of message_ids, data (JSON text) and bytes (base64). With a base, message_ids come after the
 * first `keep` of that version of the channel, in namespace `base_ns` or the same.
 */
export interface BlobRecord {
  thread_id: string
  ns: string
  channel: string
  version: string
  message_ids?: string[]
  base?: string
  base_ns?: string
  keep?: number
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
  run_id: string | null
  /** Special channels (errors, interrupts, resumes) replace an earlier write, ordinary ones never do. */
  upsert: boolean
}

/** Newest first. The tenant is part of the key: another tenant's thread has no checkpoints. */
export const readCheckpoints = (app: Needs<'db'>, tenantId: string, filter: CheckpointFilter): Promise<CheckpointPage> =>
  readCheckpointRows(app.db, tenantId, filter)

/** Throws not_found. */
export async function requireCheckpoint(
  app: Needs<'db'>,
  tenantId: string,
  key: { threadId: string; ns: string; id: string },
): Promise<void> {
  if (!(await hasCheckpointRow(app.db, tenantId, key))) throw notFound('checkpoint', key.id)
}

/** The newest root checkpoint of each thread that is there, and the messages that came after it. */
export const readHeads = (app: Needs<'db'>, tenantId: string, threadIds: readonly string[]): Promise<HeadPage> =>
  threadIds.length === 0 ? Promise.resolve({ threads: [], checkpoints: [], blobs: [] }) : readHeadRows(app.db, tenantId, threadIds)

/** Rows of the message log by id, in no order. */
export const readLog = (app: Needs<'db'>, tenantId: string, ids: readonly string[]): Promise<LogRow[]> =>
  ids.length === 0 ? Promise.resolve([]) : readLogRows(app.db, tenantId, ids)

/**
 * Writes outside a run (state updates), all of them or none. Messages are numbered by the thread; the newest root
 * checkpoint becomes its head. `busy`: a run is at work on the thread or waits for it; `moved`: what the write stands on is
 * not the head any more, or gone.
 */
export const writeCheckpoints = (app: Needs<'db'>, state: StateWrite): Promise<Written> => writeCheckpointRows(app.db, state)

export const deleteCheckpoints = (app: Needs<'db'>, tenantId: string, threadId: string): Promise<void> =>
  deleteCheckpointRows(app.db, tenantId, threadId)

/** What a checkpoint says of itself: nobody else may. */
const OWN = ['source', 'step', 'parents', 'thread_id', 'run_id']

/**
 * Merges into the metadata of the thread's newest checkpoint; null: it has none. Throws not_found (thread), or invalid for
 * what the checkpoint says of itself.
 */
export async function patchMetadata(
  app: Needs<'db'>,
  caller: Caller,
  input: { threadId: string; metadata: JsonObject },
): Promise<{ id: string; ns: string } | null> {
  requireScope(caller, 'write')
  const own = OWN.find((name) => name in input.metadata)
  if (own) throw new Fault('invalid', `The checkpoint says its ${own} itself.`, { param: `metadata.${own}`, reason: 'value' })
  const found = await patchHeadMetadata(app.db, caller.tenantId, input)
  if (!found) throw notFound('thread', input.threadId)
  return found.id === null ? null : { id: found.id, ns: '' }
}
