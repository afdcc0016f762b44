import { type AssistantConfig, getAssistant } from '../assistants/assistants.ts'
import { type Caller, requireScope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import { newId } from '../id.ts'
import type { Needs } from '../needs.ts'
import { attachIn, hasFiles } from '../threads/attachments.ts'
import { draftMessage } from '../threads/draft.ts'
import { toRecord } from '../threads/message-rows.ts'
import { createThreadIn, getThread, type Thread } from '../threads/threads.ts'
import { requireResources } from '../tool-resources/tool-resources.ts'
import { mergeConfig } from './config.ts'
import { createRunStatement } from './create-store.ts'
import type { Segment } from './events.ts'
import type { ClaimedRun, NewRun, NewThreadRun, Run } from './runs.ts'
import type { Slot } from './signals.ts'

/** The run as created, and the first segment of its journal. */
export interface CreatedRun {
  run: Run
  first: Segment
}

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

interface Inserted extends CreatedRun {
  claimed: ClaimedRun
}

function start(app: Needs<'signals'>, slot: Slot | undefined, created: Inserted): void {
  if (slot) app.signals.hand(slot, created.claimed)
  else app.signals.wake()
}

async function insertRun(
  app: Needs<'db' | 'clock' | 'models' | 'limits'>,
  caller: Caller,
  input: { threadId: string; run: NewRun; slot: Slot | undefined; newThread: boolean },
): Promise<Inserted | undefined> {
  const { run, slot, threadId } = input
  if (run.options.model !== undefined) app.models.require(run.options.model)
  const id = newId()
  const at = app.clock.now()
  const first: Segment = {
    seq: 1,
    events: [{ type: 'status', status: 'queued', at, ...(input.newThread ? { newThread: true as const } : {}) }],
  }
  if (slot) first.events.push({ type: 'status', status: 'running', at })
  const messages = (run.messages ?? []).map((m, i) => ({
    ...toRecord(caller.tenantId, draftMessage(threadId, m, at)),
    seq: i,
    for_run: id,
  }))
  const expiresAt = at + app.limits.runExpiryMs
  const row = await app.db.batch(createRunStatement, {
    run: {
      id,
      tenant_id: caller.tenantId,
      thread_id: threadId,
      assistant_id: run.assistantId,
      status: slot ? 'running' : 'queued',
      options: JSON.stringify(run.options),
      metadata: run.metadata ?? {},
      worker_id: slot?.workerId ?? null,
      lease_ms: slot?.leaseMs ?? null,
      at,
      expires: expiresAt,
      n: first.events.length,
      data: JSON.stringify(first.events),
      messages: messages.length,
    },
    messages,
  })
  if (!row) return undefined
  const config = mergeConfig(JSON.parse(row.config) as AssistantConfig, run.options)
  const view: Run = {
    id,
    tenantId: caller.tenantId,
    threadId,
    assistantId: run.assistantId,
    status: 'queued',
    config,
    metadata: run.metadata ?? {},
    calls: null,
    usage: null,
    error: null,
    incomplete: null,
    createdAt: at,
    startedAt: null,
    expiresAt,
    endedAt: null,
  }
  const pending = [...(row.pending ?? []), ...messages.map(({ for_run: _, ...m }) => ({ ...m, seq: row.base + m.seq }))]
  return {
    run: view,
    first,
    claimed: {
      run: { ...view, status: 'running', startedAt: at },
      fence: 1,
      attempt: 1,
      nextEvent: first.events.length + 1,
      resume: null,
      started: false,
      headId: row.head_id,
      headSeq: row.head_seq,
      nextSeq: row.base + messages.length,
      pending,
      takenOver: false,
    },
  }
}

async function whyNot(app: Needs<'db'>, caller: Caller, input: { threadId: string; run: NewRun }): Promise<Fault> {
  const thread = await getThread(app, caller, input.threadId)
  await getAssistant(app, caller, input.run.assistantId)
  return new Fault('busy', 'The thread already has an active run.', {
    threadId: thread.id,
    runId: thread.runId ?? '',
    action: 'create_run',
  })
}
