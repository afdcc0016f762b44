import { type Caller, requireScope } from '../caller.ts'
import { notFound } from '../fault.ts'
import { newId } from '../id.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import type { Assistant, AssistantVersion } from './assistants.ts'
import { type Counted, insertVersion, readCounted, readRow } from './store.ts'
import { listVersionRows, setVersionRow } from './version-store.ts'

/** What a change makes of the assistant, or undefined where it leaves it as it is. Asked again when another change came first. */
export type Change = (current: Assistant) => Promise<Assistant | undefined> | Assistant | undefined

/** Numbers of versions that were left are not given again. */
const nextNumber = ({ assistant, at, newest }: Counted): number => assistant.version + newest - at + 1

/** Writes a new version and makes it the current one. Throws not_found, and what `change` throws. */
export async function addVersion(app: Needs<'db' | 'clock'>, caller: Caller, input: { id: string; change: Change }): Promise<Assistant> {
  requireScope(caller, 'write')
  // Two changes at once: the later one reads the assistant again, so that neither is lost.
  for (;;) {
    const counted = await readCounted(app.db, caller.tenantId, input.id)
    if (!counted) throw notFound('assistant', input.id)
    const changed = await input.change(counted.assistant)
    if (!changed) return counted.assistant
    const next: Assistant = { ...changed, version: nextNumber(counted), versionId: newId(), updatedAt: app.clock.now() }
    if (await insertVersion(app.db, caller.tenantId, { next, counted })) return next
  }
}

/** Newest first. Throws not_found for the assistant. */
export async function listVersions(
  app: Needs<'db'>,
  caller: Caller,
  input: { id: string; metadata?: JsonObject; limit: number; offset: number },
): Promise<AssistantVersion[]> {
  requireScope(caller, 'read')
  const rows = await listVersionRows(app.db, caller.tenantId, { ...input, metadata: input.metadata ?? {} })
  if (rows.length === 0 && !(await readRow(app.db, caller.tenantId, input.id))) throw notFound('assistant', input.id)
  return rows
}

/** Makes an earlier version the current one again; it keeps its number. Throws not_found, also for a version that is not there. */
export async function setLatestVersion(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  input: { id: string; version: number },
): Promise<Assistant> {
  requireScope(caller, 'write')
  const set = await setVersionRow(app.db, caller.tenantId, { ...input, at: app.clock.now() })
  const row = set ? await readRow(app.db, caller.tenantId, input.id) : undefined
  if (!row) throw notFound('assistant', input.id)
  return row
}
