import { createAssistant } from '../../src/core/assistants/assistants.ts'
import type { Caller } from '../../src/core/caller.ts'
import { beginRun, getPlanned, planRun, type RunView } from '../../src/core/runs/planned.ts'
import type { Run } from '../../src/core/runs/runs.ts'
import { createMessage } from '../../src/core/threads/messages.ts'
import { createThread } from '../../src/core/threads/threads.ts'
import type { ScriptTurn } from '../../src/drivers/models/port.ts'
import type { TestApp } from './app.ts'
import { FUNCTION, storyOf } from './runs.ts'

export interface Plan {
  caller: Caller
  id: string
  threadId: string
  assistantId: string
}

export interface PlanInput {
  caller?: Caller
  turns?: ScriptTurn[]
  gate?: Promise<void>
  threadId?: string
  expiresAt?: number
}

/** A run that a client announced, on a new thread where somebody has said something. */
export async function plan(app: TestApp, { caller = app.one, turns, gate, threadId: given, expiresAt }: PlanInput = {}): Promise<Plan> {
  const model = turns ? app.models.script(turns, gate) : 'echo'
  const assistant = await createAssistant(app, caller, { model, tools: [FUNCTION] })
  const threadId = given ?? (await createThread(app, caller, {})).id
  if (given === undefined) await createMessage(app, caller, { threadId, message: { role: 'user', content: 'hello there' } })
  const expiry = expiresAt === undefined ? {} : { expiresAt }
  const { id } = await planRun(app, caller, { threadId, assistantId: assistant.id, options: { said: 'so' }, ...expiry })
  return { caller, id, threadId, assistantId: assistant.id }
}

export async function begin(app: TestApp, { caller, id }: Plan): Promise<Run> {
  return (await beginRun(app, caller, { id, options: {} })).run
}

/** Begun, and followed until it waits or ends. */
export async function settled(app: TestApp, input: PlanInput = {}): Promise<Plan & { run: Run }> {
  const planned = await plan(app, input)
  const run = await begin(app, planned)
  await storyOf(app, { caller: planned.caller, run })
  return { ...planned, run }
}

export const look = (app: TestApp, { caller, id }: Pick<Plan, 'caller' | 'id'>): Promise<RunView> => getPlanned(app, caller, id)
