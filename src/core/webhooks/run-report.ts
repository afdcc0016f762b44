import type { JsonObject } from '../json.ts'
import type { GraphCall, Strategy } from '../runs/call.ts'
import type { Run } from '../runs/runs.ts'
import type { RunStatus } from '../runs/status.ts'

export type ReportStatus = 'pending' | 'running' | 'success' | 'error' | 'timeout' | 'interrupted'

/**
 * A run as others are told of it. The names and words are those of LangGraph's API: receivers of webhooks expect them,
 * and its dialect shows runs alike. Times are ISO 8601.
 */
export interface RunReport {
  run_id: string
  thread_id: string
  assistant_id: string
  created_at: string
  updated_at: string
  status: ReportStatus
  metadata: JsonObject
  /** How the graph was called; empty for a run that another API has made. */
  kwargs: JsonObject
  multitask_strategy: Strategy
}

/** A run that stopped to ask has done what it was called for; `interrupted` are those that somebody has ended. */
const STATUS: Record<RunStatus, ReportStatus> = {
  queued: 'pending',
  running: 'running',
  cancelling: 'running',
  waiting: 'success',
  completed: 'success',
  incomplete: 'success',
  failed: 'error',
  expired: 'timeout',
  cancelled: 'interrupted',
}

export const reportStatus = (status: RunStatus): ReportStatus => STATUS[status]

export const reportRun = (run: Run): RunReport => ({
  run_id: run.id,
  thread_id: run.threadId,
  assistant_id: run.assistantId,
  created_at: timeText(run.createdAt),
  updated_at: timeText(run.updatedAt),
  status: reportStatus(run.status),
  metadata: run.metadata,
  kwargs: run.call ? reportCall(run, run.call) : {},
  multitask_strategy: run.strategy,
})

export const timeText = (ms: number): string => new Date(ms).toISOString()

function reportCall(run: Run, call: GraphCall): JsonObject {
  const ids = { run_id: run.id, thread_id: run.threadId, graph_id: call.graph, assistant_id: run.assistantId }
  const { command, checkpoint, interruptBefore, interruptAfter, webhook } = call
  return {
    input: call.input,
    config: { ...call.config, configurable: { ...call.config.configurable, ...ids }, metadata: run.metadata },
    context: call.context,
    stream_mode: call.modes,
    subgraphs: call.subgraphs,
    resumable: call.resumable,
    temporary: call.temporary,
    durability: call.durability,
    ...(command === null ? {} : { command: { ...command } }),
    ...(checkpoint === null ? {} : { checkpoint: { checkpoint_id: checkpoint.id ?? null, checkpoint_ns: checkpoint.ns ?? '' } }),
    ...(interruptBefore === null ? {} : { interrupt_before: interruptBefore }),
    ...(interruptAfter === null ? {} : { interrupt_after: interruptAfter }),
    ...(webhook === null ? {} : { webhook }),
  }
}
