import { type Caller, requireScope } from '../caller.ts'
import { notFound } from '../fault.ts'
import type { Needs } from '../needs.ts'
import type { Page, PageRequest } from '../page.ts'
import type { RunError, StepCall, StepStatus, Usage } from './events.ts'
import { getRun } from './runs.ts'
import { listStepRows, readStepCalls, readStepRow, readStepUsages } from './step-store.ts'

export interface Step {
  id: string
  runId: string
  threadId: string
  assistantId: string
  kind: 'message' | 'tool_calls'
  messageId: string | null
  calls: StepCall[]
  status: StepStatus
  usage: Usage | null
  error: RunError | null
  createdAt: number
  endedAt: number | null
  runExpiresAt: number | null
}

/** Throws not_found for the thread, the run or the step. */
export async function getStep(app: Needs<'db'>, caller: Caller, input: { threadId: string; runId: string; id: string }): Promise<Step> {
  requireScope(caller, 'read')
  const run = await getRun(app, caller, { threadId: input.threadId, id: input.runId })
  const step = await readStepRow(app.db, run, input.id)
  if (!step) throw notFound('step', input.id)
  return step
}

/** Throws not_found for the thread or the run. */
export async function listSteps(
  app: Needs<'db'>,
  caller: Caller,
  input: { threadId: string; runId: string; page: PageRequest },
): Promise<Page<Step>> {
  requireScope(caller, 'read')
  const run = await getRun(app, caller, { threadId: input.threadId, id: input.runId })
  return listStepRows(app.db, run, input.page)
}

/** All steps of a run that have rows, by id, with what they used: for the executor that takes it over. */
export const knownSteps = (app: Needs<'db'>, runId: string): Promise<Map<string, Usage | null>> => readStepUsages(app.db, runId)

/** The calls of a step as they were committed, in order: for the same. */
export const stepCalls = (app: Needs<'db'>, stepId: string): Promise<StepCall[]> => readStepCalls(app.db, stepId)
