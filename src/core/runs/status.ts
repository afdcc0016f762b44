import { Fault } from '../fault.ts'

/** The finest set of run states; every dialect shows a view of it. */
export type RunStatus = 'queued' | 'running' | 'waiting' | 'cancelling' | 'completed' | 'incomplete' | 'failed' | 'expired' | 'cancelled'

export type EndStatus = Extract<RunStatus, 'completed' | 'incomplete' | 'failed' | 'expired' | 'cancelled'>

/** The only transitions there are. `running -> queued` is a lease handed back at shutdown. */
export const TRANSITIONS: Record<RunStatus, readonly RunStatus[]> = {
  queued: ['running', 'cancelled', 'expired', 'failed'],
  running: ['queued', 'waiting', 'cancelling', 'completed', 'incomplete', 'failed', 'expired', 'cancelled'],
  // Completed: another run goes on from where it waits.
  waiting: ['queued', 'running', 'completed', 'cancelled', 'expired'],
  cancelling: ['cancelled', 'completed', 'incomplete', 'failed', 'expired'],
  completed: [],
  incomplete: [],
  failed: [],
  expired: [],
  cancelled: [],
}

export const isEnd = (status: RunStatus): status is EndStatus => TRANSITIONS[status].length === 0

export function requireTransition(from: RunStatus, to: RunStatus): void {
  if (!TRANSITIONS[from].includes(to)) throw new Fault('wrong_state', `A ${from} run cannot become ${to}.`, { kind: 'run', status: from })
}
