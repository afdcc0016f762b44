import { type Caller, requireScope } from '../caller.ts'
import { notFound } from '../fault.ts'
import { newId } from '../id.ts'
import type { Needs } from '../needs.ts'
import type { GraphConfig } from '../runs/call.ts'
import { copyThreadRows, lockForCopy } from './copy-store.ts'
import type { Thread } from './threads.ts'

/**
 * A thread with the same messages, checkpoints and settings, idle and without runs. Of a run that is at work the copy has
 * what it has committed. Throws not_found.
 */
export async function copyThread(app: Needs<'db' | 'clock'>, caller: Caller, id: string): Promise<Thread> {
  requireScope(caller, 'write')
  const to = newId()
  const copy = await app.db.transaction(async (db) => {
    const source = await lockForCopy(db, caller.tenantId, id)
    if (!source) return undefined
    return copyThreadRows(db, caller.tenantId, { from: id, to, at: app.clock.now(), config: configOf(source.config, to) })
  })
  if (!copy) throw notFound('thread', id)
  return copy
}

function configOf(config: GraphConfig, threadId: string): string | null {
  if (Object.keys(config).length === 0) return null
  const { configurable } = config
  return JSON.stringify(
    configurable?.thread_id === undefined ? config : { ...config, configurable: { ...configurable, thread_id: threadId } },
  )
}
