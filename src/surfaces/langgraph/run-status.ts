import type { RunStatus } from '../../core/runs/status.ts'
import { REPORT_STATUS, REPORT_STATUSES, type ReportStatus } from '../../core/webhooks/run-report.ts'

/** A graph that stops to ask has done its work here; `interrupted` is a run that was cancelled. */
export const WIRE_STATUSES = REPORT_STATUSES

/** What a filter by status means inside. */
export const fromStatus = (status: ReportStatus): RunStatus[] =>
  (Object.keys(REPORT_STATUS) as RunStatus[]).filter((inner) => REPORT_STATUS[inner] === status)
