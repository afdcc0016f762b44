import { type Caller, requireScope } from '../caller.ts'
import { notFound } from '../fault.ts'
import { newId } from '../id.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import type { NewMessage } from './messages.ts'
import { changeThreadRow, deleteThreadRow, insertThread, readThreadRow } from './store.ts'

export interface Thread {
  id: string
  metadata: Record<string, string>
  toolResources: JsonObject | null
  status: 'idle' | 'busy' | 'interrupted' | 'error'
  /** The run that holds the thread, or null. */
  runId: string | null
  createdAt: number
}

export interface NewThread {
  metadata?: Record<string, string>
  toolResources?: JsonObject | null
  messages?: NewMessage[]
}

export async function createThread(app: Needs<'db' | 'clock'>, caller: Caller, input: NewThread): Promise<Thread> {
  requireScope(caller, 'write')
  const created: Thread = {
    id: newId(),
    metadata: input.metadata ?? {},
    toolResources: input.toolResources ?? null,
    status: 'idle',
    runId: null,
    createdAt: app.clock.now(),
  }
  await insertThread(app.db, caller.tenantId, { thread: created, messages: input.messages ?? [] })
  return created
}

/** Throws not_found. */
export async function getThread(app: Needs<'db'>, caller: Caller, id: string): Promise<Thread> {
  requireScope(caller, 'read')
  const row = await readThreadRow(app.db, caller.tenantId, id)
  if (!row) throw notFound('thread', id)
  return row
}

export interface ThreadChange {
  metadata?: Record<string, string>
  toolResources?: JsonObject | null
}

/** Absent fields stay as they are; `metadata` is replaced as a whole. Throws not_found. */
export async function changeThread(app: Needs<'db'>, caller: Caller, input: { id: string; change: ThreadChange }): Promise<Thread> {
  requireScope(caller, 'write')
  const row = await changeThreadRow(app.db, caller.tenantId, input)
  if (!row) throw notFound('thread', input.id)
  return row
}

/** Removes the thread with everything in it; a run at work on it loses its lease and writes nothing more. Throws not_found. */
export async function deleteThread(app: Needs<'db' | 'signals'>, caller: Caller, id: string): Promise<void> {
  requireScope(caller, 'write')
  const gone = await deleteThreadRow(app.db, caller.tenantId, id)
  if (!gone) throw notFound('thread', id)
  if (gone.runId) app.signals.cancel(gone.runId)
}
