import type { RunStatus } from '../../core/runs/status.ts'
import { oneOf } from './fields.wire.ts'

export const RunStatusWord = oneOf(
  'queued',
  'in_progress',
  'requires_action',
  'cancelling',
  'cancelled',
  'failed',
  'completed',
  'incomplete',
  'expired',
)
export type RunStatusWord = (typeof RunStatusWord)['static']

export const RUN_STATUS: Record<RunStatus, RunStatusWord> = {
  queued: 'queued',
  running: 'in_progress',
  waiting: 'requires_action',
  cancelling: 'cancelling',
  completed: 'completed',
  incomplete: 'incomplete',
  failed: 'failed',
  expired: 'expired',
  cancelled: 'cancelled',
}
