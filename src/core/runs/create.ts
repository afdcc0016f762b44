import { getAssistant } from '../assistants/assistants.ts'
import { type Caller, requireScope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import { BUILT_IN_GRAPH } from '../graphs/graphs.ts'
import type { Needs } from '../needs.ts'
import { attachIn, hasFiles } from '../threads/attachments.ts'
import { createThreadIn, getThread, type Thread } from '../threads/threads.ts'
import { requireResources } from '../tool-resources/tool-resources.ts'
import { createRunStatement } from './create-store.ts'
import { type CreatedRun, draftRun, type Inserted, start } from './draft.ts'
import type { NewRun, NewThreadRun } from './runs.ts'
import type { Slot } from './signals.ts'

/**
 * Appends the run's messages to an idle thread, creates the run and, with a free slot here, starts it: one commit.
 * Throws not_found (thread, assistant), model_not_found, or busy (facts: threadId, runId, action 'create_run').
 */
export async function createRun(
  app: Needs<'db' | 'clock' | 'signals' | 'models' | 'limits'>,
  caller: Caller,
  input: { threadId: string; run: NewRun },
): Promise<CreatedRun> {
  requireScope(caller, 'write')
  const slot = app.signals.reserve()
  try {
    const attaching = input.run.messages?.some(hasFiles) ?? false
    const given = { ...input, slot, newThread: false }
    const created = attaching
      ? await app.db.transaction((db) => insertWithFiles({ ...app, db }, caller, given))
      : await insertRun(app, caller, given)
    if (!created) throw await whyNot(app, caller, input)
    if (attaching) app.signals.wakeJobs()
    start(app, slot, created)
    return { run: created.run, first: created.first }
  } catch (error) {
    if (slot) app.signals.release(slot)
    throw error
  }
}

/** In a transaction: what the run's messages attach is the thread's before the run begins. */
async function insertWithFiles(
  app: Needs<'db' | 'clock' | 'models' | 'limits'>,
  caller: Caller,
  input: Parameters<typeof insertRun>[2],
): Promise<Inserted | undefined> {
  const idle = await attachIn(app, caller, { threadId: input.threadId, messages: input.run.messages ?? [] })
  const created = idle ? await insertRun(app, caller, input) : undefined
  // Thrown, so that nothing of it stays.
  if (!created) throw await whyNot(app, caller, input)
  return created
}

/** A thread and its first run in one transaction: neither is there without the other. */
export async function createThreadRun(
  app: Needs<'db' | 'clock' | 'signals' | 'models' | 'limits'>,
  caller: Caller,
  input: NewThreadRun,
): Promise<CreatedRun & { thread: Thread }> {
  requireScope(caller, 'write')
  const slot = app.signals.reserve()
  try {
    const { thread: newThread, ...run } = input
    const result = await app.db.transaction(async (db) => {
      await requireResources({ ...app, db }, caller, run.options.toolResources ?? null)
      const thread = await createThreadIn({ ...app, db }, caller, newThread)
      const created = await insertRun({ ...app, db }, caller, { threadId: thread.id, run, slot, newThread: true })
      if (!created) throw notFound('assistant', input.assistantId)
      return { thread, created }
    })
    if (result.thread.toolResources !== null) app.signals.wakeJobs()
    start(app, slot, result.created)
    return { thread: result.thread, run: result.created.run, first: result.created.first }
  } catch (error) {
    if (slot) app.signals.release(slot)
    throw error
  }
}

async function insertRun(
  app: Needs<'db' | 'clock' | 'models' | 'limits'>,
  caller: Caller,
  input: { threadId: string; run: NewRun; slot: Slot | undefined; newThread: boolean },
): Promise<Inserted | undefined> {
  const { run, slot, threadId } = input
  if (run.options.model !== undefined) app.models.require(run.options.model)
  const { item, inserted } = draftRun(app, caller, {
    ...(run.id === undefined ? {} : { id: run.id }),
    ...{ threadId, assistantId: run.assistantId, options: run.options, metadata: run.metadata ?? {}, call: null, strategy: 'reject' },
    ...{
      messages: run.messages ?? [],
      slot,
      newThread: input.newThread,
      expiryMs: app.limits.runExpiryMs,
      delayMs: 0,
      threadMetadata: null,
    },
  })
  const row = await app.db.batch(createRunStatement, item)
  return row && inserted(row)
}

async function whyNot(app: Needs<'db'>, caller: Caller, input: { threadId: string; run: NewRun }): Promise<Fault> {
  const thread = await getThread(app, caller, input.threadId)
  const assistant = await getAssistant(app, caller, input.run.assistantId)
  if (assistant.graph !== BUILT_IN_GRAPH) throw notFound('assistant', input.run.assistantId)
  return new Fault('busy', 'The thread already has an active run.', {
    threadId: thread.id,
    runId: thread.runId ?? '',
    action: 'create_run',
  })
}

export type { CreatedRun }
