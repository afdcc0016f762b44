import type { NewJobRow } from '../jobs/job-rows.ts'
import type { Needs } from '../needs.ts'
import type { BlobRecord, CheckpointRecord, WriteRecord } from '../threads/checkpoints.ts'
import type { MessageRecord } from '../threads/message-rows.ts'
import { commitStatement, hasStatus, journalStatement } from './commit-store.ts'
import type { FunctionCall, IncompleteReason, RunError, RunEvent, Segment, StepStatus, Usage } from './events.ts'
import type { RunStatus } from './status.ts'

export interface StepRecord {
  id: string
  kind: 'message' | 'tool_calls'
  message_id: string | null
  status: StepStatus
  usage: Usage | null
  error: RunError | null
  at: number
  ended: number | null
}

export interface CallRecord {
  step_id: string
  idx: number
  call_id: string
  type: string
  name: string
  arguments: string
  output: string | null
  detail: string | null
}

/** One step of a run, or its end: all of it is written, or, when the fence has moved on, nothing. */
export interface Commit {
  runId: string
  tenantId: string
  threadId: string
  fence: number
  /** `running` goes on; `waiting` and ends give the lease back. A `cancelling` run may only end. */
  status: Exclude<RunStatus, 'queued' | 'cancelling'>
  at: number
  usage: Usage | null
  error: RunError | null
  incomplete: IncompleteReason | null
  calls: FunctionCall[] | null
  headId: string | null
  /** Messages up to this number are in the head checkpoint, or stay out of it. */
  headSeq: number | null
  nextSeq: number
  /** The value the run was resumed with is not yet in a checkpoint: keep it for the next attempt. */
  keepResume: boolean
  messages: MessageRecord[]
  checkpoints: CheckpointRecord[]
  blobs: BlobRecord[]
  writes: WriteRecord[]
  steps: StepRecord[]
  toolCalls: CallRecord[]
  segment: Segment | null
  /** What has to follow its end. */
  job: NewJobRow | null
  /** How long the events can be read after the end, where not as long as others'. */
  journalKeepMs: number | null
  /** How long a temporary thread stays after the end. */
  temporaryKeepMs: number
}

/** The run's status after the commit, `cancelling` where somebody asked for its end, and whether another run waits for the thread. */
export interface Committed {
  status: RunStatus
  behind: boolean
}

/** Undefined: nothing was written, as the lease was lost, or the run is to be rolled back. */
export const commitStep = (app: Needs<'db'>, commit: Commit): Promise<Committed | undefined> => app.db.batch(commitStatement, commit)

/**
 * Whether a commit whose answer was lost took effect: a repeated one finds the run ended or waiting, and looks like a lost
 * lease. Nobody else sets a status under this fence.
 */
export const isCommitted = (app: Needs<'db'>, commit: Commit): Promise<boolean> => hasStatus(app.db, commit)

/** Journals events between commits. False: the lease was lost, nothing was written. */
export const appendEvents = (
  app: Needs<'db'>,
  input: { runId: string; fence: number; seq: number; events: RunEvent[] },
): Promise<boolean> => app.db.batch(journalStatement, input)
