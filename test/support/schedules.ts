import { createAssistant } from '../../src/core/assistants/assistants.ts'
import type { Caller } from '../../src/core/caller.ts'
import { searchRuns } from '../../src/core/runs/runs.ts'
import { createSchedule, type NewSchedule, type Schedule, type ScheduledRun } from '../../src/core/schedules/schedules.ts'
import type { TestApp } from './app.ts'

/** A run of the built-in graph that says `hello`. */
export const CALL: ScheduledRun['call'] = {
  input: { messages: [{ role: 'user', content: 'hello' }] },
  command: null,
  modes: ['values'],
  subgraphs: false,
  resumable: false,
  interruptBefore: null,
  interruptAfter: null,
  checkpoint: null,
  durability: 'async',
  webhook: null,
}

export type Given = Partial<Omit<NewSchedule, 'run'>> & { call?: Partial<ScheduledRun['call']>; strategy?: ScheduledRun['strategy'] }

/** Every minute, with an assistant of its own, unless something else is said. */
export async function newSchedule(app: TestApp, caller: Caller, { call, strategy, ...given }: Given = {}): Promise<Schedule> {
  const assistantId = given.assistantId ?? (await createAssistant(app, caller, { model: 'echo' })).id
  const run = { call: { ...CALL, ...call }, ...(strategy ? { strategy } : {}) }
  return createSchedule(app, caller, { cron: '* * * * *', ...given, assistantId, run })
}

export const runsOf = (app: TestApp, caller: Caller) => searchRuns(app, caller, { limit: 100, offset: 0 })
