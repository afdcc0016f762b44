import type { Db } from '../../drivers/records/port.ts'
import { type Caller, requireScope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import { newId } from '../id.ts'
import type { Needs } from '../needs.ts'
import type { Page, PageRequest } from '../page.ts'
import { requireFilename } from './filename.ts'
import { keepObject, type ObjectSource, type WrittenObject, writeObject } from './objects.ts'
import { insertFile, listFileRows, readFileRows } from './store.ts'

/** What a file is for. The last three are made by the server. */
export type FilePurpose =
  | 'assistants'
  | 'batch'
  | 'fine-tune'
  | 'vision'
  | 'user_data'
  | 'evals'
  | 'assistants_output'
  | 'batch_output'
  | 'fine-tune-results'

/** A file that is there as a whole; it never changes. Times in milliseconds since the epoch. */
export interface StoredFile {
  id: string
  /** Of the file store. */
  objectId: string
  /** For people: never a path. */
  filename: string
  purpose: FilePurpose
  mediaType: string
  bytes: number
  /** Lower-case hex. */
  sha256: string
  createdAt: number
  expiresAt: number | null
}

export interface NewFile {
  object: WrittenObject
  filename: string
  purpose: FilePurpose
  mediaType: string
  /** Null: as the purpose has it. */
  expiresAfterS: number | null
}

const BATCH_EXPIRES_S = 30 * 24 * 3600

/** The content of a file to be, streamed into the file store before anything is known to own it. Throws too_large. */
export async function receiveContent(
  app: Needs<'db' | 'clock' | 'files' | 'limits'>,
  caller: Caller,
  { filename, ...content }: Omit<ObjectSource, 'bytesMax'> & { filename: string },
): Promise<WrittenObject> {
  requireScope(caller, 'write')
  requireFilename(filename, 'file')
  return writeObject(app, caller.tenantId, { ...content, bytesMax: app.limits.fileBytesMax })
}

/** Throws unavailable when the object was given up meanwhile. */
export async function createFile(app: Needs<'db' | 'clock'>, caller: Caller, input: NewFile): Promise<StoredFile> {
  requireScope(caller, 'write')
  return app.db.transaction((db) => createFileIn(db, app.clock.now(), { ...input, tenantId: caller.tenantId }))
}

/** In the transaction of something else that comes with it. */
export async function createFileIn(
  db: Db,
  at: number,
  { tenantId, object, ...input }: NewFile & { tenantId: string },
): Promise<StoredFile> {
  const seconds = input.expiresAfterS ?? (input.purpose === 'batch' ? BATCH_EXPIRES_S : null)
  const file: StoredFile = {
    id: newId(),
    objectId: object.id,
    filename: requireFilename(input.filename, 'file'),
    purpose: input.purpose,
    mediaType: input.mediaType,
    bytes: object.bytes,
    sha256: object.sha256,
    createdAt: at,
    expiresAt: seconds === null ? null : at + seconds * 1000,
  }
  await keepObject(db, tenantId, object)
  await insertFile(db, tenantId, file)
  return file
}

/** Throws not_found. */
export async function getFile(app: Needs<'db' | 'clock'>, caller: Caller, id: string): Promise<StoredFile> {
  const [file] = await getFiles(app, caller, [id])
  if (!file) throw notFound('file', id)
  return file
}

/** In the order of `ids`. Throws not_found for the first that is missing. */
export async function getFiles(app: Needs<'db' | 'clock'>, caller: Caller, ids: readonly string[]): Promise<StoredFile[]> {
  requireScope(caller, 'read')
  if (ids.length === 0) return []
  const found = await readFileRows(app.db, caller.tenantId, { ids, at: app.clock.now() })
  const byId = new Map(found.map((file) => [file.id, file]))
  return ids.map((id) => {
    const file = byId.get(id)
    if (!file) throw notFound('file', id)
    return file
  })
}

export async function listFiles(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  input: { page: PageRequest; purpose?: FilePurpose },
): Promise<Page<StoredFile>> {
  requireScope(caller, 'read')
  return listFileRows(app.db, caller.tenantId, { ...input, at: app.clock.now() })
}

export interface ByteRange {
  start: number
  bytes: number
}

/** Throws not_found. Whoever gets the stream reads it to its end or cancels it. */
export async function readFile(
  app: Needs<'db' | 'clock' | 'files'>,
  caller: Caller,
  id: string,
  range?: ByteRange,
): Promise<{ file: StoredFile; content: ReadableStream<Uint8Array> }> {
  const file = await getFile(app, caller, id)
  return { file, content: await readContent(app, caller, { file, ...(range === undefined ? {} : { range }) }) }
}

/** Of a file of the caller's, as it was just read. */
export async function readContent(
  app: Needs<'db' | 'clock' | 'files'>,
  caller: Caller,
  { file, range }: { file: StoredFile; range?: ByteRange },
): Promise<ReadableStream<Uint8Array>> {
  requireScope(caller, 'read')
  try {
    return await app.files.read({ tenantId: caller.tenantId, id: file.objectId }, range)
  } catch (error) {
    if (!(error instanceof Fault && error.code === 'not_found')) throw error
    // Deleted in between, or lost: then the record is still there.
    await getFile(app, caller, file.id)
    throw new Fault('internal', 'The content of this file is missing.', { cause: error })
  }
}
