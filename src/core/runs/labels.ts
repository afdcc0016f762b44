import { Fault } from '../fault.ts'
import type { Json, JsonObject } from '../json.ts'
import type { Run } from './runs.ts'
import type { RunStatus } from './status.ts'

/** How a run stands for clients that plan it first and may say themselves how it stands. */
export type RunLabel =
  | 'queued'
  | 'pending'
  | 'in_progress'
  | 'processing'
  | 'retrying'
  | 'action_required'
  | 'cancelling'
  | 'completed'
  | 'failed'
  | 'cancelled'
  | 'expired'

/** What a client may make of it. */
export type SettableLabel = Exclude<RunLabel, 'cancelling'>

const ENDS = ['completed', 'failed', 'cancelled', 'expired'] as const
export type EndLabel = (typeof ENDS)[number]
export const isEndLabel = (label: RunLabel): label is EndLabel => (ENDS as readonly RunLabel[]).includes(label)

const BEFORE: readonly RunLabel[] = ['in_progress', 'processing', 'action_required', 'cancelling', ...ENDS]
const AT_WORK: readonly RunLabel[] = ['queued', 'action_required', 'cancelling', ...ENDS]

/** The only changes there are, beside none at all. */
export const LABEL_CHANGES: Record<RunLabel, readonly RunLabel[]> = {
  queued: BEFORE,
  pending: BEFORE,
  in_progress: AT_WORK,
  processing: AT_WORK,
  retrying: AT_WORK,
  action_required: ['queued', 'in_progress', 'processing', 'cancelling', ...ENDS],
  cancelling: ENDS,
  completed: [],
  failed: [],
  cancelled: [],
  expired: [],
}

/** What is remembered of a planned run, before it begins and after. A type, as it is kept as JSON. */
export type RunPlan = {
  /** A core id. */
  assistantId: string
  /** What the client said of the run, for its answers. */
  options: JsonObject
  /** How it stands while it has not begun. */
  label: RunLabel
  /** Milliseconds since the epoch, as all times here. */
  expiresAt: number
  /** When a run that never began was over. */
  endedAt: number | null
  /** It is a run of the thread, or was one that has been removed. */
  begun: boolean
  /** How a client says that it stands while it waits for the outputs of the call named here and those beside it. */
  waiting: { call: string; label: RunLabel } | null
  /** What a client that stopped it wants it to be called. */
  end: EndLabel | null
  [more: string]: Json
}

/** What a run's label is made of. */
export interface Labelled {
  plan: RunPlan | undefined
  run: Pick<Run, 'status' | 'calls'> | undefined
  /** Whether a function call of a waiting run has no answer yet. */
  open: boolean
}

const AS_LABEL: Record<Exclude<RunStatus, 'waiting' | 'cancelled'>, RunLabel> = {
  queued: 'queued',
  running: 'in_progress',
  cancelling: 'cancelling',
  completed: 'completed',
  incomplete: 'completed',
  failed: 'failed',
  expired: 'expired',
}

export function labelOf({ plan, run, open }: Labelled, now: number): RunLabel {
  if (!run) return plan ? plannedLabel(plan, now) : 'expired'
  if (run.status === 'cancelled') return plan?.end ?? 'cancelled'
  if (run.status !== 'waiting') return AS_LABEL[run.status]
  const said = plan?.waiting
  if (said && said.call === run.calls?.[0]?.id) return said.label
  return open ? 'action_required' : 'queued'
}

const plannedLabel = ({ label, expiresAt }: RunPlan, now: number): RunLabel => (!isEndLabel(label) && expiresAt <= now ? 'expired' : label)

/** Throws wrong_state (action 'change'). */
export function requireLabelChange(from: RunLabel, to: RunLabel): void {
  if (from === to || LABEL_CHANGES[from].includes(to)) return
  throw new Fault('wrong_state', 'Invalid status transition', { kind: 'run', action: 'change' })
}
