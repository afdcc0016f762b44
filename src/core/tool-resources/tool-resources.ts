import type { Db } from '../../drivers/records/port.ts'
import type { Caller } from '../caller.ts'
import { Fault } from '../fault.ts'
import { getFiles } from '../files/files.ts'
import type { Needs } from '../needs.ts'
import { createStoreIn, type NewVectorStore, requireStores } from '../vector-stores/stores.ts'

/** What the tools of an assistant, a thread or a run may use: ids only, of files and of vector stores. */
export interface ToolResources {
  codeInterpreter?: { fileIds: string[] }
  /** At most one store. */
  fileSearch?: { storeIds: string[] }
}

/** The same, with a store that is to be made instead of one that is there. */
export interface NewToolResources {
  codeInterpreter?: { fileIds: string[] }
  fileSearch?: { storeIds: string[] } | { newStore: NewVectorStore }
}

/** Files that code_interpreter may have in one place. */
export const CODE_FILES_MAX = 20

export const storesOf = (resources: ToolResources | null): readonly string[] => resources?.fileSearch?.storeIds ?? []
export const codeFilesOf = (resources: ToolResources | null): readonly string[] => resources?.codeInterpreter?.fileIds ?? []

const isPlain = (wanted: NewToolResources | null): wanted is ToolResources | null =>
  !(wanted?.fileSearch && 'newStore' in wanted.fileSearch)

/** Nothing that would have to be found or made. */
const isEmpty = (wanted: NewToolResources | null): wanted is ToolResources | null =>
  isPlain(wanted) && storesOf(wanted).length === 0 && codeFilesOf(wanted).length === 0

/** Throws not_found for the first file or store that is missing. */
export async function requireResources(app: Needs<'db' | 'clock'>, caller: Caller, wanted: NewToolResources | null): Promise<void> {
  const files = wanted?.codeInterpreter?.fileIds ?? []
  if (files.length > CODE_FILES_MAX) throw tooManyCodeFiles()
  if (files.length > 0) await getFiles(app, caller, files)
  if (isPlain(wanted) && storesOf(wanted).length > 0) await requireStores(app, caller, storesOf(wanted))
}

export const tooManyCodeFiles = (): Fault =>
  new Fault('invalid', `code_interpreter can have at most ${CODE_FILES_MAX} files here.`, { reason: 'too_many_items' })

/**
 * Checks what is named and makes the store that is asked for, inside a transaction of somebody else, who wakes the jobs
 * after the commit. `app.db` is the transaction.
 * @param expiresDays of a new store that does not say it itself
 */
export async function resolveIn(
  app: Needs<'db' | 'clock' | 'limits'>,
  caller: Caller,
  { wanted, expiresDays }: { wanted: NewToolResources | null; expiresDays: number | null },
): Promise<ToolResources | null> {
  await requireResources(app, caller, wanted)
  if (isPlain(wanted)) return wanted
  const { fileSearch, ...rest } = wanted as NewToolResources & { fileSearch: { newStore: NewVectorStore } }
  return { ...rest, fileSearch: { storeIds: [await createStoreIn(app, caller, { expiresDays, ...fileSearch.newStore })] } }
}

/** Writes a record with its resources, in one transaction where a store has to be made for it. */
export async function withResources<T>(
  app: Needs<'db' | 'clock' | 'limits' | 'signals'>,
  caller: Caller,
  { wanted, expiresDays, write }: { wanted: NewToolResources | null; expiresDays: number | null; write: Write<T> },
): Promise<T> {
  if (isEmpty(wanted)) return write(app.db, wanted)
  const written = await app.db.transaction(async (db) => write(db, await resolveIn({ ...app, db }, caller, { wanted, expiresDays })))
  if (!isPlain(wanted)) app.signals.wakeJobs()
  return written
}

type Write<T> = (db: Db, resources: ToolResources | null) => Promise<T>
