import type { RunStatus } from '../../core/runs/status.ts'

export const WIRE_STATUSES = ['pending', 'running', 'error', 'success', 'timeout', 'interrupted'] as const
export type WireStatus = (typeof WIRE_STATUSES)[number]

/** A graph that stops to ask has done its work here; `interrupted` is a run that was cancelled. */
export const RUN_STATUS: Record<RunStatus, WireStatus> = {
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

/** What a filter by status means inside. */
export const fromStatus = (status: WireStatus): RunStatus[] =>
  (Object.keys(RUN_STATUS) as RunStatus[]).filter((inner) => RUN_STATUS[inner] === status)
