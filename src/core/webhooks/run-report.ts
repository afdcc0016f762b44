import type { JsonObject } from '../json.ts'
import type { Strategy } from '../runs/call.ts'
import type { Run } from '../runs/runs.ts'
import type { RunStatus } from '../runs/status.ts'

export const REPORT_STATUSES = ['pending', 'running', 'error', 'success', 'timeout', 'interrupted'] as const
export type ReportStatus = (typeof REPORT_STATUSES)[number]

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
  /** How the graph is called. */
  kwargs: JsonObject
  multitask_strategy: Strategy
}

/** A run that stopped to ask has done what it was called for; `interrupted` are those that somebody has ended. */
export const REPORT_STATUS: Record<RunStatus, ReportStatus> = {
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

export const reportRun = (run: Run): RunReport => ({
  run_id: run.id,
  thread_id: run.threadId,
  assistant_id: run.assistantId,
  created_at: timeText(run.createdAt),
  updated_at: timeText(run.updatedAt),
  status: REPORT_STATUS[run.status],
  metadata: run.metadata,
  kwargs: reportCall(run),
  multitask_strategy: run.strategy,
})

export const timeText = (ms: number): string => new Date(ms).toISOString()

function reportCall(run: Run): JsonObject {
  const { call } = run
  const ids = { run_id: run.id, thread_id: run.threadId, assistant_id: run.assistantId }
  if (!call) return { input: null, config: { configurable: ids }, stream_mode: [] }
  const { configurable, ...config } = call.config
  const { command, checkpoint, interruptBefore, interruptAfter, webhook } = call
  const from = {
    ...(checkpoint?.id === undefined ? {} : { checkpoint_id: checkpoint.id }),
    ...(checkpoint?.ns === undefined ? {} : { checkpoint_ns: checkpoint.ns }),
  }
  return {
    input: call.input,
    ...(command === null ? {} : { command: { ...command } }),
    config: { ...config, configurable: { ...configurable, ...from, ...ids, graph_id: call.graph }, metadata: run.metadata },
    context: call.context,
    stream_mode: call.modes,
    ...(interruptBefore === null ? {} : { interrupt_before: interruptBefore }),
    ...(interruptAfter === null ? {} : { interrupt_after: interruptAfter }),
    ...(webhook === null ? {} : { webhook }),
    temporary: call.temporary,
    subgraphs: call.subgraphs,
    resumable: call.resumable,
    durability: call.durability,
  }
}
