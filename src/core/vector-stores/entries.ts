import type { Db } from '../../drivers/records/port.ts'
import type { Attributes } from '../attributes.ts'
import { type Caller, requireScope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import { newId } from '../id.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import { changeEntryRow, countEntries, deleteEntryRow, hasEntryOf, insertEntry, listEntryRows, readEntry } from './entry-store.ts'
import { deleteFileRow, readFileRow } from './file-store.ts'
import { holdStore, isRetired, touchStore } from './owned-stores.ts'
import { attachFilesIn, type FileStatus, withdraw } from './store-files.ts'

/** What a store knows of one file: of one in the client's own index, or of one that this server makes searchable. */
export interface Entry {
  id: string
  storeId: string
  /** The id that the client chose. */
  alias: string
  fileName: string
  filePath: string
  /** As the client says; see `ingestion` for a file of this server. */
  status: string
  error: string | null
  metadata: JsonObject
  fileId: string | null
  processedAt: number | null
  createdAt: number
  /** How far this server is with the file; `gone` when it was deleted. Null: the client does it by itself. */
  ingestion: { status: FileStatus | 'gone'; problem: string | null; endedAt: number | null } | null
}

export interface NewEntry {
  alias: string
  fileName: string
  filePath: string
  /** Absent: completed. */
  status?: string
  metadata: JsonObject
  /** A file of this server, to be made searchable in the store. */
  fileId: string | null
}

/** A store's entries are listed at once. */
export const ENTRIES_MAX = 10_000

const COMPLETED = 'completed'
const FAILED = 'failed'

/** Throws not_found for a store that is deleted or a missing file, exists for the alias, wrong_state when the store is full. */
export async function addEntry(
  app: Needs<'db' | 'clock' | 'signals'>,
  caller: Caller,
  { storeId, entry }: { storeId: string; entry: NewEntry },
): Promise<Entry> {
  requireScope(caller, 'write')
  const { tenantId } = caller
  const { alias, fileId } = entry
  const added = await app.db.transaction(async (db) => {
    const within = { db, clock: app.clock }
    await holdStore(within, caller, storeId)
    if (((await countEntries(db, tenantId, [storeId])).get(storeId) ?? 0) >= ENTRIES_MAX)
      throw new Fault('wrong_state', `A vector store has at most ${ENTRIES_MAX} files.`)
    if (!(await insertEntry(db, tenantId, draft(entry, { storeId, at: app.clock.now() }))))
      throw new Fault('exists', 'There is an entry with this id.', { kind: 'entry', id: alias })
    if (fileId !== null) await ingest(within, caller, { storeId, fileId, attributes: attributesOf(entry.metadata) })
    await touchStore(within, caller, storeId)
    return requireEntry(db, tenantId, { storeId, alias })
  })
  if (fileId !== null) app.signals.wakeJobs()
  return added
}

function draft(entry: NewEntry, { storeId, at }: { storeId: string; at: number }) {
  const { status = COMPLETED } = entry
  const isProcessed = entry.fileId === null && status === COMPLETED
  return { ...entry, id: newId(), storeId, status, processedAt: isProcessed ? at : null, createdAt: at }
}

/** A file that the store has for another entry already is not read again, unless that went wrong. */
async function ingest(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  { storeId, fileId, attributes }: { storeId: string; fileId: string; attributes: Attributes },
): Promise<void> {
  const there = await readFileRow(app.db, { tenantId: caller.tenantId, storeId, fileId })
  if (there?.status === 'completed' || there?.status === 'in_progress') return
  await attachFilesIn(app, caller, { storeId, files: [{ fileId, attributes }] })
}

const ATTRIBUTES_MAX = 16
const KEY_CHARS_MAX = 64
const VALUE_CHARS_MAX = 512

/** What of the metadata searches can filter by: as many plain values as a file can have. */
export function attributesOf(metadata: JsonObject): Attributes {
  const plain = Object.entries(metadata).filter(
    ([key, value]) =>
      key.length <= KEY_CHARS_MAX &&
      (typeof value === 'string' ? value.length <= VALUE_CHARS_MAX : typeof value === 'boolean' || Number.isFinite(value)),
  )
  return Object.fromEntries(plain.slice(0, ATTRIBUTES_MAX)) as Attributes
}

async function requireEntry(db: Db, tenantId: string, key: { storeId: string; alias: string }): Promise<Entry> {
  const entry = await readEntry(db, tenantId, key)
  if (!entry) throw notFound('entry', key.alias)
  return entry
}

/** In the order in which they were added. A store that is missing or deleted has none. */
export async function listEntries(app: Needs<'db'>, caller: Caller, storeId: string): Promise<Entry[]> {
  requireScope(caller, 'read')
  if (await isRetired(app, caller, storeId)) return []
  return listEntryRows(app.db, caller.tenantId, { storeId, limit: ENTRIES_MAX })
}

/** Throws not_found for the store or the entry, wrong_state for a file of this server, whose status nobody says. */
export async function changeEntry(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  { storeId, alias, status, error }: { storeId: string; alias: string; status: string; error: string | null },
): Promise<Entry> {
  requireScope(caller, 'write')
  const { tenantId } = caller
  return app.db.transaction(async (db) => {
    await touchStore({ db, clock: app.clock }, caller, storeId)
    const entry = await requireEntry(db, tenantId, { storeId, alias })
    if (entry.fileId !== null)
      throw new Fault('wrong_state', 'This server makes the file searchable: its status cannot be set.', { kind: 'entry', id: alias })
    const isProcessed = status === COMPLETED || status === FAILED
    await changeEntryRow(db, { id: entry.id, status, error, processedAt: isProcessed ? app.clock.now() : entry.processedAt })
    return requireEntry(db, tenantId, { storeId, alias })
  })
}

/**
 * Removes the oldest entry with this path. A file of this server is not found in the store any more once no entry stands
 * for it; the file itself stays. Throws not_found.
 */
export async function removeEntry(
  app: Needs<'db' | 'clock' | 'signals'>,
  caller: Caller,
  { storeId, filePath }: { storeId: string; filePath: string },
): Promise<void> {
  requireScope(caller, 'write')
  const { tenantId } = caller
  const withdrawn = await app.db.transaction(async (db) => {
    await touchStore({ db, clock: app.clock }, caller, storeId)
    const removed = await deleteEntryRow(db, tenantId, { storeId, filePath })
    if (!removed) throw notFound('entry', filePath)
    const { fileId } = removed
    if (fileId === null || (await hasEntryOf(db, { storeId, fileId }))) return false
    await withdraw(db, app.clock.now(), { tenantId, documents: await deleteFileRow(db, { tenantId, storeId, fileId }) })
    return true
  })
  if (withdrawn) app.signals.wakeJobs()
}
