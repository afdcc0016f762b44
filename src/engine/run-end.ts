import { newId } from '../core/id.ts'
import type { Commit } from '../core/runs/commits.ts'
import type { Run } from '../core/runs/runs.ts'
import type { StateRows } from './checkpointer.ts'

/**
 * The thread goes with the run at its end: nobody reads its state any more, but a webhook that is still to be told, and who
 * waits for values that the events do not say.
 */
export const leavesNothing = ({ call }: Run, status: Commit['status']): boolean =>
  call?.temporary === true && call.webhook === null && call.modes.includes('values') && status !== 'running' && status !== 'waiting'

/** What tells the run's webhook; null where it has none. */
export function webhookJob({ id, tenantId, call }: Run, at: number): Commit['job'] {
  if (!call?.webhook) return null
  return { id: newId(), tenant_id: tenantId, kind: 'webhook', subject: id, payload: JSON.stringify({ url: call.webhook }), run_at: at }
}

/**
 * Whether what the run began with is in these rows. Where the graph writes nothing before its end (durability `exit`), what
 * a subgraph leaves comes first, and says nothing of it.
 */
export const holdsInput = ({ checkpoints, writes }: StateRows): boolean =>
  checkpoints.some(({ ns }) => ns === '') || writes.some(({ ns }) => ns === '')
